//! A monitor: a query that is asked again and again, and which answers are bad, in a file
//! `*.monitor.toml`.
//!
//! `docs/monitors.md` describes the file for users.

mod check;
mod condition;
mod sumo;

use std::collections::BTreeMap;

use query::Language;
use serde::{Deserialize, Serialize};

use crate::period::Period;

pub use check::MonitorMistake;
pub use condition::{Comparison, Condition};
pub use sumo::{SumoConnection, SumoMonitor, SumoNotification, SumoQuery, SumoTrigger};

/// A query that is watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitor {
    /// What people call it.
    pub name: String,
    /// What a bad answer means, in a sentence.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// The language of the query.
    #[serde(default)]
    pub language: Language,
    /// The query.
    pub query: String,
    /// Rows of a metrics query that the query refers to (`#B`), by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, String>,
    /// The field whose value is compared; without it the number of rows is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What becomes of the points of a series inside the window; metrics only.
    #[serde(default, skip_serializing_if = "Reduction::is_default")]
    pub reduce: Reduction,
    /// Fields that split the answer: each combination of their values has an alert of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub group_by: Vec<String>,
    /// A search for the lines that explain an alert; the query's own scope if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<String>,
    /// How much time a question is about.
    #[serde(default = "default_window")]
    pub window: Period,
    /// How often it is asked.
    #[serde(default = "default_every")]
    pub every: Period,
    /// How long before the present the window ends, for data that comes late. 30 s for logs and
    /// SQL and five minutes for metrics, if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Period>,
    /// After this much time a window is asked once more, for data that came later still: it may
    /// raise an alert, and never ends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late: Option<Period>,
    /// When it is critical.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub critical: Option<Condition>,
    /// When it is worth a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<Condition>,
    /// How long the value must be bad before an alert fires.
    #[serde(default, rename = "for", skip_serializing_if = "is_zero")]
    pub hold: Period,
    /// How many of the last evaluations must be bad before an alert fires; instead of `for`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<Needed>,
    /// How long the value must be good again before an alert ends.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub keep_firing_for: Period,
    /// What missing data means.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<Missing>,
    /// How groups come and go.
    #[serde(default, skip_serializing_if = "Groups::is_default")]
    pub groups: Groups,
    /// How long the query must fail before people are told.
    #[serde(default = "default_error_after")]
    pub error_after: Period,
    /// Who is told.
    #[serde(default, skip_serializing_if = "Notify::is_default")]
    pub notify: Notify,
    /// What to do about it, in Markdown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub runbook: String,
    /// Whether it is evaluated.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// What becomes of the points of a series inside the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduction {
    /// Their mean.
    #[default]
    Avg,
    /// The least: with `above`, every point must be bad.
    Min,
    /// The greatest: with `above`, one bad point is enough.
    Max,
    /// Their sum.
    Sum,
    /// The latest.
    Last,
}

impl Reduction {
    fn is_default(&self) -> bool {
        *self == Reduction::default()
    }
}

/// So many of the last so many evaluations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Needed {
    /// How many must be bad.
    pub breaches: usize,
    /// Of how many.
    pub of: usize,
}

/// What missing data means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// What it is taken for.
    pub means: MissingMeans,
    /// How long data must be missing; the window's length if not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Period>,
}

/// What missing data is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingMeans {
    /// The value 0.
    Zero,
    /// A state of its own: no alert begins, and one that is open neither ends nor changes.
    NoData,
    /// A critical alert.
    Alert,
    /// All is well.
    Ok,
    /// Whatever was true before.
    Keep,
}

/// How groups come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Groups {
    /// How many groups there may be; more are reported by an alert about the monitor.
    pub max: usize,
    /// A group without data for this long is forgotten.
    pub forget_after: Period,
    /// How long a new group is watched before it may fire.
    pub new_group_delay: Period,
}

impl Default for Groups {
    fn default() -> Self {
        Groups {
            max: model::limits::MONITOR_GROUPS_MAX,
            forget_after: Period::minutes(24 * 60),
            new_group_delay: Period::default(),
        }
    }
}

impl Groups {
    fn is_default(&self) -> bool {
        *self == Groups::default()
    }
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notify {
    /// The names of channels; the node's default channels if there are none.
    pub channels: Vec<String>,
    /// An alert that is still open, and that nobody has acknowledged, is told again after this.
    pub repeat: Period,
}

impl Default for Notify {
    fn default() -> Self {
        Notify {
            channels: Vec::new(),
            repeat: Period::minutes(4 * 60),
        }
    }
}

impl Notify {
    fn is_default(&self) -> bool {
        *self == Notify::default()
    }
}

/// How bad an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Somebody should look.
    Warning,
    /// Somebody must act.
    Critical,
}

impl Severity {
    /// The name in files and on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

impl Monitor {
    /// Returns a monitor of which only name and query are said.
    pub fn small(name: &str, query: &str) -> Monitor {
        Monitor {
            name: name.to_owned(),
            description: String::new(),
            language: Language::default(),
            query: query.to_owned(),
            rows: BTreeMap::new(),
            value: None,
            reduce: Reduction::default(),
            group_by: Vec::new(),
            samples: None,
            window: default_window(),
            every: default_every(),
            delay: None,
            late: None,
            critical: None,
            warning: None,
            hold: Period::default(),
            needed: None,
            keep_firing_for: Period::default(),
            missing: None,
            groups: Groups::default(),
            error_after: default_error_after(),
            notify: Notify::default(),
            runbook: String::new(),
            enabled: true,
        }
    }

    /// Reads a monitor from the text of its file, and checks everything but the query.
    ///
    /// # Errors
    /// The mistake in words, with its line where TOML knows it, and what was probably meant.
    pub fn parse(text: &str) -> Result<Monitor, MonitorMistake> {
        let monitor: Monitor = toml::from_str(text).map_err(|error| {
            MonitorMistake::Unreadable(crate::with_suggestion(&error.to_string()))
        })?;
        monitor.check()?;
        Ok(monitor)
    }

    /// How long before the present the window ends.
    pub fn delay(&self) -> Period {
        self.delay.unwrap_or(match self.language {
            Language::Log | Language::Sql => Period::seconds(30),
            Language::Metrics => Period::minutes(5),
        })
    }

    /// What missing data is taken for: zero where rows are counted, a state of its own else.
    pub fn missing_means(&self) -> MissingMeans {
        let otherwise = match (&self.value, self.language) {
            (None, Language::Log | Language::Sql) => MissingMeans::Zero,
            _ => MissingMeans::NoData,
        };
        self.missing.map_or(otherwise, |missing| missing.means)
    }

    /// How long data must be missing to count as missing.
    pub fn missing_after(&self) -> Period {
        let said = self.missing.and_then(|missing| missing.after);
        said.unwrap_or(self.window)
    }

    /// The threshold of a severity.
    pub fn threshold(&self, severity: Severity) -> Option<Condition> {
        match severity {
            Severity::Warning => self.warning,
            Severity::Critical => self.critical,
        }
    }

    /// How bad `value` is.
    pub fn verdict(&self, value: f64) -> Option<Severity> {
        [Severity::Critical, Severity::Warning]
            .into_iter()
            .find(|severity| {
                let threshold = self.threshold(*severity);
                threshold.is_some_and(|threshold| threshold.is_breached(value))
            })
    }

    /// Whether greater values are worse.
    pub fn is_upward(&self) -> bool {
        let threshold = self.critical.or(self.warning);
        threshold.is_none_or(|threshold| threshold.limit().0.is_upward())
    }
}

fn default_window() -> Period {
    Period::minutes(5)
}

fn default_every() -> Period {
    Period::minutes(1)
}

fn default_error_after() -> Period {
    Period::minutes(10)
}

fn yes() -> bool {
    true
}

fn is_zero(period: &Period) -> bool {
    period.0.is_zero()
}

#[cfg(test)]
mod tests;
