//! Segments: immutable Parquet files of one table, one partition and one window of time, with
//! text indexes beside them.

mod derived;
mod event_order;
mod form;
mod gather;
mod index_file;
mod reader;
mod series_order;
mod writer;

use model::Timestamp;

use crate::{Checksums, Table};

pub use derived::Derived;
pub(crate) use derived::{IS_IN_MESSAGE, apart, schema_apart, whole};
pub(crate) use event_order::platform_lines;
pub(crate) use form::Form;
pub(crate) use index_file::measure_index;
pub use reader::SegmentReader;
pub use writer::ROW_GROUP_ROWS;
pub(crate) use writer::{SEGMENTS_DIR, SegmentWriter, WRITE_ROWS, folder_of, write_segments};

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

/// Whose rows a segment holds: those of one table, one partition and one window. Compaction
/// merges only segments of equal keys.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentKey {
    /// The table.
    pub table: Table,
    /// The partition.
    pub partition: String,
    /// The start of the window.
    pub window_start: Timestamp,
}

/// How often the rows of a segment have been rewritten, and how hard they are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Generation {
    /// Written by a flush.
    Fresh,
    /// Merged while its window still grew.
    Merged,
    /// Merged when its window had ended; compressed as well as it is worth.
    Settled,
}

impl Generation {
    /// All generations, youngest first.
    const ALL: [Generation; 3] = [Generation::Fresh, Generation::Merged, Generation::Settled];

    /// The number in the catalog.
    pub(crate) const fn number(self) -> i64 {
        match self {
            Generation::Fresh => 0,
            Generation::Merged => 1,
            Generation::Settled => 2,
        }
    }

    /// Returns the generation with this number; what a later version may add counts as settled.
    pub(crate) fn of_number(number: i64) -> Self {
        let known = Generation::ALL
            .into_iter()
            .find(|known| known.number() == number);
        known.unwrap_or(Generation::Settled)
    }

    /// The zstd level: what is soon rewritten is compressed quickly. Level 3 is worse than
    /// level 1 in size and speed; 9 is smaller and faster to read.
    pub(crate) const fn compression_level(self) -> i32 {
        match self {
            Generation::Fresh | Generation::Merged => 1,
            Generation::Settled => 9,
        }
    }

    /// The name as people see it.
    pub const fn name(self) -> &'static str {
        match self {
            Generation::Fresh => "fresh",
            Generation::Merged => "merged",
            Generation::Settled => "settled",
        }
    }
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
    /// Size of the file with the rows in bytes.
    pub bytes: u64,
    /// Its checksums; none if an earlier version wrote it.
    pub checksums: Option<Checksums>,
    /// Size of the text index in bytes, 0 if there is none; not known if an earlier version
    /// wrote the segment.
    pub index_bytes: Option<u64>,
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
    /// How often its rows have been rewritten.
    pub generation: Generation,
    /// When it was written.
    pub created_at: Timestamp,
}

impl SegmentMeta {
    /// Whose rows it holds.
    pub fn key(&self) -> SegmentKey {
        SegmentKey {
            table: self.table,
            partition: self.partition.clone(),
            window_start: self.window_start,
        }
    }

    /// What all of its files take on disk, in bytes.
    pub fn disk_bytes(&self) -> u64 {
        self.bytes + self.index_bytes.unwrap_or(0)
    }

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
