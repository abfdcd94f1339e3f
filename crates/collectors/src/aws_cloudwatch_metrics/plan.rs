//! Makes queries of the metrics that there are, and samples of the answers. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_cloudwatch::types::{MetricDataResult, StatusCode};
use model::{Sample, Series, Timestamp};

use super::{Config, presets};
use crate::support::refusal::Refusal;

/// The most queries that one call takes
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricData.html>).
const QUERIES_MAX: usize = 500;
/// So many statistics of a metric in one call cost as much as one.
pub(super) const STATISTICS_AT_ONE_PRICE: usize = 5;
/// What a thousand metrics in calls of GetMetricData cost, in US dollars
/// (<https://aws.amazon.com/cloudwatch/pricing/>).
const USD_PER_THOUSAND_METRICS: f64 = 0.01;

/// A metric of a namespace, with the dimensions of one series.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Metric {
    pub(super) name: String,
    pub(super) dimensions: BTreeMap<String, String>,
}

/// One statistic of a metric.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) metric: Arc<Metric>,
    /// By CloudWatch's name.
    pub(super) statistic: &'static str,
    /// What its samples belong to.
    series: Arc<Series>,
}

/// What is asked about a namespace.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// The queries of one call each.
    pub(super) calls: Vec<Vec<Query>>,
    /// How many metrics AWS counts for all of it.
    metrics: usize,
}

impl Plan {
    /// Asks for everything that is worth it about `metrics`.
    pub(super) fn new(config: &Config, namespace: &str, metrics: &BTreeSet<Metric>) -> Plan {
        let mut plan = Plan::default();
        let common = common_dimensions(config, namespace);
        let mut call = Vec::new();
        for metric in metrics {
            let statistics = presets::statistics(namespace, &metric.name);
            plan.metrics += statistics.len().div_ceil(STATISTICS_AT_ONE_PRICE);
            // The statistics of a metric cost less in one call.
            if call.len() + statistics.len() > QUERIES_MAX {
                plan.calls.push(std::mem::take(&mut call));
            }
            let metric = Arc::new(metric.clone());
            let mut dimensions = metric.dimensions.clone();
            dimensions.extend(common.clone());
            let series = Arc::new(Series {
                metric: metric.name.clone(),
                dimensions,
            });
            call.extend(statistics.iter().map(|statistic| Query {
                metric: Arc::clone(&metric),
                statistic,
                series: Arc::clone(&series),
            }));
        }
        if !call.is_empty() {
            plan.calls.push(call);
        }
        plan
    }

    /// What it costs to ask so many times, in US dollars.
    pub(super) fn usd(&self, times: f64) -> f64 {
        self.metrics as f64 / 1_000.0 * USD_PER_THOUSAND_METRICS * times
    }
}

/// The dimensions that every series gets, the same as those of a metric stream.
fn common_dimensions(config: &Config, namespace: &str) -> BTreeMap<String, String> {
    let mut dimensions = BTreeMap::new();
    if let Some(account) = account_of(config.role_arn.as_deref()) {
        dimensions.insert("account".to_owned(), account.to_owned());
    }
    dimensions.insert("region".to_owned(), config.region.clone());
    dimensions.insert("namespace".to_owned(), namespace.to_owned());
    dimensions.extend(config.fields.clone());
    for (name, value) in [
        ("_sourceCategory", config.category.as_str()),
        ("_source", &config.name),
        ("_collector", super::DESCRIPTOR.name),
    ] {
        dimensions.insert(name.to_owned(), value.to_owned());
    }
    dimensions.retain(|_, value| !value.is_empty());
    dimensions
}

/// The account that a role is of: `arn:aws:iam::123456789012:role/reader`.
fn account_of(role_arn: Option<&str>) -> Option<&str> {
    role_arn?.split(':').nth(4).filter(|part| !part.is_empty())
}

/// The id of the query at this place in its call; AWS wants it to begin with a letter.
pub(super) fn id_of(place: usize) -> String {
    format!("q{place}")
}

fn place_of(id: &str) -> Option<usize> {
    id.strip_prefix('q')?.parse().ok()
}

/// The samples in a page of what a call is answered with, and on its last page what is missing.
///
/// # Errors
/// If AWS does not let the source ask for one of the metrics.
pub(super) fn samples(
    call: &[Query],
    results: Vec<MetricDataResult>,
    next_token: Option<&str>,
) -> Result<(Vec<Sample>, Option<String>), Refusal> {
    let (mut samples, mut missing) = (Vec::new(), None);
    for result in results {
        let place = result.id().and_then(place_of);
        let Some(query) = place.and_then(|place| call.get(place)) else {
            continue;
        };
        match result.status_code() {
            Some(StatusCode::Forbidden) => return Err(Refusal::Other(forbidden(query))),
            // The rest of it is on the pages behind.
            Some(_) if next_token.is_some() => {}
            Some(status @ (StatusCode::PartialData | StatusCode::InternalError)) => {
                missing.get_or_insert_with(|| incomplete(query, status, &result));
            }
            _ => {}
        }
        samples.extend(samples_of(query, &result));
    }
    Ok((samples, missing))
}

fn samples_of(query: &Query, result: &MetricDataResult) -> impl Iterator<Item = Sample> {
    let statistic: Arc<str> = query.statistic.to_lowercase().into();
    let pairs = result.timestamps().iter().zip(result.values());
    pairs.filter_map(move |(time, value)| {
        let time = Timestamp::from_millis(time.to_millis().ok()?);
        value.is_finite().then(|| Sample {
            series: Arc::clone(&query.series),
            time: Some(time),
            statistic: Some(Arc::clone(&statistic)),
            value: *value,
        })
    })
}

fn forbidden(query: &Query) -> String {
    format!(
        "AWS does not give the metric {} to this source; allow it the action \
         cloudwatch:GetMetricData",
        query.metric.name
    )
}

fn incomplete(query: &Query, status: &StatusCode, result: &MetricDataResult) -> String {
    let said: Vec<&str> = result.messages().iter().filter_map(|m| m.value()).collect();
    format!(
        "AWS answers {status} for the {} of the metric {} {}; it is asked again",
        query.statistic,
        query.metric.name,
        said.join(", "),
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::primitives::DateTime;

    use super::*;

    fn call() -> Vec<Query> {
        let config = toml::from_str(
            "name = 'a'\nregion = 'r'\nrole_arn = 'arn:aws:iam::123456789012:role/reader'",
        );
        let metric = Metric {
            name: "Errors".to_owned(),
            dimensions: BTreeMap::new(),
        };
        let mut plan = Plan::new(&config.unwrap(), "AWS/Lambda", &BTreeSet::from([metric]));
        plan.calls.remove(0)
    }

    fn result(status: StatusCode) -> Vec<MetricDataResult> {
        let result = MetricDataResult::builder()
            .id(id_of(0))
            .timestamps(DateTime::from_secs(60))
            .values(3.0)
            .status_code(status);
        vec![result.build()]
    }

    #[test]
    fn what_is_partial_on_the_last_page_is_kept_and_missing() {
        let (call, status) = (call(), StatusCode::PartialData);
        let (samples_, missing) = samples(&call, result(status.clone()), Some("t")).unwrap();
        assert_eq!(missing, None);
        assert_eq!(samples_[0].series.dimensions["account"], "123456789012");
        let (samples_, missing) = samples(&call, result(status), None).unwrap();
        assert_eq!(samples_.len(), 1);
        let missing = missing.unwrap();
        assert!(
            missing.contains("PartialData for the Sum of the metric Errors"),
            "{missing}"
        );
    }

    #[test]
    fn what_is_forbidden_names_the_action_that_is_needed() {
        let refusal = samples(&call(), result(StatusCode::Forbidden), None).unwrap_err();
        assert!(refusal.text().contains("cloudwatch:GetMetricData"));
    }
}
