//! Amazon CloudWatch as a server: its logs in the JSON 1.1 protocol, one file per group of
//! operations, and its metrics (`metrics`).
//!
//! `POST /` with `X-Amz-Target: Logs_20140328.<Operation>` is the whole protocol of logs. Requests
//! must be signed like real ones; the signature itself is not checked.
//! `GET /simulator/counts?until=<ms>` is ours: it tells how many events there are, so that a script
//! can check a collector; `/simulator/metric-sums` tells the same of metrics.

mod describe;
mod error;
mod event_id;
mod feed;
mod filter_log_events;
mod get_log_events;
mod metrics;
mod page;
mod pattern;
mod put;
mod quota;
mod service;
mod store;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use model::Timestamp;
use serde::Deserialize;

use self::error::AwsError;
pub(crate) use self::service::Service;

/// Larger than a full batch of events can become as JSON.
const BODY_BYTES_MAX: usize = 8 << 20;
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.1");
const TARGET_PREFIX: &str = "Logs_20140328.";

/// The routes of the simulated AWS.
pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/", post(call))
        .route(metrics::PATH, post(metrics::call))
        .route("/simulator/counts", get(counts))
        .route("/simulator/metric-sums", get(metric_sums))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(service)
}

async fn call(State(service): State<Arc<Service>>, headers: HeaderMap, body: Bytes) -> Response {
    let answer = operation(&headers)
        .and_then(|operation| Ok((operation, region(&headers)?)))
        .and_then(|(operation, region)| service.call(operation, region, &body));
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (error.status(), error.body()),
    };
    let mut response = (status, body).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, CONTENT_TYPE);
    if let Ok(id) = HeaderValue::from_str(&service.request_id()) {
        response.headers_mut().insert("x-amzn-requestid", id);
    }
    response
}

fn operation(headers: &HeaderMap) -> Result<&str, AwsError> {
    headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .and_then(|target| target.strip_prefix(TARGET_PREFIX))
        .ok_or_else(AwsError::unknown_operation)
}

/// The region that the request was signed for: `Credential=<key>/<date>/<region>/logs/…`.
fn region(headers: &HeaderMap) -> Result<&str, AwsError> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential="))
        .and_then(|(_, scope)| scope.split('/').nth(2))
        .ok_or_else(AwsError::missing_authentication)
}

#[derive(Debug, Deserialize)]
struct CountsQuery {
    until: Option<i64>,
}

impl CountsQuery {
    fn until(&self) -> Timestamp {
        self.until.map_or(Timestamp::MAX, Timestamp::from_millis)
    }
}

async fn counts(
    State(service): State<Arc<Service>>,
    Query(query): Query<CountsQuery>,
) -> Json<BTreeMap<String, u64>> {
    Json(service.event_counts(query.until()))
}

async fn metric_sums(
    State(service): State<Arc<Service>>,
    Query(query): Query<CountsQuery>,
) -> Json<metrics::MetricSums> {
    Json(service.metric_sums(query.until()))
}

#[cfg(test)]
mod tests;
