//! The metrics of this crate.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

use crate::Node;

/// Counts requests and measures how long their answers take to begin.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("ui", MatchedPath::as_str)
        .to_owned();
    let method = request.method().as_str().to_owned();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::counter!(
        "nephoscope_api_requests_total",
        "route" => route.clone(), "method" => method, "status" => status
    )
    .increment(1);
    metrics::histogram!("nephoscope_api_request_duration_seconds", "route" => route)
        .record(started.elapsed());
    response
}

/// Brings the gauges up to date and returns all metrics of the node as Prometheus text.
pub fn render(node: &Node) -> String {
    metrics::describe_counter!(
        "nephoscope_api_requests_total",
        "Requests answered, by route, method and status."
    );
    metrics::describe_histogram!(
        "nephoscope_api_request_duration_seconds",
        metrics::Unit::Seconds,
        "Time until an answer begins, by route."
    );
    let stats = node.store.stats();
    let gauges = [
        (
            "nephoscope_storage_segments",
            "Segments on disk.",
            stats.segments as f64,
        ),
        (
            "nephoscope_storage_events",
            "Events on disk and in memory.",
            stats.events as f64,
        ),
        (
            "nephoscope_storage_disk_bytes",
            "Bytes of all segments.",
            stats.disk_bytes as f64,
        ),
        (
            "nephoscope_storage_memory_rows",
            "Rows not flushed yet.",
            stats.memory_rows as f64,
        ),
        (
            "nephoscope_storage_memory_bytes",
            "Bytes not flushed yet.",
            stats.memory_bytes as f64,
        ),
        (
            "nephoscope_query_searches",
            "Searches running or kept.",
            node.searches.count() as f64,
        ),
    ];
    for (name, help, value) in gauges {
        metrics::describe_gauge!(name, help);
        metrics::gauge!(name).set(value);
    }
    node.metrics.render()
}
