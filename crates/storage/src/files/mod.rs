//! The files of segments as everybody reads them: what is read was checked first.
//!
//! The catalog holds a checksum for every block of a file. A read takes whole blocks, compares
//! them, and gives the part that was asked for; a difference is an error that names the file.
//! Whoever reads a file from its beginning to its end has all of it checked before.

mod checksums;
mod objects;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};
use std::time::SystemTime;

use bytes::Bytes;
use object_store::path::Path as ObjectPath;

use crate::{Result, SegmentMeta, StorageError};

pub use checksums::Checksums;
pub(crate) use checksums::Summing;

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
}

impl Files {
    /// Returns the files below `data_dir`.
    pub(crate) fn new(data_dir: PathBuf) -> Files {
        Files {
            data_dir,
            known: RwLock::default(),
        }
    }

    /// From now on what is read of these is checked.
    pub(crate) fn add<'a>(&self, segments: impl IntoIterator<Item = &'a SegmentMeta>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for segment in segments {
            if let Some(checksums) = &segment.checksums {
                let (bytes, checksums) = (segment.bytes, checksums.clone());
                known.insert(segment.path.clone(), Known { bytes, checksums });
            }
        }
    }

    /// The files of these are gone.
    pub(crate) fn remove<'a>(&self, segments: impl IntoIterator<Item = &'a SegmentMeta>) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for segment in segments {
            known.remove(&segment.path);
        }
    }

    fn open(&self, location: &ObjectPath) -> Opened {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        Opened {
            path: self.data_dir.join(location.as_ref()),
            known: known.get(location).cloned(),
        }
    }
}

/// A file that is about to be read.
#[derive(Clone, Debug)]
struct Opened {
    path: PathBuf,
    known: Option<Known>,
}

impl Opened {
    /// Reads parts of the file, checking the blocks that hold them.
    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut file = File::open(&self.path).map_err(StorageError::io("open", &self.path))?;
        let Some(Known { bytes, checksums }) = &self.known else {
            let parts = ranges
                .iter()
                .map(|range| self.read_exactly(&mut file, range));
            return parts.collect();
        };
        let wholes = joined(ranges.iter().map(|range| checksums.around(range, *bytes)));
        let mut read = Vec::with_capacity(wholes.len());
        for whole in wholes {
            let content = self.read_exactly(&mut file, &whole)?;
            checksums
                .check(whole.start, &content)
                .map_err(|offset| damaged(&self.path, offset))?;
            read.push((whole.start, content));
        }
        let part = |range: &Range<u64>| {
            let at = read.partition_point(|(start, _)| *start <= range.start);
            let (start, content) = read.get(at.checked_sub(1)?)?;
            let from = usize::try_from(range.start - start).ok()?;
            let to = usize::try_from(range.end - start).ok()?;
            (from <= to && to <= content.len()).then(|| content.slice(from..to))
        };
        let parts = ranges.iter().map(|range| match part(range) {
            Some(part) => Ok(part),
            None => Err(self.cut_off(range)),
        });
        parts.collect()
    }

    /// Its size, and when it was written.
    fn measure(&self) -> Result<(u64, SystemTime)> {
        let metadata = fs::metadata(&self.path);
        metadata
            .and_then(|metadata| Ok((metadata.len(), metadata.modified()?)))
            .map_err(StorageError::io("measure", &self.path))
    }

    fn read_exactly(&self, file: &mut File, range: &Range<u64>) -> Result<Bytes> {
        let length = range.end.saturating_sub(range.start);
        let mut content = Vec::with_capacity(usize::try_from(length).unwrap_or(0));
        file.seek(SeekFrom::Start(range.start))
            .and_then(|_| file.take(length).read_to_end(&mut content))
            .map_err(StorageError::io("read", &self.path))?;
        match content.len() as u64 == length {
            true => Ok(content.into()),
            false => Err(self.cut_off(range)),
        }
    }

    fn cut_off(&self, range: &Range<u64>) -> StorageError {
        let source = io::Error::new(
            io::ErrorKind::UnexpectedEof,
            format!("it ends before byte {}", range.end),
        );
        StorageError::io("read", &self.path)(source)
    }
}

/// Ranges that overlap or touch become one; in order.
fn joined(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = ranges.filter(|range| !range.is_empty()).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

/// Opens the file of `segment` below `data_dir` after checking all of it, for readers that go
/// from its beginning to its end.
pub(crate) fn open_checked(data_dir: &Path, segment: &SegmentMeta) -> Result<(PathBuf, File)> {
    let path = data_dir.join(segment.path.as_ref());
    let mut file = File::open(&path).map_err(StorageError::io("open", &path))?;
    if let Some(checksums) = &segment.checksums {
        checksums
            .check_all(&mut file)
            .map_err(StorageError::io("read", &path))?
            .map_err(|offset| damaged(&path, offset))?;
        file.rewind().map_err(StorageError::io("read", &path))?;
    }
    Ok((path, file))
}

fn damaged(path: &Path, offset: u64) -> StorageError {
    StorageError::Damaged {
        path: path.to_owned(),
        offset,
        what: "the bytes are not those that were written; restore the file from a copy".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_touch_are_read_at_once() {
        let ranges = [10..20, 0..5, 5..7, 18..19, 30..30, 19..25];
        assert_eq!(joined(ranges.into_iter()), [0..7, 10..25]);
    }
}
