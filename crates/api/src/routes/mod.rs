//! The list of all routes, one file per resource.

pub(crate) mod alerting;
pub(crate) mod dashboards;
pub(crate) mod dashboards_v2;
pub(crate) mod erase;
pub(crate) mod export;
pub(crate) mod facets;
pub(crate) mod fields;
pub(crate) mod health;
pub(crate) mod language;
pub(crate) mod lookup_tables;
pub(crate) mod metrics_queries;
pub(crate) mod metrics_results;
pub(crate) mod queries;
pub(crate) mod search_jobs;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod stream;
pub(crate) mod tables;

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::any;
use serde::de::DeserializeOwned;
use tower_http::compression::CompressionLayer;

use crate::Node;
use crate::error::{ApiError, Result};

pub(crate) type Shared = Arc<Node>;

/// Everything under `/api`, and `/metrics`.
pub(crate) fn api() -> Router<Shared> {
    Router::new()
        .merge(dashboards::router())
        .merge(dashboards_v2::router())
        .merge(alerting::router())
        .merge(erase::router())
        .merge(export::router())
        .merge(facets::router())
        .merge(fields::router())
        .merge(language::router())
        .merge(lookup_tables::router())
        .merge(metrics_queries::router())
        .merge(metrics_results::router())
        .merge(queries::router())
        .merge(search_jobs::router())
        .merge(sources::router())
        .merge(status::router())
        .merge(tables::router())
        .merge(crate::openapi::router())
        .layer(CompressionLayer::new())
        // A compressor would hold lines back.
        .merge(stream::router())
        .route("/api/{*rest}", any(async || ApiError::not_found()))
        .method_not_allowed_fallback(async || ApiError::method())
}

/// Reads a JSON body.
fn body<T: DeserializeOwned>(headers: &HeaderMap, body: &Bytes) -> Result<T> {
    let is_json = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("application/json"));
    if !is_json {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "contenttype.invalid",
            "the body must be JSON, with content type application/json",
        ));
    }
    serde_json::from_slice(body)
        .map_err(|error| ApiError::bad("generic", format!("the body is not understood: {error}")))
}
