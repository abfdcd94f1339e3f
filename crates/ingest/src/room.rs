//! How much may wait in memory. A batch counts from the moment it is let in, so that many that
//! come at once are not all let in by the same gap.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is on its way and not yet among the rows of the store.
#[derive(Debug)]
pub(crate) struct Room {
    bytes_max: u64,
    on_the_way: Arc<AtomicU64>,
}

impl Room {
    pub(crate) fn new(bytes_max: u64) -> Self {
        Room {
            bytes_max,
            on_the_way: Arc::default(),
        }
    }

    /// Lets `bytes` in, unless more than the limit waits already; `held` is what the store holds.
    ///
    /// # Errors
    /// The limit in words.
    pub(crate) fn take(&self, held: u64, bytes: u64) -> Result<Place, String> {
        let before = self.on_the_way.fetch_add(bytes, Ordering::Relaxed);
        let place = Place {
            bytes,
            on_the_way: Arc::clone(&self.on_the_way),
        };
        let waiting = held + before;
        if waiting <= self.bytes_max {
            return Ok(place);
        }
        Err(format!(
            "{waiting} bytes wait to be written to segments, more than `ingest.memory_bytes_max` = {}",
            self.bytes_max
        ))
    }
}

/// Room that is taken until this goes.
#[derive(Debug)]
pub(crate) struct Place {
    bytes: u64,
    on_the_way: Arc<AtomicU64>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.on_the_way.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_its_way_counts_until_it_has_arrived() {
        let room = Room::new(100);
        let first = room.take(60, 41).unwrap();
        let refused = room.take(60, 1).unwrap_err();
        assert!(refused.contains("101 bytes wait"), "{refused}");
        assert!(
            refused.contains("`ingest.memory_bytes_max` = 100"),
            "{refused}"
        );
        drop(first);
        let _second = room.take(60, 1).unwrap();
    }
}
