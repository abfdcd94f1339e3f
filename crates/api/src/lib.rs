//! What the network sees: routes, auth, errors, OpenAPI.
//!
//! Where Sumo Logic has an API, this is that API; the rest lives under `/api/v1` in the same
//! style. Nothing here decides anything: every handler turns a request into one call of another
//! room, and the answer into JSON.

mod auth;
mod door;
mod error;
mod limit;
mod metrics;
mod multipart;
mod openapi;
mod routes;
mod time_range;

use std::sync::Arc;

use axum::Router;
use metrics_exporter_prometheus::PrometheusHandle;
use model::Clock;

pub use auth::AccessKey;
pub use door::Door;
pub use metrics::render as metrics_text;

/// What the routes answer from.
#[derive(Clone)]
pub struct Node {
    /// The data.
    pub store: storage::Store,
    /// Where data comes in.
    pub ingest: Arc<ingest::Ingest>,
    /// The running searches.
    pub searches: query::Searches,
    /// Where data comes from; its receivers are mounted, too.
    pub sources: Arc<collectors::Sources>,
    /// What users save.
    pub library: content::Library,
    /// What watches and tells.
    pub alerting: Arc<alerting::Alerting>,
    /// The present.
    pub clock: Arc<dyn Clock>,
    /// Who may use the API; nobody is asked if there are none.
    pub access_keys: Vec<AccessKey>,
    /// The node's own metrics.
    pub metrics: PrometheusHandle,
    /// The version of the program.
    pub version: &'static str,
    /// What a browser gets on every other path.
    pub ui: Router,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Returns everything that the node answers once it is there.
fn router(node: Node) -> Router {
    let (receivers, ui) = (node.sources.router(), node.ui.clone());
    let keys = auth::Keys::new(&node.access_keys);
    let guarded = routes::api()
        .with_state(Arc::new(node.clone()))
        .layer(limit::layer())
        .fallback_service(ui)
        .layer(axum::middleware::from_fn_with_state(keys, auth::require));
    Router::new()
        .merge(routes::health::router().with_state(Arc::new(node)))
        .merge(receivers)
        .merge(guarded)
        .layer(axum::middleware::from_fn(metrics::measure))
}
