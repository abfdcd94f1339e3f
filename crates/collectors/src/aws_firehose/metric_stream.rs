//! What a CloudWatch metric stream sends, in JSON
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-metric-streams-formats-json.html>)
//! and in OpenTelemetry 1.0
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-metric-streams-formats-opentelemetry-100.html>),
//! and the samples in it: the same from both. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use bytes::{Buf, Bytes};
use model::limits::REQUEST_SAMPLES_MAX;
use model::{Sample, Series, Timestamp};
use serde::Deserialize;

use crate::otlp::messages::any_value::Value;
use crate::otlp::messages::{AnyValue, KeyValue, Metric, Resource, Scope, SummaryPoint};
use crate::otlp::{Encoding, Visit, percentile, read};
use crate::support::receive::Refused;

/// The statistics of one metric in one minute.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Statistics {
    #[serde(rename = "metric_stream_name")]
    _stream: String,
    #[serde(default)]
    account_id: String,
    #[serde(default)]
    region: String,
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: BTreeMap<String, String>,
    /// The minute's start, in milliseconds since the epoch.
    timestamp: i64,
    value: BTreeMap<String, f64>,
    #[serde(default)]
    unit: String,
}

/// Makes samples, with the dimensions that every one gets.
#[derive(Debug)]
pub(super) struct Samples<'a> {
    /// Dimensions of every sample; they beat those of the metric.
    common: &'a BTreeMap<String, String>,
    pub(super) samples: Vec<Sample>,
}

impl<'a> Samples<'a> {
    pub(super) fn new(common: &'a BTreeMap<String, String>) -> Self {
        Samples {
            common,
            samples: Vec::new(),
        }
    }

    /// Takes the statistics of a minute, and the average that they say.
    ///
    /// # Errors
    /// If the delivery has too many samples.
    pub(super) fn add(&mut self, statistics: Statistics) -> Result<(), Refused> {
        let mut dimensions = statistics.dimensions;
        for (name, value) in [
            ("account", statistics.account_id),
            ("region", statistics.region),
            ("namespace", statistics.namespace),
            ("unit", statistics.unit),
        ] {
            dimensions.insert(name.to_owned(), value);
        }
        let common = self.common.iter();
        dimensions.extend(common.map(|(name, value)| (name.clone(), value.clone())));
        dimensions.retain(|_, value| !value.is_empty());
        let series = Arc::new(Series {
            metric: statistics.metric_name,
            dimensions,
        });
        let mut values = statistics.value;
        if let (Some(sum), Some(count)) = (values.get("sum"), values.get("count"))
            && *count > 0.0
        {
            values.insert("average".to_owned(), sum / count);
        }
        for (name, value) in values {
            if !value.is_finite() {
                continue;
            }
            if self.samples.len() == REQUEST_SAMPLES_MAX {
                return Err(Refused::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "the delivery has more than REQUEST_SAMPLES_MAX = {REQUEST_SAMPLES_MAX} \
                         samples; nothing of it was stored"
                    ),
                ));
            }
            self.samples.push(Sample {
                series: Arc::clone(&series),
                time: Some(Timestamp::from_millis(statistics.timestamp)),
                statistic: Some(Arc::from(statistic(&name))),
                value,
            });
        }
        Ok(())
    }

    /// Takes a record of export requests, each behind its length.
    ///
    /// # Errors
    /// If a request is broken, or the delivery has too many samples.
    pub(super) fn add_export_requests(&mut self, mut record: Bytes) -> Result<(), Refused> {
        while record.has_remaining() {
            let request = cut_request(&mut record)
                .ok_or_else(|| Refused::bad("a record of a metric stream is cut off"))?;
            let mut visitor = Exported {
                samples: &mut *self,
                account: String::new(),
                region: String::new(),
            };
            read::<Metric, _>(Encoding::Protobuf, request, &mut visitor)?;
        }
        Ok(())
    }
}

/// Whether a record is one of export requests: it begins with a length and the request's only
/// field, and is not text that happens to begin so.
pub(super) fn is_export_requests(record: &Bytes) -> bool {
    const FIRST_FIELD: u8 = 0x0a;
    let mut rest = record.clone();
    let begins = prost::encoding::decode_varint(&mut rest).is_ok();
    if !begins || rest.first() != Some(&FIRST_FIELD) {
        return false;
    }
    let mut rest = record.clone();
    while rest.has_remaining() && cut_request(&mut rest).is_some() {}
    rest.is_empty() || std::str::from_utf8(record).is_err()
}

/// Takes a request off the front of a record; `None` if it is not all there.
fn cut_request(record: &mut Bytes) -> Option<Bytes> {
    let length = prost::encoding::decode_varint(record).ok()?;
    let length = usize::try_from(length).ok()?;
    (length <= record.len()).then(|| record.split_to(length))
}

/// The name of a statistic as the other sources have it.
fn statistic(name: &str) -> String {
    match name {
        "count" => "samplecount".to_owned(),
        "min" => "minimum".to_owned(),
        "max" => "maximum".to_owned(),
        other => other.to_lowercase(),
    }
}

/// Takes metrics as a metric stream writes them: summaries whose attributes are the names.
struct Exported<'s, 'a> {
    samples: &'s mut Samples<'a>,
    account: String,
    region: String,
}

impl Visit<Metric> for Exported<'_, '_> {
    fn resource(&mut self, resource: Resource) -> Result<(), Refused> {
        for KeyValue { key, value } in resource.attributes {
            match key.as_str() {
                "cloud.account.id" => self.account = text(value),
                "cloud.region" => self.region = text(value),
                _ => {}
            }
        }
        Ok(())
    }

    fn scope(&mut self, _: Scope) -> Result<(), Refused> {
        Ok(())
    }

    fn item(&mut self, metric: Metric) -> Result<(), Refused> {
        let points = metric
            .summary
            .into_iter()
            .flat_map(|summary| summary.data_points);
        for point in points {
            let mut statistics = statistics_of(point)?;
            statistics.account_id = self.account.clone();
            statistics.region = self.region.clone();
            statistics.unit = metric.unit.clone();
            self.samples.add(statistics)?;
        }
        Ok(())
    }
}

fn statistics_of(point: SummaryPoint) -> Result<Statistics, Refused> {
    let start_ms = i64::try_from(point.start_time_unix_nano / 1_000_000);
    let mut statistics = Statistics {
        timestamp: start_ms.unwrap_or(i64::MAX),
        ..Statistics::default()
    };
    statistics
        .value
        .insert("count".to_owned(), point.count as f64);
    statistics.value.insert("sum".to_owned(), point.sum);
    for value in point.quantile_values {
        let name = percentile(value.quantile).ok_or_else(|| {
            Refused::bad(format!(
                "a metric stream has a quantile of {}",
                value.quantile
            ))
        })?;
        statistics.value.insert(name, value.value);
    }
    for KeyValue { key, value } in point.attributes {
        match (key.as_str(), value.and_then(|value| value.value)) {
            ("Namespace", Some(Value::Text(text))) => statistics.namespace = text,
            ("MetricName", Some(Value::Text(text))) => statistics.metric_name = text,
            ("Dimensions", Some(Value::Map(map))) => {
                let pairs = map.values.into_iter();
                let pairs = pairs.map(|KeyValue { key, value }| (key, text(value)));
                statistics.dimensions.extend(pairs);
            }
            _ => {}
        }
    }
    if statistics.metric_name.is_empty() {
        return Err(Refused::bad("a point of a metric stream has no MetricName"));
    }
    Ok(statistics)
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::Text(text)) => text,
        _ => String::new(),
    }
}
