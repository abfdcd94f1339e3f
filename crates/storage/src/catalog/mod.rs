//! The catalog: which segments exist, how far sources have read, and how far the WAL is in
//! segments. One transaction moves all of it.

mod sqlite;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use model::{Checkpoint, EventId, Timestamp};

pub use sqlite::Catalog;

/// Event ids of one origin, each with its event time.
pub type OriginIds = Vec<(EventId, Timestamp)>;

/// What one flush commits beside its segments.
#[derive(Debug, Default)]
pub struct Commit {
    /// The last frame of the WAL whose rows are in the segments; 0 if there is none.
    pub frame: u64,
    /// The newest checkpoint of each (source, origin).
    pub checkpoints: BTreeMap<(String, String), Checkpoint>,
    /// New event ids by (source, origin).
    pub ids: BTreeMap<(String, String), OriginIds>,
    /// New idempotency keys, with the number of events stored for each.
    pub keys: Vec<(String, u64)>,
}

pub(crate) const ID_BYTES: usize = 24;

pub(crate) fn encode_ids(ids: &[(EventId, Timestamp)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() * ID_BYTES);
    for (id, time) in ids {
        bytes.extend_from_slice(&id.0.to_le_bytes());
        bytes.extend_from_slice(&time.nanos().to_le_bytes());
    }
    bytes
}

pub(crate) fn decode_ids(bytes: &[u8]) -> OriginIds {
    bytes
        .chunks_exact(ID_BYTES)
        .map(|chunk| {
            let mut id = [0; 16];
            let mut time = [0; 8];
            id.copy_from_slice(&chunk[..16]);
            time.copy_from_slice(&chunk[16..]);
            (
                EventId(u128::from_le_bytes(id)),
                Timestamp::from_nanos(i64::from_le_bytes(time)),
            )
        })
        .collect()
}
