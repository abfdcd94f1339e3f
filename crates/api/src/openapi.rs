//! `/api/openapi.json`: the description of the API, made from the routes.

use axum::routing::get;
use axum::{Json, Router};
use utoipa::OpenApi;

use crate::routes::{Shared, fields, health, language, queries, search_jobs, status, stream};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nephoscope",
        description = "Logs of serverless functions: search and status."
    ),
    paths(
        search_jobs::create,
        search_jobs::status,
        search_jobs::messages,
        search_jobs::records,
        search_jobs::cancel,
        stream::follow,
        language::language,
        queries::check,
        fields::fields,
        status::status,
        status::metrics,
        health::live,
        health::ready,
    ),
    components(schemas(search_jobs::Job, queries::Check, status::Status))
)]
struct Description;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/openapi.json", get(describe))
}

async fn describe() -> Json<utoipa::openapi::OpenApi> {
    Json(Description::openapi())
}
