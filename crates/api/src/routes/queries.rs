//! `/api/v1/queries`: what is wrong with a query, and how it would be run.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use query::{Explanation, Language, SqlText};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::search_jobs::Job;
use crate::error::{Result, diagnostic};

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/queries/check", post(check))
        .route("/api/v1/queries/explain", post(explain))
        .route("/api/v1/queries/sql", post(sql))
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

/// Plans a query without running it: what would be read of each segment and why, what the text
/// indexes are asked, and the physical plan.
#[utoipa::path(
    post, path = "/api/v1/queries/explain", tag = "language", request_body = Job,
    responses((status = 200, body = Object))
)]
pub(crate) async fn explain(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Explanation>> {
    let job: Job = super::body(&headers, &body)?;
    Ok(Json(node.searches.explain(&job.request()?).await?))
}

/// Says a query in SQL, which gives the same rows in SQL mode over the same range; where SQL has no
/// words for an operator, a note says so.
#[utoipa::path(
    post, path = "/api/v1/queries/sql", tag = "language", request_body = Job,
    responses((status = 200, body = Object))
)]
pub(crate) async fn sql(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<SqlText>> {
    let job: Job = super::body(&headers, &body)?;
    Ok(Json(node.searches.sql(&job.request()?).await?))
}
