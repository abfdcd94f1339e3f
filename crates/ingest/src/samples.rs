//! Turns metric samples into rows, once: the same batches go to the WAL, to memory and to
//! segments.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, TimestampNanosecondArray};
use model::{Sample, Series, Timestamp};
use storage::{StorageError, Table};

use crate::columns::TextColumn;
use crate::rows::{BATCH_ROWS, batch, write_text};

/// Dimensions that stand in columns of their own, by the names that clouds and agents give them;
/// the first that a series has counts. Names are compared without case.
const COLUMNS: [&[&str]; 4] = [
    &["provider", "cloud.provider"],
    &[
        "account",
        "cloud.account.id",
        "project_id",
        "subscription_id",
    ],
    &["region", "cloud.region", "location"],
    &["function", "functionname", "function_name", "faas.name"],
];

/// What the rows of one series have in common.
struct Shared {
    /// The JSON text of the dimensions.
    dimensions: String,
    columns: [Option<String>; COLUMNS.len()],
}

/// Turns samples received at `received` into rows; of equal samples only the last becomes one.
pub(crate) fn rows(
    samples: &[Sample],
    received: Timestamp,
) -> Result<Vec<RecordBatch>, StorageError> {
    let mut places: HashMap<&Series, usize> = HashMap::new();
    let mut shared: Vec<Shared> = Vec::new();
    let mut seen = HashSet::new();
    let mut kept: Vec<(&Sample, usize)> = Vec::with_capacity(samples.len());
    for sample in samples.iter().rev() {
        let place = *places.entry(&*sample.series).or_insert_with(|| {
            shared.push(describe(&sample.series));
            shared.len() - 1
        });
        if seen.insert((place, sample.statistic.as_deref(), sample.time)) {
            kept.push((sample, place));
        }
    }
    kept.reverse();
    let chunks = kept.chunks(BATCH_ROWS);
    chunks
        .map(|chunk| build(chunk, &shared, received))
        .collect()
}

fn build(
    kept: &[(&Sample, usize)],
    shared: &[Shared],
    received: Timestamp,
) -> Result<RecordBatch, StorageError> {
    let text = |get: &dyn for<'a> Fn(&'a Sample, &'a Shared) -> Option<&'a str>| -> ArrayRef {
        let mut column = TextColumn::new();
        for (sample, place) in kept {
            column.push(get(sample, &shared[*place]));
        }
        column.finish()
    };
    let times = kept
        .iter()
        .map(|(sample, _)| sample.time.unwrap_or(received).nanos());
    let event_time = TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC");
    let receipt_time = TimestampNanosecondArray::from_value(received.nanos(), kept.len());
    let values = kept.iter().map(|(sample, _)| sample.value);
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(event_time),
        Arc::new(receipt_time.with_timezone("UTC")),
        text(&|sample, _| Some(&sample.series.metric)),
        text(&|_, shared| Some(&shared.dimensions)),
        text(&|sample, _| sample.statistic.as_deref()),
        Arc::new(Float64Array::from_iter_values(values)),
    ];
    for index in 0..COLUMNS.len() {
        columns.push(text(&move |_, shared| shared.columns[index].as_deref()));
    }
    batch(Table::Samples, columns)
}

fn describe(series: &Series) -> Shared {
    let mut dimensions = String::from("{");
    for (index, (name, value)) in series.dimensions.iter().enumerate() {
        if index > 0 {
            dimensions.push(',');
        }
        write_text(&mut dimensions, name);
        dimensions.push(':');
        write_text(&mut dimensions, value);
    }
    dimensions.push('}');
    let find = |wanted: &str| {
        let mut dimensions = series.dimensions.iter();
        dimensions.find(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    let columns = COLUMNS.map(|names| {
        let found = names.iter().find_map(|name| find(name));
        found.map(|(_, value)| value.clone())
    });
    Shared {
        dimensions,
        columns,
    }
}
