//! Every operation on files of our own: the log, segments, and the folders they lie in.
//!
//! What is written here is still there after a power failure, if it was made durable first: a
//! file with [`DiskFile::sync`], its name with [`Disk::sync_dir`]. All of it goes through one
//! [`Disk`], so that tests can make every single operation fail and take back what was not made
//! durable (see [`Watch`]). The catalog's database looks after its own files.

mod file;
mod watch;

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::sync::Arc;

pub use file::DiskFile;
pub use watch::{Operation, Watch};

use crate::{Result, StorageError};

/// The suffix of files that are not finished; whoever finds one after a start deletes it.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// The local disk. Clones share the same watcher.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    watch: Option<Arc<dyn Watch>>,
}

impl Disk {
    /// Returns a disk whose operations `watch` sees before they happen, and may forbid.
    pub fn watched(watch: Arc<dyn Watch>) -> Disk {
        Disk { watch: Some(watch) }
    }

    /// Makes a folder and its parents, durably.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn create_dir(&self, path: &Path) -> Result<()> {
        if path.is_dir() {
            return Ok(());
        }
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        self.create_dir(parent)?;
        self.before(Operation::CreateDir(path))
            .and_then(|()| match fs::create_dir(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            })
            .map_err(StorageError::io("make folder", path))?;
        self.sync_dir(parent)
    }

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// If the disk refuses. Which names are durable is unknown then.
    pub fn sync_dir(&self, path: &Path) -> Result<()> {
        self.before(Operation::SyncDir(path))
            .and_then(|()| File::open(path)?.sync_all())
            .map_err(|source| StorageError::Unsynced {
                path: path.to_owned(),
                source,
            })
    }

    /// Makes an empty file, or empties the one that is there.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn create(&self, path: &Path) -> Result<DiskFile> {
        self.before(Operation::Create(path))
            .and_then(|()| File::create(path))
            .map(|file| DiskFile::new(file, path, self.clone()))
            .map_err(StorageError::io("make", path))
    }

    /// Opens a file that is there, for changing its length.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn open(&self, path: &Path) -> Result<DiskFile> {
        File::options()
            .write(true)
            .open(path)
            .map(|file| DiskFile::new(file, path, self.clone()))
            .map_err(StorageError::io("open", path))
    }

    /// Makes a finished temporary file durable under its final name. The caller makes the
    /// folder durable with [`Disk::sync_dir`], once for many files.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn publish(&self, file: &DiskFile, path: &Path) -> Result<()> {
        file.sync()?;
        let from = file.path();
        self.before(Operation::Rename { from, to: path })
            .and_then(|()| fs::rename(from, path))
            .map_err(StorageError::io("rename to", path))
    }

    /// Deletes a file; one that is not there is as good. After a power failure it may be back,
    /// unless the folder was made durable.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn delete(&self, path: &Path) -> Result<()> {
        self.before(Operation::Delete(path))
            .and_then(|()| match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            })
            .map_err(StorageError::io("delete", path))
    }

    /// Bytes that may still be written below `path`.
    ///
    /// # Errors
    /// If the file system does not tell.
    pub fn free_bytes(&self, path: &Path) -> Result<u64> {
        let asked = self.watch.as_ref().and_then(|watch| watch.free_bytes());
        match asked {
            Some(bytes) => Ok(bytes),
            None => fs4::available_space(path)
                .map_err(StorageError::io("ask for the free space of", path)),
        }
    }

    fn before(&self, operation: Operation<'_>) -> io::Result<()> {
        match &self.watch {
            Some(watch) => watch.before(operation),
            None => Ok(()),
        }
    }
}

/// Takes the folder for this process alone, as long as the returned file lives.
pub(crate) fn lock_dir(path: &Path) -> Result<File> {
    let lock_path = path.join("lock");
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(StorageError::io("open", &lock_path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StorageError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(StorageError::io("lock", &lock_path)(source)),
    }
}
