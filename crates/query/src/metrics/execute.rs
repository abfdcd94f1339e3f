//! Runs the rows of a metrics query, each from its source through its stages.

use std::collections::HashMap;

use futures::FutureExt;
use futures::future::BoxFuture;
use model::TimeRange;
use model::limits::{METRICS_POINTS_PER_SERIES_MAX, METRICS_ROWS_MAX};

use super::join::join;
use super::load::load;
use super::operators::quantize::Rollup;
use super::plan::{self, Row, Source};
use super::result::MetricsRow;
use super::series::{Grid, SeriesSet};
use crate::{Diagnostic, Engine, QueryError, Result};

/// One row of a metrics query.
#[derive(Clone, Debug, Default)]
pub struct MetricsQuery {
    /// Its name, by which other rows refer to it: `A`, `B` …
    pub id: String,
    /// Its text.
    pub query: String,
    /// The length of its time buckets in milliseconds, if the text does not say it.
    pub quantization_ms: Option<i64>,
    /// What becomes of the samples of a bucket (`avg`, `sum` …), if the text does not say it.
    pub rollup: Option<String>,
    /// How far in the past it looks, in milliseconds; the sign does not matter.
    pub timeshift_ms: i64,
}

/// What to ask the metrics.
#[derive(Clone, Debug)]
pub struct MetricsRequest {
    /// The rows; all are answered.
    pub rows: Vec<MetricsQuery>,
    /// Samples of this range.
    pub range: TimeRange,
    /// How many points a series should have at most, where no row says how long its buckets are.
    pub points_wanted: usize,
}

impl Engine {
    /// Answers a metrics query, row by row in the order of the request.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with every mistake in the rows, [`QueryError::EmptyRange`], a
    /// limit of [`model::limits`], or the engine's failure.
    pub fn metrics<'a>(
        &'a self,
        request: &'a MetricsRequest,
    ) -> BoxFuture<'a, Result<Vec<MetricsRow>>> {
        Box::pin(async move {
            if request.range.nanos() == 0 {
                return Err(QueryError::EmptyRange);
            }
            if request.rows.len() > METRICS_ROWS_MAX {
                return Err(QueryError::TooManyRows);
            }
            let texts: Vec<(String, String)> = request
                .rows
                .iter()
                .map(|row| (row.id.clone(), row.query.clone()))
                .collect();
            let mut rows = plan::read_all(&texts).map_err(QueryError::Invalid)?;
            for (row, query) in rows.iter_mut().zip(&request.rows) {
                configure(row, query)?;
            }
            let mut execution = Execution {
                engine: self,
                request,
                texts,
                rows,
                done: HashMap::new(),
            };
            let mut results = Vec::new();
            for (index, query) in request.rows.iter().enumerate() {
                let shift_ms = query.timeshift_ms.saturating_abs();
                let mut set = execution.row(index, shift_ms).await?;
                set.grid.start_ms = set.grid.start_ms.saturating_add(shift_ms);
                let shift_ms = shift_ms + execution.rows[index].shift_ms();
                results.push(MetricsRow::new(query.id.clone(), set, shift_ms));
            }
            Ok(results)
        })
    }
}

/// Completes what the text leaves open from the request.
fn configure(row: &mut Row, query: &MetricsQuery) -> Result<()> {
    let quantization = &mut row.quantization;
    quantization.step_ms = quantization
        .step_ms
        .or(query.quantization_ms)
        .map(|step| step.max(1));
    if let (None, Some(name)) = (quantization.rollup, &query.rollup)
        && !name.eq_ignore_ascii_case("none")
    {
        let rollup = Rollup::named(name);
        let unknown = || {
            let message = format!("row {}: there is no rollup `{name}`", query.id);
            QueryError::Invalid(vec![Diagnostic::error(0..0, message)])
        };
        quantization.rollup = Some(rollup.ok_or_else(unknown)?);
    }
    Ok(())
}

struct Execution<'a> {
    engine: &'a Engine,
    request: &'a MetricsRequest,
    texts: Vec<(String, String)>,
    rows: Vec<Row>,
    /// Rows that others refer to are computed once for each shift.
    done: HashMap<(usize, i64), SeriesSet>,
}

impl Execution<'_> {
    /// Computes a row for the request's range moved `shift_ms` into the past.
    fn row(&mut self, index: usize, shift_ms: i64) -> BoxFuture<'_, Result<SeriesSet>> {
        async move {
            if let Some(set) = self.done.get(&(index, shift_ms)) {
                return Ok(set.clone());
            }
            let source_shift_ms = shift_ms.saturating_add(self.rows[index].shift_ms());
            let mut set = self.source(index, source_shift_ms).await?;
            for stage in &self.rows[index].stages {
                set = stage.apply(set);
            }
            self.done.insert((index, shift_ms), set.clone());
            Ok(set)
        }
        .boxed()
    }

    async fn source(&mut self, index: usize, shift_ms: i64) -> Result<SeriesSet> {
        let wanted: Vec<usize> = match &self.rows[index].source {
            Source::Select(selector) => {
                let quantization = &self.rows[index].quantization;
                let grid = self.grid(quantization.step_ms, quantization.is_dropping_last);
                let shifted = Grid {
                    start_ms: grid.start_ms.saturating_sub(shift_ms),
                    ..grid
                };
                let range = self.request.range;
                let range = TimeRange::new(
                    range.start.saturating_add_millis(-shift_ms),
                    range.end.saturating_add_millis(-shift_ms),
                );
                let rollup = quantization.rollup.unwrap_or_default();
                return load(self.engine, selector, range, shifted, rollup).await;
            }
            Source::Join(join) => {
                let names = join.rows.iter();
                names
                    .filter_map(|(name, _)| plan::find(&self.texts, name))
                    .collect()
            }
        };
        let mut inputs = Vec::new();
        for row in wanted {
            inputs.push(self.row(row, shift_ms).await?);
        }
        match &self.rows[index].source {
            Source::Join(of) => join(of, inputs),
            Source::Select(_) => Err(QueryError::EmptyRange),
        }
    }

    /// The buckets of a row. Buckets that would be too many are made longer.
    fn grid(&self, step_ms: Option<i64>, is_dropping_last: bool) -> Grid {
        let range = self.request.range;
        let (start_ms, end_ms) = (range.start.millis(), range.end.millis());
        let length_ms = end_ms.saturating_sub(start_ms).max(1);
        let step_ms =
            step_ms.unwrap_or_else(|| automatic_step_ms(length_ms, self.request.points_wanted));
        let most = i64::try_from(METRICS_POINTS_PER_SERIES_MAX).unwrap_or(i64::MAX);
        let times = (length_ms / step_ms / most).saturating_add(1);
        let mut grid = Grid::covering(start_ms, end_ms, step_ms.saturating_mul(times));
        if is_dropping_last && grid.end_ms() > end_ms && grid.len > 1 {
            grid.len -= 1;
        }
        grid
    }
}

const SECOND_MS: i64 = 1_000;
const MINUTE_MS: i64 = 60 * SECOND_MS;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Up to which length of the range which bucket is taken (Sumo Logic's own table).
const STEPS_MS: [(i64, i64); 9] = [
    (HOUR_MS, 15 * SECOND_MS),
    (3 * HOUR_MS, 30 * SECOND_MS),
    (6 * HOUR_MS, MINUTE_MS),
    (DAY_MS, 5 * MINUTE_MS),
    (2 * DAY_MS, 10 * MINUTE_MS),
    (14 * DAY_MS, HOUR_MS),
    (30 * DAY_MS, 2 * HOUR_MS),
    (90 * DAY_MS, 6 * HOUR_MS),
    (150 * DAY_MS, 12 * HOUR_MS),
];

fn automatic_step_ms(length_ms: i64, points_wanted: usize) -> i64 {
    let most = i64::try_from(points_wanted.max(1)).unwrap_or(i64::MAX);
    let by_length = STEPS_MS.iter().find(|(length, _)| length_ms <= *length);
    let least = by_length.map_or(DAY_MS, |(_, step)| *step);
    let steps = STEPS_MS.iter().map(|(_, step)| *step).chain([DAY_MS]);
    steps
        .filter(|step| *step >= least)
        .find(|step| length_ms / step <= most)
        .unwrap_or_else(|| (length_ms / most).max(DAY_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_ranges_have_long_buckets() {
        assert_eq!(automatic_step_ms(15 * MINUTE_MS, 600), 15 * SECOND_MS);
        assert_eq!(automatic_step_ms(DAY_MS, 600), 5 * MINUTE_MS);
        assert_eq!(automatic_step_ms(DAY_MS, 100), HOUR_MS);
        assert_eq!(automatic_step_ms(400 * DAY_MS, 600), DAY_MS);
        assert_eq!(automatic_step_ms(400 * DAY_MS, 100), 4 * DAY_MS);
    }
}
