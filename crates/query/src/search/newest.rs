//! Keeps the newest rows of a stream of batches within a budget of rows and bytes.

use std::cmp::Reverse;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, TimestampNanosecondArray, UInt32Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;

/// Unsorted batches are sorted and cut when they reach this size, in bytes.
const PENDING_BYTES_MAX: usize = 256 << 20;

/// The rows kept so far.
#[derive(Debug)]
pub(super) struct Newest {
    pending: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
    rows_max: usize,
    bytes_max: usize,
    is_sorted_by_time: bool,
    was_cut: bool,
}

impl Newest {
    /// Keeps at most `rows_max` rows and `bytes_max` bytes: the newest by event time, or the
    /// first if the stream has an order of its own.
    pub(super) fn new(rows_max: usize, bytes_max: usize, has_own_order: bool) -> Self {
        Newest {
            pending: Vec::new(),
            rows: 0,
            bytes: 0,
            rows_max,
            bytes_max,
            is_sorted_by_time: !has_own_order,
            was_cut: false,
        }
    }

    /// Takes a batch.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.rows += batch.num_rows();
        self.bytes += batch.get_array_memory_size();
        self.pending.push(batch);
        if self.rows > 2 * self.rows_max + 65_536 || self.bytes > PENDING_BYTES_MAX {
            self.compact()?;
        }
        Ok(())
    }

    /// Returns the rows kept, newest first, and whether any had to go.
    pub(super) fn finish(mut self) -> Result<(Option<RecordBatch>, bool), ArrowError> {
        self.compact()?;
        Ok((self.pending.pop(), self.was_cut))
    }

    fn compact(&mut self) -> Result<(), ArrowError> {
        let Some(first) = self.pending.first() else {
            return Ok(());
        };
        let all = concat_batches(&first.schema(), &self.pending)?;
        let mut kept = shrink(&self.order(&all)?)?;
        let bytes = kept.get_array_memory_size();
        if bytes > self.bytes_max {
            let share = kept.num_rows() as u128 * self.bytes_max as u128 / bytes as u128;
            self.rows_max = usize::try_from(share).unwrap_or(1).max(1);
            self.was_cut |= self.rows_max < kept.num_rows();
            kept = shrink(&kept.slice(0, self.rows_max.min(kept.num_rows())))?;
        }
        self.rows = kept.num_rows();
        self.bytes = kept.get_array_memory_size();
        self.pending = vec![kept];
        Ok(())
    }

    fn order(&mut self, all: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let count = all.num_rows().min(self.rows_max);
        self.was_cut |= count < all.num_rows();
        let times = all
            .column_by_name("event_time")
            .and_then(|column| column.as_any().downcast_ref::<TimestampNanosecondArray>());
        let Some(times) = times.filter(|_| self.is_sorted_by_time) else {
            return Ok(all.slice(0, count));
        };
        let mut order: Vec<u32> = (0..u32::try_from(all.num_rows()).unwrap_or(u32::MAX)).collect();
        // Later rows of the same moment stand first, as in a log read from its end.
        order.sort_unstable_by_key(|row| (Reverse(times.value(*row as usize)), Reverse(*row)));
        order.truncate(count);
        take_record_batch(all, &UInt32Array::from(order))
    }
}

/// Copies text out of the buffers it was read into, so that the pages can be freed.
fn shrink(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = batch
        .columns()
        .iter()
        .map(|column| match column.data_type() {
            DataType::Utf8View => std::sync::Arc::new(column.as_string_view().gc()) as ArrayRef,
            _ => std::sync::Arc::clone(column),
        })
        .collect();
    RecordBatch::try_new(batch.schema(), columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::datatypes::{Field, Schema, TimeUnit};
    use std::sync::Arc;

    fn batch(times: &[i64]) -> RecordBatch {
        let kind = DataType::Timestamp(TimeUnit::Nanosecond, None);
        let schema = Schema::new(vec![Field::new("event_time", kind, false)]);
        let column = TimestampNanosecondArray::from(times.to_vec());
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(column)]).unwrap()
    }

    #[test]
    fn the_newest_rows_stay_and_stand_first() {
        let mut newest = Newest::new(3, 1 << 20, false);
        newest.push(batch(&[5, 1, 9])).unwrap();
        newest.push(batch(&[7, 2])).unwrap();
        let (kept, was_cut) = newest.finish().unwrap();
        assert_eq!(kept.unwrap(), batch(&[9, 7, 5]));
        assert!(was_cut);
    }

    #[test]
    fn an_order_of_its_own_is_kept() {
        let mut newest = Newest::new(2, 1 << 20, true);
        newest.push(batch(&[5, 1, 9])).unwrap();
        let (kept, _) = newest.finish().unwrap();
        assert_eq!(kept.unwrap(), batch(&[5, 1]));
    }
}
