//! `/healthz`, `/readyz`: whether the process lives and can answer. Open to everybody.

use axum::Router;
use axum::routing::get;

use super::Shared;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/healthz", get(live))
        .route("/readyz", get(ready))
}

/// The process lives.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = String)))]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// The store is open and the log is replayed; routes exist only from then on.
#[utoipa::path(get, path = "/readyz", tag = "health", responses((status = 200, body = String)))]
pub(crate) async fn ready() -> &'static str {
    "ready\n"
}
