//! What can go wrong with data at rest.

use std::io;
use std::path::{Path, PathBuf};

/// What SQLite says when it cannot write for want of space.
const SQLITE_FULL: &str = "13";

/// A result whose error is a [`StorageError`].
pub type Result<T, E = StorageError> = std::result::Result<T, E>;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The disk refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The disk could not say that bytes are durable. Whether they are is unknown, and asking
    /// again would not tell.
    #[error("cannot make durable `{}`; start again, and look after the disk", path.display())]
    Unsynced {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The catalog refused.
    #[error("cannot {action} in the catalog")]
    Catalog {
        /// What was attempted.
        action: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// The catalog's tables could not be brought to this version.
    #[error("cannot bring the catalog `{database}` to this version")]
    Migrate {
        /// The database.
        database: String,
        /// What the database said.
        source: sqlx::migrate::MigrateError,
    },
    /// Another process uses the same folder.
    #[error("the data folder `{}` is in use by another process; stop it or choose another folder", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// Another node uses the same database.
    #[error("the catalog's database is in use by another node; stop it or choose another database")]
    CatalogInUse,
    /// No lookup table has this name.
    #[error(
        "there is no lookup table `{name}`; upload one, or put a CSV file into the folder `lookups` of the data directory"
    )]
    NoLookup {
        /// The name.
        name: String,
    },
    /// A lookup table cannot be read or written as somebody wishes.
    #[error("cannot use lookup table `{name}`: {problem}")]
    Lookup {
        /// The name.
        name: String,
        /// What is wrong, in words.
        problem: String,
    },
    /// A segment does not count any more, because somebody else has replaced it.
    #[error("cannot replace segment `{id}`: it was replaced by others before; plan again")]
    Replaced {
        /// The segment.
        id: String,
    },
    /// A segment cannot be read.
    #[error("cannot read segment `{}`; it is missing or damaged: restore it from a copy", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the file library said.
        source: parquet::errors::ParquetError,
    },
    /// Bytes on disk are not what was written.
    #[error("`{}` is damaged at byte {offset}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage begins.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// Bytes cannot be read as rows.
    #[error("cannot decode rows: {0}")]
    Decode(String),
    /// Rows do not fit their table.
    #[error("cannot {action}")]
    Arrow {
        /// What was attempted.
        action: &'static str,
        /// What the column library said.
        source: arrow::error::ArrowError,
    },
    /// A segment could not be written.
    #[error("cannot {action}")]
    Parquet {
        /// What was attempted.
        action: &'static str,
        /// What the file library said.
        source: parquet::errors::ParquetError,
    },
    /// The words of a segment could not be indexed, or looked up.
    #[error("cannot {action}")]
    Index {
        /// What was attempted.
        action: &'static str,
        /// What the index library said.
        source: Box<tantivy::TantivyError>,
    },
    /// A text index cannot be used; searches read the rows of its segment instead.
    #[error("the text index `{}` cannot be used: {what}", path.display())]
    BadIndex {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The address of an object store, or an option of it, is wrong.
    #[error("cannot use `{url}` for segments: {what}")]
    BadUrl {
        /// The address.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// An object store failed.
    #[error("cannot {action} `{name}`")]
    Remote {
        /// What was attempted.
        action: &'static str,
        /// The address of the object.
        name: String,
        /// What the client said.
        source: Box<object_store::Error>,
    },
}

impl StorageError {
    /// Whether there was no space left, so that the same can succeed later.
    pub fn is_disk_full(&self) -> bool {
        match self {
            StorageError::Io { source, .. } => is_full(source),
            StorageError::Parquet { source, .. } => caused_by_full_disk(source),
            StorageError::Catalog { source, .. } => source
                .as_database_error()
                .and_then(|error| error.code())
                .is_some_and(|code| code == SQLITE_FULL),
            _ => false,
        }
    }

    /// Whether the same can succeed later, and nothing is lost if it is tried again then.
    pub fn is_temporary(&self) -> bool {
        self.is_disk_full() || matches!(self, StorageError::Remote { .. })
    }

    /// Whether a file is not there.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, StorageError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// The error with its causes, in one line.
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(": ");
            text.push_str(&cause.to_string());
            source = cause.source();
        }
        text
    }

    /// Returns a function that turns an I/O error into one that says what was attempted.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| StorageError::Io {
            action,
            path,
            source,
        }
    }

    /// Returns a function that turns a database error into one that says what was attempted.
    pub(crate) fn catalog(action: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| StorageError::Catalog { action, source }
    }

    /// Returns a function that turns a column error into one that says what was attempted.
    pub(crate) fn arrow(action: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> Self {
        move |source| StorageError::Arrow { action, source }
    }

    /// Returns a function that turns an index error into one that says what was attempted.
    pub(crate) fn index(action: &'static str) -> impl FnOnce(tantivy::TantivyError) -> Self {
        move |source| StorageError::Index {
            action,
            source: Box::new(source),
        }
    }

    /// Returns a function that turns a file error into one that says what was attempted.
    pub(crate) fn parquet(
        action: &'static str,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Self {
        move |source| StorageError::Parquet { action, source }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    )
}

/// The file library wraps what the disk said.
fn caused_by_full_disk(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(is_full) {
            return true;
        }
        next = error.source();
    }
    false
}
