//! What can go wrong in a source, and whose fault it is.

use model::SinkError;

/// The result of collecting.
pub type Result<T> = std::result::Result<T, CollectorsError>;

/// Why a source cannot start or had to stop for a while.
#[derive(Debug, thiserror::Error)]
pub enum CollectorsError {
    /// Two sources have the same name; checkpoints are kept by name.
    #[error("two sources are named `{0}`; give each its own name")]
    NameTwice(String),
    /// Two push sources have the same token.
    #[error("source `{0}` has the token of another source; give each its own token")]
    TokenTwice(String),
    /// A setting has a value that cannot work.
    #[error("source `{source_name}`: {setting} {problem}")]
    Setting {
        /// The source.
        source_name: String,
        /// The setting's key.
        setting: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// The cloud refused or did not answer.
    #[error("cannot {attempted}: {problem}")]
    Cloud {
        /// What was attempted, on what.
        attempted: String,
        /// The cloud's answer.
        problem: String,
    },
    /// Ingest could not take the events.
    #[error("cannot hand over events")]
    Sink(#[from] SinkError),
    /// A task of the source ended with a panic.
    #[error("the source's task ended unexpectedly: {0}")]
    Task(String),
}

impl CollectorsError {
    /// The error and its causes in one line, as the status shows it.
    pub(crate) fn in_full(&self) -> String {
        match self {
            CollectorsError::Sink(cause) => format!("{self}: {cause}"),
            other => other.to_string(),
        }
    }
}
