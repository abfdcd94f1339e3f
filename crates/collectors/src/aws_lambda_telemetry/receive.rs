//! Answers extensions.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Query, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::EventBatch;

use super::Config;
use super::decode::{LIMIT, Sandbox, decode};
use crate::status::SourceState;
use crate::support::receive::{Inbox, RETRY_AFTER_SECONDS, Refused, Tokens, decoded, header};

const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// The sources of this collector.
#[derive(Default)]
pub(crate) struct Receivers(Tokens<Receiver>);

struct Receiver {
    config: Arc<Config>,
    inbox: Inbox,
}

impl Receivers {
    pub(crate) fn add(&mut self, config: Config, inbox: Inbox) {
        inbox.monitor.set_state(SourceState::Running);
        let token = config.token.clone();
        let config = Arc::new(config);
        self.0.add(&token, Receiver { config, inbox });
    }
}

/// The route of the receivers.
pub(crate) fn router(receivers: Receivers) -> Router {
    Router::new()
        .route("/receiver/v1/lambda/{token}", post(answer))
        .with_state(Arc::new(receivers))
}

async fn answer(
    State(receivers): State<Arc<Receivers>>,
    Path(token): Path<String>,
    Query(sandbox): Query<Sandbox>,
    request: Request,
) -> Response {
    let Some(receiver) = receivers.0.find(&token) else {
        let told = "unknown token; use the token of a configured source\n";
        return (StatusCode::UNAUTHORIZED, told).into_response();
    };
    match receive(&receiver, sandbox, request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(Refused { status, problem }) => {
            receiver.inbox.note(&problem);
            let again = [(RETRY_AFTER, RETRY_AFTER_SECONDS)];
            (status, again, problem + "\n").into_response()
        }
    }
}

async fn receive(receiver: &Receiver, sandbox: Sandbox, request: Request) -> Result<(), Refused> {
    let (request, body) = request.into_parts();
    let template = sandbox.template(&receiver.config);
    let work = move |body: bytes::Bytes| decode(&body, template);
    let events = decoded(&request.headers, body, LIMIT, work).await?;
    let key = header(&request.headers, IDEMPOTENCY_HEADER);
    let batch = EventBatch {
        events,
        ..EventBatch::default()
    };
    receiver.inbox.store(batch, key).await.map(drop)
}

#[cfg(test)]
mod tests;
