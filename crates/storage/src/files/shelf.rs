//! Segments that rest in an object store, with copies on the local disk: whole files that were
//! written here or are read from beginning to end, and blocks of the others.
//!
//! A copy is checked when it is read, like everything; so none needs to be made durable, and one
//! that is torn is fetched again.

use std::collections::HashSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use object_store::path::Path as ObjectPath;

use super::Known;
use super::cache::{Cache, Pin};
use super::checksums::Checksums;
use super::local::{damaged, joined, part};
use super::remote::Remote;
use crate::disk::TEMPORARY_SUFFIX;
use crate::segment::folder_of;
use crate::store::blocking;
use crate::{Result, SegmentMeta, StorageError, Table};

/// What is fetched and kept at once: as much as a request's latency is worth.
const BLOCK_BYTES: u64 = 1 << 20;
/// Blocks that are fetched with one request.
const BLOCKS_AT_ONCE: u64 = 8;
/// Files that are sent, or deleted, at the same time.
const FILES_AT_ONCE: usize = 8;
/// Parts of one file that are fetched at the same time.
const REQUESTS_AT_ONCE: usize = 8;
const CACHE_DIR: &str = "cache";

/// The object store and the copies of what is in it.
#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) remote: Remote,
    pub(super) cache: Cache,
}

impl Shelf {
    /// Finds the copies that were made before; those of segments that are gone are deleted.
    pub(super) fn open(
        remote: Remote,
        data_dir: &Path,
        bytes_max: u64,
        segments: &[SegmentMeta],
    ) -> Result<Shelf> {
        let mut found: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
        for table in Table::ALL {
            find(&folder_of(data_dir, table), &mut found)?;
        }
        let ids: HashSet<&str> = segments.iter().map(|segment| segment.id.as_str()).collect();
        let cache_dir = data_dir.join(CACHE_DIR);
        for folder in entries(&cache_dir)? {
            let is_known = folder
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| ids.contains(name));
            match (is_known, folder.is_dir()) {
                (true, _) => find(&folder, &mut found)?,
                (false, true) => {
                    fs::remove_dir_all(&folder).map_err(StorageError::io("delete", &folder))?;
                }
                (false, false) => {
                    fs::remove_file(&folder).map_err(StorageError::io("delete", &folder))?;
                }
            }
        }
        found.sort();
        let copies = found.into_iter().map(|(_, path, bytes)| (path, bytes));
        Ok(Shelf {
            remote,
            cache: Cache::new(bytes_max, copies.collect()),
        })
    }

    /// Sends the files of new segments; when this returns they are durable.
    pub(super) async fn send(&self, data_dir: &Path, segments: &[SegmentMeta]) -> Result<()> {
        let files: Vec<(ObjectPath, u64)> = segments.iter().flat_map(files_of).collect();
        stream::iter(files)
            .map(|(location, _)| async move {
                let from = data_dir.join(location.as_ref());
                self.remote.upload(&from, &location).await
            })
            .buffer_unordered(FILES_AT_ONCE)
            .try_collect()
            .await
    }

    /// The files of these segments on the local disk are copies now.
    pub(super) fn add_copies(&self, data_dir: &Path, segments: &[SegmentMeta]) {
        for (location, bytes) in segments.iter().flat_map(files_of) {
            self.cache.add(data_dir.join(location.as_ref()), bytes);
        }
    }

    /// Deletes segments in the object store, and the copies of their blocks.
    pub(super) async fn delete(&self, data_dir: &Path, segments: &[SegmentMeta]) -> Result<()> {
        for segment in segments {
            let blocks = blocks_dir(data_dir, &segment.path);
            self.cache.forget(&blocks);
            self.cache.forget(&data_dir.join(segment.path.as_ref()));
            self.cache
                .forget(&data_dir.join(segment.index_path().as_ref()));
            if blocks.is_dir() {
                fs::remove_dir_all(&blocks).map_err(StorageError::io("delete", &blocks))?;
            }
        }
        let locations = segments.iter();
        let locations: Vec<ObjectPath> = locations
            .flat_map(|segment| [segment.path.clone(), segment.index_path()])
            .collect();
        stream::iter(locations)
            .map(|location| async move { self.remote.delete(&location).await })
            .buffer_unordered(FILES_AT_ONCE)
            .try_collect()
            .await
    }

    /// Fetches a whole file, unless it is here.
    pub(super) async fn bring(
        &self,
        data_dir: &Path,
        location: &ObjectPath,
        checksums: Option<&Checksums>,
    ) -> Result<Pin> {
        let path = data_dir.join(location.as_ref());
        let pin = self.cache.pin(&path);
        if path.is_file() {
            self.cache.touch(&path);
            return Ok(pin);
        }
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(StorageError::io("make folder", folder))?;
        }
        // Two may fetch the same; each has a name of its own until it is complete.
        let cache_dir = data_dir.join(CACHE_DIR);
        fs::create_dir_all(&cache_dir).map_err(StorageError::io("make folder", &cache_dir))?;
        let name = uuid::Uuid::new_v4().simple();
        let unfinished = cache_dir.join(format!("{name}{TEMPORARY_SUFFIX}"));
        self.remote.download(location, &unfinished).await?;
        if let Some(checksums) = checksums {
            let (checksums, unfinished) = (checksums.clone(), unfinished.clone());
            let found = blocking(move || {
                let file = fs::File::open(&unfinished);
                file.and_then(|mut file| checksums.check_all(&mut file))
                    .map_err(StorageError::io("read", &unfinished))
            });
            // Named like the file here, by which readers know the segment.
            found.await?.map_err(|offset| damaged(&path, offset))?;
        }
        let bytes = fs::metadata(&unfinished).map(|metadata| metadata.len());
        let bytes = bytes.map_err(StorageError::io("measure", &unfinished))?;
        fs::rename(&unfinished, &path).map_err(StorageError::io("rename to", &path))?;
        self.cache.add(path, bytes);
        Ok(pin)
    }

    /// Reads parts of a file that is not here, block by block; the blocks stay.
    pub(super) async fn read(
        &self,
        data_dir: &Path,
        location: &ObjectPath,
        known: Option<&Known>,
        ranges: &[Range<u64>],
    ) -> Result<Vec<Bytes>> {
        let name = self.remote.name(location);
        let known = known.ok_or_else(|| {
            StorageError::Decode(format!("`{name}` has no checksums to check it by"))
        })?;
        let far = FarFile {
            name: PathBuf::from(name),
            blocks: blocks_dir(data_dir, location),
            location: location.clone(),
            known: known.clone(),
        };
        let wholes = joined(ranges.iter().map(|range| far.around(range)));
        let pieces: Vec<(u64, Bytes)> = stream::iter(wholes)
            .map(|whole| {
                let far = &far;
                async move { Ok((whole.start, self.read_blocks(far, whole).await?)) }
            })
            .buffered(REQUESTS_AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        let parts = ranges
            .iter()
            .map(|range| part(&pieces, range).ok_or_else(|| damaged(&far.name, range.start)));
        parts.collect()
    }

    /// Reads whole blocks, from copies where there are any.
    async fn read_blocks(&self, far: &FarFile, whole: Range<u64>) -> Result<Bytes> {
        let first = whole.start / BLOCK_BYTES;
        let end = whole.end.div_ceil(BLOCK_BYTES);
        let looking = far.clone();
        let copies = blocking(move || {
            let copies = (first..end).map(|number| looking.copy(number));
            Ok(copies.collect::<Vec<Option<Bytes>>>())
        });
        let copies = copies.await?;
        let mut content = BytesMut::new();
        let mut number = first;
        for run in copies.chunk_by(|a, b| a.is_some() == b.is_some()) {
            for block in run.iter().flatten() {
                self.cache.touch(&far.copy_path(number));
                content.extend_from_slice(block);
                number += 1;
            }
            let missing_end = number + run.iter().filter(|block| block.is_none()).count() as u64;
            while number < missing_end {
                let count = BLOCKS_AT_ONCE.min(missing_end - number);
                content.extend_from_slice(&self.fetch(far, number..number + count).await?);
                number += count;
            }
        }
        Ok(content.freeze())
    }

    /// Fetches blocks and keeps them.
    async fn fetch(&self, far: &FarFile, blocks: Range<u64>) -> Result<Bytes> {
        let range = far.bytes_of(&blocks);
        let fetched = self
            .remote
            .read(&far.location, std::slice::from_ref(&range))
            .await?;
        let fetched = fetched.into_iter().next().unwrap_or_default();
        if fetched.len() as u64 != range.end - range.start {
            return Err(damaged(&far.name, range.start));
        }
        far.known
            .checksums
            .check(range.start, &fetched)
            .map_err(|offset| damaged(&far.name, offset))?;
        let (keeping, content) = (far.clone(), fetched.clone());
        let kept = blocking(move || keeping.keep(blocks, &content)).await;
        match kept {
            Ok(kept) => {
                for (path, bytes) in kept {
                    self.cache.add(path, bytes);
                }
            }
            // The answer is there all the same.
            Err(error) => tracing::debug!(error = error.with_causes(), "cannot keep a copy"),
        }
        Ok(fetched)
    }
}

/// A file that rests in the object store, and the folder for copies of its blocks.
#[derive(Clone, Debug)]
struct FarFile {
    name: PathBuf,
    blocks: PathBuf,
    location: ObjectPath,
    known: Known,
}

impl FarFile {
    /// The whole blocks that hold `range`.
    fn around(&self, range: &Range<u64>) -> Range<u64> {
        let end = range.end.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES);
        range.start / BLOCK_BYTES * BLOCK_BYTES..end.min(self.known.bytes)
    }

    fn bytes_of(&self, blocks: &Range<u64>) -> Range<u64> {
        let end = blocks.end.saturating_mul(BLOCK_BYTES);
        blocks.start * BLOCK_BYTES..end.min(self.known.bytes)
    }

    fn copy_path(&self, number: u64) -> PathBuf {
        self.blocks.join(number.to_string())
    }

    /// The copy of a block, if it is there and is what was written.
    fn copy(&self, number: u64) -> Option<Bytes> {
        let content = fs::read(self.copy_path(number)).ok()?;
        let range = self.bytes_of(&(number..number + 1));
        let is_whole = content.len() as u64 == range.end - range.start;
        let is_right = is_whole && self.known.checksums.check(range.start, &content).is_ok();
        is_right.then(|| content.into())
    }

    /// Makes copies of blocks; returns where they are and how large.
    fn keep(&self, blocks: Range<u64>, content: &[u8]) -> Result<Vec<(PathBuf, u64)>> {
        fs::create_dir_all(&self.blocks).map_err(StorageError::io("make folder", &self.blocks))?;
        let mut kept = Vec::new();
        for (number, block) in blocks.zip(content.chunks(BLOCK_BYTES as usize)) {
            let path = self.copy_path(number);
            fs::write(&path, block).map_err(StorageError::io("write", &path))?;
            kept.push((path, block.len() as u64));
        }
        Ok(kept)
    }
}

/// The files of a segment, with their sizes.
fn files_of(segment: &SegmentMeta) -> impl Iterator<Item = (ObjectPath, u64)> + use<> {
    let index_bytes = segment.index_bytes.unwrap_or(0);
    let index = (index_bytes > 0).then(|| (segment.index_path(), index_bytes));
    std::iter::once((segment.path.clone(), segment.bytes)).chain(index)
}

/// Where copies of the blocks of a segment's file are kept.
fn blocks_dir(data_dir: &Path, location: &ObjectPath) -> PathBuf {
    let name = location.filename().unwrap_or_default();
    let id = name.split('.').next().unwrap_or_default();
    data_dir.join(CACHE_DIR).join(id)
}

/// What is in a folder, which may be missing.
fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let listing = fs::read_dir(folder).and_then(|entries| {
        let paths = entries.map(|entry| Ok(entry?.path()));
        paths.collect()
    });
    listing.map_err(StorageError::io("list", folder))
}

/// Adds the files in a folder, with the time they were last written.
fn find(folder: &Path, found: &mut Vec<(SystemTime, PathBuf, u64)>) -> Result<()> {
    for path in entries(folder)? {
        let metadata = fs::metadata(&path).and_then(|metadata| {
            let modified = metadata.modified()?;
            Ok((modified, metadata.len()))
        });
        let (modified, bytes) = metadata.map_err(StorageError::io("measure", &path))?;
        found.push((modified, path, bytes));
    }
    Ok(())
}
