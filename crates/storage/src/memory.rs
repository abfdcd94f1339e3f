//! Rows that are safe in the WAL and not yet in a segment: immutable pieces in memory.
//!
//! Thousands of tiny appends must stay cheap to scan, so neighbouring pieces are joined while
//! they are small: a piece is joined with the one before it unless that is more than twice as
//! long. Each row is copied about log2([`JOINED_ROWS_MAX`]) times at worst.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use model::{TimeRange, Timestamp};

use crate::{Result, StorageError, Table};

/// Pieces are joined up to this many rows.
pub(crate) const JOINED_ROWS_MAX: usize = 16_384;

/// Some rows of one table in memory.
#[derive(Clone, Debug)]
pub struct MemorySegment {
    /// The table.
    pub table: Table,
    /// The rows.
    pub batches: Vec<RecordBatch>,
    /// How many.
    pub rows: usize,
    /// The earliest event time inside.
    pub time_min: Timestamp,
    /// The latest event time inside (inclusive).
    pub time_max: Timestamp,
    /// Memory that the rows take, in bytes.
    pub bytes: usize,
}

impl MemorySegment {
    /// Returns a piece of `table` that holds `batches`, or `None` if they have no rows.
    ///
    /// # Errors
    /// [`StorageError::Decode`] if the batches do not have the table's columns.
    pub fn new(table: Table, batches: Vec<RecordBatch>) -> Result<Option<MemorySegment>> {
        let schema = table.schema();
        let mut piece = MemorySegment {
            table,
            rows: 0,
            time_min: Timestamp::MAX,
            time_max: Timestamp::MIN,
            bytes: 0,
            batches: Vec::with_capacity(batches.len()),
        };
        for batch in batches {
            if batch.schema_ref() != &schema {
                return Err(StorageError::Decode(format!(
                    "columns differ from those of `{}`",
                    table.name()
                )));
            }
            if batch.num_rows() == 0 {
                continue;
            }
            let times = event_times(&batch);
            for &time in times {
                piece.time_min = piece.time_min.min(Timestamp::from_nanos(time));
                piece.time_max = piece.time_max.max(Timestamp::from_nanos(time));
            }
            piece.rows += batch.num_rows();
            piece.batches.push(batch);
        }
        piece.bytes = bytes(&piece.batches);
        Ok((piece.rows > 0).then_some(piece))
    }

    /// Whether a row may lie inside `range`.
    pub fn overlaps(&self, range: TimeRange) -> bool {
        range.overlaps_inclusive(self.time_min, self.time_max)
    }

    fn joined(&self, other: &MemorySegment) -> Result<MemorySegment> {
        let schema = self.table.schema();
        let batch = concat_batches(&schema, self.batches.iter().chain(&other.batches))
            .map_err(StorageError::arrow("join rows in memory"))?;
        let columns = batch.columns().iter().map(compacted).collect();
        let batch = RecordBatch::try_new(schema, columns)
            .map_err(StorageError::arrow("join rows in memory"))?;
        Ok(MemorySegment {
            table: self.table,
            rows: batch.num_rows(),
            time_min: self.time_min.min(other.time_min),
            time_max: self.time_max.max(other.time_max),
            bytes: bytes(std::slice::from_ref(&batch)),
            batches: vec![batch],
        })
    }
}

/// Memory that rows take, in bytes; what columns share counts once.
fn bytes(batches: &[RecordBatch]) -> usize {
    let mut seen: HashSet<*const u8> = HashSet::new();
    let mut bytes = 0;
    for column in batches.iter().flat_map(RecordBatch::columns) {
        if *column.data_type() != DataType::Utf8View {
            bytes += column.get_buffer_memory_size();
            continue;
        }
        let text = column.as_string_view();
        let views = text.views().inner();
        if seen.insert(views.as_ptr()) {
            bytes += views.len();
        }
        for buffer in text.data_buffers() {
            if seen.insert(buffer.as_ptr()) {
                bytes += buffer.capacity();
            }
        }
    }
    bytes
}

/// The event times of a batch of any table: its first column.
pub(crate) fn event_times(batch: &RecordBatch) -> &[i64] {
    batch
        .column(0)
        .as_primitive::<arrow::datatypes::TimestampNanosecondType>()
        .values()
}

/// Text columns that were joined share the buffers of all their parts; this copies them into one.
fn compacted(column: &ArrayRef) -> ArrayRef {
    match column.data_type() {
        DataType::Utf8View => {
            let text = column.as_string_view();
            if text.data_buffers().len() > 1 {
                Arc::new(text.gc())
            } else {
                Arc::clone(column)
            }
        }
        _ => Arc::clone(column),
    }
}

/// Pieces of one table, joined as they come.
#[derive(Debug, Default)]
pub(crate) struct Pieces(Vec<Arc<MemorySegment>>);

impl Pieces {
    /// Adds a piece.
    pub(crate) fn push(&mut self, piece: MemorySegment) -> Result<()> {
        let mut piece = piece;
        while let Some(last) = self.0.last() {
            if last.rows > 2 * piece.rows || last.rows + piece.rows > JOINED_ROWS_MAX {
                break;
            }
            piece = last.joined(&piece)?;
            self.0.pop();
        }
        self.0.push(Arc::new(piece));
        Ok(())
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Arc<MemorySegment>> {
        self.0.iter()
    }

    pub(crate) fn rows(&self) -> usize {
        self.0.iter().map(|piece| piece.rows).sum()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().map(|piece| piece.bytes).sum()
    }

    pub(crate) fn take(&mut self) -> Vec<Arc<MemorySegment>> {
        std::mem::take(&mut self.0)
    }
}
