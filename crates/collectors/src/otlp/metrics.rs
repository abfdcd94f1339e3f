//! Makes samples of metrics. Pure.
//!
//! A number as it stands (a gauge, a sum since the start) is a plain sample at its time. What is
//! about a period (a sum since the point before) has the statistic `sum` and stands at the period's
//! start. Histograms and summaries become the statistics `samplecount`, `sum`, `minimum`, `maximum`
//! and percentiles; those with bounds also a series `<name>_bucket` for each bound, as Prometheus
//! has them: `le` is the bound, and the number counts all that is not above it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use model::limits::REQUEST_SAMPLES_MAX;
use model::{Sample, Series, Timestamp};
use prost::Message;

use super::buckets::{self, Distribution};
use super::messages::{
    DELTA, ExponentialPoint, HistogramPoint, KeyValue, Metric, NO_RECORDED_VALUE, NumberPoint,
    Resource, Scope, SummaryPoint,
};
use super::request::Visit;
use super::values::{LeftOut, Room, bytes_of, moment, texts};
use crate::support::receive::Refused;

/// Percentiles that are estimated of a histogram: their statistic and the share below.
const PERCENTILES: [(&str, f64); 4] = [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99)];

/// Takes metrics and holds their samples.
#[derive(Debug)]
pub(crate) struct MetricDecoder<'a> {
    /// The dimensions that the configuration gives.
    configured: &'a BTreeMap<String, String>,
    /// The same with those of the resource.
    of_resource: BTreeMap<String, String>,
    /// The same with those of the scope.
    dimensions: BTreeMap<String, String>,
    dimensions_bytes: usize,
    room: Room,
    /// What was made.
    pub(crate) samples: Vec<Sample>,
    /// What was not.
    pub(crate) left_out: LeftOut,
}

/// What the points of all kinds have: whose they are, and when.
struct Point {
    metric: String,
    dimensions: BTreeMap<String, String>,
    time: Option<Timestamp>,
}

/// The numbers of one point.
#[derive(Default)]
struct Numbers(Vec<(Option<Arc<str>>, f64)>);

impl Numbers {
    fn plain(value: f64) -> Self {
        Numbers(vec![(None, value)])
    }

    fn with(mut self, statistic: &str, value: Option<f64>) -> Self {
        let number = value.map(|value| (Some(Arc::from(statistic)), value));
        self.0.extend(number);
        self
    }
}

impl<'a> MetricDecoder<'a> {
    pub(crate) fn new(configured: &'a BTreeMap<String, String>) -> Self {
        MetricDecoder {
            configured,
            of_resource: configured.clone(),
            dimensions: configured.clone(),
            dimensions_bytes: 0,
            room: Room::default(),
            samples: Vec::new(),
            left_out: LeftOut::default(),
        }
    }

    /// Opens a point; `None` if it says that nothing was measured.
    fn open(
        &self,
        metric: &Metric,
        flags: u32,
        attributes: Vec<KeyValue>,
        time: Result<Option<Timestamp>, String>,
    ) -> Result<Option<Point>, String> {
        if flags & NO_RECORDED_VALUE != 0 {
            return Ok(None);
        }
        if metric.name.is_empty() {
            return Err("the metric has no name".to_owned());
        }
        let mut dimensions = self.dimensions.clone();
        dimensions.extend(texts(attributes));
        if !metric.unit.is_empty() {
            dimensions
                .entry("unit".to_owned())
                .or_insert_with(|| metric.unit.clone());
        }
        dimensions.retain(|_, text| !text.is_empty());
        Ok(Some(Point {
            metric: metric.name.clone(),
            dimensions,
            time: time?,
        }))
    }

    /// Adds the numbers of a point as samples of one series.
    fn add(&mut self, point: Point, numbers: Numbers) -> Result<(), Refused> {
        let Point {
            metric,
            dimensions,
            time,
        } = point;
        self.room.take(metric.len() + bytes_of(&dimensions))?;
        let series = Arc::new(Series { metric, dimensions });
        for (statistic, value) in numbers.0 {
            if self.samples.len() == REQUEST_SAMPLES_MAX {
                return Err(Refused::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "the request has more than REQUEST_SAMPLES_MAX = {REQUEST_SAMPLES_MAX} \
                         samples; nothing of it was stored; send smaller requests"
                    ),
                ));
            }
            self.samples.push(Sample {
                series: Arc::clone(&series),
                time,
                statistic,
                value,
            });
        }
        Ok(())
    }

    /// Adds what was made of a point, or notes why nothing was.
    fn settle(&mut self, made: Result<Vec<(Point, Numbers)>, String>) -> Result<(), Refused> {
        match made {
            Ok(series) => series
                .into_iter()
                .try_for_each(|(point, numbers)| self.add(point, numbers)),
            Err(why) => {
                self.left_out.add(|| why);
                Ok(())
            }
        }
    }

    fn number(
        &self,
        metric: &Metric,
        point: NumberPoint,
        is_delta: bool,
    ) -> Result<Vec<(Point, Numbers)>, String> {
        let value = point.as_double.or(point.as_int.map(|number| number as f64));
        let time = time(point.start_time_unix_nano, point.time_unix_nano, is_delta);
        let Some(opened) = self.open(metric, point.flags, point.attributes, time)? else {
            return Ok(Vec::new());
        };
        let value = value.ok_or_else(|| format!("a point of `{}` has no number", metric.name))?;
        let value = finite(metric, value)?;
        let numbers = if is_delta {
            Numbers::default().with("sum", Some(value))
        } else {
            Numbers::plain(value)
        };
        Ok(vec![(opened, numbers)])
    }

    fn histogram(
        &self,
        metric: &Metric,
        point: HistogramPoint,
        is_delta: bool,
    ) -> Result<Vec<(Point, Numbers)>, String> {
        let time = time(point.start_time_unix_nano, point.time_unix_nano, is_delta);
        let Some(opened) = self.open(metric, point.flags, point.attributes, time)? else {
            return Ok(Vec::new());
        };
        let wrong = |problem| format!("a point of `{}` {problem}", metric.name);
        let distribution = Distribution::explicit(&point.bucket_counts, &point.explicit_bounds)
            .map_err(wrong)?
            .within(point.min, point.max);
        let mut made = Vec::new();
        let mut below = 0.0;
        let bounds = point.explicit_bounds.iter().map(f64::to_string);
        let bounds = bounds.chain(["+Inf".to_owned()]);
        for (count, bound) in point.bucket_counts.iter().zip(bounds) {
            below += *count as f64;
            let mut dimensions = opened.dimensions.clone();
            dimensions.insert("le".to_owned(), bound);
            let bucket = Point {
                metric: format!("{}_bucket", opened.metric),
                dimensions,
                time: opened.time,
            };
            let numbers = if is_delta {
                Numbers::default().with("sum", Some(below))
            } else {
                Numbers::plain(below)
            };
            made.push((bucket, numbers));
        }
        let numbers = statistics(
            point.count,
            [point.sum, point.min, point.max],
            &distribution,
        );
        made.insert(0, (opened, numbers));
        all_finite(metric, made)
    }

    fn exponential(
        &self,
        metric: &Metric,
        point: ExponentialPoint,
        is_delta: bool,
    ) -> Result<Vec<(Point, Numbers)>, String> {
        let time = time(point.start_time_unix_nano, point.time_unix_nano, is_delta);
        let distribution = buckets::exponential(&point)
            .map_err(|problem| format!("a point of `{}` {problem}", metric.name))?
            .within(point.min, point.max);
        let Some(opened) = self.open(metric, point.flags, point.attributes, time)? else {
            return Ok(Vec::new());
        };
        let numbers = statistics(
            point.count,
            [point.sum, point.min, point.max],
            &distribution,
        );
        all_finite(metric, vec![(opened, numbers)])
    }

    fn summary(
        &self,
        metric: &Metric,
        point: SummaryPoint,
    ) -> Result<Vec<(Point, Numbers)>, String> {
        let time = moment(point.time_unix_nano);
        let Some(opened) = self.open(metric, point.flags, point.attributes, time)? else {
            return Ok(Vec::new());
        };
        let mut numbers = Numbers::default()
            .with("samplecount", Some(point.count as f64))
            .with("sum", Some(point.sum));
        for value in point.quantile_values {
            let statistic = percentile(value.quantile)
                .ok_or_else(|| format!("`{}` has a quantile of {}", metric.name, value.quantile))?;
            // A quantile of nothing is no number.
            if !value.value.is_nan() {
                numbers = numbers.with(&statistic, Some(value.value));
            }
        }
        all_finite(metric, vec![(opened, numbers)])
    }
}

impl Visit<Metric> for MetricDecoder<'_> {
    fn resource(&mut self, resource: Resource) -> Result<(), Refused> {
        self.of_resource = self.configured.clone();
        self.of_resource.extend(texts(resource.attributes));
        Ok(())
    }

    fn scope(&mut self, scope: Scope) -> Result<(), Refused> {
        self.dimensions = self.of_resource.clone();
        if !scope.name.is_empty() {
            let name = "otel.scope.name".to_owned();
            self.dimensions.insert(name, scope.name);
        }
        self.dimensions.extend(texts(scope.attributes));
        self.dimensions_bytes = bytes_of(&self.dimensions);
        self.room.take(self.dimensions_bytes)
    }

    fn item(&mut self, mut metric: Metric) -> Result<(), Refused> {
        if let Some(gauge) = metric.gauge.take() {
            for point in gauge.data_points {
                let made = self.number(&metric, point, false);
                self.settle(made)?;
            }
        }
        if let Some(sum) = metric.sum.take() {
            for point in sum.data_points {
                let made = self.number(&metric, point, sum.aggregation_temporality == DELTA);
                self.settle(made)?;
            }
        }
        if let Some(histogram) = metric.histogram.take() {
            let is_delta = histogram.aggregation_temporality == DELTA;
            for point in histogram.data_points {
                // Each bucket becomes a series with all dimensions.
                let each = self.dimensions_bytes + attributes_bytes(&point.attributes);
                let buckets = point.bucket_counts.len();
                self.room.take(each.saturating_mul(buckets))?;
                let made = self.histogram(&metric, point, is_delta);
                self.settle(made)?;
            }
        }
        if let Some(histogram) = metric.exponential_histogram.take() {
            let is_delta = histogram.aggregation_temporality == DELTA;
            for point in histogram.data_points {
                let made = self.exponential(&metric, point, is_delta);
                self.settle(made)?;
            }
        }
        if let Some(summary) = metric.summary.take() {
            for point in summary.data_points {
                let made = self.summary(&metric, point);
                self.settle(made)?;
            }
        }
        Ok(())
    }
}

/// What attributes take in memory, about.
fn attributes_bytes(attributes: &[KeyValue]) -> usize {
    attributes.iter().map(Message::encoded_len).sum()
}

/// The time of a point: of one about a period the period's start.
fn time(start: u64, end: u64, is_delta: bool) -> Result<Option<Timestamp>, String> {
    let has_start = is_delta && start != 0 && start <= end;
    moment(if has_start { start } else { end })
}

fn statistics(
    count: u64,
    [sum, min, max]: [Option<f64>; 3],
    distribution: &Distribution,
) -> Numbers {
    let mut numbers = Numbers::default()
        .with("samplecount", Some(count as f64))
        .with("sum", sum);
    if count > 0 {
        numbers = numbers.with("minimum", min).with("maximum", max);
    }
    for (statistic, share) in PERCENTILES {
        numbers = numbers.with(statistic, distribution.quantile(share));
    }
    numbers
}

/// The statistic of a quantile: `minimum`, `p50`, `p99.9`, `maximum`.
pub(crate) fn percentile(quantile: f64) -> Option<String> {
    if !(0.0..=1.0).contains(&quantile) {
        return None;
    }
    if quantile == 0.0 {
        return Some("minimum".to_owned());
    }
    if quantile == 1.0 {
        return Some("maximum".to_owned());
    }
    let percent = format!("{:.6}", quantile * 100.0);
    Some(format!(
        "p{}",
        percent.trim_end_matches('0').trim_end_matches('.')
    ))
}

fn finite(metric: &Metric, value: f64) -> Result<f64, String> {
    if value.is_finite() {
        return Ok(value);
    }
    Err(format!("a number of `{}` is not finite", metric.name))
}

fn all_finite(
    metric: &Metric,
    made: Vec<(Point, Numbers)>,
) -> Result<Vec<(Point, Numbers)>, String> {
    let mut values = made.iter().flat_map(|(_, numbers)| &numbers.0);
    values.try_for_each(|(_, value)| finite(metric, *value).map(drop))?;
    Ok(made)
}
