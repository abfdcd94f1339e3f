//! An app: a package of dashboards, saved searches and monitors for one kind of source, in a folder with an
//! `app.toml`.

use serde::{Deserialize, Serialize};

use crate::ContentError;
use crate::suggestion::with_suggestion;

/// What an app is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// What people call it.
    pub title: String,
    /// What it shows, in a sentence.
    pub description: String,
    /// The collectors that bring what it shows; any one of them is enough.
    #[serde(default)]
    pub sources: Vec<String>,
    /// Apps with a smaller number are listed before others.
    #[serde(default)]
    pub order: i32,
    /// Its dashboards in the order in which they are listed.
    pub dashboards: Vec<String>,
}

impl App {
    /// Reads an app from the text of its file.
    ///
    /// # Errors
    /// If a key is missing, unknown, or of the wrong kind.
    pub fn parse(text: &str) -> Result<App, ContentError> {
        toml::from_str(text).map_err(|error| ContentError::Invalid {
            what: "app",
            why: with_suggestion(&error.to_string()),
        })
    }
}
