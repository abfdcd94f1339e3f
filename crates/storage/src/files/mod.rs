//! The files of segments as everybody reads them: what is read was checked first.
//!
//! The catalog holds a checksum for every block of a file. A read takes whole blocks, compares
//! them, and gives the part that was asked for; a difference is an error that names the file.
//! Whoever reads a file from its beginning to its end has all of it checked before.
//!
//! A segment is always written below the data folder. It stays there, or, if there is an object
//! store, it is sent there before the catalog names it, and what is left here is a copy that may
//! go. Parts that are read of segments without a local copy become copies, too.

mod cache;
mod checksums;
mod local;
mod objects;
mod remote;
mod shelf;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use object_store::path::Path as ObjectPath;

use crate::disk::Disk;
use crate::store::blocking;
use crate::{Result, SegmentMeta, StoreConfig};

pub(crate) use cache::Pin;
pub use checksums::Checksums;
pub(crate) use checksums::Summing;
use local::LocalFile;
pub(crate) use local::open_checked;
pub(crate) use remote::Remote;
use shelf::Shelf;

/// What is known about a file.
#[derive(Clone, Debug)]
struct Known {
    bytes: u64,
    checksums: Checksums,
}

/// The files of the segments of one store.
#[derive(Debug)]
pub(crate) struct Files {
    data_dir: PathBuf,
    /// By path; files that an earlier version has written are not among them.
    known: RwLock<HashMap<ObjectPath, Known>>,
    shelf: Option<Shelf>,
}

impl Files {
    /// Returns the files of `segments`, which are all there are.
    ///
    /// # Errors
    /// If the address of the object store is wrong, or the disk refuses.
    pub(crate) fn open(
        config: &StoreConfig,
        data_dir: PathBuf,
        segments: &[SegmentMeta],
    ) -> Result<Files> {
        let shelf = match config.remote()? {
            Some(remote) => Some(Shelf::open(
                remote,
                &data_dir,
                config.cache_bytes_max,
                segments,
            )?),
            None => None,
        };
        let files = Files {
            data_dir,
            known: RwLock::default(),
            shelf,
        };
        files.know(segments);
        Ok(files)
    }

    /// The folder that holds everything that is local.
    pub(crate) fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Deletes a file that turned out to be damaged, if it is only a copy; returns whether it is.
    pub(crate) fn discard(&self, path: &Path) -> bool {
        let Some(shelf) = &self.shelf else {
            return false;
        };
        shelf.cache.forget(path);
        // Without the file the object itself is damaged, or was missing.
        let is_copy = fs::remove_file(path).is_ok();
        if is_copy {
            tracing::warn!(path = %path.display(), "a damaged copy of a segment was deleted");
        }
        is_copy
    }

    /// The object store, if there is one.
    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.shelf.as_ref().map(|shelf| &shelf.remote)
    }

    /// Makes files durable where they rest, before the catalog names them.
    ///
    /// # Errors
    /// If the object store fails; what it has taken is left over then.
    pub(crate) async fn send(&self, segments: &[SegmentMeta]) -> Result<()> {
        match &self.shelf {
            Some(shelf) => shelf.send(&self.data_dir, segments).await,
            None => Ok(()),
        }
    }

    /// The catalog names these now.
    pub(crate) fn add(&self, segments: &[SegmentMeta]) {
        self.know(segments);
        if let Some(shelf) = &self.shelf {
            shelf.add_copies(&self.data_dir, segments);
        }
    }

    fn know(&self, segments: &[SegmentMeta]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for segment in segments {
            if let Some(checksums) = &segment.checksums {
                let (bytes, checksums) = (segment.bytes, checksums.clone());
                known.insert(segment.path.clone(), Known { bytes, checksums });
            }
        }
    }

    /// Deletes the files of these, durably: only then may the catalog forget them.
    ///
    /// # Errors
    /// If the disk or the object store fail; what is left is deleted the next time.
    pub(crate) async fn delete(&self, disk: &Disk, segments: Vec<SegmentMeta>) -> Result<()> {
        {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            for segment in &segments {
                known.remove(&segment.path);
            }
        }
        if let Some(shelf) = &self.shelf {
            shelf.delete(&self.data_dir, &segments).await?;
        }
        let (disk, data_dir) = (disk.clone(), self.data_dir.clone());
        blocking(move || local::delete(&disk, &data_dir, &segments)).await
    }

    /// Lets readers that go from the beginning to the end find the files of these on the local
    /// disk, as long as the pins live.
    ///
    /// # Errors
    /// If the object store or the disk fail.
    pub(crate) async fn bring(&self, segments: &[Arc<SegmentMeta>]) -> Result<Vec<Pin>> {
        let mut pins = Vec::new();
        if let Some(shelf) = &self.shelf {
            for segment in segments {
                let checksums = segment.checksums.as_ref();
                let pin = shelf.bring(&self.data_dir, &segment.path, checksums);
                pins.push(pin.await?);
            }
        }
        Ok(pins)
    }

    /// Lets the text index of `segment` be found on the local disk, for now.
    ///
    /// # Errors
    /// If the object store or the disk fail.
    pub(crate) async fn bring_index(&self, segment: &SegmentMeta) -> Result<()> {
        match (&self.shelf, segment.index_bytes) {
            (Some(shelf), Some(bytes)) if bytes > 0 => {
                let path = segment.index_path();
                shelf.bring(&self.data_dir, &path, None).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Reads parts of a file, checking the blocks that hold them.
    async fn read(&self, location: &ObjectPath, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let file = self.local(location);
        let (wanted, path) = (ranges.to_vec(), file.path.clone());
        let known = file.known.clone();
        let read = blocking(move || file.read(&wanted)).await;
        match (&self.shelf, read) {
            (Some(shelf), Ok(parts)) => {
                shelf.cache.touch(&path);
                Ok(parts)
            }
            (Some(shelf), Err(error)) if error.is_missing() || self.discard(&path) => {
                tracing::trace!(error = error.with_causes(), "read from the object store");
                shelf
                    .read(&self.data_dir, location, known.as_ref(), ranges)
                    .await
            }
            (_, read) => read,
        }
    }

    fn local(&self, location: &ObjectPath) -> LocalFile {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        LocalFile {
            path: self.data_dir.join(location.as_ref()),
            known: known.get(location).cloned(),
        }
    }
}
