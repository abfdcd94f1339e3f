//! Azure as a server: Resource Manager and Monitor (`management`), and of Azure Storage the parts of the blob and the table service that reading the logs of
//! function apps takes, each on an address of its own, with the account in the path as emulators
//! have it: `/{account}/{container}/{blob}`, `/{account}/{table}()`.
//!
//! Requests must be signed with the account's key. `GET /simulator/counts` is ours: it tells how
//! many lines, or executions, each app has, so that a script can check a collector.

mod auth;
mod blobs;
mod error;
mod failure;
mod feed;
mod filter;
mod get_blob;
mod list_blobs;
mod management;
mod query_tables;
mod quota;
mod record;
mod request;
mod rows;
mod said;
mod service;
mod tables;
mod times;
mod xml;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::get;
use axum::{Json, Router};

pub(crate) use self::management::router as management_router;
use self::request::Kind;
pub(crate) use self::service::Service;

/// The routes of the simulated blob service.
pub(crate) fn blob_router(service: Arc<Service>) -> Router {
    router(service, Kind::Blob)
}

/// The routes of the simulated table service.
pub(crate) fn table_router(service: Arc<Service>) -> Router {
    router(service, Kind::Table)
}

fn router(service: Arc<Service>, kind: Kind) -> Router {
    let call = move |State(service): State<Arc<Service>>,
                     method: Method,
                     uri: Uri,
                     headers: HeaderMap| async move {
        service.answer(kind, (&method, &uri), &headers)
    };
    Router::new()
        .route("/simulator/counts", get(counts))
        .fallback(call)
        .with_state(service)
}

async fn counts(State(service): State<Arc<Service>>) -> Json<BTreeMap<String, u64>> {
    Json(service.counts())
}

#[cfg(test)]
mod tests;
