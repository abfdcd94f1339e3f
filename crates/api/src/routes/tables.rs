//! `/api/v1/tables`: what SQL can name, for completion and help.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::Shared;
use crate::error::Result;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/tables", get(tables))
}

/// The tables with their columns, and the functions.
#[utoipa::path(get, path = "/api/v1/tables", tag = "language", responses((status = 200, body = Object)))]
pub(crate) async fn tables(State(node): State<Shared>) -> Result<Json<Value>> {
    let words = node.searches.engine().sql_words().await?;
    Ok(Json(json!(words)))
}
