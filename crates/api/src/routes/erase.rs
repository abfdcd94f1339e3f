//! `/api/v1/erase`: erases events for ever, as somebody may be entitled to ask.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use model::{TimeRange, Timestamp};
use query::QueryContext;
use serde::{Deserialize, Serialize};

use super::Shared;
use crate::error::{ApiError, Result};

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/erase", post(erase))
}

/// What is to be erased.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Erase {
    /// Words and fields, as at the beginning of a query, without operators.
    query: String,
    /// Milliseconds since the epoch.
    from: i64,
    /// Milliseconds since the epoch, not included.
    to: i64,
}

/// What was erased.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ErasedEvents {
    events: u64,
    /// Rows that were kept about the invocations of these events, gone with them.
    evidence: u64,
    /// Segments that were rewritten. Their old files go after `storage.deletion_grace`.
    segments: usize,
}

/// Erases the events that a scope finds inside a time range, and the invocations that they
/// belong to, by their request ids. Metric samples stay: no event is in them. Searches that begin afterwards do
/// not see them; the bytes are gone from the disk after the grace time.
#[utoipa::path(
    post, path = "/api/v1/erase", tag = "erase", request_body = Erase,
    responses((status = 200, body = ErasedEvents))
)]
pub(crate) async fn erase(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<ErasedEvents>> {
    let erase: Erase = super::body(&headers, &body)?;
    let range = TimeRange::new(
        Timestamp::from_millis(erase.from),
        Timestamp::from_millis(erase.to),
    );
    let context = QueryContext {
        range,
        now: node.clock.now(),
        time_zone: jiff::tz::TimeZone::UTC,
        auto_parse: false,
    };
    let erasure = query::erasure(node.searches.engine(), &erase.query, &context)?;
    let failed = |error: &dyn std::error::Error| {
        tracing::error!(%error, "cannot erase events");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "erase.failed",
            "not everything was erased; the node's log says why, and the same can be asked again",
        )
    };
    node.ingest.flush().await.map_err(|error| failed(&error))?;
    let erased = node.store.erase(range, &erasure).await;
    let erased = erased.map_err(|error| failed(&error))?;
    // Without the query's text, which may be the very thing that is to be forgotten.
    tracing::info!(
        from = %range.start,
        to = %range.end,
        events = erased.events,
        evidence = erased.evidence,
        segments = erased.segments,
        "erased events on request"
    );
    Ok(Json(ErasedEvents {
        events: erased.events,
        evidence: erased.evidence,
        segments: erased.segments,
    }))
}
