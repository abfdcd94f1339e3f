//! Merges segments of one key into one file, a few rows of each in memory at a time.
//!
//! Every input is in its table's order; one that an earlier version has written in another is
//! sorted first, as a whole. The input whose next row comes first gives rows as long
//! as they come before those of all others; of equal rows the older input's come first, so that
//! rows stay in the order of arrival.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arrow::array::{ArrayRef, RecordBatch, UInt32Array};
use arrow::compute::{concat_batches, interleave_record_batch, take_record_batch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{Row, RowConverter, Rows, SortField};
use model::Timestamp;

use super::Job;
use super::fold::Fold;
use crate::disk::Disk;
use crate::segment::{Form, SegmentReader, SegmentWriter, WRITE_ROWS, folder_of, platform_lines};
use crate::{Result, SegmentMeta, StorageError, Table};

/// Where it stands in the order of events whether the platform wrote the line: behind function and
/// level.
const PLATFORM_PLACE: usize = 2;

/// Merges the inputs of `job` into one file, durably; the catalog does not know it yet. Returns
/// `None` if it was stopped; what was written goes with the next look for orphans.
pub(crate) fn merge(
    disk: &Disk,
    data_dir: &Path,
    job: &Job,
    now: Timestamp,
    is_stopped: &AtomicBool,
) -> Result<Option<SegmentMeta>> {
    let table = job.key.table;
    let mut merge = Merge::open(data_dir, job)?;
    let mut fold = Fold::of(table)?;
    let (key, form) = (job.key.clone(), merge.form);
    let mut writer = SegmentWriter::begin(disk, data_dir, key, job.generation, form, now)?;
    while let Some(batch) = merge.next_batch()? {
        if is_stopped.load(Ordering::Relaxed) {
            return Ok(None);
        }
        if let Some(batch) = fold.push(batch)? {
            writer.write(&batch)?;
        }
    }
    if let Some(batch) = fold.finish()? {
        writer.write(&batch)?;
    }
    let merged = writer.finish()?;
    disk.sync_dir(&folder_of(data_dir, table))?;
    Ok(Some(merged))
}

/// Turns columns into keys whose byte order is the order of rows; nulls come first.
pub(super) fn converter(table: Table, columns: &[&str]) -> Result<RowConverter> {
    fields(table, columns)
        .and_then(RowConverter::new)
        .map_err(StorageError::arrow("compare rows of segments"))
}

fn fields(table: Table, columns: &[&str]) -> std::result::Result<Vec<SortField>, ArrowError> {
    let schema = table.schema();
    let fields = columns.iter().map(|name| {
        let field = schema.field_with_name(name);
        field.map(|field| SortField::new(field.data_type().clone()))
    });
    fields.collect()
}

/// The keys of a batch's rows.
pub(super) fn keys(
    converter: &RowConverter,
    columns: &[&str],
    batch: &RecordBatch,
) -> Result<Rows> {
    converter
        .convert_columns(&named(columns, batch))
        .map_err(StorageError::arrow("compare rows of segments"))
}

fn named(columns: &[&str], batch: &RecordBatch) -> Vec<ArrayRef> {
    let columns = columns.iter();
    columns
        .filter_map(|name| batch.column_by_name(name).cloned())
        .collect()
}

/// The order of the rows of a table's segments.
struct Order {
    table: Table,
    converter: RowConverter,
}

impl Order {
    fn of(table: Table) -> Result<Order> {
        let failed = || StorageError::arrow("compare rows of segments");
        let mut fields = fields(table, table.order()).map_err(failed())?;
        if table == Table::Events {
            fields.insert(PLATFORM_PLACE, SortField::new(DataType::Boolean));
        }
        let converter = RowConverter::new(fields).map_err(failed())?;
        Ok(Order { table, converter })
    }

    fn keys(&self, batch: &RecordBatch) -> Result<Rows> {
        let mut columns = named(self.table.order(), batch);
        if self.table == Table::Events {
            columns.insert(PLATFORM_PLACE, Arc::new(platform_lines(batch)));
        }
        self.converter
            .convert_columns(&columns)
            .map_err(StorageError::arrow("compare rows of segments"))
    }
}

/// The rows of one input, in order.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch>>>;

/// One input, at its next row.
struct Source {
    reader: Batches,
    batch: RecordBatch,
    keys: Rows,
    at: usize,
    /// Where its batch stands among those that the next output takes rows from.
    place: Option<usize>,
}

impl Source {
    fn key(&self) -> Row<'_> {
        self.keys.row(self.at)
    }
}

struct Merge {
    order: Order,
    sources: Vec<Source>,
    /// What holds the rows of all inputs.
    form: Form,
}

impl Merge {
    fn open(data_dir: &Path, job: &Job) -> Result<Merge> {
        let mut merge = Merge {
            order: Order::of(job.key.table)?,
            sources: Vec::new(),
            form: Form::narrowest(job.key.table),
        };
        for input in &job.inputs {
            let reader = SegmentReader::open(data_dir, input)?;
            merge.form = merge.form.and(reader.form());
            let mut reader: Batches = match reader.is_in_order() {
                true => Box::new(reader),
                false => Box::new(merge.sorted(reader)?.map(Ok)),
            };
            if let Some((batch, keys)) = merge.read(&mut reader)? {
                merge.sources.push(Source {
                    reader,
                    batch,
                    keys,
                    at: 0,
                    place: None,
                });
            }
        }
        Ok(merge)
    }

    /// All rows of an input, sorted.
    fn sorted(&self, reader: SegmentReader) -> Result<impl Iterator<Item = RecordBatch> + use<>> {
        let failed = || StorageError::arrow("sort rows of segments");
        let schema = reader.schema();
        let batches: Vec<RecordBatch> = reader.collect::<Result<_>>()?;
        let rows = concat_batches(&schema, &batches).map_err(failed())?;
        let keys = self.order.keys(&rows)?;
        let mut order: Vec<u32> = (0..u32::try_from(rows.num_rows()).unwrap_or(u32::MAX)).collect();
        order.sort_by_key(|row| keys.row(*row as usize));
        let sorted = take_record_batch(&rows, &UInt32Array::from(order)).map_err(failed())?;
        let starts = (0..sorted.num_rows()).step_by(WRITE_ROWS);
        Ok(starts.map(move |start| sorted.slice(start, WRITE_ROWS.min(sorted.num_rows() - start))))
    }

    fn read(&self, reader: &mut Batches) -> Result<Option<(RecordBatch, Rows)>> {
        for batch in reader {
            let batch = batch?;
            if batch.num_rows() > 0 {
                let keys = self.order.keys(&batch)?;
                return Ok(Some((batch, keys)));
            }
        }
        Ok(None)
    }

    /// Returns the next rows, in order.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut places: Vec<(usize, usize)> = Vec::new();
        for source in &mut self.sources {
            source.place = None;
        }
        while places.len() < WRITE_ROWS
            && let Some((index, run)) = self.next_run(WRITE_ROWS - places.len())
        {
            let source = &mut self.sources[index];
            let place = *source.place.get_or_insert_with(|| {
                batches.push(source.batch.clone());
                batches.len() - 1
            });
            source.at = run.end;
            places.extend(run.map(|row| (place, row)));
            if source.at == source.batch.num_rows() {
                self.advance(index)?;
            }
        }
        if places.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = batches.iter().collect();
        interleave_record_batch(&batches, &places)
            .map(Some)
            .map_err(StorageError::arrow("merge rows of segments"))
    }

    /// The input whose next row comes first, and its rows that come before all others'.
    fn next_run(&self, rows_max: usize) -> Option<(usize, Range<usize>)> {
        let mut heads: Option<(usize, Option<usize>)> = None;
        for (index, source) in self.sources.iter().enumerate() {
            // Equal keys: the earlier index, that is the older input, goes first.
            let comes_before = |other: usize| source.key() < self.sources[other].key();
            heads = Some(match heads {
                None => (index, None),
                Some((first, _)) if comes_before(first) => (index, Some(first)),
                Some((first, Some(second))) if !comes_before(second) => (first, Some(second)),
                Some((first, _)) => (first, Some(index)),
            });
        }
        let (first, second) = heads?;
        let source = &self.sources[first];
        let end = source.batch.num_rows().min(source.at + rows_max);
        let Some(second) = second else {
            return Some((first, source.at..end));
        };
        let limit = self.sources[second].key();
        let belongs = |row: usize| {
            let key = source.keys.row(row);
            if first < second {
                key <= limit
            } else {
                key < limit
            }
        };
        Some((first, source.at..run_end(source.at + 1, end, belongs)))
    }

    /// Reads the next batch of an input, or lets go of it at its end.
    fn advance(&mut self, index: usize) -> Result<()> {
        let mut source = self.sources.remove(index);
        if let Some((batch, keys)) = self.read(&mut source.reader)? {
            (source.batch, source.keys, source.at, source.place) = (batch, keys, 0, None);
            self.sources.insert(index, source);
        }
        Ok(())
    }
}

/// The first of the ascending rows from `start` to `end` that does not belong to the run: steps
/// double, then halve, for runs are often short and sometimes very long.
fn run_end(start: usize, end: usize, belongs: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut step) = (start, 1);
    while low < end && belongs(low) {
        let next = (low + step).min(end);
        if next == end || !belongs(next) {
            return partition_point(low + 1, next, belongs);
        }
        (low, step) = (next, step * 2);
    }
    low
}

fn partition_point(mut low: usize, mut high: usize, belongs: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low + (high - low) / 2;
        if belongs(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_where_rows_stop_to_belong() {
        for end in 0..40 {
            for first_other in 0..=end {
                assert_eq!(run_end(0, end, |row| row < first_other), first_other);
            }
        }
    }
}
