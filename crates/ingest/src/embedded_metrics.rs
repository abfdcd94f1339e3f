//! Metrics that stand in logs: CloudWatch's Embedded Metric Format, as Powertools and Lambda Insights
//! write it. Pure.
//!
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use memchr::memmem::Finder;
use model::{EventId, LogEvent, Sample, Series, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Numbers of one metric in one event, as AWS has it.
const EMBEDDED_VALUES_MAX: usize = 100;
/// Metrics of one event, as AWS has it.
const EMBEDDED_METRICS_MAX: usize = 100;
/// AWS tells milliseconds; what is below them tells events of one millisecond apart.
const NANOS_BELOW_MILLIS: u128 = 1_000_000;

static MARK: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"CloudWatchMetrics\""));

/// The part of an event that says what of it is a metric.
#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "Timestamp")]
    timestamp: Option<i64>,
    #[serde(rename = "CloudWatchMetrics")]
    directives: Vec<Directive>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    dimensions: Vec<Vec<String>>,
    #[serde(default)]
    metrics: Vec<Metric>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    name: String,
    #[serde(default)]
    unit: String,
}

/// The numbers that an event holds; none if it is not of the format.
///
/// A series has all dimensions that the event names, in whatever sets: CloudWatch adds numbers up for
/// each set beforehand, and here it is the query that does. An event that is delivered again gives the
/// same samples at the same times.
pub(crate) fn samples(event: &LogEvent) -> Vec<Sample> {
    let text = event.message.trim();
    if !text.starts_with('{') || MARK.find(text.as_bytes()).is_none() {
        return Vec::new();
    }
    let Ok(root) = serde_json::from_str::<Map<String, Value>>(text) else {
        return Vec::new();
    };
    let metadata = root.get("_aws").map(Metadata::deserialize);
    let Some(Ok(metadata)) = metadata else {
        return Vec::new();
    };
    let time = metadata
        .timestamp
        .map(Timestamp::from_millis)
        .or(event.event_time);
    let id = event.id.unwrap_or_else(|| EventId::of(text));
    let offset = i64::try_from(id.0 % NANOS_BELOW_MILLIS).unwrap_or_default();
    let mut samples = Vec::new();
    for directive in &metadata.directives {
        let dimensions = dimensions(event, directive, &root);
        for metric in directive.metrics.iter().take(EMBEDDED_METRICS_MAX) {
            let mut dimensions = dimensions.clone();
            if !metric.unit.is_empty() {
                dimensions.insert("unit".to_owned(), metric.unit.clone());
            }
            let series = Arc::new(Series {
                metric: metric.name.clone(),
                dimensions,
            });
            let numbers = numbers(root.get(&metric.name));
            samples.extend((offset..).zip(numbers).map(|(offset, value)| Sample {
                series: Arc::clone(&series),
                time: time.map(|time| time.saturating_add_nanos(offset)),
                statistic: None,
                value,
            }));
        }
    }
    samples
}

/// A number, or several of one event.
fn numbers(value: Option<&Value>) -> Vec<f64> {
    let all = match value {
        Some(Value::Array(all)) => all.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    let numbers = all.iter().take(EMBEDDED_VALUES_MAX);
    numbers
        .filter_map(Value::as_f64)
        .filter(|number| number.is_finite())
        .collect()
}

/// The dimensions that the event names, and what is known of the function.
fn dimensions(
    event: &LogEvent,
    directive: &Directive,
    root: &Map<String, Value>,
) -> BTreeMap<String, String> {
    let names: BTreeSet<&String> = directive.dimensions.iter().flatten().collect();
    let of_event = names.into_iter().filter_map(|name| {
        let value = match root.get(name)? {
            Value::String(text) => text.clone(),
            Value::Null => return None,
            other => other.to_string(),
        };
        Some((name.clone(), value))
    });
    let mut dimensions: BTreeMap<String, String> = of_event.collect();
    let metadata = &*event.metadata;
    for (name, value) in [
        ("namespace", Some(directive.namespace.as_str())),
        ("provider", event.provider.map(model::Provider::name)),
        ("account", event.account.as_deref()),
        ("region", event.region.as_deref()),
        ("function", event.function.as_deref()),
        ("_sourceCategory", Some(metadata.category.as_str())),
        ("_source", Some(metadata.source.as_str())),
        ("_collector", Some(metadata.collector.as_str())),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            let entry = dimensions.entry(name.to_owned());
            entry.or_insert_with(|| value.to_owned());
        }
    }
    dimensions
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    fn of(root: &Value) -> Vec<Sample> {
        samples(&LogEvent {
            message: format!("{root}\n"),
            function: Some("booking".into()),
            event_time: Some(Timestamp::from_millis(5)),
            ..LogEvent::default()
        })
    }

    fn check(root: &Value, expected: &Expect) {
        let mut shown = String::new();
        for sample in of(root) {
            let millis = sample.time.unwrap().millis();
            let (metric, dimensions) = (&sample.series.metric, &sample.series.dimensions);
            writeln!(shown, "{millis} {metric} {dimensions:?} {}", sample.value).unwrap();
        }
        expected.assert_eq(&shown);
    }

    fn event(metrics: &Value, more: &Value) -> Value {
        let mut root = json!({
            "_aws": {"Timestamp": 1_656_685_750_622_i64, "CloudWatchMetrics": [{
                "Namespace": "Airline", "Dimensions": [["service"], ["service", "cabin"]],
                "Metrics": metrics,
            }]},
            "service": "booking", "cabin": 1, "note": "x",
        });
        let root_object = root.as_object_mut().unwrap();
        root_object.extend(more.as_object().unwrap().clone());
        root
    }

    #[test]
    fn numbers_become_samples_once_whatever_the_sets_of_dimensions() {
        let metrics = json!([{"Name": "Reads", "Unit": "Count"}, {"Name": "Latency"}]);
        check(
            &event(&metrics, &json!({"Reads": [1.0, 8], "Latency": 12.5})),
            &expect![[r#"
                1656685750622 Reads {"cabin": "1", "function": "booking", "namespace": "Airline", "service": "booking", "unit": "Count"} 1
                1656685750622 Reads {"cabin": "1", "function": "booking", "namespace": "Airline", "service": "booking", "unit": "Count"} 8
                1656685750622 Latency {"cabin": "1", "function": "booking", "namespace": "Airline", "service": "booking"} 12.5
            "#]],
        );
    }

    #[test]
    fn numbers_of_one_millisecond_do_not_replace_each_other_but_those_of_one_event_do() {
        let metrics = json!([{"Name": "Reads"}]);
        let times = |note: &str| {
            let root = event(&metrics, &json!({"Reads": [1, 2], "note": note}));
            of(&root)
                .into_iter()
                .map(|sample| sample.time)
                .collect::<Vec<_>>()
        };
        assert_eq!(times("a"), times("a"));
        let all: BTreeSet<_> = times("a").into_iter().chain(times("b")).collect();
        assert_eq!(all.len(), 4);
    }

    #[test]
    fn what_is_not_of_the_format_has_no_samples() {
        let metrics = json!([{"Name": "Reads"}]);
        for root in [
            json!({"CloudWatchMetrics": 1}),
            json!({"_aws": {"CloudWatchMetrics": "x"}}),
            json!({"_aws": {"CloudWatchMetrics": [{"Metrics": [{"Unit": "Count"}]}]}}),
            event(&metrics, &json!({"Reads": "many"})),
            event(&metrics, &json!({})),
            event(&json!([]), &json!({"Reads": 1})),
        ] {
            assert_eq!(of(&root), [], "{root}");
        }
        let many = event(&metrics, &json!({"Reads": vec![1; 1_000]}));
        assert_eq!(of(&many).len(), EMBEDDED_VALUES_MAX);
        let without_time = json!({
            "_aws": {"CloudWatchMetrics": [{"Metrics": [{"Name": "Reads"}]}]}, "Reads": 1,
        });
        assert_eq!(of(&without_time)[0].time.unwrap().millis(), 5);
    }
}
