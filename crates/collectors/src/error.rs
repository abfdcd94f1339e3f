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
    /// What was sent for a source is not understood.
    #[error("the source is not understood: {0}")]
    NotUnderstood(String),
    /// A hidden secret cannot be kept.
    #[error("the setting `{setting}` {problem}")]
    Hidden {
        /// The setting's key.
        setting: String,
        /// Why, and what to do.
        problem: String,
    },
    /// No source has this name.
    #[error("no source is named `{0}`")]
    Unknown(String),
    /// Checkpoints are kept by name.
    #[error(
        "the source's name is `{0}` and stays so, because checkpoints are kept by it; add another source instead"
    )]
    Renamed(String),
    /// A source of the configuration file is changed there.
    #[error(
        "source `{0}` is in the configuration file; change it there and start the node again, or pause it"
    )]
    InFile(String),
    /// Another source names this one.
    #[error(
        "cannot remove source `{name}`: source `{by}` names it in also_pulled_by; change or remove `{by}` first"
    )]
    Needed {
        /// The source.
        name: String,
        /// Who names it.
        by: String,
    },
    /// A limit is reached.
    #[error("there are too many {what}: {limit} = {max}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        max: usize,
    },
    /// What is kept about sources cannot be read or written.
    #[error("cannot keep sources: {0}")]
    Book(String),
    /// The node is stopping.
    #[error("the node is stopping; try again when it has started")]
    Closing,
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
