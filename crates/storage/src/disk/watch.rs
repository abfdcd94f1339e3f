//! What somebody who watches a disk sees.

use std::fmt::Debug;
use std::io;
use std::path::Path;

/// An operation that is about to happen.
#[derive(Clone, Copy, Debug)]
pub enum Operation<'a> {
    /// A folder is made.
    CreateDir(&'a Path),
    /// A file is made, or emptied.
    Create(&'a Path),
    /// Bytes are written behind those of the file.
    Write(&'a Path, &'a [u8]),
    /// A file is cut to a length in bytes.
    Truncate(&'a Path, u64),
    /// The bytes of a file are made durable.
    Sync(&'a Path),
    /// The names in a folder are made durable.
    SyncDir(&'a Path),
    /// A file gets another name, in place of the file that may bear it.
    Rename {
        /// The name it has.
        from: &'a Path,
        /// The name it gets.
        to: &'a Path,
    },
    /// A file is deleted.
    Delete(&'a Path),
}

/// Sees every operation of a [`super::Disk`] before it happens. Tests are the only watchers:
/// they make operations fail, count them, and lose what was not made durable.
pub trait Watch: Debug + Send + Sync {
    /// Lets the operation happen, or makes it fail.
    ///
    /// # Errors
    /// The one that the operation is to fail with.
    fn before(&self, operation: Operation<'_>) -> io::Result<()>;

    /// How much space to pretend there is, in bytes; `None` for what the file system says.
    fn free_bytes(&self) -> Option<u64> {
        None
    }
}
