//! A dashboard: variables, queries and the panels that show what the queries find, in a file
//! `*.dashboard.toml`. `format.md` beside this file documents every key.

mod check;
mod fill;
mod panel;
mod variable;
mod write;

use std::collections::BTreeMap;

use query::Language;
use serde::{Deserialize, Serialize};

pub use check::Problem;
pub(crate) use check::overlap;
pub use fill::{Choices, FillError, Filled};
pub use panel::{Chart, Column, Link, Panel, Reduce, State, Threshold, Unit};
pub use variable::{Origin, Variable};

use crate::ContentError;
use crate::suggestion::with_suggestion;

/// What is looked at when a dashboard is opened, if its file does not say it.
pub(crate) const DEFAULT_RANGE: &str = "-1h";

/// Queries and the panels that show them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dashboard {
    /// What people call it.
    pub title: String,
    /// What it answers, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The range that is shown first, such as `-3h`.
    #[serde(default = "default_range")]
    pub range: String,
    /// How often it is brought up to date, such as `30s`; never if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<String>,
    /// How short a slice of time may be, such as `1m` for what is measured once a minute: shorter
    /// ones would have gaps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shortest_slice: Option<String>,
    /// What a reader can choose.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// What several queries say alike; `{{name}}` puts it into their texts.
    #[serde(default)]
    pub terms: BTreeMap<String, String>,
    /// What is asked, by the names under which panels refer to it. A query runs once, however many panels show
    /// it.
    #[serde(default)]
    pub queries: BTreeMap<String, PanelQuery>,
    /// What is shown.
    #[serde(default)]
    pub panels: Vec<Panel>,
}

/// What one or several panels ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PanelQuery {
    /// The language of the text.
    #[serde(default)]
    pub language: Language,
    /// The question, with placeholders such as `{{slice}}` or `{{is function}}`.
    pub text: String,
}

/// The shift by the length of the range itself.
pub(crate) const SHIFT_BY_RANGE: &str = "range";

fn default_range() -> String {
    DEFAULT_RANGE.to_owned()
}

impl Dashboard {
    /// Reads a dashboard from the text of its file.
    ///
    /// # Errors
    /// If a key is missing, unknown, or of the wrong kind; with the key that was probably meant.
    pub fn parse(text: &str) -> Result<Dashboard, ContentError> {
        toml::from_str(text).map_err(|error| ContentError::Invalid {
            what: "dashboard",
            why: with_suggestion(&error.to_string()),
        })
    }

    /// The panel with this id.
    pub fn panel(&self, id: &str) -> Option<&Panel> {
        self.panels.iter().find(|panel| panel.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn little_is_needed() {
        let dashboard = Dashboard::parse("title = \"Orders\"\n").unwrap();
        assert_eq!((dashboard.range.as_str(), dashboard.refresh), ("-1h", None));
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_likely_one() {
        let error = Dashboard::parse("title = \"a\"\nrefrehs = \"30s\"\n").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("unknown field `refrehs`"), "{text}");
        assert!(text.contains("did you mean `refresh`?"), "{text}");
    }
}
