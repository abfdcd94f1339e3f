//! What makes a monitor impossible, beyond what TOML can tell.

use std::time::Duration;

use model::limits::{
    MONITOR_EVALUATIONS_MAX, MONITOR_GROUP_FIELDS_MAX, MONITOR_GROUPS_MAX, MONITOR_WINDOWS_MAX,
    QUERY_CHARS_MAX,
};
use query::{Diagnostic, Language};

use super::{MissingMeans, Monitor, Severity};

/// The least time between two evaluations.
const EVERY_MIN: Duration = Duration::from_secs(1);
/// The longest window.
const WINDOW_MAX: Duration = Duration::from_secs(7 * 86_400);

/// Why a monitor was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MonitorMistake {
    /// The file is not TOML, a key is missing or unknown.
    #[error("cannot read the monitor: {0}")]
    Unreadable(String),
    /// A key has a value that cannot work.
    #[error("`{key}` {what}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong with it, and what to do.
        what: String,
    },
}

fn wrong(key: &'static str, what: impl Into<String>) -> Result<(), MonitorMistake> {
    let what = what.into();
    Err(MonitorMistake::Value { key, what })
}

impl Monitor {
    /// Returns everything that is wrong with the queries.
    pub fn check_queries(&self) -> Vec<Diagnostic> {
        let mut found = query::check(&self.query, self.language);
        for row in self.rows.values() {
            found.extend(query::check(row, self.language));
        }
        if let Some(samples) = &self.samples {
            found.extend(query::check(samples, Language::Log));
        }
        found
    }

    /// Checks everything but the queries.
    ///
    /// # Errors
    /// The first mistake.
    pub fn check(&self) -> Result<(), MonitorMistake> {
        self.check_texts()?;
        self.check_times()?;
        self.check_thresholds()
    }

    fn check_texts(&self) -> Result<(), MonitorMistake> {
        if self.name.trim().is_empty() {
            return wrong("name", "is empty");
        }
        if self.query.trim().is_empty() {
            return wrong("query", "is empty");
        }
        if self.query.chars().count() > QUERY_CHARS_MAX {
            let max = QUERY_CHARS_MAX;
            return wrong(
                "query",
                format!("is longer than {max} characters (QUERY_CHARS_MAX)"),
            );
        }
        if self.group_by.len() > MONITOR_GROUP_FIELDS_MAX {
            let max = MONITOR_GROUP_FIELDS_MAX;
            return wrong(
                "group_by",
                format!("names more than {max} fields (MONITOR_GROUP_FIELDS_MAX)"),
            );
        }
        if !self.rows.is_empty() && self.language != Language::Metrics {
            return wrong(
                "rows",
                "is for metrics queries only; put everything into `query`",
            );
        }
        Ok(())
    }

    fn check_times(&self) -> Result<(), MonitorMistake> {
        if self.every.0 < EVERY_MIN {
            return wrong("every", "is shorter than a second");
        }
        if self.window.0 < EVERY_MIN || self.window.0 > WINDOW_MAX {
            return wrong("window", "must be between a second and seven days");
        }
        if self.delay().0 > WINDOW_MAX {
            return wrong("delay", "is longer than seven days");
        }
        let windows = self
            .late
            .map_or(0, |late| late.nanos() / self.every.nanos());
        if windows > i64::from(MONITOR_WINDOWS_MAX) {
            let max = MONITOR_WINDOWS_MAX;
            return wrong(
                "late",
                format!("is more than {max} evaluations ago (MONITOR_WINDOWS_MAX)"),
            );
        }
        if self.groups.max == 0 || self.groups.max > MONITOR_GROUPS_MAX {
            let max = MONITOR_GROUPS_MAX;
            return wrong(
                "groups.max",
                format!("must be between 1 and {max} (MONITOR_GROUPS_MAX)"),
            );
        }
        let Some(needed) = self.needed else {
            return Ok(());
        };
        if !self.hold.0.is_zero() {
            return wrong("needed", "and `for` exclude each other; keep one of them");
        }
        if needed.breaches == 0 || needed.breaches > needed.of {
            return wrong(
                "needed",
                "must ask for at least one breach and at most `of`",
            );
        }
        if needed.of > MONITOR_EVALUATIONS_MAX {
            let max = MONITOR_EVALUATIONS_MAX;
            return wrong(
                "needed",
                format!("looks back at more than {max} evaluations (MONITOR_EVALUATIONS_MAX)"),
            );
        }
        Ok(())
    }

    fn check_thresholds(&self) -> Result<(), MonitorMistake> {
        for severity in [Severity::Critical, Severity::Warning] {
            let mistake = self
                .threshold(severity)
                .and_then(|threshold| threshold.mistake());
            if let Some(mistake) = mistake {
                return wrong(severity.name(), mistake);
            }
        }
        match (self.critical, self.warning) {
            (None, None) if self.missing_means() != MissingMeans::Alert => wrong(
                "critical",
                "is missing; say when it is critical, or `warning`, or that `missing` data is an alert",
            ),
            (Some(critical), Some(warning)) => {
                let ((critical, limit), (other, before)) = (critical.limit(), warning.limit());
                if critical.is_upward() != other.is_upward() {
                    return wrong("warning", "compares in the other direction than `critical`");
                }
                if (critical.is_upward() && before > limit)
                    || (!critical.is_upward() && before < limit)
                {
                    return wrong("warning", "comes after `critical`; a warning comes first");
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}
