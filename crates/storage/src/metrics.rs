//! What the store tells about its files.

use std::sync::Once;

use crate::SegmentMeta;
use crate::retention::Reason;

const FLUSHED: &str = "nephoscope_storage_flushed_bytes_total";
const MERGED: &str = "nephoscope_storage_compacted_segments_total";
const READ: &str = "nephoscope_storage_compaction_read_bytes_total";
const WRITTEN: &str = "nephoscope_storage_compaction_written_bytes_total";
const DROPPED_SEGMENTS: &str = "nephoscope_storage_dropped_segments_total";
const DROPPED_ROWS: &str = "nephoscope_storage_dropped_rows_total";
const DROPPED_BYTES: &str = "nephoscope_storage_dropped_bytes_total";
const DELETED: &str = "nephoscope_storage_deleted_files_total";
const ERASED: &str = "nephoscope_storage_erased_rows_total";
const FAILED: &str = "nephoscope_storage_upkeep_failures_total";

/// Says once what the numbers mean. Write amplification is (flushed + compaction written) /
/// flushed.
pub(crate) fn describe() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        for (name, help) in [
            (FLUSHED, "Bytes of segments written by flushes."),
            (MERGED, "Segments that compaction merged into others."),
            (READ, "Bytes of segments that compaction read."),
            (WRITTEN, "Bytes of segments that compaction wrote."),
            (
                DROPPED_SEGMENTS,
                "Segments dropped by retention, by reason.",
            ),
            (DROPPED_ROWS, "Rows dropped by retention, by reason."),
            (DROPPED_BYTES, "Bytes dropped by retention, by reason."),
            (
                DELETED,
                "Files deleted because nobody needed them any more.",
            ),
            (ERASED, "Rows that were erased on request."),
            (
                FAILED,
                "Rounds of upkeep that failed; the next tries again.",
            ),
        ] {
            metrics::describe_counter!(name, help);
        }
    });
}

/// Counts what a flush has written.
pub(crate) fn flushed(segments: &[SegmentMeta]) {
    metrics::counter!(FLUSHED).increment(segments.iter().map(|segment| segment.disk_bytes()).sum());
}

/// Counts a merge.
pub(crate) fn compacted(inputs: usize, read_bytes: u64, written_bytes: u64) {
    metrics::counter!(MERGED).increment(inputs as u64);
    metrics::counter!(READ).increment(read_bytes);
    metrics::counter!(WRITTEN).increment(written_bytes);
}

/// Counts a segment that retention has dropped.
pub(crate) fn dropped(segment: &SegmentMeta, reason: Reason) {
    let reason = reason.name();
    metrics::counter!(DROPPED_SEGMENTS, "reason" => reason).increment(1);
    metrics::counter!(DROPPED_ROWS, "reason" => reason).increment(segment.rows);
    metrics::counter!(DROPPED_BYTES, "reason" => reason).increment(segment.disk_bytes());
}

/// Counts files that were deleted.
pub(crate) fn deleted(files: usize) {
    metrics::counter!(DELETED).increment(files as u64);
}

/// Counts rows that were erased on request.
pub(crate) fn erased(rows: u64) {
    metrics::counter!(ERASED).increment(rows);
}

/// Counts a round of upkeep that failed.
pub(crate) fn upkeep_failed() {
    metrics::counter!(FAILED).increment(1);
}
