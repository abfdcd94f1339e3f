//! What the simulated Cloud Logging holds: entries, in the order in which they are listed.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Timestamp;
use serde_json::Value;

/// The order of entries: by time, then by `insertId`; the number tells apart what is equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EntryKey {
    pub(crate) time: Timestamp,
    pub(crate) insert_id: Arc<str>,
    pub(crate) number: u64,
}

impl EntryKey {
    /// Sorts before every entry of this time.
    pub(crate) fn before(time: Timestamp) -> Self {
        EntryKey {
            time,
            insert_id: Arc::from(""),
            number: 0,
        }
    }
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The entry as it is listed.
    pub(crate) value: Value,
    /// From when on listing finds it.
    pub(crate) visible: Timestamp,
    /// What it is counted under: the function, or else the log.
    pub(crate) owner: Arc<str>,
}

/// All entries.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) entries: BTreeMap<EntryKey, Entry>,
    numbers: u64,
    /// How many entries each owner ever had.
    counts: BTreeMap<Arc<str>, u64>,
}

impl Store {
    /// Adds an entry.
    pub(crate) fn append(&mut self, time: Timestamp, insert_id: &str, entry: Entry) {
        self.numbers += 1;
        *self.counts.entry(Arc::clone(&entry.owner)).or_default() += 1;
        let key = EntryKey {
            time,
            insert_id: Arc::from(insert_id),
            number: self.numbers,
        };
        self.entries.insert(key, entry);
    }

    /// Whether there is an entry of this time and id: Google takes another for the same.
    pub(crate) fn has(&self, time: Timestamp, insert_id: &str) -> bool {
        let of_time = self
            .entries
            .range(EntryKey::before(time)..EntryKey::before(time.saturating_add_nanos(1)));
        of_time
            .into_iter()
            .any(|(key, _)| &*key.insert_id == insert_id)
    }

    /// How many entries each owner has, visible or not.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.counts.iter();
        counts
            .map(|(name, count)| (name.to_string(), *count))
            .collect()
    }

    /// Drops what is older than `before`, and the oldest until at most `entries_max` are left.
    pub(crate) fn retain(&mut self, before: Timestamp, entries_max: usize) {
        while let Some(oldest) = self.entries.first_entry() {
            if oldest.key().time >= before && self.entries.len() <= entries_max {
                break;
            }
            self.entries.pop_first();
        }
    }
}
