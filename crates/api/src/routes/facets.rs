//! `/api/v1/search/facets`: which values fields have among the events of a search.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use model::limits::FACET_FIELDS_MAX;
use query::FacetsRequest;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::search_jobs::Job;
use crate::error::{ApiError, Result};

/// Values per field if the request does not say it.
const VALUES_DEFAULT: usize = 10;
/// Values per field that may be asked for.
const VALUES_MAX: usize = 1_000;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/search/facets", post(facets))
}

/// A search, and the fields to count.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct Facets {
    #[serde(flatten)]
    search: Job,
    fields: Vec<String>,
    /// Values per field, most frequent first.
    limit: Option<usize>,
}

/// Counts the values of fields. A field's counts ignore the filters on itself.
#[utoipa::path(
    post, path = "/api/v1/search/facets", tag = "search", request_body = Facets,
    responses((status = 200, body = Object), (status = 400, body = Object))
)]
pub(crate) async fn facets(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let body: Facets = super::body(&headers, &body)?;
    if body.fields.len() > FACET_FIELDS_MAX {
        let message = format!("more than {FACET_FIELDS_MAX} fields are asked (FACET_FIELDS_MAX)");
        return Err(ApiError::bad("facets.too.many.fields", message));
    }
    let request = FacetsRequest {
        search: body.search.request()?,
        fields: body.fields,
        values_max: body.limit.unwrap_or(VALUES_DEFAULT).min(VALUES_MAX),
    };
    let facets = node.searches.facets(&request).await?;
    Ok(Json(json!({ "facets": facets })))
}
