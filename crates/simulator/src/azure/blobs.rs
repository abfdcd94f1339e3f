//! What the simulated blob service holds: containers of append blobs, in memory and bounded.

use std::collections::BTreeMap;

use model::Timestamp;

use super::times;

/// How many blocks an append blob has at most
/// (<https://learn.microsoft.com/rest/api/storageservices/append-block>).
const BLOCKS_MAX: u32 = 50_000;

/// One append blob.
#[derive(Debug)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    pub(super) created: Timestamp,
    pub(super) modified: Timestamp,
    /// Another for every change.
    etag: i64,
    /// How many blocks were appended.
    pub(super) blocks: u32,
    /// What the last block lacks of its last line.
    rest: Vec<u8>,
}

impl Blob {
    fn new(created: Timestamp) -> Blob {
        Blob {
            bytes: Vec::new(),
            created,
            modified: created,
            etag: times::ticks(created),
            blocks: 0,
            rest: Vec::new(),
        }
    }

    /// What changes with every block, without quotation marks.
    pub(super) fn etag(&self) -> String {
        format!("0x{:X}", self.etag)
    }

    /// Appends a block, all but its last `held_back` bytes, which come with the next; whether it
    /// was the last that the blob may have.
    fn append(&mut self, now: Timestamp, block: &[u8], held_back: usize) -> bool {
        if block.is_empty() && self.rest.is_empty() {
            return false;
        }
        self.bytes.append(&mut self.rest);
        let (block, rest) = block.split_at(block.len().saturating_sub(held_back));
        self.bytes.extend_from_slice(block);
        self.rest.extend_from_slice(rest);
        self.modified = self.modified.max(now);
        self.etag = (self.etag + 1).max(times::ticks(now));
        self.blocks += 1;
        self.blocks >= BLOCKS_MAX
    }
}

/// All blobs by name, of each container.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    pub(super) containers: BTreeMap<String, BTreeMap<String, Blob>>,
}

impl Blobs {
    /// Appends a block to a blob, which is created if there is none of this name. A blob that has
    /// all the blocks that it may have is continued by another.
    pub(super) fn append(
        &mut self,
        (container, name): (&str, &str),
        now: Timestamp,
        block: &[u8],
        held_back: usize,
    ) {
        let blobs = self.containers.entry(container.to_owned()).or_default();
        let blob = blobs
            .entry(name.to_owned())
            .or_insert_with(|| Blob::new(now));
        if blob.append(now, block, held_back) {
            let number = blobs.range(name.to_owned()..).count();
            if let Some(full) = blobs.remove(name) {
                blobs.insert(format!("{name}.{number}"), full);
            }
        }
    }

    /// Deletes blobs that nothing was appended to since `before`, and the oldest until they hold at
    /// most `bytes_max`: what a rule of the account's lifecycle management does.
    pub(super) fn retain(&mut self, before: Timestamp, bytes_max: usize) {
        let mut bytes: usize = self
            .containers
            .values()
            .flat_map(BTreeMap::values)
            .map(|blob| blob.bytes.len())
            .sum();
        loop {
            let oldest = self
                .containers
                .iter_mut()
                .filter_map(|(_, blobs)| {
                    let (name, blob) = blobs.iter().min_by_key(|(_, blob)| blob.modified)?;
                    Some((blob.modified, name.clone(), blobs))
                })
                .min_by_key(|(modified, _, _)| *modified);
            let Some((modified, name, blobs)) = oldest else {
                return;
            };
            if modified >= before && bytes <= bytes_max {
                return;
            }
            bytes -= blobs.remove(&name).map_or(0, |blob| blob.bytes.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);

    #[test]
    fn a_half_line_is_completed_by_the_next_block() {
        let mut blobs = Blobs::default();
        blobs.append(("logs", "a"), START, b"one\ntwo\n", 3);
        let blob = &blobs.containers["logs"]["a"];
        assert_eq!((blob.bytes.as_slice(), blob.blocks), (&b"one\nt"[..], 1));
        let etag = blob.etag();
        blobs.append(("logs", "a"), START, b"", 0);
        let blob = &blobs.containers["logs"]["a"];
        assert_eq!(blob.bytes, b"one\ntwo\n");
        assert_ne!(blob.etag(), etag);
        // The rest has come with another block meanwhile.
        blobs.append(("logs", "a"), START, b"", 0);
        assert_eq!(blobs.containers["logs"]["a"].blocks, 2);
    }

    #[test]
    fn old_blobs_are_deleted_and_more_where_they_are_too_large() {
        let mut blobs = Blobs::default();
        for (hour, name) in ["a", "b", "c"].iter().enumerate() {
            let time = START.saturating_add_millis(hour as i64 * 3_600_000);
            blobs.append(("logs", name), time, &[b'x'; 100], 0);
        }
        blobs.retain(START.saturating_add_millis(1), 1_000);
        let names =
            |blobs: &Blobs| -> Vec<String> { blobs.containers["logs"].keys().cloned().collect() };
        assert_eq!(names(&blobs), ["b", "c"]);
        blobs.retain(START, 150);
        assert_eq!(names(&blobs), ["c"]);
    }

    #[test]
    fn a_full_blob_is_continued_by_another() {
        let mut blobs = Blobs::default();
        for _ in 0..=BLOCKS_MAX {
            blobs.append(("logs", "a"), START, b"x", 0);
        }
        let logs = &blobs.containers["logs"];
        assert_eq!(logs["a"].blocks, 1);
        assert_eq!(logs["a.1"].blocks, BLOCKS_MAX);
    }
}
