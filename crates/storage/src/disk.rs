//! Writing to a local disk so that it is still there after a power failure.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::{Result, StorageError};

/// The suffix of files that are not finished; whoever finds one after a start deletes it.
pub(crate) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Makes a folder and its parents, durably.
pub(crate) fn create_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).map_err(StorageError::io("make folder", path))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_dir(parent),
        _ => sync_dir(Path::new(".")),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_dir(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(StorageError::io("make durable the folder", path))
}

/// Makes a finished temporary file durable under its final name. The caller makes the folder
/// durable with [`sync_dir`], once for many files.
pub(crate) fn publish(file: &File, temporary: &Path, path: &Path) -> Result<()> {
    file.sync_all()
        .map_err(StorageError::io("make durable", temporary))?;
    fs::rename(temporary, path).map_err(StorageError::io("rename to", path))
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
