//! `/api/v1/fields`: which fields events have, with examples.

use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use model::{TimeRange, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::error::Result;

/// Range if none is given, in milliseconds.
const RANGE_DEFAULT_MS: i64 = 3_600_000;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/fields", get(fields))
}

/// The range to look at, in milliseconds since the epoch.
#[derive(Deserialize, utoipa::IntoParams)]
pub(crate) struct Range {
    from: Option<i64>,
    to: Option<i64>,
}

/// The fields of a sample of recent events.
#[utoipa::path(get, path = "/api/v1/fields", tag = "language", params(Range), responses((status = 200, body = Object)))]
pub(crate) async fn fields(
    State(node): State<Shared>,
    Query(range): Query<Range>,
) -> Result<Json<Value>> {
    let to = range.to.unwrap_or_else(|| node.clock.now().millis());
    let from = range.from.unwrap_or(to - RANGE_DEFAULT_MS);
    let range = TimeRange::new(Timestamp::from_millis(from), Timestamp::from_millis(to));
    let fields = node.searches.engine().fields(range).await?;
    Ok(Json(json!({ "fields": fields })))
}
