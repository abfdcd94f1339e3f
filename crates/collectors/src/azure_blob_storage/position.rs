//! How far the blobs of a resource have been read, and how lines are cut out of what is new. Pure.
//!
//! Blobs are appended to, so what has been read is a number of bytes. That this beginning is still
//! the same is seen from its last bytes: they are fetched again with what is new, and a digest of
//! them is kept. If they differ, the blob was written anew and is read from its beginning; lines
//! that stand where they stood are known by their ids.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::listing::{Listed, floor_hour, hour_ms};
use crate::support::duration::millis;

/// So many of the last bytes that were read are looked at again.
const TAIL_BYTES: usize = 512;
/// Most bytes that are fetched at once, unless a line is longer.
const PIECE_BYTES: u64 = 4 << 20;
/// A longer line, in bytes, is cut.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// So much of the end of a blob is looked at for the last line's end.
const LAST_BYTES: u64 = 1 << 20;

const HOUR_MS: i64 = 3_600_000;

/// What is kept in the checkpoint of a resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The blobs of hours that begin before are final.
    pub(super) low_ms: i64,
    /// How far the others have been read, by their names behind the resource.
    pub(super) blobs: BTreeMap<String, Read>,
}

/// How far one blob has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Read {
    /// The blob's version that was read to its end; empty if none was.
    pub(super) etag: String,
    /// So many bytes have been handed over.
    pub(super) offset: u64,
    /// The digest of the last of them, as hexadecimal.
    pub(super) tail: String,
}

/// What to fetch of a blob: bytes from `first` to `last`, inclusive. The first `tail_bytes` of them
/// have been read before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) first: u64,
    pub(super) last: u64,
    tail_bytes: usize,
    is_last: bool,
    /// Whether nobody will write the end of a line that has none.
    is_final: bool,
}

/// What a piece came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome<'a> {
    /// Lines, each with the place where it begins, and how far the blob has been read with them.
    Lines(Vec<(u64, &'a [u8])>, Read),
    /// The line is longer than the piece.
    TooShort,
    /// What was read before is not there any more.
    Rewritten,
}

impl Position {
    /// Forgets the blobs of hours before `low_ms`, which are final.
    pub(super) fn finish(&mut self, low_ms: i64) {
        if low_ms > self.low_ms {
            self.low_ms = low_ms;
            self.blobs
                .retain(|name, _| hour_ms(name).is_none_or(|hour| hour >= low_ms));
        }
    }
}

impl Read {
    /// What to fetch next of the blob, if there may be anything new in it. `piece_bytes` is what
    /// the last piece was too short with, or 0.
    pub(super) fn next(&self, blob: &Listed, is_final: bool, piece_bytes: u64) -> Option<Piece> {
        let is_unread_end = is_final && self.offset < blob.length;
        if blob.etag == self.etag && !is_unread_end {
            return None;
        }
        let tail_bytes = self.offset.min(TAIL_BYTES as u64);
        let new_bytes = (piece_bytes * 2).max(PIECE_BYTES);
        let end = blob.length.min(self.offset.saturating_add(new_bytes));
        let first = self.offset - tail_bytes;
        Some(Piece {
            first,
            // An empty range cannot be asked for; a blob that became shorter is seen by it.
            last: end.max(first + 1) - 1,
            tail_bytes: usize::try_from(tail_bytes).unwrap_or(TAIL_BYTES),
            is_last: end == blob.length,
            is_final,
        })
    }

    /// Notes that the blob's version was read to its end, though there was nothing in it.
    pub(super) fn with_etag(&self, blob: &Listed) -> Read {
        Read {
            etag: blob.etag.clone(),
            ..self.clone()
        }
    }

    /// Takes all lines that `bytes`, the end of a blob, has as read. A line without an end waits.
    pub(super) fn behind_last_line(piece: Piece, bytes: &[u8]) -> Read {
        let whole = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
        let read = bytes.get(..whole).unwrap_or_default();
        let last = read
            .get(read.len().saturating_sub(TAIL_BYTES)..)
            .unwrap_or_default();
        Read {
            etag: String::new(),
            offset: piece.first + whole as u64,
            tail: digest(last),
        }
    }

    /// Cuts the lines out of the bytes that were fetched. A line without an end waits for it,
    /// unless it is a whole JSON text, which nothing can be added to.
    pub(super) fn take<'a>(&self, blob: &Listed, piece: Piece, bytes: &'a [u8]) -> Outcome<'a> {
        let Some((tail, new)) = bytes.split_at_checked(piece.tail_bytes) else {
            return Outcome::Rewritten;
        };
        if self.offset > 0 && digest(tail) != self.tail {
            return Outcome::Rewritten;
        }
        let is_whole_piece = new.len() as u64 >= piece.new_bytes();
        let is_at_end = piece.is_last && is_whole_piece;
        let whole = memchr::memrchr(b'\n', new).map_or(0, |at| at + 1);
        let rest = new.get(whole..).unwrap_or_default();
        let is_too_long = whole == 0 && new.len() as u64 >= LINE_BYTES_MAX;
        let takes_rest = is_too_long || (is_at_end && (piece.is_final || is_json(rest)));
        if whole == 0 && !takes_rest && is_whole_piece && !is_at_end {
            return Outcome::TooShort;
        }
        let taken = if takes_rest { new.len() } else { whole };
        let mut lines = Vec::new();
        let mut begin = 0;
        for line in new
            .get(..taken)
            .unwrap_or_default()
            .split_inclusive(|byte| *byte == b'\n')
        {
            lines.push((self.offset + begin as u64, line));
            begin += line.len();
        }
        let read = bytes.get(..piece.tail_bytes + taken).unwrap_or_default();
        let last = read
            .get(read.len().saturating_sub(TAIL_BYTES)..)
            .unwrap_or_default();
        Outcome::Lines(
            lines,
            Read {
                etag: if is_at_end {
                    blob.etag.clone()
                } else {
                    self.etag.clone()
                },
                offset: self.offset + taken as u64,
                tail: digest(last),
            },
        )
    }
}

impl Piece {
    /// The end of a blob whose present lines are not wanted.
    pub(super) fn last_of(blob: &Listed) -> Piece {
        Piece {
            first: blob.length.saturating_sub(LAST_BYTES),
            last: blob.length.max(1) - 1,
            tail_bytes: 0,
            is_last: true,
            is_final: false,
        }
    }

    /// How many new bytes it asks for.
    pub(super) fn new_bytes(&self) -> u64 {
        self.last + 1 - self.first - self.tail_bytes as u64
    }
}

/// Which hours are looked at how often, as of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    /// Hours from here on are looked at in every poll.
    pub(super) hot_ms: i64,
    /// Hours before are final once they have been read.
    pub(super) final_ms: i64,
}

impl Hours {
    pub(super) fn at(now_ms: i64, settle: Duration, sweep_depth: Duration) -> Hours {
        // A time is counted from the end of the hour.
        let back = |age: Duration| floor_hour(now_ms.saturating_sub(millis(age)) - HOUR_MS);
        Hours {
            hot_ms: back(settle),
            final_ms: back(sweep_depth),
        }
    }
}

/// Whether the text is a whole JSON object: then the line's end is all that can follow.
fn is_json(text: &[u8]) -> bool {
    let object: Result<serde_json::Map<String, serde_json::Value>, _> =
        serde_json::from_slice(text);
    object.is_ok()
}

fn digest(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return String::new();
    }
    // Half the digest of an id is enough to see a change.
    let text = String::from_utf8_lossy(bytes);
    format!("{:016x}", model::EventId::of(&text).0 as u64)
}

#[cfg(test)]
mod tests;
