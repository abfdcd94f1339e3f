//! Keeps the number of requests that are worked on at once in bounds.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::{FromFnLayer, Next};
use axum::response::{IntoResponse, Response};
use futures::future::BoxFuture;
use tokio::sync::Semaphore;

use crate::error::ApiError;

/// Requests in work at once; a stream counts only until it begins.
const REQUESTS_MAX: usize = 256;

type Handler = fn(State<Arc<Semaphore>>, Request, Next) -> BoxFuture<'static, Response>;

/// Returns the layer that refuses what is too much.
pub(crate) fn layer() -> FromFnLayer<Handler, Arc<Semaphore>, (State<Arc<Semaphore>>, Request)> {
    let turns = Arc::new(Semaphore::new(REQUESTS_MAX));
    axum::middleware::from_fn_with_state(turns, admit as Handler)
}

fn admit(
    State(turns): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> BoxFuture<'static, Response> {
    Box::pin(async move {
        match turns.try_acquire() {
            Ok(_turn) => next.run(request).await,
            Err(_) => ApiError::too_many(format!(
                "{REQUESTS_MAX} requests are being answered already; try again in a moment"
            ))
            .into_response(),
        }
    })
}
