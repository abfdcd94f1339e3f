//! A saved search: a query with a name and a time range, in a file `*.search.toml`.

use serde::{Deserialize, Serialize};

use crate::ContentError;
use crate::suggestion::with_suggestion;

/// A query that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedSearch {
    /// What people call it.
    pub name: String,
    /// What it answers, in a sentence.
    #[serde(default)]
    pub description: String,
    /// The query in the pipe language.
    pub query: String,
    /// The range that it is first run over, such as `-1h`.
    #[serde(default = "default_range")]
    pub range: String,
}

fn default_range() -> String {
    "-15m".to_owned()
}

impl SavedSearch {
    /// Reads a saved search from the text of its file.
    ///
    /// # Errors
    /// If a key is missing, unknown, or of the wrong kind.
    pub fn parse(text: &str) -> Result<SavedSearch, ContentError> {
        toml::from_str(text).map_err(|error| ContentError::Invalid {
            what: "saved search",
            why: with_suggestion(&error.to_string()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_may_be_left_out() {
        let search = SavedSearch::parse("name = \"Errors\"\nquery = \"error\"\n").unwrap();
        assert_eq!(search.range, "-15m");
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let error =
            SavedSearch::parse("name = \"a\"\nquery = \"b\"\nrnage = \"-1h\"\n").unwrap_err();
        assert!(error.to_string().contains("rnage"), "{error}");
    }
}
