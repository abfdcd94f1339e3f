//! Understands Azure's lists of resources, of the metrics that a resource has, and of their
//! values. Pure.
//!
//! <https://learn.microsoft.com/rest/api/monitor/metrics/list>

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Sample, Series, Timestamp, iso8601};
use serde::Deserialize;
use serde_json::Value;

use super::Config;
use crate::support::dead_letters::DeadLetter;
use crate::support::minutes::{Samples, Span};

/// A text with its translation; only the text is used.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Name {
    value: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MetricsAnswer {
    namespace: String,
    resourceregion: String,
    /// Read one by one: if one is not what it should be, the others are.
    value: Vec<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metric {
    name: Name,
    unit: String,
    timeseries: Vec<TimeSeries>,
    error_code: String,
    error_message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct TimeSeries {
    metadatavalues: Vec<Dimension>,
    data: Vec<Grain>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dimension {
    name: Name,
    value: String,
}

/// The numbers of one minute; one that is missing was not measured.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Grain {
    time_stamp: String,
    total: Option<f64>,
    average: Option<f64>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    count: Option<f64>,
}

impl Grain {
    /// The numbers by the names that statistics have with all sources.
    fn statistics(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let all = [
            ("sum", self.total),
            ("average", self.average),
            ("minimum", self.minimum),
            ("maximum", self.maximum),
            ("samplecount", self.count),
        ];
        all.into_iter()
            .filter_map(|(statistic, value)| Some((statistic, value?)))
    }
}

/// A resource, such as a function app.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Described {
    /// `/subscriptions/…/resourceGroups/shop/providers/Microsoft.Web/sites/shop-orders`
    pub(super) id: String,
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) resource_type: String,
    pub(super) location: String,
}

impl Described {
    /// The name of its group.
    pub(super) fn resource_group(&self) -> &str {
        let mut parts = self.id.split('/');
        let group = parts.find(|part| part.eq_ignore_ascii_case("resourceGroups"));
        group.and_then(|_| parts.next()).unwrap_or_default()
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ResourcesAnswer {
    value: Vec<Described>,
    next_link: Option<String>,
}

/// A page of resources, and the address of the page behind.
///
/// # Errors
/// If it is no such page.
pub(super) fn resources(answer: &[u8]) -> Result<(Vec<Described>, Option<String>), String> {
    let answer: ResourcesAnswer = serde_json::from_slice(answer)
        .map_err(|error| format!("Azure's answer is no page of resources: {error}"))?;
    let next = answer.next_link.filter(|link| !link.is_empty());
    Ok((answer.value, next))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct DefinitionsAnswer {
    value: Vec<Definition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Definition {
    name: Name,
    metric_availabilities: Vec<Availability>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Availability {
    time_grain: String,
}

/// The names of the metrics that are measured for each minute.
///
/// # Errors
/// If it is no list of definitions.
pub(super) fn definitions(answer: &[u8]) -> Result<Vec<String>, String> {
    let answer: DefinitionsAnswer = serde_json::from_slice(answer)
        .map_err(|error| format!("Azure's answer is no list of metric definitions: {error}"))?;
    let by_minute = answer.value.into_iter().filter(|definition| {
        let grains = &definition.metric_availabilities;
        grains.iter().any(|grain| grain.time_grain == "PT1M")
    });
    Ok(by_minute.map(|definition| definition.name.value).collect())
}

/// Decodes the metrics of one resource.
#[derive(Debug)]
pub(super) struct Decoder {
    /// Dimensions of every sample.
    own: BTreeMap<String, String>,
    /// The same; they beat those of the series.
    common: BTreeMap<String, String>,
}

impl Decoder {
    pub(super) fn new(config: &Config, resource: &Described) -> Self {
        let own = [
            ("account", config.subscription.as_str()),
            ("region", &resource.location),
            ("resource_group", resource.resource_group()),
            ("resource_name", &resource.name),
            ("resource_type", &resource.resource_type),
        ];
        let source = [
            ("_sourceCategory", config.category.as_str()),
            ("_source", &config.name),
            ("_collector", super::DESCRIPTOR.name),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut common = config.fields.clone();
        common.extend(source.map(owned));
        Decoder {
            own: own.map(owned).into(),
            common,
        }
    }

    /// The samples of an answer about `span`; what of it is no metric, and which metrics Azure
    /// could not tell.
    ///
    /// # Errors
    /// What is wrong with it, if it cannot be understood as a whole.
    pub(super) fn samples(&self, answer: &[u8], span: Span) -> Result<Samples, String> {
        let answer: MetricsAnswer = serde_json::from_slice(answer)
            .map_err(|error| format!("Azure's answer is no list of metrics: {error}"))?;
        let mut read = Samples::default();
        for described in &answer.value {
            let metric = Metric::deserialize(described)
                .map_err(|error| format!("Azure gave no metric: {error}"));
            let samples = metric.and_then(|metric| {
                if !matches!(metric.error_code.as_str(), "" | "Success") {
                    let (name, code) = (&metric.name.value, &metric.error_code);
                    let told = format!(
                        "Azure could not tell {name}: {code} {}",
                        metric.error_message
                    );
                    read.missing.get_or_insert(told);
                    return Ok(Vec::new());
                }
                self.of_metric(&answer, &metric, span)
            });
            match samples {
                Ok(samples) => read.samples.extend(samples),
                Err(problem) => {
                    let payload = described.to_string();
                    let letter = DeadLetter::new(problem, payload.as_bytes());
                    read.unreadable.push(letter);
                }
            }
        }
        Ok(read)
    }

    fn of_metric(
        &self,
        answer: &MetricsAnswer,
        metric: &Metric,
        span: Span,
    ) -> Result<Vec<Sample>, String> {
        let name = &metric.name.value;
        if name.is_empty() {
            return Err("Azure's answer has a metric without a name".to_owned());
        }
        let mut samples = Vec::new();
        for series in &metric.timeseries {
            let described = Arc::new(self.series(answer, metric, series));
            for grain in &series.data {
                let time = moment(&grain.time_stamp)
                    .ok_or_else(|| format!("{name} has the time `{}`", grain.time_stamp))?;
                // Azure widens a span to its own grains.
                if !(span.start_ms..span.end_ms).contains(&time.millis()) {
                    continue;
                }
                samples.extend(grain.statistics().map(|(statistic, value)| Sample {
                    series: Arc::clone(&described),
                    time: Some(time),
                    statistic: Some(Arc::from(statistic)),
                    value,
                }));
            }
        }
        Ok(samples)
    }

    fn series(&self, answer: &MetricsAnswer, metric: &Metric, series: &TimeSeries) -> Series {
        let mut dimensions = self.own.clone();
        for dimension in &series.metadatavalues {
            // What a dimension is called may also be told of the resource.
            let name = match dimensions.contains_key(&dimension.name.value) {
                true => format!("metric_{}", dimension.name.value),
                false => dimension.name.value.clone(),
            };
            dimensions.insert(name, dimension.value.clone());
        }
        for (name, value) in [
            ("namespace", &answer.namespace),
            ("unit", &metric.unit),
            ("region", &answer.resourceregion),
        ] {
            let entry = dimensions.entry(name.to_owned());
            entry.or_insert_with(|| value.clone());
        }
        let common = self.common.iter();
        dimensions.extend(common.map(|(name, value)| (name.clone(), value.clone())));
        dimensions.retain(|_, value| !value.is_empty());
        Series {
            metric: metric.name.value.clone(),
            dimensions,
        }
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let (moment, length) = iso8601(text.as_bytes())?;
    (length == text.len()).then_some(moment)
}

#[cfg(test)]
mod tests;
