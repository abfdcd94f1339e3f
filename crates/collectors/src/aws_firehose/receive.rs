//! Answers deliveries as Firehose has it
//! (<https://docs.aws.amazon.com/firehose/latest/dev/httpdeliveryrequestresponse.html>): always with
//! the request's own id, which stays the same when it is sent again.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use bytes::Bytes;
use model::{Clock, EventBatch, LogEvent, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Config;
use super::records::{Decoded, Delivery, Surroundings};
use super::subscription::{Origin, Place};
use crate::aws_cloudwatch_logs;
use crate::status::SourceState;
use crate::support::receive::{BodyLimit, Inbox, Refused, Tokens, decoded, forget_old_ids, header};

const ACCESS_KEY: &str = "x-amz-firehose-access-key";
const COMMON_ATTRIBUTES: &str = "x-amz-firehose-common-attributes";
const PROTOCOL_VERSION: &str = "x-amz-firehose-protocol-version";
const REQUEST_ID: &str = "x-amz-firehose-request-id";
const SOURCE_ARN: &str = "x-amz-firehose-source-arn";
/// The only version there is.
const PROTOCOL: &str = "1.0";

/// The sources of this collector.
pub(crate) struct Receivers {
    by_key: Tokens<Receiver>,
    clock: Arc<dyn Clock>,
}

struct Receiver {
    config: Arc<Config>,
    pulled_by: Option<Arc<aws_cloudwatch_logs::Config>>,
    inbox: Inbox,
}

impl Receivers {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Receivers {
            by_key: Tokens::default(),
            clock,
        }
    }

    /// Adds a source; `pulled_by` is the one that its configuration names.
    pub(crate) fn add(
        &self,
        config: Config,
        pulled_by: Option<aws_cloudwatch_logs::Config>,
        inbox: Inbox,
    ) {
        inbox.monitor.set_state(SourceState::Running);
        let access_key = config.access_key.clone();
        let receiver = Receiver {
            config: Arc::new(config),
            pulled_by: pulled_by.map(Arc::new),
            inbox,
        };
        let stop = receiver.inbox.stop.clone();
        self.by_key.add(&access_key, &stop, receiver);
    }
}

/// The route of the receivers.
pub(crate) fn router(receivers: Arc<Receivers>) -> Router {
    Router::new()
        .route("/receiver/v1/firehose", post(answer))
        .with_state(receivers)
}

async fn answer(State(receivers): State<Arc<Receivers>>, request: Request) -> Response {
    let request_id = header(request.headers(), REQUEST_ID).unwrap_or_default();
    let access_key = header(request.headers(), ACCESS_KEY).unwrap_or_default();
    let Some(receiver) = receivers.by_key.find(&access_key) else {
        let problem = "unknown access key; give the destination the access_key of a configured \
                       `aws_firehose` source";
        let refused = Refused::new(StatusCode::UNAUTHORIZED, problem);
        return told(&request_id, receivers.clock.now(), Some(refused));
    };
    let taken = receive(&receiver, &request_id, request).await;
    let refused = taken.err();
    if let Some(refused) = &refused {
        receiver.inbox.refused(refused).await;
        tracing::warn!(request_id, problem = %refused.problem, "delivery refused");
    }
    told(&request_id, receivers.clock.now(), refused)
}

/// The answer that Firehose wants to whatever happened; any other is a failure to it.
fn told(request_id: &str, now: Timestamp, refused: Option<Refused>) -> Response {
    let mut body = json!({"requestId": request_id, "timestamp": now.millis()});
    let (mut status, mut again) = (StatusCode::OK, None);
    if let Some(refused) = refused {
        status = refused.status;
        again = refused.retry_after.map(|wait| [(RETRY_AFTER, wait)]);
        body["errorMessage"] = Value::String(refused.problem);
    }
    let content_type = [(CONTENT_TYPE, "application/json")];
    (status, content_type, again, body.to_string()).into_response()
}

async fn receive(receiver: &Receiver, request_id: &str, request: Request) -> Result<(), Refused> {
    let (parts, body) = request.into_parts();
    let headers = parts.headers;
    check_headers(&headers, request_id)?;
    let attributes = common_attributes(&headers)?;
    let place = Place::of(&header(&headers, SOURCE_ARN).unwrap_or_default());
    let now = receiver.inbox.now();
    let (config, pulled_by) = (Arc::clone(&receiver.config), receiver.pulled_by.clone());
    let expected_id = request_id.to_owned();
    let decode = move |body: Bytes| {
        let delivery = Delivery::read(&body)?;
        if delivery.request_id != expected_id {
            return Err(Refused::bad(
                "requestId in the body is not that of the header X-Amz-Firehose-Request-Id",
            ));
        }
        let mut fields = attributes;
        fields.extend(config.fields.clone());
        delivery.decode(&Surroundings {
            config: &config,
            pulled_by: pulled_by.as_deref(),
            fields,
            place,
            now,
        })
    };
    let found = decoded(&headers, body, BodyLimit::USUAL, decode).await?;
    store(receiver, request_id, found).await
}

fn check_headers(headers: &HeaderMap, request_id: &str) -> Result<(), Refused> {
    if request_id.is_empty() {
        return Err(Refused::bad(
            "the header X-Amz-Firehose-Request-Id is missing",
        ));
    }
    match header(headers, PROTOCOL_VERSION) {
        Some(version) if version != PROTOCOL => Err(Refused::bad(format!(
            "the protocol version {version} is not known; the only one is {PROTOCOL}"
        ))),
        _ => Ok(()),
    }
}

/// The parameters that the stream's owner has given it, as fields.
fn common_attributes(headers: &HeaderMap) -> Result<BTreeMap<String, String>, Refused> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "camelCase", default)]
    struct Attributes {
        common_attributes: BTreeMap<String, String>,
    }
    let Some(text) = header(headers, COMMON_ATTRIBUTES) else {
        return Ok(BTreeMap::new());
    };
    let attributes: Attributes = serde_json::from_str(&text).map_err(|error| {
        Refused::bad(format!(
            "X-Amz-Firehose-Common-Attributes is not understood: {error}"
        ))
    })?;
    Ok(attributes.common_attributes)
}

/// Stores what was found, the events of each log group apart because their ids are remembered by
/// it. If a later part cannot be stored, Firehose sends all again, and what was stored is known.
async fn store(receiver: &Receiver, request_id: &str, found: Decoded) -> Result<(), Refused> {
    let now = receiver.inbox.now();
    let key = |part: &str| Some(format!("{request_id}\u{0}{part}"));
    for (Origin { source, arn }, events) in found.subscribed {
        let is_pulled = source != receiver.config.name;
        let checkpoint = (!is_pulled).then(|| forget_old_ids(&source, &arn, now));
        let batch = EventBatch {
            checkpoint,
            ..events_of(events, Some((source, arn.clone())))
        };
        receiver.inbox.store(batch, key(&arn)).await?;
    }
    let batch = EventBatch {
        samples: found.samples,
        ..events_of(found.others, None)
    };
    receiver.inbox.store(batch, key("")).await?;
    Ok(())
}

fn events_of(events: Vec<LogEvent>, origin: Option<(String, String)>) -> EventBatch {
    EventBatch {
        events,
        origin,
        ..EventBatch::default()
    }
}

#[cfg(test)]
mod tests;
