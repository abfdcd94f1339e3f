//! `/api/v1/sources` and `/api/v1/collectors`: where data comes from, and what could.
//!
//! A body has the keys of a `[[sources]]` table. Secrets are answered as `***`; who sends `***`
//! back means the value that is there.

use ::collectors::{CollectorDescriptor, CollectorsError, Sent};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::error::{ApiError, Result};
use crate::routes::{Shared, body};

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/sources", get(list).post(create))
        .route("/api/v1/sources/test", post(test))
        .route(
            "/api/v1/sources/{name}",
            get(read).put(replace).delete(remove),
        )
        .route("/api/v1/sources/{name}/pause", post(pause))
        .route("/api/v1/sources/{name}/resume", post(resume))
        .route("/api/v1/collectors", get(collectors))
}

impl From<CollectorsError> for ApiError {
    fn from(error: CollectorsError) -> Self {
        let message = error.to_string();
        match error {
            CollectorsError::Unknown(_) => {
                ApiError::new(StatusCode::NOT_FOUND, "source:not_found", message)
            }
            CollectorsError::NameTwice(_)
            | CollectorsError::TokenTwice(_)
            | CollectorsError::InFile(_)
            | CollectorsError::Needed { .. } => {
                ApiError::new(StatusCode::CONFLICT, "source:conflict", message)
            }
            CollectorsError::Setting { .. }
            | CollectorsError::NotUnderstood(_)
            | CollectorsError::Hidden { .. }
            | CollectorsError::Renamed(_) => ApiError::bad("source:invalid", message),
            CollectorsError::TooMany { .. } => ApiError::too_many(message),
            CollectorsError::Closing => {
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "stopping", message)
            }
            CollectorsError::Cloud { .. }
            | CollectorsError::Sink(_)
            | CollectorsError::Task(_)
            | CollectorsError::Book(_) => {
                tracing::error!(error = message, "request failed");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
            }
        }
    }
}

/// Lists the sources, how they are doing, and their settings.
#[utoipa::path(get, path = "/api/v1/sources", tag = "sources", responses((status = 200, body = Object)))]
pub(crate) async fn list(State(node): State<Shared>) -> Json<Value> {
    Json(json!({ "sources": node.sources.all() }))
}

/// Adds a source and starts it.
#[utoipa::path(
    post, path = "/api/v1/sources", tag = "sources", request_body = Object,
    responses(
        (status = 201, body = Object),
        (status = 400, description = "It cannot work"),
        (status = 409, description = "Its name or token is taken"),
    )
)]
pub(crate) async fn create(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<(StatusCode, Json<Value>)> {
    let sent = body::<Sent>(&headers, &bytes)?;
    let added = node.sources.create(sent).await?;
    Ok((StatusCode::CREATED, Json(json!(added))))
}

/// Shows a source.
#[utoipa::path(
    get, path = "/api/v1/sources/{name}", tag = "sources", params(("name" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "There is none"))
)]
pub(crate) async fn read(
    State(node): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    Ok(Json(json!(node.sources.one(&name)?)))
}

/// Changes a source: it is stopped and started anew.
#[utoipa::path(
    put, path = "/api/v1/sources/{name}", tag = "sources", params(("name" = String, Path)),
    request_body = Object,
    responses(
        (status = 200, body = Object),
        (status = 400, description = "It cannot work"),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is in the configuration file, or its token is taken"),
    )
)]
pub(crate) async fn replace(
    State(node): State<Shared>,
    Path(name): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let sent = body::<Sent>(&headers, &bytes)?;
    Ok(Json(json!(node.sources.replace(&name, sent).await?)))
}

/// Removes a source; its events stay.
#[utoipa::path(
    delete, path = "/api/v1/sources/{name}", tag = "sources", params(("name" = String, Path)),
    responses(
        (status = 204),
        (status = 404, description = "There is none"),
        (status = 409, description = "It is in the configuration file, or another source names it"),
    )
)]
pub(crate) async fn remove(
    State(node): State<Shared>,
    Path(name): Path<String>,
) -> Result<StatusCode> {
    node.sources.remove(&name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pauses a source: it stops asking the cloud, or asks its senders to wait.
#[utoipa::path(
    post, path = "/api/v1/sources/{name}/pause", tag = "sources", params(("name" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "There is none"))
)]
pub(crate) async fn pause(
    State(node): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    Ok(Json(json!(node.sources.pause(&name).await?)))
}

/// Lets a paused source go on.
#[utoipa::path(
    post, path = "/api/v1/sources/{name}/resume", tag = "sources", params(("name" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "There is none"))
)]
pub(crate) async fn resume(
    State(node): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    Ok(Json(json!(node.sources.resume(&name).await?)))
}

/// Tries a source out, up to 20 seconds, without storing anything.
#[utoipa::path(
    post, path = "/api/v1/sources/test", tag = "sources", request_body = Object,
    responses((status = 200, body = Object), (status = 400, description = "It cannot work"))
)]
pub(crate) async fn test(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let sent = body::<Sent>(&headers, &bytes)?;
    Ok(Json(json!(node.sources.test(sent).await?)))
}

/// Lists the collectors that a source can use, with an example, in
/// TOML and as `settings`, and the rights that each needs.
#[utoipa::path(get, path = "/api/v1/collectors", tag = "sources", responses((status = 200, body = Object)))]
pub(crate) async fn collectors() -> Json<Value> {
    let shown = |known: &CollectorDescriptor| {
        let mut shown = json!(known);
        shown["settings"] = Value::Object(known.settings());
        shown
    };
    let known = ::collectors::registry().iter();
    Json(json!({ "collectors": known.map(shown).collect::<Vec<_>>() }))
}
