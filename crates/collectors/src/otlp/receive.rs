//! Answers exporters as the protocol has it
//! (<https://opentelemetry.io/docs/specs/otlp/#otlphttp>): in the encoding in which they ask, with
//! what was left out of a request that was taken, and with when to try again. `grpc` does so for
//! those that call procedures.

mod grpc;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use model::EventBatch;
use prost::Message;
use serde_json::json;

use super::logs::LogDecoder;
use super::metrics::MetricDecoder;
use super::request::{Encoding, LIMIT, read};
use super::{Config, Template};
use crate::status::SourceState;
use crate::support::receive::{Inbox, Refused, Tokens, bearer, decoded, header};

const IDEMPOTENCY_HEADER: &str = "idempotency-key";

/// The sources of this collector.
#[derive(Default)]
pub(crate) struct Receivers(Tokens<Receiver>);

struct Receiver {
    template: Arc<Template>,
    inbox: Inbox,
}

impl Receivers {
    pub(crate) fn add(&self, config: &Config, inbox: Inbox) {
        inbox.monitor.set_state(SourceState::Running);
        let receiver = Receiver {
            template: Arc::new(Template::new(config)),
            inbox,
        };
        let stop = receiver.inbox.stop.clone();
        self.0.add(&config.token, &stop, receiver);
    }
}

impl Receiver {
    /// What a sender is told; the source's status says it, too, if something was not taken.
    async fn noted(
        &self,
        taken: Result<Option<Partial>, Refused>,
    ) -> Result<ExportAnswer, Refused> {
        match &taken {
            Ok(None) => {}
            Ok(Some(partial)) => self.inbox.note(&partial.error_message),
            Err(refused) => self.inbox.refused(refused).await,
        }
        taken.map(|partial_success| ExportAnswer { partial_success })
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Signal {
    Logs,
    Metrics,
    Traces,
}

impl Signal {
    const ALL: [(&str, Signal); 3] = [
        ("logs", Signal::Logs),
        ("metrics", Signal::Metrics),
        ("traces", Signal::Traces),
    ];

    /// What its items are called, in words and in the answer in JSON.
    const fn items(self) -> (&'static str, &'static str) {
        match self {
            Signal::Logs => ("log records", "rejectedLogRecords"),
            Signal::Metrics => ("data points", "rejectedDataPoints"),
            Signal::Traces => ("spans", "rejectedSpans"),
        }
    }
}

/// The routes of the receivers.
pub(crate) fn router(receivers: &Arc<Receivers>) -> Router {
    let mut router = Router::new();
    for (name, signal) in Signal::ALL {
        let (by_header, by_path) = (Arc::clone(receivers), Arc::clone(receivers));
        router = router
            .route(
                &format!("/v1/{name}"),
                post(async move |request: Request| {
                    let token = bearer(request.headers()).unwrap_or_default();
                    answer(&by_header, &token, signal, request).await
                }),
            )
            .route(
                &format!("/receiver/v1/otlp/{{token}}/v1/{name}"),
                post(async move |Path(token): Path<String>, request: Request| {
                    answer(&by_path, &token, signal, request).await
                }),
            );
    }
    router.merge(grpc::router(receivers))
}

async fn answer(receivers: &Receivers, token: &str, signal: Signal, request: Request) -> Response {
    let content_type = header(request.headers(), CONTENT_TYPE.as_str()).unwrap_or_default();
    let encoding = Encoding::of(&content_type);
    let told = encoding.unwrap_or(Encoding::Protobuf);
    let Some(receiver) = receivers.0.find(token) else {
        let problem = "unknown token; send `Authorization: Bearer <token>` with the token of a \
                       configured `otlp` source, or use /receiver/v1/otlp/<token> as the endpoint";
        return refuse(told, &Refused::new(StatusCode::UNAUTHORIZED, problem));
    };
    let taken = match encoding {
        Some(encoding) => receive(&receiver, encoding, signal, request).await,
        None => Err(Refused::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the content type must be application/x-protobuf or application/json",
        )),
    };
    match receiver.noted(taken).await {
        Ok(answer) => accept(told, &answer, signal),
        Err(refused) => refuse(told, &refused),
    }
}

/// Stores what a request holds, and returns what was left out.
async fn receive(
    receiver: &Receiver,
    encoding: Encoding,
    signal: Signal,
    request: Request,
) -> Result<Option<Partial>, Refused> {
    if signal == Signal::Traces {
        return Err(no_traces());
    }
    let (parts, body) = request.into_parts();
    let template = Arc::clone(&receiver.template);
    let decode = move |body: Bytes| decode(&template, encoding, signal, body);
    let (batch, partial) = decoded(&parts.headers, body, LIMIT, decode).await?;
    let key = header(&parts.headers, IDEMPOTENCY_HEADER);
    receiver.inbox.store(batch, key).await?;
    Ok(partial)
}

fn no_traces() -> Refused {
    Refused::new(
        StatusCode::NOT_IMPLEMENTED,
        "traces are not stored here; export logs and metrics only (OTEL_TRACES_EXPORTER=none)",
    )
}

fn decode(
    template: &Template,
    encoding: Encoding,
    signal: Signal,
    body: Bytes,
) -> Result<(EventBatch, Option<Partial>), Refused> {
    let mut batch = EventBatch::default();
    let left_out = if signal == Signal::Metrics {
        let mut decoder = MetricDecoder::new(&template.dimensions);
        read(encoding, body, &mut decoder)?;
        batch.samples = decoder.samples;
        decoder.left_out
    } else {
        let mut decoder = LogDecoder::new(&template.event);
        read(encoding, body, &mut decoder)?;
        batch.events = decoder.events;
        decoder.left_out
    };
    let partial = left_out
        .told(signal.items().0)
        .map(|error_message| Partial {
            rejected: left_out.count,
            error_message,
        });
    Ok((batch, partial))
}

/// `ExportLogsServiceResponse` and its like, which have the same numbers.
#[derive(Clone, PartialEq, Message)]
struct ExportAnswer {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<Partial>,
}

/// `ExportLogsPartialSuccess` and its like.
#[derive(Clone, PartialEq, Message)]
struct Partial {
    #[prost(int64, tag = "1")]
    rejected: i64,
    #[prost(string, tag = "2")]
    error_message: String,
}

/// `google.rpc.Status`, the body of every refusal.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn accept(encoding: Encoding, answer: &ExportAnswer, signal: Signal) -> Response {
    let body = match (encoding, &answer.partial_success) {
        (Encoding::Protobuf, _) => answer.encode_to_vec(),
        (Encoding::Json, None) => b"{}".to_vec(),
        (Encoding::Json, Some(partial)) => {
            let (_, rejected) = signal.items();
            // The protocol's JSON writes 64-bit integers as text.
            let partial = json!({
                rejected: partial.rejected.to_string(),
                "errorMessage": partial.error_message,
            });
            json!({"partialSuccess": partial}).to_string().into_bytes()
        }
    };
    with_type(encoding, StatusCode::OK, body)
}

fn refuse(encoding: Encoding, refused: &Refused) -> Response {
    let status = Status {
        code: code(refused.status),
        message: refused.problem.clone(),
    };
    let body = match encoding {
        Encoding::Protobuf => status.encode_to_vec(),
        Encoding::Json => {
            let status = json!({"code": status.code, "message": status.message});
            status.to_string().into_bytes()
        }
    };
    let mut response = with_type(encoding, refused.status, body);
    if let Some(seconds) = refused.retry_after {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
    response
}

/// The code of `google.rpc.Code` that says what the status says.
const fn code(status: StatusCode) -> i32 {
    match status {
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::NOT_IMPLEMENTED => 12,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::PAYLOAD_TOO_LARGE => 8,
        StatusCode::SERVICE_UNAVAILABLE => 14,
        StatusCode::INTERNAL_SERVER_ERROR => 13,
        _ => 3,
    }
}

fn with_type(encoding: Encoding, status: StatusCode, body: Vec<u8>) -> Response {
    let content_type = [(CONTENT_TYPE, encoding.content_type())];
    (status, content_type, body).into_response()
}

#[cfg(test)]
mod tests;
