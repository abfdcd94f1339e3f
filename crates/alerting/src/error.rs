//! Why alerting cannot do what it was asked.

use std::path::PathBuf;

/// A result whose error is an [`AlertingError`].
pub type Result<T, E = AlertingError> = std::result::Result<T, E>;

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum AlertingError {
    /// A folder or file of monitors cannot be read. The configuration's mistake.
    #[error("cannot read monitors in `{}`", path.display())]
    Unreadable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The client for messages could not be made.
    #[error("cannot set up the client for messages")]
    Client(#[source] reqwest::Error),
    /// A setting cannot work. The user's mistake.
    #[error("{0}")]
    Setting(String),
    /// Nothing has this name.
    #[error("no {what} is called `{name}`")]
    Unknown {
        /// What was looked for.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A monitor comes from a file, and is changed there.
    #[error("monitor `{name}` is kept in the file `{}`; change it there", file.display())]
    KeptInFile {
        /// The monitor.
        name: String,
        /// The file.
        file: PathBuf,
    },
    /// A monitor came with an app, and is changed by a file of the same name.
    #[error(
        "monitor `{name}` came with the program; put your own into a file of that name, or make another"
    )]
    KeptInApp {
        /// The monitor.
        name: String,
    },
    /// A monitor has changed since it was read.
    #[error("monitor `{0}` has been changed by somebody else; read it again and repeat the change")]
    Changed(String),
    /// A monitor cannot work. The user's mistake.
    #[error(transparent)]
    Monitor(#[from] content::MonitorMistake),
    /// The query cannot be answered.
    #[error(transparent)]
    Query(#[from] query::QueryError),
    /// The query failed while it ran, or took too long.
    #[error("{0}")]
    Failed(String),
    /// The catalog failed.
    #[error(transparent)]
    Storage(#[from] storage::StorageError),
    /// The catalog holds something that this version cannot read.
    #[error("cannot read what the catalog keeps about {0}")]
    Decode(&'static str, #[source] serde_json::Error),
}
