//! What merging may leave out: of equal samples all but the last received, and pieces of
//! evidence about one invocation that one row can tell together. Queries would do the same;
//! whatever is not folded here, they fold.

use std::collections::HashMap;

use arrow::array::{ArrayRef, AsArray, RecordBatch, UInt32Array, make_comparator};
use arrow::compute::{SortOptions, concat_batches, sort_to_indices, take, take_record_batch};
use arrow::datatypes::TimestampNanosecondType;
use arrow::row::RowConverter;

use super::merge::{converter, keys};
use crate::{Result, StorageError, Table};

/// Evidence that is folded at once, in rows.
const EVIDENCE_ROWS_MAX: usize = 131_072;
/// What belongs to one invocation.
const INVOCATION_KEY: [&str; 5] = ["provider", "account", "region", "function", "request_id"];
/// What makes two rows the same sample.
const SAMPLE_KEY: [&str; 4] = ["metric", "dimensions", "statistic", "event_time"];

/// Takes the rows of a merge, in order, and gives back those that are kept.
pub(super) enum Fold {
    /// All.
    Events,
    /// Of equal samples, which stand together, the last received.
    Samples {
        converter: RowConverter,
        /// The last row, which equal ones may follow.
        held: Option<RecordBatch>,
    },
    /// Evidence, gathered until it is worth folding.
    Invocations {
        converter: RowConverter,
        gathered: Vec<RecordBatch>,
        rows: usize,
    },
}

impl Fold {
    pub(super) fn of(table: Table) -> Result<Fold> {
        Ok(match table {
            Table::Events => Fold::Events,
            Table::Samples => Fold::Samples {
                converter: converter(table, &SAMPLE_KEY)?,
                held: None,
            },
            Table::Invocations => Fold::Invocations {
                converter: converter(table, &INVOCATION_KEY)?,
                gathered: Vec::new(),
                rows: 0,
            },
        })
    }

    /// Takes rows; returns those that are certain by now.
    pub(super) fn push(&mut self, batch: RecordBatch) -> Result<Option<RecordBatch>> {
        match self {
            Fold::Events => Ok(Some(batch)),
            Fold::Samples { converter, held } => {
                let kept = last_received(converter, join(held.iter().chain([&batch]))?)?;
                let certain = kept.num_rows().saturating_sub(1);
                *held = Some(kept.slice(certain, kept.num_rows() - certain));
                Ok(Some(kept.slice(0, certain)))
            }
            Fold::Invocations { gathered, rows, .. } => {
                *rows += batch.num_rows();
                gathered.push(batch);
                if *rows < EVIDENCE_ROWS_MAX {
                    return Ok(None);
                }
                self.finish()
            }
        }
    }

    /// Returns what is left.
    pub(super) fn finish(&mut self) -> Result<Option<RecordBatch>> {
        match self {
            Fold::Events => Ok(None),
            Fold::Samples { held, .. } => Ok(held.take()),
            Fold::Invocations {
                converter,
                gathered,
                rows,
            } => {
                *rows = 0;
                let gathered = std::mem::take(gathered);
                if gathered.is_empty() {
                    return Ok(None);
                }
                together(converter, &join(gathered.iter())?).map(Some)
            }
        }
    }
}

fn join<'a>(batches: impl Iterator<Item = &'a RecordBatch> + Clone) -> Result<RecordBatch> {
    let schema = batches.clone().next().map(RecordBatch::schema);
    let schema = schema.ok_or_else(|| StorageError::Decode("there are no rows".to_owned()))?;
    concat_batches(&schema, batches).map_err(folding())
}

fn folding() -> impl FnOnce(arrow::error::ArrowError) -> StorageError {
    StorageError::arrow("fold rows of segments")
}

/// Of every run of equal samples, the one that was received last.
fn last_received(converter: &RowConverter, batch: RecordBatch) -> Result<RecordBatch> {
    let keys = keys(converter, &SAMPLE_KEY, &batch)?;
    let received = batch.column_by_name("receipt_time");
    let received = received.map(|column| column.as_primitive::<TimestampNanosecondType>());
    let received = |row: usize| received.map_or(0, |column| column.value(row));
    let mut kept: Vec<u32> = Vec::new();
    for row in 0..batch.num_rows() {
        match kept.last_mut() {
            Some(last) if keys.row(*last as usize) == keys.row(row) => {
                if received(row) >= received(*last as usize) {
                    *last = index(row);
                }
            }
            _ => kept.push(index(row)),
        }
    }
    if kept.len() == batch.num_rows() {
        return Ok(batch);
    }
    take_record_batch(&batch, &UInt32Array::from(kept)).map_err(folding())
}

fn index(row: usize) -> u32 {
    u32::try_from(row).unwrap_or(u32::MAX)
}

/// One row per invocation: of every column the largest value, the earliest `start`, and the
/// `status` of the highest rank. Sorted by event time.
fn together(converter: &RowConverter, batch: &RecordBatch) -> Result<RecordBatch> {
    let keys = keys(converter, &INVOCATION_KEY, batch)?;
    let mut numbers = HashMap::new();
    let invocations: Vec<usize> = (0..batch.num_rows())
        .map(|row| {
            let next = numbers.len();
            *numbers.entry(keys.row(row)).or_insert(next)
        })
        .collect();
    let count = numbers.len();
    let schema = batch.schema();
    let columns = schema.fields().iter().map(|field| {
        let name = match field.name().as_str() {
            "status" => "status_rank",
            name => name,
        };
        let winners = winners(column(batch, name)?, name == "start", &invocations, count)?;
        take(column(batch, field.name())?, &winners, None).map_err(folding())
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    let order = sort_to_indices(&columns[0], None, None).map_err(folding())?;
    let merged = RecordBatch::try_new(schema, columns).map_err(folding())?;
    take_record_batch(&merged, &order).map_err(folding())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| StorageError::Decode(format!("evidence has no column `{name}`")))
}

/// For each invocation the row whose value wins; a value wins over none.
fn winners(
    values: &ArrayRef,
    least_wins: bool,
    invocations: &[usize],
    count: usize,
) -> Result<UInt32Array> {
    let options = SortOptions {
        descending: least_wins,
        nulls_first: true,
    };
    let compare = make_comparator(values, values, options).map_err(folding())?;
    let mut winners: Vec<Option<usize>> = vec![None; count];
    for (row, &invocation) in invocations.iter().enumerate() {
        let winner = &mut winners[invocation];
        if winner.is_none_or(|best| compare(row, best).is_gt()) {
            *winner = Some(row);
        }
    }
    Ok(winners.into_iter().map(|row| row.map(index)).collect())
}
