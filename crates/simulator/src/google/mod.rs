//! Google Cloud Logging as a server: `entries:list` and `entries:write` as JSON over HTTP.
//!
//! `GET /simulator/counts` is ours: it tells how many entries each function has, so that a script
//! can check a collector.

mod error;
mod feed;
mod filter;
mod list;
mod quota;
mod service;
mod store;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;

use self::error::GoogleError;
pub(crate) use self::service::Service;

/// The most that a request may hold.
const BODY_BYTES_MAX: usize = 10 << 20;

/// The routes of the simulated Google.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v2/{call}", post(call))
        .route("/simulator/counts", get(counts))
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
    match answer {
        Ok(answer) => (StatusCode::OK, Json(answer)).into_response(),
        Err(error) => (error.status(), Json(error.body())).into_response(),
    }
}

async fn counts(State(service): State<Arc<Service>>) -> Json<BTreeMap<String, u64>> {
    Json(service.entry_counts())
}

#[cfg(test)]
mod tests;
