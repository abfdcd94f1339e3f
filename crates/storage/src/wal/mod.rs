//! The log that makes events safe before they are acknowledged: numbered frames in files that
//! only grow, made durable many at a time, and deleted behind committed segments.
//!
//! The layout is described in `format.md`. What a frame holds is the business of
//! [`Record`]; the log itself sees bytes.

mod narrow;
mod record;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

pub use record::Record;

use crate::disk::{Disk, DiskFile};
use crate::{Result, StorageError};

const MAGIC: &[u8; 8] = b"NEPHWAL1";
/// Magic and the number of the first frame.
const FILE_HEADER_BYTES: usize = 16;
/// Length, checksum and number.
const FRAME_HEADER_BYTES: usize = 16;
/// A longer frame is damage, not data.
const FRAME_BYTES_MAX: usize = 1 << 30;
/// A file that is longer is followed by a new one.
const FILE_BYTES_MAX: u64 = 64 << 20;
const SUFFIX: &str = ".wal";

/// The log, open for appending.
#[derive(Debug)]
pub struct Wal {
    disk: Disk,
    folder: PathBuf,
    /// First frames of all files, oldest first; the last is being written.
    files: Vec<u64>,
    file: DiskFile,
    /// Where the next frame goes.
    file_bytes: u64,
    next_frame: u64,
}

impl Wal {
    /// Opens the log in `folder` and hands every frame after `committed` to `replay`, in order.
    /// A torn end, which a crash leaves behind, is dropped: it was never acknowledged.
    ///
    /// # Errors
    /// If the disk fails, `replay` fails, or a file other than the last is damaged.
    pub fn open(
        disk: &Disk,
        folder: &Path,
        committed: u64,
        mut replay: impl FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<Wal> {
        disk.create_dir(folder)?;
        let mut files = list(folder)?;
        let mut next_frame = committed + 1;
        for (index, &first) in files.iter().enumerate() {
            let path = file_path(folder, first);
            let bytes = fs::read(&path).map_err(StorageError::io("read", &path))?;
            let frames = Frames::of(&bytes, first);
            let end = frames.clone().end();
            if end < bytes.len() && index + 1 < files.len() {
                return Err(StorageError::Damaged {
                    path,
                    offset: end as u64,
                    what: "a frame's checksum does not fit, and it is not the log's end".to_owned(),
                });
            }
            for (number, payload) in frames {
                if number > committed {
                    replay(number, payload)?;
                }
                next_frame = next_frame.max(number + 1);
            }
            if end < bytes.len() {
                tracing::info!(path = %path.display(), bytes = bytes.len() - end, "dropped the torn end of the log");
                let mut file = disk.open(&path)?;
                file.truncate(end as u64)?;
                file.sync()?;
            }
        }
        // A file without frames may bear the number that the new file gets.
        files.retain(|&first| first != next_frame);
        let file = create(disk, folder, next_frame)?;
        files.push(next_frame);
        Ok(Wal {
            disk: disk.clone(),
            folder: folder.to_owned(),
            files,
            file,
            file_bytes: FILE_HEADER_BYTES as u64,
            next_frame,
        })
    }

    /// Writes one frame and returns its number. It is safe only after [`Wal::sync`].
    ///
    /// # Errors
    /// If the disk fails. If it is merely full ([`StorageError::is_disk_full`]), the log is as
    /// it was before and goes on when there is space; otherwise it must not be used any more.
    pub fn append(&mut self, payload: &[u8]) -> Result<u64> {
        if payload.len() > FRAME_BYTES_MAX {
            return Err(StorageError::Decode(format!(
                "a frame of {} bytes is longer than {FRAME_BYTES_MAX}",
                payload.len()
            )));
        }
        if self.file_bytes > FILE_BYTES_MAX {
            self.rotate()?;
        }
        let number = self.next_frame;
        let header = frame_header(number, payload);
        let written = self
            .file
            .write_all(&header)
            .and_then(|()| self.file.write_all(payload))
            .map_err(StorageError::io("append to", self.file.path()));
        if let Err(error) = written {
            if error.is_disk_full() {
                self.file.truncate(self.file_bytes)?;
            }
            return Err(error);
        }
        self.file_bytes += (header.len() + payload.len()) as u64;
        self.next_frame += 1;
        Ok(number)
    }

    /// Makes all appended frames durable.
    ///
    /// # Errors
    /// If the disk fails. Whether frames are durable is unknown then, and asking again would
    /// not tell: the node must stop.
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync()
    }

    /// Deletes the files whose frames all lie at or before `committed`.
    ///
    /// # Errors
    /// If the disk fails.
    pub fn cut(&mut self, committed: u64) -> Result<()> {
        if self.next_frame == committed + 1 && self.files.last() != Some(&self.next_frame) {
            self.rotate()?;
        }
        while let [first, second, ..] = self.files[..] {
            if second > committed + 1 {
                break;
            }
            let path = file_path(&self.folder, first);
            self.disk.delete(&path)?;
            self.files.remove(0);
        }
        Ok(())
    }

    /// Bytes in the file being written.
    pub fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    fn rotate(&mut self) -> Result<()> {
        self.sync()?;
        self.file = create(&self.disk, &self.folder, self.next_frame)?;
        self.files.push(self.next_frame);
        self.file_bytes = FILE_HEADER_BYTES as u64;
        Ok(())
    }
}

fn file_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}{SUFFIX}"))
}

/// Returns the first frames of all files, in order.
fn list(folder: &Path) -> Result<Vec<u64>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(StorageError::io("list", folder))? {
        let name = entry.map_err(StorageError::io("list", folder))?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_suffix(SUFFIX))
            .and_then(|stem| stem.parse().ok());
        files.extend(number);
    }
    files.sort_unstable();
    Ok(files)
}

fn create(disk: &Disk, folder: &Path, first: u64) -> Result<DiskFile> {
    let path = file_path(folder, first);
    let begun = disk
        .create(&path)
        .and_then(|mut file| begin(&mut file, first).map(|()| file));
    match &begun {
        // Half a header would look like damage once a longer file stands behind it.
        Err(error) if error.is_disk_full() => disk.delete(&path)?,
        _ => {}
    }
    let file = begun?;
    disk.sync_dir(folder)?;
    Ok(file)
}

fn begin(file: &mut DiskFile, first: u64) -> Result<()> {
    let mut header = MAGIC.to_vec();
    header.extend_from_slice(&first.to_le_bytes());
    file.write_all(&header)
        .map_err(StorageError::io("begin", file.path()))?;
    file.sync()
}

fn frame_header(number: u64, payload: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
    let mut header = [0; FRAME_HEADER_BYTES];
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    header[..4].copy_from_slice(&length.to_le_bytes());
    header[4..8].copy_from_slice(&checksum(number, payload).to_le_bytes());
    header[8..].copy_from_slice(&number.to_le_bytes());
    header
}

fn checksum(number: u64, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), payload)
}

/// The whole frames at the beginning of a file.
#[derive(Clone, Debug)]
struct Frames<'a> {
    bytes: &'a [u8],
    /// Where the next frame begins.
    at: usize,
    number: u64,
}

impl<'a> Frames<'a> {
    fn of(bytes: &'a [u8], first: u64) -> Self {
        let mut header = [0; FILE_HEADER_BYTES];
        let is_whole = (&mut &bytes[..]).read_exact(&mut header).is_ok()
            && header[..8] == *MAGIC
            && header[8..] == first.to_le_bytes();
        Frames {
            bytes: if is_whole { bytes } else { &[] },
            at: if is_whole { FILE_HEADER_BYTES } else { 0 },
            number: first,
        }
    }

    /// Goes to the end and returns where it lies.
    fn end(mut self) -> usize {
        for _ in self.by_ref() {}
        self.at
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = (u64, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        let length = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        let expected = u32::from_le_bytes(rest.get(4..8)?.try_into().ok()?);
        let number = u64::from_le_bytes(rest.get(8..FRAME_HEADER_BYTES)?.try_into().ok()?);
        let payload = rest.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES.checked_add(length)?)?;
        if number != self.number || checksum(number, payload) != expected {
            return None;
        }
        self.at += FRAME_HEADER_BYTES + length;
        self.number += 1;
        Some((number, payload))
    }
}
