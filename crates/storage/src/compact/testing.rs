//! Segments that only the catalog could tell from real ones, for tests of what is decided
//! about them.

use std::sync::Arc;

use model::Timestamp;

use crate::{Generation, SegmentMeta, Table, WINDOW_NANOS};

pub(crate) const HOUR: i64 = WINDOW_NANOS;

/// A fresh segment of events of one hour after the epoch, all of it.
pub(crate) fn segment(id: &str, partition: &str, hour: i64, bytes: u64) -> Arc<SegmentMeta> {
    let start = Timestamp::from_nanos(hour * HOUR);
    Arc::new(SegmentMeta {
        id: id.to_owned(),
        table: Table::Events,
        path: object_store::path::Path::from(format!("segments/events/{id}.parquet")),
        bytes,
        checksums: None,
        index_bytes: None,
        rows: bytes / 10,
        time_min: start,
        time_max: start.saturating_add_nanos(HOUR - 1),
        partition: partition.to_owned(),
        window_start: start,
        generation: Generation::Fresh,
        created_at: start,
    })
}
