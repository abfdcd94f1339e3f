//! Answers the requests of senders: finds the source by its token, reads and decompresses the
//! body under a cap, and acknowledges when the events are durable. A request is accepted whole
//! or refused whole.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_TYPE, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::EventBatch;

use super::Config;
use super::decode::{Decoder, Overrides, REQUEST_LINES_MAX};
use super::metrics::{self, MetricsFormat};
use crate::error::{CollectorsError, Result};
use crate::status::SourceState;
use crate::support::receive::{BodyLimit, Inbox, Refused, Tokens, decoded, header};

const TOKEN_HEADER: &str = "x-sumo-token";
const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// The sources of this collector.
#[derive(Default)]
pub(crate) struct Receivers(Tokens<Receiver>);

struct Receiver {
    decoder: Arc<Decoder>,
    inbox: Inbox,
}

impl Receivers {
    pub(crate) fn add(&self, config: &Config, inbox: Inbox) -> Result<()> {
        let decoder = Decoder::new(config).map_err(|error| CollectorsError::Setting {
            source_name: config.name.clone(),
            setting: "multiline",
            problem: format!("is not a regular expression: {error}"),
        })?;
        inbox.monitor.set_state(SourceState::Running);
        let receiver = Receiver {
            decoder: Arc::new(decoder),
            inbox,
        };
        let stop = receiver.inbox.stop.clone();
        self.0.add(&config.token, &stop, receiver);
        Ok(())
    }
}

/// The routes of the receivers.
pub(crate) fn router(receivers: Arc<Receivers>) -> Router {
    Router::new()
        .route("/receiver/v1/http", post(by_header).options(preflight))
        .route("/receiver/v1/http/", post(by_header).options(preflight))
        .route(
            "/receiver/v1/http/{token}",
            post(by_path).options(preflight),
        )
        .with_state(receivers)
}

async fn by_path(
    State(receivers): State<Arc<Receivers>>,
    Path(token): Path<String>,
    request: Request,
) -> Response {
    with_cors(answer(&receivers, &token, request).await)
}

async fn by_header(State(receivers): State<Arc<Receivers>>, request: Request) -> Response {
    let token = header(request.headers(), TOKEN_HEADER).unwrap_or_default();
    with_cors(answer(&receivers, &token, request).await)
}

async fn preflight(headers: HeaderMap) -> Response {
    let mut response = with_cors(StatusCode::NO_CONTENT.into_response());
    let allowed = headers
        .get(ACCESS_CONTROL_REQUEST_HEADERS)
        .cloned()
        .unwrap_or(HeaderValue::from_static("*"));
    let answer = response.headers_mut();
    answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
    answer.insert(
        ACCESS_CONTROL_ALLOW_METHODS,
        HeaderValue::from_static("POST, OPTIONS"),
    );
    answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}

fn with_cors(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

async fn answer(receivers: &Receivers, token: &str, request: Request) -> Response {
    let Some(receiver) = receivers.0.find(token) else {
        let told = "unknown token; use the token of a configured source\n";
        return (StatusCode::UNAUTHORIZED, told).into_response();
    };
    match receive(&receiver, request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refused) => {
            receiver.inbox.refused(&refused).await;
            let again = refused.retry_after.map(|wait| [(RETRY_AFTER, wait)]);
            (refused.status, again, refused.problem + "\n").into_response()
        }
    }
}

async fn receive(receiver: &Receiver, request: Request) -> std::result::Result<(), Refused> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let content_type = header(&headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let overrides = Overrides {
        category: header(&headers, "x-sumo-category"),
        host: header(&headers, "x-sumo-host"),
        name: header(&headers, "x-sumo-name"),
        fields: header(&headers, "x-sumo-fields"),
    };
    let dimensions = ["x-sumo-dimensions", "x-sumo-metadata"].map(|name| header(&headers, name));
    let decoder = Arc::clone(&receiver.decoder);
    let decode = move |text: bytes::Bytes| {
        let mut batch = EventBatch::default();
        match MetricsFormat::of(&content_type) {
            None if decoder.is_too_many(&text) => {
                return Err(Refused::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    format!(
                        "the body has more than REQUEST_LINES_MAX = {REQUEST_LINES_MAX} lines; \
                         nothing of it was stored; send smaller requests"
                    ),
                ));
            }
            None => batch.events = decoder.decode(&text, overrides),
            Some(format) => {
                let common = decoder.dimensions(overrides, &dimensions);
                batch.samples = metrics::decode(format, &text, &common).map_err(|error| {
                    Refused::bad(format!("{error}; nothing of the request was stored"))
                })?;
            }
        }
        Ok(batch)
    };
    let batch = decoded(&headers, body, BodyLimit::USUAL, decode).await?;
    let key = header(&headers, IDEMPOTENCY_HEADER);
    receiver.inbox.store(batch, key).await.map(drop)
}

#[cfg(test)]
mod tests;
