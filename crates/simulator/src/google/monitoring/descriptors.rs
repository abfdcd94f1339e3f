//! `metricDescriptors.list`: which metrics there are.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::metric::{INGEST_DELAY_SECONDS, METRICS, Metric};
use crate::google::error::GoogleError;
use crate::google::service::Context;

/// Answers `metricDescriptors.list`. There are few: all are on one page.
pub(crate) fn list(
    context: Context<'_>,
    query: &BTreeMap<String, String>,
) -> Result<Value, GoogleError> {
    let filter = query.get("filter").map_or("", |filter| filter.trim());
    let prefix = match filter {
        "" => "",
        filter => filter
            .strip_prefix("metric.type = starts_with(\"")
            .and_then(|rest| rest.strip_suffix("\")"))
            .ok_or_else(|| {
                GoogleError::invalid("The provided filter is not supported by the simulator.")
            })?,
    };
    let found = METRICS
        .iter()
        .filter(|metric| metric.metric_type.starts_with(prefix));
    let found: Vec<Value> = found.map(|metric| descriptor(metric, context)).collect();
    Ok(match found.is_empty() {
        true => json!({}),
        false => json!({"metricDescriptors": found}),
    })
}

fn descriptor(metric: &Metric, context: Context<'_>) -> Value {
    let labels = metric.labels.iter().map(|key| json!({"key": key}));
    json!({
        "name": format!("projects/{}/metricDescriptors/{}", context.project, metric.metric_type),
        "type": metric.metric_type,
        "labels": labels.collect::<Vec<_>>(),
        "metricKind": metric.kind(),
        "valueType": metric.value_type(),
        "unit": metric.unit,
        "metadata": {
            "launchStage": "GA",
            "samplePeriod": "60s",
            "ingestDelay": format!("{INGEST_DELAY_SECONDS}s"),
        },
        "launchStage": "GA",
    })
}
