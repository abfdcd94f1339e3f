//! The answer to a metrics query, row by row.

use super::series::{Band, METRIC, SeriesSet};

/// The series of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsRow {
    /// The row's name.
    pub id: String,
    /// The length of a time bucket, in milliseconds.
    pub step_ms: i64,
    /// How far in the past the row looked, in milliseconds.
    pub timeshift_ms: i64,
    /// The series.
    pub series: Vec<MetricsSeries>,
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricsSeries {
    /// The metric's name, or what was done to it.
    pub metric: String,
    /// The other dimensions, by name.
    pub dimensions: Vec<(String, String)>,
    /// Where the buckets that have a point begin, in milliseconds since the epoch.
    pub times_ms: Vec<i64>,
    /// The points, one for each time.
    pub values: Vec<f64>,
    /// What `outlier` found, one for each time.
    pub band: Option<MetricsBand>,
}

/// Where points are expected. Edges are `None` while there is nothing to compare with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricsBand {
    /// The lower edges.
    pub lower: Vec<Option<f64>>,
    /// The upper edges.
    pub upper: Vec<Option<f64>>,
    /// Whether the point lies outside.
    pub is_outside: Vec<bool>,
}

impl MetricsRow {
    pub(crate) fn new(id: String, set: SeriesSet, timeshift_ms: i64) -> MetricsRow {
        let grid = set.grid;
        let series = set.series.into_iter().map(|series| {
            let places: Vec<usize> = series.present().map(|(place, _)| place).collect();
            let others = series.dimensions.iter();
            let others = others.filter(|(name, _)| !name.eq_ignore_ascii_case(METRIC));
            MetricsSeries {
                metric: series.dimensions.get(METRIC).unwrap_or_default().to_owned(),
                dimensions: others
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect(),
                times_ms: places.iter().map(|place| grid.time_ms(*place)).collect(),
                values: places.iter().map(|place| series.points[*place]).collect(),
                band: series.band.as_ref().map(|band| of_band(band, &places)),
            }
        });
        MetricsRow {
            id,
            step_ms: grid.step_ms,
            timeshift_ms,
            series: series.filter(|series| !series.values.is_empty()).collect(),
        }
    }
}

fn of_band(band: &Band, places: &[usize]) -> MetricsBand {
    let edge = |edges: &[f64]| {
        let edges = places.iter().map(|place| Some(edges[*place]));
        edges
            .map(|edge| edge.filter(|edge| !edge.is_nan()))
            .collect()
    };
    MetricsBand {
        lower: edge(&band.lower),
        upper: edge(&band.upper),
        is_outside: places.iter().map(|place| band.is_outside[*place]).collect(),
    }
}
