//! Google Cloud Logging and Cloud Monitoring as a server: `entries:list` and `entries:write`,
//! `metricDescriptors` and `timeSeries` as JSON over HTTP.
//!
//! Ours are `GET /simulator/counts`, which tells how many entries each function has, and
//! `GET /simulator/executions?until_ms=`, which tells how many executions: so a script can check a
//! collector.

mod error;
mod feed;
mod filter;
mod list;
mod monitoring;
mod quota;
mod service;
mod store;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use model::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use self::error::GoogleError;
pub(crate) use self::service::Service;

/// The most that a request may hold.
const BODY_BYTES_MAX: usize = 10 << 20;

/// The routes of the simulated Google.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v2/{call}", post(call))
        .route("/v3/projects/{project}/{list}", get(metrics))
        .route("/simulator/counts", get(counts))
        .route("/simulator/executions", get(executions))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(service)
}

async fn call(
    State(service): State<Arc<Service>>,
    Path(call): Path<String>,
    body: Bytes,
) -> Response {
    let answer = serde_json::from_slice::<Value>(&body)
        .map_err(|_| GoogleError::invalid("Invalid JSON payload received."))
        .and_then(|body| service.call(&call, &body));
    respond(answer)
}

async fn metrics(
    State(service): State<Arc<Service>>,
    Path((project, list)): Path<(String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Response {
    respond(service.metrics((&project, &list), &query))
}

fn respond(answer: Result<Value, GoogleError>) -> Response {
    match answer {
        Ok(answer) => (StatusCode::OK, Json(answer)).into_response(),
        Err(error) => (error.status(), Json(error.body())).into_response(),
    }
}

#[derive(Deserialize)]
struct Until {
    until_ms: i64,
}

async fn executions(
    State(service): State<Arc<Service>>,
    Query(Until { until_ms }): Query<Until>,
) -> Json<BTreeMap<String, BTreeMap<String, u64>>> {
    Json(service.execution_counts(Timestamp::from_millis(until_ms)))
}

async fn counts(State(service): State<Arc<Service>>) -> Json<BTreeMap<String, u64>> {
    Json(service.entry_counts())
}

#[cfg(test)]
mod tests;
