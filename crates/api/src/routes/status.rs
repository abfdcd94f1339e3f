//! `/api/v1/status` and `/metrics`: how the node is doing.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

use super::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/metrics", get(metrics))
}

/// How the node is doing.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    version: &'static str,
    /// Milliseconds since the epoch.
    newest_event_time: Option<i64>,
    events: u64,
    disk_bytes: u64,
    data_dir: String,
    #[schema(value_type = Vec<Object>)]
    sources: Vec<collectors::SourceStatus>,
    /// Milliseconds since the epoch.
    now: i64,
}

/// How much is stored, and how the sources are doing.
#[utoipa::path(get, path = "/api/v1/status", tag = "status", responses((status = 200, body = Status)))]
pub(crate) async fn status(State(node): State<Shared>) -> Json<Status> {
    let stats = node.store.stats();
    Json(Status {
        version: node.version,
        newest_event_time: node.store.newest_event_time().map(model::Timestamp::millis),
        events: stats.events,
        disk_bytes: stats.disk_bytes,
        data_dir: node.store.data_dir().display().to_string(),
        sources: node.sources.status(),
        now: node.clock.now().millis(),
    })
}

/// The node's own metrics, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "status", responses((status = 200, body = String)))]
pub(crate) async fn metrics(State(node): State<Shared>) -> Response {
    let text = crate::metrics::render(&node);
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
        .into_response()
}
