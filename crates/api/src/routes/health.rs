//! `/healthz`, `/readyz`: whether the process lives, and whether it can take events and answer.
//! Open to everybody.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;

use super::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/readyz", get(ready))
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// The log is replayed, what is sent can be made durable, there is space for it, and the
/// catalog answers. Searches go on while the disk is full; a node whose log failed is about to
/// end.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, body = String),
    (status = 503, description = "Not ready, and why", body = String),
))]
pub(crate) async fn ready(State(node): State<Shared>) -> (StatusCode, String) {
    let failure = match (node.ingest.failure(), node.ingest.shortage()) {
        (Some(failure), _) => Err(format!("ingest has stopped: {failure}")),
        (None, Some(shortage)) => Err(shortage),
        (None, None) => node.store.catalog().check().await.map_err(|error| {
            let cause = std::error::Error::source(&error);
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{error}{cause}")
        }),
    };
    match failure {
        Ok(()) => (StatusCode::OK, "ready\n".to_owned()),
        Err(failure) => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("not ready: {failure}\n"),
        ),
    }
}
