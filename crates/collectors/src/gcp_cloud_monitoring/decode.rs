//! Makes samples of time series, and reads what descriptors say of a metric. Pure.
//!
//! <https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list>

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use model::{Sample, Series, Timestamp, iso8601};
use serde::Deserialize;
use serde_json::Value;

use super::Config;
use super::distribution::Histogram;
use super::types::service_of;
use crate::support::dead_letters::DeadLetter;
use crate::support::minutes::Samples;

/// A number of JSON, or its text: Google writes whole numbers of 64 bits and those that are not
/// finite as texts.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Number(f64),
    Text(String),
}

impl Number {
    /// # Errors
    /// If it is no number.
    pub(super) fn value(&self) -> Result<f64, String> {
        match self {
            Number::Number(value) => Ok(*value),
            Number::Text(text) => text
                .parse()
                .map_err(|_| format!("has `{text}` for a number")),
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SeriesAnswer {
    /// Read one by one: if one is not what it should be, the others are.
    time_series: Vec<Value>,
    next_page_token: String,
    execution_errors: Vec<ExecutionError>,
    unreachable: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ExecutionError {
    message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct TimeSeries {
    metric: Labelled,
    resource: Labelled,
    metric_kind: String,
    unit: String,
    points: Vec<Point>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Labelled {
    r#type: String,
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Point {
    interval: Interval,
    value: TypedValue,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interval {
    start_time: Option<String>,
    end_time: String,
}

#[derive(Debug, Deserialize)]
enum TypedValue {
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "int64Value")]
    Int64(Number),
    #[serde(rename = "doubleValue")]
    Double(Number),
    #[serde(rename = "stringValue")]
    Text(#[expect(dead_code, reason = "a text is no sample")] String),
    #[serde(rename = "distributionValue")]
    Distribution(Box<Histogram>),
}

/// What is measured anew for each period; all other kinds are numbers as they stand.
const DELTA: &str = "DELTA";

/// Decodes the time series of one source.
#[derive(Debug)]
pub(super) struct Decoder {
    project: String,
    /// Dimensions of every sample; they beat those of the series.
    common: BTreeMap<String, String>,
}

impl Decoder {
    pub(super) fn new(config: &Config) -> Self {
        let mut common = config.fields.clone();
        for (name, value) in [
            ("_sourceCategory", config.category.as_str()),
            ("_source", &config.name),
            ("_collector", super::DESCRIPTOR.name),
        ] {
            common.insert(name.to_owned(), value.to_owned());
        }
        Decoder {
            project: config.project.clone(),
            common,
        }
    }

    /// The samples of a page of `timeSeries.list`.
    ///
    /// # Errors
    /// What is wrong with it, if it cannot be understood as a whole.
    pub(super) fn page(&self, answer: &[u8]) -> Result<Samples, String> {
        let answer: SeriesAnswer = serde_json::from_slice(answer)
            .map_err(|error| format!("Google's answer is no page of time series: {error}"))?;
        let (mut samples, mut unreadable) = (Vec::new(), Vec::new());
        for series in answer.time_series {
            let before = samples.len();
            if let Err(problem) = self.one(&series, &mut samples) {
                samples.truncate(before);
                unreadable.push(DeadLetter::new(problem, series.to_string().as_bytes()));
            }
        }
        let errors = answer.execution_errors.iter();
        let errors = errors.map(|error| error.message.as_str());
        let unreachable = answer.unreachable.iter().map(String::as_str);
        let missing: Vec<&str> = errors.chain(unreachable).collect();
        Ok(Samples {
            samples,
            unreadable,
            next_token: Some(answer.next_page_token).filter(|token| !token.is_empty()),
            missing: (!missing.is_empty())
                .then(|| format!("Google left out time series: {}", missing.join(", "))),
        })
    }

    /// Adds the samples of what should be a series.
    fn one(&self, series: &Value, samples: &mut Vec<Sample>) -> Result<(), String> {
        let series = TimeSeries::deserialize(series)
            .map_err(|error| format!("Google gave no time series: {error}"))?;
        let metric_type = series.metric.r#type.clone();
        self.add(series, samples)
            .map_err(|problem| format!("a time series of {metric_type} {problem}"))
    }

    /// Adds the samples of one series.
    fn add(&self, series: TimeSeries, samples: &mut Vec<Sample>) -> Result<(), String> {
        let is_delta = match series.metric_kind.as_str() {
            DELTA => true,
            "GAUGE" | "CUMULATIVE" => false,
            other => return Err(format!("is of the unknown kind `{other}`")),
        };
        let points = series.points;
        let described = Arc::new(self.series(series.metric, series.resource, series.unit));
        for point in points {
            let time = time(&point.interval, is_delta)?;
            for (statistic, value) in numbers(&point.value, is_delta)? {
                // What is not finite says that nothing was measured.
                if value.is_finite() {
                    samples.push(Sample {
                        series: Arc::clone(&described),
                        time: Some(time),
                        statistic: statistic.map(Arc::from),
                        value,
                    });
                }
            }
        }
        Ok(())
    }

    /// The name and the dimensions of a series.
    fn series(&self, metric: Labelled, resource: Labelled, unit: String) -> Series {
        let (service, name) = service_of(&metric.r#type);
        let mut dimensions = resource.labels;
        for (label, value) in metric.labels {
            // Both may have a label of one name, and then both tell series apart.
            let label = match dimensions.contains_key(&label) {
                true => format!("metric_{label}"),
                false => label,
            };
            dimensions.insert(label, value);
        }
        let of_series = |label: &str| dimensions.get(label).cloned();
        let account = of_series("project_id").unwrap_or_else(|| self.project.clone());
        let region = of_series("location").unwrap_or_default();
        for (name, value) in [
            ("account", account),
            ("region", region),
            ("resource_type", resource.r#type),
            ("service", service.to_owned()),
            ("unit", unit),
        ] {
            dimensions.entry(name.to_owned()).or_insert(value);
        }
        let common = self.common.iter();
        dimensions.extend(common.map(|(name, value)| (name.clone(), value.clone())));
        dimensions.retain(|_, value| !value.is_empty());
        Series {
            metric: name.to_owned(),
            dimensions,
        }
    }
}

/// The time of a point: of one about a period the period's start.
fn time(interval: &Interval, is_delta: bool) -> Result<Timestamp, String> {
    let end = moment(&interval.end_time)?;
    if !is_delta {
        return Ok(end);
    }
    let start = interval.start_time.as_deref();
    let start = moment(start.ok_or("has a period without a start")?)?;
    match start <= end {
        true => Ok(start),
        false => Err(format!("has a period from {start} to {end}")),
    }
}

fn moment(text: &str) -> Result<Timestamp, String> {
    iso8601(text.as_bytes())
        .filter(|(_, length)| *length == text.len())
        .map(|(moment, _)| moment)
        .ok_or_else(|| format!("has the time `{text}`"))
}

type Numbers = Vec<(Option<&'static str>, f64)>;

fn numbers(value: &TypedValue, is_delta: bool) -> Result<Numbers, String> {
    let value = match value {
        TypedValue::Bool(value) => f64::from(u8::from(*value)),
        TypedValue::Int64(value) | TypedValue::Double(value) => value.value()?,
        // A text is no sample.
        TypedValue::Text(_) => return Ok(Vec::new()),
        TypedValue::Distribution(histogram) => {
            let statistics = histogram.statistics()?.into_iter();
            return Ok(statistics
                .map(|(statistic, value)| (Some(statistic), value))
                .collect());
        }
    };
    Ok(vec![(is_delta.then_some("sum"), value)])
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct DescriptorsAnswer {
    metric_descriptors: Vec<RawDescriptor>,
    next_page_token: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct RawDescriptor {
    r#type: String,
    value_type: String,
    metadata: Metadata,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    sample_period: Option<String>,
    ingest_delay: Option<String>,
}

/// What a project knows of a metric.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Descriptor {
    pub(super) metric_type: String,
    /// How often it is measured, as far as Google says.
    pub(super) sample_period: Option<Duration>,
    /// Points that are older than this can be read, as far as Google says.
    pub(super) ingest_delay: Option<Duration>,
}

/// The metrics of a page of `metricDescriptors.list` that have numbers, and the token of the page
/// behind (<https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.metricDescriptors>).
///
/// # Errors
/// If it is no such page.
pub(super) fn descriptors(answer: &[u8]) -> Result<(Vec<Descriptor>, Option<String>), String> {
    let answer: DescriptorsAnswer = serde_json::from_slice(answer)
        .map_err(|error| format!("Google's answer is no page of metric descriptors: {error}"))?;
    let described = answer.metric_descriptors.into_iter();
    let with_numbers = described.filter(|one| !one.r#type.is_empty() && one.value_type != "STRING");
    let descriptors = with_numbers.map(|one| Descriptor {
        metric_type: one.r#type,
        sample_period: one.metadata.sample_period.as_deref().and_then(seconds),
        ingest_delay: one.metadata.ingest_delay.as_deref().and_then(seconds),
    });
    let token = Some(answer.next_page_token).filter(|token| !token.is_empty());
    Ok((descriptors.collect(), token))
}

/// `240s`, `0.5s`
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests;
