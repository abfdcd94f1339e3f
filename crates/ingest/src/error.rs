//! What can go wrong on the way to safety.

use storage::StorageError;

/// A result whose error is an [`IngestError`].
pub type Result<T, E = IngestError> = std::result::Result<T, E>;

/// Why ingest cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The disk or the catalog failed.
    #[error("cannot make events durable")]
    Storage(#[from] StorageError),
    /// Ingest has stopped, because of an earlier failure or because it was asked to.
    #[error("ingest has stopped: {0}")]
    Stopped(String),
}
