//! Segments: immutable Parquet files of one table and one window of time, with text indexes
//! beside them.

mod event_order;
mod index_file;
mod series_order;
mod writer;

use model::Timestamp;

use crate::Table;

pub use writer::ROW_GROUP_ROWS;
pub(crate) use writer::{delete_orphans, write_segments};

/// The suffix of the files that hold rows.
pub(crate) const ROWS_SUFFIX: &str = ".parquet";
/// The suffix of text indexes.
pub(crate) const INDEX_SUFFIX: &str = ".idx";

/// The length of the window that a segment belongs to: one hour.
pub const WINDOW_NANOS: i64 = 3_600_000_000_000;

/// Returns the start of the window that `moment` lies in.
pub fn window_start(moment: Timestamp) -> Timestamp {
    let nanos = moment.nanos();
    Timestamp::from_nanos(nanos.saturating_sub(nanos.rem_euclid(WINDOW_NANOS)))
}

/// What the catalog knows about one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentMeta {
    /// The segment's id, unique for ever.
    pub id: String,
    /// The table whose rows it holds.
    pub table: Table,
    /// Where it lies, relative to [`crate::Store::object_store`].
    pub path: object_store::path::Path,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Rows inside.
    pub rows: u64,
    /// The earliest event time inside.
    pub time_min: Timestamp,
    /// The latest event time inside (inclusive).
    pub time_max: Timestamp,
    /// The partition its rows belong to.
    pub partition: String,
    /// The start of its window; no row lies outside the window.
    pub window_start: Timestamp,
}

impl SegmentMeta {
    /// Where its text index lies, if it has one.
    pub fn index_path(&self) -> object_store::path::Path {
        let path = self.path.as_ref();
        let stem = path.strip_suffix(ROWS_SUFFIX).unwrap_or(path);
        object_store::path::Path::from(format!("{stem}{INDEX_SUFFIX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_before_the_epoch_start_before_their_moments() {
        assert_eq!(
            window_start(Timestamp::from_nanos(-1)).nanos(),
            -WINDOW_NANOS
        );
        assert_eq!(
            window_start(Timestamp::from_nanos(WINDOW_NANOS)).nanos(),
            WINDOW_NANOS
        );
        assert_eq!(window_start(Timestamp::MIN), Timestamp::MIN);
    }
}
