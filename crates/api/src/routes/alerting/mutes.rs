//! `/api/v1/mutes`: who is not told about what, and until when.

use ::alerting::{Matcher, Mute};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Result;
use crate::routes::{Shared, body};

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/mutes", get(list).post(create))
        .route("/api/v1/mutes/preview", post(preview))
        .route("/api/v1/mutes/{id}", delete(end))
}

/// A mute in a request.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MuteBody {
    /// What an alert must be like: each has `name`, `value`, and perhaps `isRegex` and `isEqual`.
    #[schema(value_type = Vec<Object>)]
    matchers: Vec<Matcher>,
    /// In milliseconds since the epoch; now if not given.
    starts_at: Option<i64>,
    /// In milliseconds since the epoch.
    ends_at: i64,
    #[serde(default)]
    created_by: String,
    #[serde(default)]
    comment: String,
}

impl MuteBody {
    fn mute(self, node: &Shared) -> Mute {
        Mute {
            id: String::new(),
            matchers: self.matchers,
            starts_at: self.starts_at.unwrap_or_else(|| node.clock.now().millis()),
            ends_at: self.ends_at,
            created_by: self.created_by,
            comment: self.comment,
        }
    }
}

/// Lists the mutes that are not over.
#[utoipa::path(get, path = "/api/v1/mutes", tag = "alerts", responses((status = 200, body = Object)))]
pub(crate) async fn list(State(node): State<Shared>) -> Json<Value> {
    Json(json!({ "mutes": node.alerting.mutes() }))
}

/// Makes a mute.
#[utoipa::path(
    post, path = "/api/v1/mutes", tag = "alerts", request_body = MuteBody,
    responses((status = 200, body = Object), (status = 400, description = "It cannot work"))
)]
pub(crate) async fn create(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let mute = body::<MuteBody>(&headers, &bytes)?.mute(&node);
    Ok(Json(json!(node.alerting.create_mute(mute).await?)))
}

/// Which open alerts a mute would hold back.
#[utoipa::path(
    post, path = "/api/v1/mutes/preview", tag = "alerts", request_body = MuteBody,
    responses((status = 200, body = Object), (status = 400, description = "It cannot work"))
)]
pub(crate) async fn preview(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let mute = body::<MuteBody>(&headers, &bytes)?.mute(&node);
    let held = node.alerting.preview_mute(&mute).await?;
    let held: Vec<Value> = held
        .iter()
        .map(|alert| json!({ "id": alert.news.id, "monitorName": alert.monitor_name, "sentence": alert.news.sentence() }))
        .collect();
    Ok(Json(json!({ "alerts": held })))
}

/// Ends a mute.
#[utoipa::path(
    delete, path = "/api/v1/mutes/{id}", tag = "alerts", params(("id" = String, Path)),
    responses((status = 204), (status = 404, description = "There is none"))
)]
pub(crate) async fn end(State(node): State<Shared>, Path(id): Path<String>) -> Result<StatusCode> {
    node.alerting.end_mute(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}
