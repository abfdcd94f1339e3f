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
use crate::support::receive::{Inbox, Refused, Tokens, decoded, header};

const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// The sources of this collector.
#[derive(Default)]
pub(crate) struct Receivers(Tokens<Receiver>);

struct Receiver {
    config: Arc<Config>,
    inbox: Inbox,
}

impl Receivers {
    pub(crate) fn add(&self, config: Config, inbox: Inbox) {
        inbox.monitor.set_state(SourceState::Running);
        let token = config.token.clone();
        let (config, stop) = (Arc::new(config), inbox.stop.clone());
        self.0.add(&token, &stop, Receiver { config, inbox });
    }
}

/// The route of the receivers.
pub(crate) fn router(receivers: Arc<Receivers>) -> Router {
    Router::new()
        .route("/receiver/v1/lambda/{token}", post(answer))
        .with_state(receivers)
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
        Err(refused) => {
            receiver.inbox.refused(&refused).await;
            let again = refused.retry_after.map(|wait| [(RETRY_AFTER, wait)]);
            (refused.status, again, refused.problem + "\n").into_response()
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
