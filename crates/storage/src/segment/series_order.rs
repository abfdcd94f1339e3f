//! The order of rows in segments of samples: metric, dimensions, statistic, then time. Equal
//! text stands together, so that it costs next to nothing, and a metric is one run of pages.

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::TimestampNanosecondType;

use super::gather::Place;

/// Where the key's columns stand in [`crate::samples_schema`].
const KEY_COLUMNS: [usize; 3] = [2, 3, 4];

/// Sorts `places` by series and time; equal rows keep their order.
pub(super) fn by_series(batches: &[&RecordBatch], places: &mut [Place]) {
    let keys: Vec<[&StringViewArray; 3]> = batches
        .iter()
        .map(|batch| KEY_COLUMNS.map(|column| batch.column(column).as_string_view()))
        .collect();
    let times: Vec<&[i64]> = batches
        .iter()
        .map(|batch| {
            let times = batch.column(0).as_primitive::<TimestampNanosecondType>();
            times.values().as_ref()
        })
        .collect();
    let text = |place: Place, column: usize| {
        let (batch, row) = place.pair();
        let column: &StringViewArray = keys[batch][column];
        column.is_valid(row).then(|| column.value(row))
    };
    let time = |place: Place| {
        let (batch, row) = place.pair();
        times[batch][row]
    };
    places.sort_by(|&a, &b| {
        (0..KEY_COLUMNS.len())
            .map(|column| text(a, column).cmp(&text(b, column)))
            .find(|order| order.is_ne())
            .unwrap_or_else(|| time(a).cmp(&time(b)))
    });
}
