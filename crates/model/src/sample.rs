//! A metric sample: one number of one series at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::Timestamp;

/// What a sample belongs to: a metric and the dimensions that tell its series from others.
///
/// Two series are the same if metric and dimensions are; names and values keep the case in which
/// the sender wrote them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Series {
    /// The metric's name, such as `Invocations` or `http_requests_total`.
    pub metric: String,
    /// The dimensions by name, such as `FunctionName` or `region`. The metric's name and the
    /// statistic are not among them; the metadata of the source (`_sourceCategory` …) are.
    pub dimensions: BTreeMap<String, String>,
}

/// One measured number.
///
/// Clouds correct their metrics for a while, so they are read again: a sample of the same
/// series, time and statistic replaces an earlier one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// The series. Shared, because it repeats.
    pub series: Arc<Series>,
    /// When it was measured; of a number about a period, the period's start. `None` lets ingest
    /// take the receipt time.
    pub time: Option<Timestamp>,
    /// What the number says about its period, in lower case: `average`, `sum`, `samplecount`,
    /// `minimum`, `maximum`, `p99` (the statistics of CloudWatch and Azure Monitor); `None` for
    /// a plain measurement.
    pub statistic: Option<Arc<str>>,
    /// The number, in the unit that the metric has at its origin. Finite.
    pub value: f64,
}
