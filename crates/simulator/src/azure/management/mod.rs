//! Azure Resource Manager and Azure Monitor: the function apps as resources, and their metrics,
//! counted from the same executions that the logs are of.
//!
//! `POST /{tenant}/oauth2/v2.0/token` gives the token that all calls need, to every application.
//! `GET /simulator/executions?until_ms=` is ours: it tells how many executions each app has, so
//! that a script can check a collector.

mod error;
mod execution;
mod metric;
mod quota;
mod resources;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use model::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

pub(super) use self::error::ManagementError;
pub(super) use self::execution::Execution;
pub(super) use self::quota::Quota;
pub(super) use self::resources::{definitions, list as resources};
pub(super) use self::values::list as metrics;
use super::Service;
use crate::executions::Executions;

/// What applications are given, and how long it is good, in seconds.
pub(super) const TOKEN: &str = "simulated-management-token";
const TOKEN_SECONDS: u32 = 3599;

/// The routes of the simulated Resource Manager.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", post(token))
        .route("/simulator/executions", get(executions))
        .fallback(call)
        .with_state(service)
}

async fn token(form: String) -> Response {
    let has_secret = form.contains("client_secret=") && form.contains("client_id=");
    if !has_secret || !form.contains("grant_type=client_credentials") {
        let error = json!({"error": "invalid_request", "error_description":
            "AADSTS900144: The request body must contain the following parameter: 'client_secret'."});
        return (StatusCode::BAD_REQUEST, Json(error)).into_response();
    }
    let answer = json!({
        "token_type": "Bearer", "expires_in": TOKEN_SECONDS, "access_token": TOKEN,
    });
    Json(answer).into_response()
}

async fn call(
    State(service): State<Arc<Service>>,
    uri: Uri,
    headers: HeaderMap,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_known = header("authorization") == Some(&format!("Bearer {TOKEN}"));
    let host = header("host").unwrap_or_default();
    let answer = match is_known {
        true => service.manage((host, uri.path()), &query),
        false => Err(ManagementError::anonymous()),
    };
    match answer {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => error.into_response(),
    }
}

#[derive(Deserialize)]
struct Until {
    until_ms: i64,
}

async fn executions(
    State(service): State<Arc<Service>>,
    Query(Until { until_ms }): Query<Until>,
) -> Json<BTreeMap<String, BTreeMap<String, f64>>> {
    Json(service.metric_totals(Timestamp::from_millis(until_ms)))
}

/// What the metrics of each app sum up to before `until`, counted yet or not.
pub(super) fn truth(
    executions: &Executions<Execution>,
    until: Timestamp,
) -> BTreeMap<String, BTreeMap<String, f64>> {
    let mut truth: BTreeMap<String, BTreeMap<String, f64>> = BTreeMap::new();
    for (_, all) in executions.minutes((Timestamp::from_millis(0), until), Timestamp::MAX) {
        for one in all {
            let of_app = truth.entry(one.app.name.to_owned()).or_default();
            for metric in metric::METRICS.iter().filter(|metric| metric.is_summed) {
                if let Some(value) = (metric.value)(one) {
                    *of_app.entry(metric.name.to_owned()).or_default() += value;
                }
            }
        }
    }
    truth
}

/// What a path asks for: a list of a subscription, or something about a resource.
pub(super) fn answer(
    executions: &Executions<Execution>,
    (host, path): (&str, &str),
    query: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Value, ManagementError> {
    if let Some((resource, what)) = path.split_once("/providers/Microsoft.Insights/") {
        let app = resources::find(resource)?;
        return match what {
            "metrics" => metrics(executions, app, query, now),
            "metricDefinitions" => Ok(definitions(app)),
            _ => Err(ManagementError::no_resource(path)),
        };
    }
    let subscription = path
        .strip_prefix("/subscriptions/")
        .and_then(|rest| rest.strip_suffix("/resources"));
    match subscription {
        Some(subscription) => resources(host, subscription, query),
        None => Err(ManagementError::no_resource(path)),
    }
}

#[cfg(test)]
mod tests;
