//! `/api/v1/search/jobs/{id}/stream`: a search's status as lines of JSON, until it is final.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use query::{SearchId, SearchStatus, Searches};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::{Shared, search_jobs};
use crate::error::{ApiError, Result};

/// Lines come at most this often, but the last one comes at once.
const LINE_INTERVAL: Duration = Duration::from_millis(100);
/// A line is repeated after this long without news, so that a dead client is noticed.
const SILENCE_MAX: Duration = Duration::from_secs(2);

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/search/jobs/{id}/stream", get(follow))
}

struct Follower {
    searches: Searches,
    id: SearchId,
    status: watch::Receiver<SearchStatus>,
    next_line: Instant,
    is_over: bool,
}

/// The whole status, one JSON object a line, whenever it changes.
#[utoipa::path(
    get, path = "/api/v1/search/jobs/{id}/stream", tag = "search", params(("id" = String, Path)),
    responses((status = 200, content_type = "application/x-ndjson", body = String))
)]
pub(crate) async fn follow(State(node): State<Shared>, Path(id): Path<String>) -> Result<Response> {
    let search = SearchId::new(&id);
    let subscribed = node.searches.subscribe(&search);
    let mut status = subscribed.ok_or_else(|| ApiError::unknown_search(&id))?;
    status.mark_changed();
    let follower = Follower {
        searches: node.searches.clone(),
        id: search,
        status,
        next_line: Instant::now(),
        is_over: false,
    };
    let lines = stream::unfold(follower, next_line);
    let headers = [
        (CONTENT_TYPE, "application/x-ndjson"),
        (CACHE_CONTROL, "no-store"),
    ];
    Ok((headers, Body::from_stream(lines)).into_response())
}

async fn next_line(
    mut follower: Follower,
) -> Option<(
    std::result::Result<Bytes, std::convert::Infallible>,
    Follower,
)> {
    if follower.is_over {
        return None;
    }
    let silence = timeout(SILENCE_MAX, follower.status.changed()).await;
    let mut is_gone = matches!(silence, Ok(Err(_)));
    if !is_gone {
        let status = &mut follower.status;
        let ended = async {
            status
                .wait_for(|status| status.state.is_final())
                .await
                .is_err()
        };
        tokio::select! {
            () = sleep_until(follower.next_line) => {}
            has_gone = ended => is_gone = has_gone,
        }
    }
    follower.searches.touch(&follower.id);
    follower.next_line = Instant::now() + LINE_INTERVAL;
    let status = follower.status.borrow_and_update().clone();
    follower.is_over = is_gone || status.state.is_final();
    let mut line = search_jobs::whole(&status).to_string();
    line.push('\n');
    Some((Ok(Bytes::from(line)), follower))
}
