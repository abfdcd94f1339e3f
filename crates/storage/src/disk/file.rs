//! A file that is being written.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{Disk, Operation};
use crate::{Result, StorageError};

/// A file that is being written, through its [`Disk`].
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    path: PathBuf,
    disk: Disk,
}

impl DiskFile {
    pub(super) fn new(file: File, path: &Path, disk: Disk) -> Self {
        DiskFile {
            file,
            path: path.to_owned(),
            disk,
        }
    }

    /// Where it was made.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn bytes(&self) -> Result<u64> {
        self.file
            .metadata()
            .map(|metadata| metadata.len())
            .map_err(StorageError::io("measure", &self.path))
    }

    /// Makes its bytes durable; its name is the folder's business.
    ///
    /// # Errors
    /// If the disk refuses. Whether the bytes are durable is unknown then, and asking again
    /// would not tell: the kernel reports a lost page once.
    pub fn sync(&self) -> Result<()> {
        self.disk
            .before(Operation::Sync(&self.path))
            .and_then(|()| self.file.sync_data())
            .map_err(|source| StorageError::Unsynced {
                path: self.path.clone(),
                source,
            })
    }

    /// Cuts it to its first `bytes` bytes; the next write goes behind them.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn truncate(&mut self, bytes: u64) -> Result<()> {
        self.disk
            .before(Operation::Truncate(&self.path, bytes))
            .and_then(|()| self.file.set_len(bytes))
            .and_then(|()| self.file.seek(SeekFrom::Start(bytes)))
            .map(drop)
            .map_err(StorageError::io("cut the end of", &self.path))
    }
}

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.disk.before(Operation::Write(&self.path, bytes))?;
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
