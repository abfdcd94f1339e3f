//! Erasing rows: the segments that hold them are rewritten without them.
//!
//! Only what is in segments can be erased, so the caller flushes first. The old files go after
//! the grace time, as after a merge.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not, prep_null_mask_filter};
use futures::future::BoxFuture;
use model::{TimeRange, Timestamp};

use crate::disk::Disk;
use crate::segment::{SegmentReader, SegmentWriter, folder_of};
use crate::{Result, SegmentMeta, StorageError, Store, Table, metrics};

/// Says which rows of a batch are to be erased; null is no.
pub type Erasure = Arc<dyn Fn(&RecordBatch) -> Result<BooleanArray> + Send + Sync>;

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Segments that were rewritten or dropped.
    pub segments: usize,
    /// Rows that are gone.
    pub rows: u64,
}

impl Store {
    /// Erases the rows of `table` inside `range` that `erasure` picks. It is tried on all rows
    /// of the segments that may lie inside; so it must look at the time itself if that matters.
    ///
    /// # Errors
    /// If a segment cannot be read or written; the segments before it are rewritten then, and
    /// the same can be asked again.
    pub fn erase<'a>(
        &'a self,
        table: Table,
        range: TimeRange,
        erasure: &'a Erasure,
    ) -> BoxFuture<'a, Result<Erased>> {
        Box::pin(async move {
            let _upkeep = self.upkeep().await;
            let mut erased = Erased::default();
            for segment in self.snapshot(table, range).segments {
                let (disk, data_dir) = (self.disk().clone(), self.data_dir().to_owned());
                let (old, erasure, now) = (
                    Arc::clone(&segment),
                    Arc::clone(erasure),
                    self.clock().now(),
                );
                let rewriting = tokio::task::spawn_blocking(move || {
                    rewrite(&disk, &data_dir, &old, &erasure, now)
                });
                let rewritten = match rewriting.await {
                    Ok(rewritten) => rewritten?,
                    Err(panic) => std::panic::resume_unwind(panic.into_panic()),
                };
                let new = match rewritten {
                    Rewritten::Nothing => continue,
                    Rewritten::Without(new) => new,
                };
                let rows = segment.rows - new.as_ref().map_or(0, |new| new.rows);
                self.replace(std::slice::from_ref(&segment), new.into_iter().collect())
                    .await?;
                metrics::erased(rows);
                tracing::info!(
                    segment = segment.id,
                    table = table.name(),
                    partition = segment.partition,
                    window = %segment.window_start,
                    rows,
                    "erased rows of a segment"
                );
                erased.segments += 1;
                erased.rows += rows;
            }
            Ok(erased)
        })
    }
}

enum Rewritten {
    /// No row is to be erased.
    Nothing,
    /// A segment without the erased rows, if any are left.
    Without(Option<SegmentMeta>),
}

fn rewrite(
    disk: &Disk,
    data_dir: &Path,
    segment: &SegmentMeta,
    erasure: &Erasure,
    now: Timestamp,
) -> Result<Rewritten> {
    let mut is_concerned = false;
    for batch in SegmentReader::open(data_dir, segment)? {
        is_concerned = is_concerned || erasure(&batch?)?.true_count() > 0;
    }
    if !is_concerned {
        return Ok(Rewritten::Nothing);
    }
    let mut writer = SegmentWriter::begin(disk, data_dir, segment.key(), segment.generation, now)?;
    let mut rows = 0;
    for batch in SegmentReader::open(data_dir, segment)? {
        let batch = batch?;
        let action = "leave out erased rows";
        let mut erased = erasure(&batch)?;
        if erased.null_count() > 0 {
            erased = prep_null_mask_filter(&erased);
        }
        let kept = not(&erased).map_err(StorageError::arrow(action))?;
        let kept = filter_record_batch(&batch, &kept).map_err(StorageError::arrow(action))?;
        rows += kept.num_rows();
        writer.write(&kept)?;
    }
    if rows == 0 {
        return Ok(Rewritten::Without(None));
    }
    let new = writer.finish()?;
    disk.sync_dir(&folder_of(data_dir, segment.table))?;
    Ok(Rewritten::Without(Some(new)))
}
