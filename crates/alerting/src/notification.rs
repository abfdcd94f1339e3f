//! What people are told: a monitor and what happened to its alerts, with everything that explains it.
//!
//! It is made with the evaluation and kept in the outbox, so that it says what was true then,
//! however late it is sent. Channels only write it down differently.

use content::{Comparison, Severity};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::state::{ChangeKind, Labels};

/// What happened to the alerts of one monitor in one evaluation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notification {
    /// The monitor.
    pub monitor: MonitorFacts,
    /// The alerts, in the order of their labels.
    pub alerts: Vec<AlertNews>,
    /// Where the node is reached.
    pub external_url: String,
    /// When it was made.
    pub at: Timestamp,
    /// Whether it was asked for to see whether it arrives.
    #[serde(default)]
    pub is_test: bool,
}

/// What a monitor is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MonitorFacts {
    /// Its name for ever.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// What a bad answer means.
    pub description: String,
    /// What is asked.
    pub query: String,
    /// In which language.
    pub language: query::Language,
    /// What to do.
    pub runbook: String,
}

/// What happened to one alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertNews {
    /// The alert's name for ever.
    pub id: String,
    /// The group's identity.
    pub fingerprint: String,
    /// What happened.
    pub kind: ChangeKind,
    /// How bad it is, or was.
    pub severity: Severity,
    /// The values of the group fields.
    pub labels: Labels,
    /// The value, if there is one.
    pub value: Option<f64>,
    /// The worst value so far.
    pub worst: Option<f64>,
    /// What the value is called.
    pub value_name: String,
    /// The threshold that counts.
    pub threshold: Option<Limit>,
    /// When the alert began.
    pub began_at: Timestamp,
    /// When this happened.
    pub at: Timestamp,
    /// What is wrong with the monitor itself, if it is about that.
    pub problem: Option<String>,
    /// Whether it changes too often.
    pub is_flapping: bool,
    /// Lines that explain it.
    pub samples: Vec<SampleLine>,
    /// The exact search.
    pub search_url: String,
    /// The page of the alert.
    pub alert_url: String,
}

/// A threshold in two words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    /// `>`, `≥`, `<` or `≤`.
    pub sign: String,
    /// The number.
    pub limit: f64,
}

impl From<(Comparison, f64)> for Limit {
    fn from((comparison, limit): (Comparison, f64)) -> Self {
        Limit {
            sign: comparison.sign().to_owned(),
            limit,
        }
    }
}

/// A log line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleLine {
    /// When it was logged.
    pub time: Timestamp,
    /// The function, if it is known.
    pub function: String,
    /// Its text, perhaps cut.
    pub text: String,
}

impl Notification {
    /// Whether everything in it is over.
    pub fn is_over(&self) -> bool {
        self.alerts.iter().all(|alert| alert.kind.is_end())
    }

    /// `firing` or `resolved`.
    pub fn status(&self) -> &'static str {
        if self.is_over() { "resolved" } else { "firing" }
    }

    /// The worst severity in it.
    pub fn severity(&self) -> Severity {
        let severities = self.alerts.iter().map(|alert| alert.severity);
        severities.max().unwrap_or(Severity::Warning)
    }

    /// One line that says it all: `[critical] Lambda error rate: function=checkout, error_pct 11.8 (> 5)`.
    pub fn title(&self) -> String {
        let test = if self.is_test { "[test] " } else { "" };
        let name = &self.monitor.name;
        match self.alerts.as_slice() {
            [] => format!("{test}{name}"),
            [alert] => format!("{test}[{}] {name}: {}", alert.word(), alert.sentence()),
            all => {
                let worst = all
                    .iter()
                    .max_by_key(|alert| (!alert.kind.is_end(), alert.severity));
                let word = worst.map_or("", AlertNews::word);
                format!("{test}[{word}] {name}: {} alerts", all.len())
            }
        }
    }

    /// All of it as plain text.
    pub(crate) fn text(&self) -> String {
        let monitor = &self.monitor;
        let mut text = format!("{}\n{}\n", self.title(), monitor.description);
        for alert in &self.alerts {
            let word = alert.word();
            text.push_str(&format!(
                "\n{word}: {}\n  since {}\n",
                alert.sentence(),
                alert.began_at
            ));
            text.push_str(&format!(
                "  alert:  {}\n  search: {}\n",
                alert.alert_url, alert.search_url
            ));
            for line in &alert.samples {
                text.push_str(&format!("  | {} {}\n", line.time, line.text));
            }
        }
        text.push_str(&format!("\nQuery:\n{}\n", monitor.query));
        if !monitor.runbook.is_empty() {
            text.push_str(&format!("\nRunbook:\n{}\n", monitor.runbook));
        }
        text
    }
}

impl AlertNews {
    /// How people call its state: `critical`, `warning`, `resolved` …
    pub fn word(&self) -> &'static str {
        match self.kind {
            ChangeKind::Resolved => "resolved",
            ChangeKind::Closed => "closed",
            ChangeKind::NoData => "no data",
            ChangeKind::Fired | ChangeKind::Raised | ChangeKind::Lowered | ChangeKind::Repeated => {
                self.severity.name()
            }
        }
    }

    /// The group as text: `function=checkout, version=7`.
    pub fn group(&self) -> String {
        let labels = self
            .labels
            .iter()
            .map(|(name, value)| format!("{name}={value}"));
        labels.collect::<Vec<_>>().join(", ")
    }

    /// What is the case, without the monitor's name.
    pub fn sentence(&self) -> String {
        let mut parts = Vec::new();
        if !self.labels.is_empty() && self.problem.is_none() {
            parts.push(self.group());
        }
        if let Some(problem) = &self.problem {
            parts.push(problem.clone());
        } else if let Some(value) = self.value {
            let limit = self.threshold.as_ref();
            let limit = limit.map_or(String::new(), |limit| {
                format!(" ({} {})", limit.sign, number(limit.limit))
            });
            parts.push(format!("{} {}{limit}", self.value_name, number(value)));
        } else {
            parts.push("no data".to_owned());
        }
        if self.kind.is_end() {
            let minutes = (self.at.millis() - self.began_at.millis()).max(0) / 60_000;
            let worst = self
                .worst
                .map_or(String::new(), |worst| format!(", worst {}", number(worst)));
            parts.push(format!("after {minutes} min{worst}"));
        }
        if self.is_flapping {
            parts.push("flapping".to_owned());
        }
        parts.join(", ")
    }
}

/// A number as people read it: at most four significant digits behind the point.
pub(crate) fn number(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let decimals = if value.abs() >= 100.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Cuts a text to at most `chars_max` characters, and says so.
pub(crate) fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
            format!("{kept}…")
        }
    }
}

/// A message that only shows that it arrives.
pub(crate) fn test(external_url: &str, id: &str, at: Timestamp) -> Notification {
    let alert = AlertNews {
        id: id.to_owned(),
        fingerprint: id.to_owned(),
        kind: ChangeKind::Fired,
        severity: Severity::Warning,
        labels: Labels::new(),
        value: Some(1.0),
        worst: Some(1.0),
        value_name: "test".to_owned(),
        threshold: None,
        began_at: at,
        at,
        problem: None,
        is_flapping: false,
        samples: Vec::new(),
        search_url: format!("{external_url}/search"),
        alert_url: format!("{external_url}/alerts"),
    };
    Notification {
        monitor: MonitorFacts {
            id: "test".to_owned(),
            name: "Test message".to_owned(),
            description: "Somebody asked for it, to see whether it arrives. Nothing is wrong."
                .to_owned(),
            query: "*".to_owned(),
            language: query::Language::Log,
            runbook: String::new(),
        },
        alerts: vec![alert],
        external_url: external_url.to_owned(),
        at,
        is_test: true,
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Notifications for the tests of channels.

    use super::*;

    fn alert(function: &str, kind: ChangeKind, value: f64) -> AlertNews {
        let id = format!("{function}-1763909520000");
        AlertNews {
            fingerprint: "00000000000000a1".to_owned(),
            kind,
            severity: Severity::Critical,
            labels: Labels::from([("function".to_owned(), function.to_owned())]),
            value: Some(value),
            worst: Some(11.8),
            value_name: "error_pct".to_owned(),
            threshold: Some(Limit::from((Comparison::Above, 5.0))),
            began_at: Timestamp::from_millis(1_763_909_520_000),
            at: Timestamp::from_millis(1_763_910_120_000),
            problem: None,
            is_flapping: false,
            samples: vec![SampleLine {
                time: Timestamp::from_millis(1_763_909_519_123),
                function: function.to_owned(),
                text: "TypeError: Cannot read <properties> of undefined (reading 'id')".to_owned(),
            }],
            search_url: "http://nephoscope.example/search?q=level%3DERROR".to_owned(),
            alert_url: format!("http://nephoscope.example/alerts/{id}"),
            id,
        }
    }

    fn notification(alerts: Vec<AlertNews>) -> Notification {
        Notification {
            monitor: MonitorFacts {
                id: "aws-lambda/error-rate".to_owned(),
                name: "Lambda error rate".to_owned(),
                description: "Too many invocations of a function fail.".to_owned(),
                query: "level=ERROR | count by function".to_owned(),
                language: query::Language::Log,
                runbook: "1. Compare versions.\n2. Roll back.".to_owned(),
            },
            alerts,
            external_url: "http://nephoscope.example".to_owned(),
            at: Timestamp::from_millis(1_763_910_120_000),
            is_test: false,
        }
    }

    /// An alert that begins.
    pub(crate) fn firing() -> Notification {
        notification(vec![alert("checkout-api", ChangeKind::Fired, 11.8)])
    }

    /// An alert that is over.
    pub(crate) fn resolved() -> Notification {
        notification(vec![alert("checkout-api", ChangeKind::Resolved, 0.25)])
    }

    /// Two alerts at once, one of them over.
    pub(crate) fn mixed() -> Notification {
        notification(vec![
            alert("checkout-api", ChangeKind::Fired, 11.8),
            alert("orders-worker", ChangeKind::Resolved, 0.0),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{firing, mixed, resolved};
    use super::*;

    #[test]
    fn the_title_says_it_all() {
        assert_eq!(
            firing().title(),
            "[critical] Lambda error rate: function=checkout-api, error_pct 11.8 (> 5)"
        );
        assert_eq!(
            resolved().title(),
            "[resolved] Lambda error rate: function=checkout-api, error_pct 0.25 (> 5), after 10 min, worst 11.8"
        );
        assert_eq!(mixed().title(), "[critical] Lambda error rate: 2 alerts");
        assert_eq!(
            (firing().status(), resolved().status(), mixed().status()),
            ("firing", "resolved", "firing")
        );
    }

    #[test]
    fn numbers_are_short_and_cuts_are_shown() {
        assert_eq!(
            ["0", "11.8", "1234.6", "0.0012"].map(str::to_owned),
            [0.0, 11.80, 1234.56, 0.00123].map(number)
        );
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöüß", 3), "äö…");
    }
}
