//! Remembers which events an origin has already delivered, within its re-read window, and which
//! batches a sender has already sent.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use model::{EventId, Timestamp};

/// Keys beyond this many are forgotten, oldest first.
const KEYS_MAX: usize = 100_000;

/// The ids of one origin.
#[derive(Debug, Default)]
pub(crate) struct OriginMemory {
    ids: HashMap<EventId, Timestamp>,
    reread_from: Option<Timestamp>,
    /// Ids are looked through for old ones when there are this many.
    prune_at: usize,
}

impl OriginMemory {
    /// Whether the event was delivered before.
    pub(crate) fn contains(&self, id: EventId) -> bool {
        self.ids.contains_key(&id)
    }

    /// Remembers events.
    pub(crate) fn extend(&mut self, ids: &[(EventId, Timestamp)]) {
        self.ids.extend(ids.iter().copied());
    }

    /// Forgets what lies before `from`, when that is worth the work.
    pub(crate) fn reread_from(&mut self, from: Timestamp) {
        self.reread_from = Some(from);
        if self.ids.len() >= self.prune_at.max(1_024) {
            self.ids.retain(|_, time| *time >= from);
            self.prune_at = self.ids.len() * 2;
        }
    }
}

type SharedMemory = Arc<Mutex<OriginMemory>>;

/// Who has delivered what.
#[derive(Debug, Default)]
pub(crate) struct Dedup {
    origins: Mutex<HashMap<(String, String), SharedMemory>>,
    keys: Mutex<Keys>,
}

/// The keys of batches that were taken, each with the number of events stored.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    stored: HashMap<String, u64>,
    order: VecDeque<String>,
}

impl Keys {
    /// Returns how many events were stored under `key`, if it is known.
    pub(crate) fn get(&self, key: &str) -> Option<u64> {
        self.stored.get(key).copied()
    }

    /// Remembers a key.
    pub(crate) fn insert(&mut self, key: String, stored: u64) {
        if self.stored.insert(key.clone(), stored).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > KEYS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.stored.remove(&oldest);
        }
    }
}

impl Dedup {
    /// Returns the memory of an origin. Whoever holds its lock decides what is repeated, and
    /// keeps the lock until the batch stands in the WAL's queue: so a later batch, whose events
    /// may be held for repeated because of this one, is never acknowledged before it.
    pub(crate) fn origin(&self, origin: &(String, String)) -> SharedMemory {
        let mut origins = self.origins.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(memory) = origins.get(origin) {
            return Arc::clone(memory);
        }
        let memory = Arc::new(Mutex::new(OriginMemory::default()));
        origins.insert(origin.clone(), Arc::clone(&memory));
        memory
    }

    /// The idempotency keys.
    pub(crate) fn keys(&self) -> &Mutex<Keys> {
        &self.keys
    }
}

/// Marks which of `ids` are repeated: known to the origin, or twice in the batch.
pub(crate) fn repeated(
    memory: &OriginMemory,
    ids: impl Iterator<Item = Option<EventId>>,
) -> Vec<bool> {
    let mut seen = HashSet::new();
    ids.map(|id| id.is_some_and(|id| memory.contains(id) || !seen.insert(id)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_repeated_if_the_origin_or_the_batch_has_it() {
        let mut memory = OriginMemory::default();
        memory.extend(&[(EventId(1), Timestamp::from_millis(1))]);
        let ids = [
            Some(EventId(1)),
            Some(EventId(2)),
            Some(EventId(2)),
            None,
            None,
        ];
        assert_eq!(
            repeated(&memory, ids.into_iter()),
            [true, false, true, false, false]
        );
    }

    #[test]
    fn the_oldest_key_is_forgotten_first() {
        let mut keys = Keys::default();
        for number in 0..=KEYS_MAX {
            keys.insert(number.to_string(), 1);
        }
        assert_eq!(keys.get("0"), None);
        assert_eq!(keys.get("1"), Some(1));
    }
}
