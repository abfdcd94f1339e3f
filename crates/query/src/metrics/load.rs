//! Reads the samples that a selector means and puts them into time buckets.
//!
//! Samples of equal series, time and statistic are one sample, of which the last received
//! counts. They lie in the same window of time, so the range is read part by part, and only one
//! part is in memory at once.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::col;
use datafusion::prelude::SessionContext;
use futures::StreamExt;
use model::limits::METRICS_POINTS_MAX;
use model::{TimeRange, Timestamp};
use storage::Table;

use super::operators::quantize::Rollup;
use super::series::{Dimensions, Grid, METRIC, Series, SeriesSet};
use super::syntax::selector::Selector;
use crate::{Engine, QueryError, Result};

/// The statistic of a sample, among its dimensions.
const STATISTIC: &str = "statistic";
/// Samples that are read before the next part of the range begins.
const PART_ROWS_MAX: u64 = 4_000_000;
const NANOS_PER_MILLI: i64 = 1_000_000;

/// Reads the series that `selector` means inside `range` onto `grid`.
pub(crate) async fn load(
    engine: &Engine,
    selector: &Selector,
    range: TimeRange,
    grid: Grid,
    rollup: Rollup,
) -> Result<SeriesSet> {
    let mut loader = Loader::new(selector, grid, rollup);
    for part in parts(engine, range) {
        let context = engine.session(part)?;
        let mut stream = samples(engine, &context, part)?.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            loader.add(&batch?)?;
        }
        loader.settle();
    }
    Ok(loader.finish())
}

const COLUMNS: [&str; 6] = [
    "event_time",
    "receipt_time",
    "metric",
    "dimensions",
    "statistic",
    "value",
];

fn samples(
    engine: &Engine,
    context: &SessionContext,
    range: TimeRange,
) -> EngineResult<datafusion::prelude::DataFrame> {
    context
        .read_table(Arc::new(engine.samples(range)))?
        .select(COLUMNS.map(col).to_vec())
}

/// Cuts the range between windows of storage, so that no part holds too many samples.
fn parts(engine: &Engine, range: TimeRange) -> Vec<TimeRange> {
    let segments = engine.store().snapshot(Table::Samples, range).segments;
    let mut windows: Vec<(Timestamp, u64)> = segments
        .iter()
        .map(|segment| (segment.window_start, segment.rows))
        .collect();
    windows.sort_unstable();
    let mut parts = Vec::new();
    let (mut start, mut rows) = (range.start, 0);
    for window in windows.chunk_by(|a, b| a.0 == b.0) {
        let window_rows: u64 = window.iter().map(|(_, rows)| rows).sum();
        let edge = window[0].0;
        if rows > 0 && rows + window_rows > PART_ROWS_MAX && edge > start {
            parts.push(TimeRange::new(start, edge));
            (start, rows) = (edge, 0);
        }
        rows += window_rows;
    }
    parts.push(TimeRange::new(start, range.end));
    parts
}

/// One received sample.
#[derive(Clone, Copy)]
struct Point {
    time: i64,
    received: i64,
    value: f64,
}

/// What has fallen into a bucket.
#[derive(Clone, Copy)]
struct Bucket {
    count: f64,
    value: f64,
    /// Of the first sample, for [`Rollup::Rate`].
    first: Option<(i64, f64)>,
    last_time: i64,
}

/// One series while it is read.
struct Slot {
    dimensions: Dimensions,
    points: Vec<Point>,
    buckets: Vec<Bucket>,
}

struct Loader<'a> {
    selector: &'a Selector,
    grid: Grid,
    rollup: Rollup,
    /// The slot of each (metric, dimensions, statistic); `None` if it is not meant.
    known: HashMap<(String, String, Option<String>), Option<usize>>,
    slots: Vec<Slot>,
}

impl<'a> Loader<'a> {
    fn new(selector: &'a Selector, grid: Grid, rollup: Rollup) -> Self {
        Loader {
            selector,
            grid,
            rollup,
            known: HashMap::new(),
            slots: Vec::new(),
        }
    }

    fn add(&mut self, batch: &RecordBatch) -> Result<()> {
        let time = |column: usize| {
            batch
                .column(column)
                .as_primitive::<TimestampNanosecondType>()
        };
        let text = |column: usize| batch.column(column).as_string_view();
        let (times, received) = (time(0), time(1));
        let keys = [text(2), text(3), text(4)];
        let values = batch.column(5).as_primitive::<Float64Type>();
        let mut slot = None;
        for row in 0..batch.num_rows() {
            if row == 0 || !is_same(keys, row) {
                slot = self.slot(keys, row)?;
            }
            let value = values.value(row);
            if let Some(slot) = slot
                && value.is_finite()
            {
                self.slots[slot].points.push(Point {
                    time: times.value(row),
                    received: received.value(row),
                    value,
                });
            }
        }
        Ok(())
    }

    fn slot(&mut self, keys: [&StringViewArray; 3], row: usize) -> Result<Option<usize>> {
        let [metric, dimensions, statistic] = keys.map(|key| value(key, row));
        let key = (
            metric.unwrap_or_default().to_owned(),
            dimensions.unwrap_or_default().to_owned(),
            statistic.map(str::to_owned),
        );
        if let Some(slot) = self.known.get(&key) {
            return Ok(*slot);
        }
        let dimensions = describe(&key.0, &key.1, statistic);
        let is_meant = self.selector.selects(&dimensions);
        let slot = is_meant.then(|| {
            let empty = Bucket {
                count: 0.0,
                value: f64::NAN,
                first: None,
                last_time: 0,
            };
            self.slots.push(Slot {
                dimensions,
                points: Vec::new(),
                buckets: vec![empty; self.grid.len],
            });
            self.slots.len() - 1
        });
        self.known.insert(key, slot);
        if self.slots.len().saturating_mul(self.grid.len) > METRICS_POINTS_MAX {
            return Err(QueryError::TooManyPoints);
        }
        Ok(slot)
    }

    /// Puts what was read into buckets; of equal samples the last received.
    fn settle(&mut self) {
        for slot in &mut self.slots {
            let mut points = std::mem::take(&mut slot.points);
            points.sort_unstable_by_key(|point| (point.time, point.received));
            for same in points.chunk_by(|a, b| a.time == b.time) {
                let Some(point) = same.last() else { continue };
                let place = self.grid.place(point.time.div_euclid(NANOS_PER_MILLI));
                if let Some(bucket) = place.and_then(|place| slot.buckets.get_mut(place)) {
                    bucket.add(self.rollup, point);
                }
            }
        }
    }

    fn finish(self) -> SeriesSet {
        let rollup = self.rollup;
        let mut series: Vec<Series> = self
            .slots
            .into_iter()
            .map(|slot| {
                let points = slot.buckets.iter().map(|bucket| bucket.point(rollup));
                Series::new(slot.dimensions, points.collect())
            })
            .filter(|series| series.present().next().is_some())
            .collect();
        series.sort_by(|a, b| a.dimensions.cmp(&b.dimensions));
        SeriesSet {
            grid: self.grid,
            series,
        }
    }
}

impl Bucket {
    fn add(&mut self, rollup: Rollup, point: &Point) {
        let is_first = self.count == 0.0;
        self.count += 1.0;
        self.value = match rollup {
            _ if is_first => point.value,
            Rollup::Average | Rollup::Sum => self.value + point.value,
            Rollup::Smallest => self.value.min(point.value),
            Rollup::Largest => self.value.max(point.value),
            Rollup::Count | Rollup::Rate => point.value,
        };
        if is_first {
            self.first = Some((point.time, point.value));
        }
        self.last_time = point.time;
    }

    fn point(&self, rollup: Rollup) -> f64 {
        if self.count == 0.0 {
            return f64::NAN;
        }
        match rollup {
            Rollup::Average => self.value / self.count,
            Rollup::Count => self.count,
            Rollup::Rate => {
                let Some((time, value)) = self.first.filter(|first| first.0 < self.last_time)
                else {
                    return f64::NAN;
                };
                (self.value - value) / ((self.last_time - time) as f64 / 1e9)
            }
            Rollup::Sum | Rollup::Smallest | Rollup::Largest => self.value,
        }
    }
}

fn value(column: &StringViewArray, row: usize) -> Option<&str> {
    column.is_valid(row).then(|| column.value(row))
}

/// Whether a row belongs to the series of the row before it.
fn is_same(keys: [&StringViewArray; 3], row: usize) -> bool {
    keys.iter()
        .all(|key| value(key, row) == value(key, row - 1))
}

fn describe(metric: &str, dimensions: &str, statistic: Option<&str>) -> Dimensions {
    let pairs: HashMap<String, String> = serde_json::from_str(dimensions).unwrap_or_default();
    let mut dimensions: Dimensions = pairs.into_iter().collect();
    dimensions.set(METRIC, metric);
    if let Some(statistic) = statistic {
        dimensions.set(STATISTIC, statistic);
    }
    dimensions
}
