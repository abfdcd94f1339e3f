//! Answers pushes. Pub/Sub sends a message again until it is answered with success, and sometimes
//! then; two sinks' messages may hold one entry, so it is the entry's id that is remembered.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::{EventBatch, LogEvent};

use super::Config;
use super::envelope::{LIMIT, entry};
use super::identity::Identity;
use crate::gcp_cloud_logging::{Decoder, Labels};
use crate::status::SourceState;
use crate::support::parts;
use crate::support::receive::{Inbox, Refused, Tokens, decoded, forget_old_ids};
use crate::support::refusal::Refusal;

/// What all entries of a source have in common for whoever remembers their ids.
const ORIGIN: &str = "pushed";

/// The sources of this collector.
#[derive(Default)]
pub(crate) struct Receivers(Tokens<Receiver>);

struct Receiver {
    decoder: Arc<Mutex<Decoder>>,
    /// Who pushes must prove who they are.
    identity: Option<Identity>,
    inbox: Inbox,
}

impl Receivers {
    /// Adds a source.
    ///
    /// # Errors
    /// If it cannot ask for the keys of those who push.
    pub(crate) fn add(&self, config: &Config, inbox: Inbox) -> Result<(), Refusal> {
        inbox.monitor.set_state(SourceState::Running);
        let identity = config.identity.as_ref().map(Identity::new).transpose()?;
        let decoder = Decoder::of(Labels {
            source: &config.name,
            collector: super::DESCRIPTOR.name,
            category: &config.category,
            project: None,
            fields: &config.fields,
        });
        let receiver = Receiver {
            decoder: Arc::new(Mutex::new(decoder)),
            identity,
            inbox,
        };
        let stop = receiver.inbox.stop.clone();
        self.0.add(&config.token, &stop, receiver);
        Ok(())
    }
}

/// The route of the receivers.
pub(crate) fn router(receivers: Arc<Receivers>) -> Router {
    Router::new()
        .route("/receiver/v1/pubsub/{token}", post(answer))
        .with_state(receivers)
}

async fn answer(
    State(receivers): State<Arc<Receivers>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    let Some(receiver) = receivers.0.find(&token) else {
        let told = "unknown token; use the token of a configured source\n";
        return (StatusCode::UNAUTHORIZED, told).into_response();
    };
    match receive(&receiver, request).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refused) => {
            receiver.inbox.refused(&refused).await;
            let again = refused.retry_after.map(|wait| [(RETRY_AFTER, wait)]);
            (refused.status, again, refused.problem + "\n").into_response()
        }
    }
}

async fn receive(receiver: &Receiver, request: Request) -> Result<(), Refused> {
    let (request, body) = request.into_parts();
    let decoder = Arc::clone(&receiver.decoder);
    let now = receiver.inbox.now();
    if let Some(identity) = &receiver.identity {
        identity.check(&request.headers, now).await?;
    }
    let decode = move |body: bytes::Bytes| {
        let entry = entry(&body)?;
        // Cloud Logging gives every entry an id; of two equal texts each is an event.
        let has_id = entry.get("insertId").is_some();
        let event = decoder
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .decode(entry);
        let mut events = Vec::new();
        parts::push(
            &mut events,
            LogEvent {
                id: event.id.filter(|_| has_id),
                id_time: Some(now),
                ..event
            },
        );
        Ok(events)
    };
    let events = decoded(&request.headers, body, LIMIT, decode).await?;
    let source = &receiver.inbox.source;
    let batch = EventBatch {
        events,
        origin: Some((source.clone(), ORIGIN.to_owned())),
        checkpoint: Some(forget_old_ids(source, ORIGIN, now)),
        ..EventBatch::default()
    };
    receiver.inbox.store(batch, None).await.map(drop)
}

#[cfg(test)]
mod tests;
