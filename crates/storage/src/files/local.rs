//! Reading a file on the local disk, and deleting it.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::Known;
use crate::disk::Disk;
use crate::segment::folder_of;
use crate::{Result, SegmentMeta, StorageError};

/// A file that is about to be read.
#[derive(Clone, Debug)]
pub(super) struct LocalFile {
    pub(super) path: PathBuf,
    pub(super) known: Option<Known>,
}

impl LocalFile {
    /// Reads parts of the file, checking the blocks that hold them.
    pub(super) fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
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
        let parts = ranges.iter().map(|range| match part(&read, range) {
            Some(part) => Ok(part),
            None => Err(self.cut_off(range)),
        });
        parts.collect()
    }

    /// Its size.
    pub(super) fn measure(&self) -> Result<u64> {
        match &self.known {
            Some(known) => Ok(known.bytes),
            None => std::fs::metadata(&self.path)
                .map(|metadata| metadata.len())
                .map_err(StorageError::io("measure", &self.path)),
        }
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

/// The bytes of `range` out of pieces of a file, which are in order and begin at these bytes;
/// `None` if none of them has all of it.
pub(super) fn part(pieces: &[(u64, Bytes)], range: &Range<u64>) -> Option<Bytes> {
    if range.is_empty() {
        return Some(Bytes::new());
    }
    let at = pieces.partition_point(|(start, _)| *start <= range.start);
    let (start, content) = pieces.get(at.checked_sub(1)?)?;
    let from = usize::try_from(range.start - start).ok()?;
    let to = usize::try_from(range.end - start).ok()?;
    (to <= content.len()).then(|| content.slice(from..to))
}

/// Ranges that overlap or touch become one; in order.
pub(super) fn joined(ranges: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
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

/// Deletes the files of segments, durably.
pub(super) fn delete(disk: &Disk, data_dir: &Path, segments: &[SegmentMeta]) -> Result<()> {
    let mut folders: HashSet<PathBuf> = HashSet::new();
    for segment in segments {
        disk.delete(&data_dir.join(segment.path.as_ref()))?;
        disk.delete(&data_dir.join(segment.index_path().as_ref()))?;
        folders.insert(folder_of(data_dir, segment.table));
    }
    folders
        .iter()
        .filter(|folder| folder.is_dir())
        .try_for_each(|folder| disk.sync_dir(folder))
}

pub(super) fn damaged(path: &Path, offset: u64) -> StorageError {
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
