//! Erasing events: the segments that hold them are rewritten without them, and so are those that
//! hold what was derived from them, the evidence about their invocations.
//!
//! Only what is in segments can be erased, so the caller flushes first. The old files go after
//! the grace time, as after a merge. Metric samples come from elsewhere and stay.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{filter_record_batch, not, prep_null_mask_filter};
use arrow::datatypes::TimestampNanosecondType;
use futures::future::BoxFuture;
use model::{TimeRange, Timestamp};

use crate::disk::Disk;
use crate::segment::{SegmentReader, SegmentWriter, folder_of};
use crate::store::blocking;
use crate::{Result, SegmentMeta, StorageError, Store, Table, metrics};

/// Says which rows of a batch are to be erased; null is no.
pub type Erasure = Arc<dyn Fn(&RecordBatch) -> Result<BooleanArray> + Send + Sync>;

/// Evidence about an invocation lies at most this far from its events: the cloud may try an
/// invocation again for hours, under the same request id.
const EVIDENCE_SPREAD_MS: i64 = 24 * 3_600_000;

/// What was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Segments that were rewritten or dropped.
    pub segments: usize,
    /// Events that are gone.
    pub events: u64,
    /// Rows of evidence about their invocations that are gone.
    pub evidence: u64,
}

/// What a look at all events in question has found.
#[derive(Debug, Default)]
struct Concerned {
    segments: Vec<Arc<SegmentMeta>>,
    /// Of the events that are to be erased: function and request id.
    invocations: HashSet<(Option<String>, String)>,
    /// The times of those that have a request id.
    times: Option<(Timestamp, Timestamp)>,
}

impl Store {
    /// Erases the events inside `range` that `erasure` picks, and what is known about the
    /// invocations that they belong to. `erasure` is tried on all rows of the segments that may
    /// lie inside; so it must look at the time itself if that matters.
    ///
    /// # Errors
    /// If a segment cannot be read or written; the segments before it are rewritten then, and
    /// the same can be asked again.
    pub fn erase<'a>(
        &'a self,
        range: TimeRange,
        erasure: &'a Erasure,
    ) -> BoxFuture<'a, Result<Erased>> {
        Box::pin(self.erase_events(range, erasure))
    }

    async fn erase_events(&self, range: TimeRange, erasure: &Erasure) -> Result<Erased> {
        let _upkeep = self.upkeep().await;
        let mut concerned = Concerned::default();
        for segment in self.snapshot(Table::Events, range).segments {
            let _pins = self.fetch(std::slice::from_ref(&segment)).await?;
            let (data_dir, picks) = (self.data_dir().to_owned(), Arc::clone(erasure));
            concerned = blocking(move || concerned.look(&data_dir, segment, &picks)).await?;
        }
        let mut erased = Erased::default();
        // Evidence first: as long as its events are there, the same can be asked again.
        if let Some((first, last)) = concerned.times {
            let around = TimeRange::new(
                first.saturating_add_millis(-EVIDENCE_SPREAD_MS),
                last.saturating_add_millis(EVIDENCE_SPREAD_MS),
            );
            let evidence = self.snapshot(Table::Invocations, around).segments;
            let known = concerned.invocations;
            let of_them: Erasure = Arc::new(move |batch| evidence_of(&known, batch));
            for segment in evidence {
                erased.evidence += self
                    .erase_from(segment, &of_them, &mut erased.segments)
                    .await?;
            }
        }
        for segment in concerned.segments {
            erased.events += self
                .erase_from(segment, erasure, &mut erased.segments)
                .await?;
        }
        Ok(erased)
    }

    /// Rewrites one segment; returns how many rows are gone, and counts it if there are any.
    async fn erase_from(
        &self,
        segment: Arc<SegmentMeta>,
        erasure: &Erasure,
        segments: &mut usize,
    ) -> Result<u64> {
        let _pins = self.fetch(std::slice::from_ref(&segment)).await?;
        let (disk, data_dir) = (self.disk().clone(), self.data_dir().to_owned());
        let (old, erasure, now) = (
            Arc::clone(&segment),
            Arc::clone(erasure),
            self.clock().now(),
        );
        let new = match blocking(move || rewrite(&disk, &data_dir, &old, &erasure, now)).await? {
            Rewritten::Nothing => return Ok(0),
            Rewritten::Without(new) => new,
        };
        let rows = segment.rows - new.as_ref().map_or(0, |new| new.rows);
        let new: Vec<SegmentMeta> = new.into_iter().collect();
        self.send(&new).await?;
        self.replace(std::slice::from_ref(&segment), new).await?;
        metrics::erased(rows);
        tracing::info!(
            segment = segment.id,
            table = segment.table.name(),
            partition = segment.partition,
            window = %segment.window_start,
            rows,
            "erased rows of a segment"
        );
        *segments += 1;
        Ok(rows)
    }
}

impl Concerned {
    /// Notes whether `segment` holds rows to be erased, and the invocations that these belong to.
    fn look(
        mut self,
        data_dir: &Path,
        segment: Arc<SegmentMeta>,
        erasure: &Erasure,
    ) -> Result<Concerned> {
        let mut is_concerned = false;
        for batch in SegmentReader::open(data_dir, &segment)? {
            let batch = batch?;
            let picked = erasure(&batch)?;
            if picked.true_count() > 0 {
                is_concerned = true;
                let rows = filter_record_batch(&batch, &picked);
                self.note(&rows.map_err(StorageError::arrow("look at rows to erase"))?);
            }
        }
        if is_concerned {
            self.segments.push(segment);
        }
        Ok(self)
    }

    fn note(&mut self, events: &RecordBatch) {
        let keys = invocation_keys(events);
        let times = events.column(0).as_primitive::<TimestampNanosecondType>();
        for (key, &time) in keys.zip(times.values()) {
            let Some((function, request_id)) = key else {
                continue;
            };
            let time = Timestamp::from_nanos(time);
            let (first, last) = self.times.unwrap_or((time, time));
            self.times = Some((first.min(time), last.max(time)));
            let key = (function.map(str::to_owned), request_id.to_owned());
            self.invocations.insert(key);
        }
    }
}

/// For every row, the function and the request id, if it has one.
fn invocation_keys(batch: &RecordBatch) -> impl Iterator<Item = Option<(Option<&str>, &str)>> {
    let column = |name| {
        batch
            .column_by_name(name)
            .map(|column| column.as_string_view())
    };
    let (functions, ids) = (column("function"), column("request_id"));
    (0..batch.num_rows()).map(move |row| {
        let id = ids.filter(|ids| ids.is_valid(row))?.value(row);
        let functions = functions.filter(|functions| functions.is_valid(row));
        Some((functions.map(|functions| functions.value(row)), id))
    })
}

/// Which rows of evidence are about one of the invocations `known`.
fn evidence_of(
    known: &HashSet<(Option<String>, String)>,
    batch: &RecordBatch,
) -> Result<BooleanArray> {
    let is_known = |key: Option<(Option<&str>, &str)>| {
        key.is_some_and(|(function, id)| {
            known.contains(&(function.map(str::to_owned), id.to_owned()))
        })
    };
    Ok(invocation_keys(batch)
        .map(|key| Some(is_known(key)))
        .collect())
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
    let mut batches = SegmentReader::open(data_dir, segment)?;
    let is_concerned = batches.try_fold(false, |found, batch| {
        Ok::<_, StorageError>(found || erasure(&batch?)?.true_count() > 0)
    })?;
    if !is_concerned {
        return Ok(Rewritten::Nothing);
    }
    let batches = SegmentReader::open(data_dir, segment)?;
    let (key, form) = (segment.key(), batches.form());
    let mut writer = SegmentWriter::begin(disk, data_dir, key, segment.generation, form, now)?;
    let mut rows = 0;
    for batch in batches {
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
