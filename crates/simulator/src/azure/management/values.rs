//! The values of metrics (<https://learn.microsoft.com/rest/api/monitor/metrics/list>).

use std::collections::BTreeMap;

use model::Timestamp;
use serde_json::{Map, Value, json};

use super::error::ManagementError;
use super::execution::Execution;
use super::metric::{EMPTY, METRICS, Metric};
use super::resources::{RESOURCE_TYPE, id, region};
use crate::executions::{Executions, MINUTE_MS};
use crate::fleet::App;

/// So many metrics are asked for in one call at most.
const NAMES_MAX: usize = 20;

/// Answers a question for metrics of an app.
pub(crate) fn list(
    executions: &Executions<Execution>,
    app: &'static App,
    query: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Value, ManagementError> {
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    if given("interval") != "PT1M" {
        return Err(ManagementError::bad(
            "Detected invalid time grain input. The simulator has PT1M only.",
        ));
    }
    let timespan = given("timespan");
    let range = timespan
        .split_once('/')
        .and_then(|(start, end)| Some((moment(start)?, moment(end)?)))
        .ok_or_else(|| ManagementError::bad(format!("Invalid time span '{timespan}'.")))?;
    let names: Vec<&str> = given("metricnames").split(',').collect();
    if names.len() > NAMES_MAX {
        return Err(ManagementError::bad(format!(
            "Requested metrics count: {} bigger than allowed max: {NAMES_MAX}",
            names.len()
        )));
    }
    let aggregations: Vec<String> = given("aggregation")
        .split(',')
        .map(str::to_ascii_lowercase)
        .collect();
    let minutes: BTreeMap<Timestamp, Vec<&Execution>> = executions
        .minutes(range, now)
        .map(|(minute, all)| {
            let of_app = all.into_iter().filter(|one| one.app == app);
            (minute, of_app.collect())
        })
        .collect();
    let mut value = Vec::new();
    for name in names {
        let metric = METRICS.iter().find(|metric| metric.name == name);
        let timeseries = match metric {
            Some(metric) => json!([{
                "metadatavalues": [],
                "data": data(metric, &minutes, range, &aggregations),
            }]),
            None if EMPTY.contains(&name) => json!([]),
            None => return Err(no_metric(name)),
        };
        value.push(json!({
            "id": format!("{}/providers/Microsoft.Insights/metrics/{name}", id(app)),
            "type": "Microsoft.Insights/metrics",
            "name": {"value": name, "localizedValue": name},
            "unit": metric.map_or("Count", |metric| metric.unit),
            "timeseries": timeseries,
            "errorCode": "Success",
        }));
    }
    Ok(json!({
        "cost": 0, "timespan": timespan, "interval": "PT1M", "namespace": RESOURCE_TYPE,
        "resourceregion": region(app), "value": value,
    }))
}

/// One grain for each minute; of one in which nothing was measured it says nothing.
fn data(
    metric: &Metric,
    minutes: &BTreeMap<Timestamp, Vec<&Execution>>,
    (start, end): (Timestamp, Timestamp),
    aggregations: &[String],
) -> Vec<Value> {
    let first = start.millis().div_euclid(MINUTE_MS);
    let behind = end.millis().div_euclid(MINUTE_MS);
    let grains = (first..behind).map(|minute| {
        let minute = Timestamp::from_millis(minute * MINUTE_MS);
        let all = minutes.get(&minute).map_or(&[][..], Vec::as_slice);
        let values: Vec<f64> = all.iter().filter_map(|one| (metric.value)(one)).collect();
        let mut grain = Map::new();
        grain.insert("timeStamp".to_owned(), json!(minute.to_string()));
        for name in aggregations {
            if let Some(value) = aggregated(name, &values) {
                grain.insert(name.clone(), json!(value));
            }
        }
        Value::Object(grain)
    });
    grains.collect()
}

fn aggregated(name: &str, values: &[f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let (total, count) = (values.iter().sum::<f64>(), values.len() as f64);
    match name {
        "total" => Some(total),
        "average" => Some(total / count),
        "minimum" => values.iter().copied().reduce(f64::min),
        "maximum" => values.iter().copied().reduce(f64::max),
        "count" => Some(count),
        _ => None,
    }
}

fn moment(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_millis(time.as_millisecond()))
}

fn no_metric(name: &str) -> ManagementError {
    let names = METRICS.iter().map(|metric| metric.name);
    let valid: Vec<&str> = names.chain(EMPTY.iter().copied()).collect();
    ManagementError::bad(format!(
        "Failed to find metric configuration for provider: Microsoft.Web, resource Type: sites, \
         metric: {name}, Valid metrics: {}",
        valid.join(",")
    ))
}
