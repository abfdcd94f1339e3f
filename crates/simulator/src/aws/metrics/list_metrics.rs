//! ListMetrics: the metrics of a namespace that got samples in the last two weeks, or hours.

use aws_smithy_cbor::Encoder;
use serde::Deserialize;

use super::meters::{METRICS, MINUTE_MS};
use super::{FUNCTION_NAME, NAMESPACE, request};
use crate::aws::error::AwsError;
use crate::aws::service::State;
use crate::aws::token::{open_name, seal_name};

const PAGE_METRICS: usize = 500;
const RECENT_MS: i64 = 3 * 3_600_000;
const LISTED_MS: i64 = 14 * 24 * 3_600_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    namespace: Option<String>,
    metric_name: Option<String>,
    recently_active: Option<String>,
    next_token: Option<String>,
}

/// Answers ListMetrics: each metric of every function, and of all functions together.
pub(crate) fn list_metrics(state: &State, now_ms: i64, body: &[u8]) -> Result<Vec<u8>, AwsError> {
    let request: Request = request(body)?;
    let since_ms = match request.recently_active.as_deref() {
        None => now_ms - LISTED_MS,
        Some("PT3H") => now_ms - RECENT_MS,
        Some(other) => {
            let message = format!("The value {other} of RecentlyActive is not valid.");
            return Err(AwsError::invalid_value(message));
        }
    };
    let since_ms = since_ms - since_ms.rem_euclid(MINUTE_MS);
    let is_asked = |name: &&str| {
        request
            .namespace
            .as_deref()
            .is_none_or(|asked| asked == NAMESPACE)
            && request
                .metric_name
                .as_deref()
                .is_none_or(|asked| asked == *name)
    };
    let mut metrics: Vec<(&str, Option<&str>)> = Vec::new();
    for name in METRICS.iter().copied().filter(is_asked) {
        let functions = state.meters.functions(name, since_ms, now_ms);
        let before = metrics.len();
        metrics.extend(functions.map(|function| (name, Some(function))));
        if metrics.len() > before {
            metrics.push((name, None));
        }
    }
    let begin = match request.next_token.as_deref().map(open_name) {
        None => 0,
        Some(token) => token
            .ok()
            .and_then(|place| place.parse::<usize>().ok())
            .ok_or_else(AwsError::invalid_next_token)?,
    };
    let end = metrics.len().min(begin.saturating_add(PAGE_METRICS));
    let next = (end < metrics.len()).then(|| seal_name(&end.to_string()));
    let page = metrics.get(begin..end).unwrap_or_default();
    Ok(answer(page, next.as_deref()))
}

fn answer(metrics: &[(&str, Option<&str>)], next_token: Option<&str>) -> Vec<u8> {
    let mut body = Encoder::new(Vec::new());
    body.begin_map().str("Metrics").array(metrics.len());
    for (name, function) in metrics {
        body.map(3);
        body.str("Namespace").str(NAMESPACE);
        body.str("MetricName").str(name);
        body.str("Dimensions").array(function.iter().len());
        if let Some(function) = function {
            body.map(2);
            body.str("Name").str(FUNCTION_NAME);
            body.str("Value").str(function);
        }
    }
    if let Some(token) = next_token {
        body.str("NextToken").str(token);
    }
    body.end();
    body.into_writer()
}
