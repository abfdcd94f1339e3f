//! `/api/v1/queries/check`: what is wrong with a query, before it is run.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use query::Language;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use crate::error::{Result, diagnostic};

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/queries/check", post(check))
}

/// A query to check.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct Check {
    query: String,
    /// `log` (the default) or `sql`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    language: Option<Language>,
}

/// Parses and plans a query; answers with every mistake and its position.
#[utoipa::path(
    post, path = "/api/v1/queries/check", tag = "language", request_body = Check,
    responses((status = 200, body = Object))
)]
pub(crate) async fn check(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let check: Check = super::body(&headers, &body)?;
    let language = check.language.unwrap_or_default();
    let found = node.searches.check(&check.query, language).await?;
    let diagnostics: Vec<Value> = found.iter().map(diagnostic).collect();
    Ok(Json(json!({ "diagnostics": diagnostics })))
}
