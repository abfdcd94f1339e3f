//! What can keep a node from starting.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a node did not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The configuration file cannot be read.
    #[error("cannot read the configuration {path}: {source}; give another file with --config")]
    ConfigUnreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The configuration is not what it should be.
    #[error("cannot use the configuration {path}: {message}")]
    ConfigInvalid {
        /// The file.
        path: PathBuf,
        /// What is wrong, where, and what was probably meant.
        message: String,
    },
    /// Without credentials nobody but this machine may reach the node.
    #[error(
        "refusing to listen on {0} without credentials: add [[auth.access_keys]] with id and key \
         to the configuration, or listen on 127.0.0.1"
    )]
    OpenToTheNetwork(SocketAddr),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; set [server] listen to a free address")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// The data directory cannot be opened.
    #[error("cannot open the store in {path}: {source}")]
    Storage {
        /// The data directory.
        path: PathBuf,
        /// Why not.
        source: storage::StorageError,
    },
    /// Ingest did not start.
    #[error("cannot start ingest: {0}")]
    Ingest(#[from] ingest::IngestError),
    /// Searches cannot be run.
    #[error("cannot start the searches: {0}")]
    Searches(#[from] query::QueryError),
    /// A source cannot be started.
    #[error("cannot start the sources: {0}")]
    Sources(#[from] collectors::CollectorsError),
    /// Monitors cannot be watched.
    #[error("cannot start alerting: {0}")]
    Alerting(#[from] alerting::AlertingError),
    /// The metrics recorder of this process is already taken.
    #[error("cannot record metrics: {0}")]
    Metrics(String),
}
