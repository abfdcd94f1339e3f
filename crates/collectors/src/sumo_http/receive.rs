//! Answers the requests of senders: finds the source by its token, reads and decompresses the
//! body under a cap, and acknowledges when the events are durable. A request is accepted whole
//! or refused whole.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, CONTENT_ENCODING, CONTENT_LENGTH,
    CONTENT_TYPE, EXPECT, RETRY_AFTER,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use model::limits::REQUEST_BYTES_MAX;
use model::{Clock, EventBatch, EventSink, SinkError};

use super::Config;
use super::decode::{Decoder, Overrides};
use super::metrics::{self, MetricsFormat};
use crate::error::{CollectorsError, Result};
use crate::status::{Monitor, SourceState};
use crate::support::decompress::{DecompressError, decompress};

const TOKEN_HEADER: &str = "x-sumo-token";
const IDEMPOTENCY_HEADER: &str = "idempotency-key";
/// A body that is too large is read and thrown away up to here, so that senders that do not
/// listen while they send still get the answer.
const DRAIN_BYTES_MAX: usize = 8 * REQUEST_BYTES_MAX;
/// Bodies from this size on are decoded beside the threads that serve the network.
const BLOCKING_FROM_BYTES: usize = 64 << 10;

/// The push sources by token, and where their events go.
pub(crate) struct Receivers {
    by_token: HashMap<String, Arc<Receiver>>,
    sink: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
}

struct Receiver {
    name: String,
    decoder: Decoder,
    monitor: Arc<Monitor>,
}

impl Receivers {
    pub(crate) fn new(sink: Arc<dyn EventSink>, clock: Arc<dyn Clock>) -> Self {
        Receivers {
            by_token: HashMap::new(),
            sink,
            clock,
        }
    }

    pub(crate) fn add(&mut self, config: Config, monitor: Arc<Monitor>) -> Result<()> {
        let decoder = Decoder::new(&config).map_err(|error| CollectorsError::Setting {
            source_name: config.name.clone(),
            setting: "multiline",
            problem: format!("is not a regular expression: {error}"),
        })?;
        monitor.set_state(SourceState::Running);
        let receiver = Receiver {
            name: config.name,
            decoder,
            monitor,
        };
        self.by_token
            .insert(config.token.expose().to_owned(), Arc::new(receiver));
        Ok(())
    }
}

/// The routes of the receivers.
pub(crate) fn router(receivers: Receivers) -> Router {
    Router::new()
        .route("/receiver/v1/http", post(by_header).options(preflight))
        .route("/receiver/v1/http/", post(by_header).options(preflight))
        .route(
            "/receiver/v1/http/{token}",
            post(by_path).options(preflight),
        )
        .with_state(Arc::new(receivers))
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

/// Why a request was refused: the status and what the sender is told.
type Refusal = (StatusCode, String);

async fn answer(receivers: &Receivers, token: &str, request: Request) -> Response {
    let Some(receiver) = receivers.by_token.get(token) else {
        let told = "unknown token; use the token of a configured source\n";
        return (StatusCode::UNAUTHORIZED, told).into_response();
    };
    match receive(receivers, receiver, request).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err((status, problem)) => {
            receiver
                .monitor
                .failed(problem.clone(), receivers.clock.now());
            let mut response = (status, problem + "\n").into_response();
            if status == StatusCode::TOO_MANY_REQUESTS {
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            response
        }
    }
}

async fn receive(
    receivers: &Receivers,
    receiver: &Arc<Receiver>,
    request: Request,
) -> std::result::Result<(), Refusal> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    let content_type = header(&headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let body = read_body(&headers, body).await?;
    let encoding = header(&headers, CONTENT_ENCODING.as_str()).unwrap_or_default();
    let overrides = Overrides {
        category: header(&headers, "x-sumo-category"),
        host: header(&headers, "x-sumo-host"),
        name: header(&headers, "x-sumo-name"),
        fields: header(&headers, "x-sumo-fields"),
    };
    let metrics_format = MetricsFormat::of(&content_type);
    let dimensions = ["x-sumo-dimensions", "x-sumo-metadata"].map(|name| header(&headers, name));
    let decoding = Arc::clone(receiver);
    let work = move || {
        let text =
            decompress(&encoding, body, REQUEST_BYTES_MAX).map_err(|error| refusal(&error))?;
        let mut batch = EventBatch::default();
        match metrics_format {
            None => batch.events = decoding.decoder.decode(&text, overrides),
            Some(format) => {
                let common = decoding.decoder.dimensions(overrides, &dimensions);
                batch.samples = metrics::decode(format, &text, &common).map_err(|error| {
                    let problem = format!("{error}; nothing of the request was stored");
                    (StatusCode::BAD_REQUEST, problem)
                })?;
            }
        }
        Ok(batch)
    };
    let is_large = header(&headers, CONTENT_LENGTH.as_str())
        .and_then(|length| length.parse::<usize>().ok())
        .is_none_or(|length| length >= BLOCKING_FROM_BYTES);
    let mut batch = if is_large {
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("cannot decode the body: {error}"),
            )
        })??
    } else {
        work()?
    };
    if batch.events.is_empty() && batch.samples.is_empty() {
        return Ok(());
    }
    batch.idempotency_key =
        header(&headers, IDEMPOTENCY_HEADER).map(|key| format!("{}\u{0}{key}", receiver.name));
    match receivers.sink.append(batch).await {
        Ok(receipt) => {
            receiver.monitor.received(None, receipt);
            receiver.monitor.set_state(SourceState::Running);
            Ok(())
        }
        Err(busy @ SinkError::Busy(_)) => {
            receiver.monitor.set_state(SourceState::Waiting);
            Err((StatusCode::TOO_MANY_REQUESTS, busy.to_string()))
        }
        Err(failed @ SinkError::Failed(_)) => {
            receiver.monitor.set_state(SourceState::Retrying);
            Err((StatusCode::SERVICE_UNAVAILABLE, failed.to_string()))
        }
    }
}

/// A header's text; `None` if it is missing or empty.
fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    let text = String::from_utf8_lossy(value.as_bytes());
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

async fn read_body(headers: &HeaderMap, body: Body) -> std::result::Result<Bytes, Refusal> {
    let announced = header(headers, CONTENT_LENGTH.as_str())
        .and_then(|length| length.parse::<usize>().ok())
        .unwrap_or(0);
    if announced > REQUEST_BYTES_MAX && headers.contains_key(EXPECT) {
        return Err(too_large());
    }
    let mut stream = body.into_data_stream();
    let mut kept = BytesMut::with_capacity(announced.min(REQUEST_BYTES_MAX));
    let mut bytes_read = 0_usize;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|error| {
            (
                StatusCode::BAD_REQUEST,
                format!("the body ended too early: {error}"),
            )
        })?;
        bytes_read = bytes_read.saturating_add(chunk.len());
        if bytes_read <= REQUEST_BYTES_MAX && announced <= REQUEST_BYTES_MAX {
            kept.extend_from_slice(&chunk);
        } else {
            kept = BytesMut::new();
        }
        if bytes_read > DRAIN_BYTES_MAX {
            break;
        }
    }
    if bytes_read > REQUEST_BYTES_MAX {
        return Err(too_large());
    }
    Ok(kept.freeze())
}

fn too_large() -> Refusal {
    refusal(&DecompressError::TooLarge(REQUEST_BYTES_MAX))
}

fn refusal(error: &DecompressError) -> Refusal {
    match error {
        DecompressError::TooLarge(bytes_max) => (
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the body is larger than REQUEST_BYTES_MAX, {bytes_max} bytes ({} MiB) \
                 uncompressed; nothing of it was stored; send smaller requests",
                *bytes_max >> 20
            ),
        ),
        DecompressError::Broken { .. } => (
            StatusCode::BAD_REQUEST,
            format!("{error}; nothing of it was stored"),
        ),
        DecompressError::Unknown(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string()),
    }
}

#[cfg(test)]
mod tests;
