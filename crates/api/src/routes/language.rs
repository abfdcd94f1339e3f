//! `/api/v1/language`: every operator, aggregate and function, for completion and help.

use axum::routing::get;
use axum::{Json, Router};
use query::UnitKind;
use serde_json::{Value, json};

use super::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/language", get(language))
}

/// The words of the language.
#[utoipa::path(get, path = "/api/v1/language", tag = "language", responses((status = 200, body = Object)))]
pub(crate) async fn language() -> Json<Value> {
    let all = query::descriptors();
    let of = |kind: UnitKind| -> Vec<_> { all.iter().filter(|unit| unit.kind == kind).collect() };
    Json(json!({
        "operators": of(UnitKind::Operator),
        "functions": of(UnitKind::Function),
        "aggregates": of(UnitKind::Aggregate),
        "metrics": query::metrics_descriptors(),
    }))
}
