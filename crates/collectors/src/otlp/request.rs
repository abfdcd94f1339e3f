//! Reads a request in either encoding, one log record or metric at a time: both are in groups by
//! the part of the program that sent them, and those in groups by the resource. Pure.
//!
//! Two bytes can be an empty record, which takes hundreds in memory, so a request is never taken
//! apart as a whole.

use axum::http::StatusCode;
use bytes::Bytes;
use model::is_shallow_json;
use model::limits::JSON_DEPTH_MAX;
use prost::{DecodeError, Message};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::messages::{Resource, Scope};
use crate::support::receive::{BodyLimit, Refused};

/// The largest request; the OpenTelemetry Collector takes as much if nothing else is set
/// (<https://github.com/open-telemetry/opentelemetry-collector/tree/main/config/confighttp>).
pub(crate) const LIMIT: BodyLimit = BodyLimit {
    name: "OTLP_REQUEST_BYTES_MAX",
    bytes: 20 << 20,
};
/// The largest resource, scope, log record or metric with all its points, in bytes of Protocol
/// Buffers.
const OTLP_PART_BYTES_MAX: usize = 8 << 20;
/// Objects in a request in JSON; as many opening braces are counted as there are, in texts, too.
const OTLP_JSON_OBJECTS_MAX: usize = 1_000_000;

/// How a request is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    /// The encoding that a content type names.
    pub(crate) fn of(content_type: &str) -> Option<Encoding> {
        let kind = content_type.split(';').next().unwrap_or_default().trim();
        match kind.to_ascii_lowercase().as_str() {
            "application/x-protobuf" | "application/protobuf" => Some(Encoding::Protobuf),
            "application/json" => Some(Encoding::Json),
            _ => None,
        }
    }

    pub(crate) const fn content_type(self) -> &'static str {
        match self {
            Encoding::Protobuf => "application/x-protobuf",
            Encoding::Json => "application/json",
        }
    }
}

/// Takes what a request holds, in its order.
pub(crate) trait Visit<T> {
    /// What follows is of this resource.
    ///
    /// # Errors
    /// If a limit of the request is reached.
    fn resource(&mut self, resource: Resource) -> Result<(), Refused>;

    /// What follows is of this part of it.
    ///
    /// # Errors
    /// If a limit of the request is reached.
    fn scope(&mut self, scope: Scope) -> Result<(), Refused>;

    /// One log record or metric.
    ///
    /// # Errors
    /// If a limit of the request is reached.
    fn item(&mut self, item: T) -> Result<(), Refused>;
}

/// Shows `visitor` what is in `body`.
///
/// # Errors
/// If the body is not of the encoding, or too much; `visitor` has seen a part of it then.
pub(crate) fn read<T, V>(encoding: Encoding, body: Bytes, visitor: &mut V) -> Result<(), Refused>
where
    T: Message + Default + DeserializeOwned,
    V: Visit<T>,
{
    match encoding {
        Encoding::Protobuf => read_protobuf(body, visitor),
        Encoding::Json => read_json(&body, visitor),
    }
}

/// The request, its resources not read yet.
#[derive(Clone, PartialEq, Message)]
struct Request {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    groups: Vec<Bytes>,
}

/// What is of one resource, its parts not read yet.
#[derive(Clone, PartialEq, Message)]
struct OfResource {
    #[prost(bytes = "bytes", tag = "1")]
    resource: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    groups: Vec<Bytes>,
}

/// What is of one part, the records or metrics not read yet.
#[derive(Clone, PartialEq, Message)]
struct OfScope {
    #[prost(bytes = "bytes", tag = "1")]
    scope: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

fn broken(error: &DecodeError) -> Refused {
    let text = error.to_string();
    // It names every message on the way; the last one and the problem are enough.
    let mut words = text.rsplit(": ");
    let (problem, place) = (words.next().unwrap_or_default(), words.next());
    let place = place.map_or_else(String::new, |place| format!("{place}: "));
    Refused::bad(format!(
        "the body is not an export request in Protocol Buffers: {place}{problem}; nothing of it \
         was stored"
    ))
}

fn read_protobuf<T, V>(body: Bytes, visitor: &mut V) -> Result<(), Refused>
where
    T: Message + Default,
    V: Visit<T>,
{
    for group in layer::<Request>(body)?.groups {
        let of_resource = layer::<OfResource>(group)?;
        visitor.resource(part(of_resource.resource)?)?;
        for group in of_resource.groups {
            let of_scope = layer::<OfScope>(group)?;
            visitor.scope(part(of_scope.scope)?)?;
            for item in of_scope.items {
                visitor.item(part(item)?)?;
            }
        }
    }
    Ok(())
}

/// Reads a message whose parts are not read yet.
fn layer<M: Message + Default>(message: Bytes) -> Result<M, Refused> {
    M::decode(message).map_err(|error| broken(&error))
}

/// Reads a message with all that is in it.
fn part<M: Message + Default>(message: Bytes) -> Result<M, Refused> {
    if message.len() > OTLP_PART_BYTES_MAX {
        return Err(Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "a resource, scope, log record or metric is larger than OTLP_PART_BYTES_MAX, \
                 {OTLP_PART_BYTES_MAX} bytes; nothing of the request was stored"
            ),
        ));
    }
    layer(message)
}

#[derive(Deserialize)]
#[serde(default, bound = "T: DeserializeOwned")]
struct JsonRequest<T> {
    #[serde(alias = "resourceLogs", alias = "resourceMetrics")]
    groups: Vec<JsonOfResource<T>>,
}

#[derive(Deserialize)]
#[serde(default, bound = "T: DeserializeOwned")]
struct JsonOfResource<T> {
    resource: Option<Resource>,
    #[serde(alias = "scopeLogs", alias = "scopeMetrics")]
    groups: Vec<JsonOfScope<T>>,
}

#[derive(Deserialize)]
#[serde(default, bound = "T: DeserializeOwned")]
struct JsonOfScope<T> {
    scope: Option<Scope>,
    #[serde(alias = "logRecords", alias = "metrics")]
    items: Vec<T>,
}

impl<T> Default for JsonRequest<T> {
    fn default() -> Self {
        JsonRequest { groups: Vec::new() }
    }
}

impl<T> Default for JsonOfResource<T> {
    fn default() -> Self {
        JsonOfResource {
            resource: None,
            groups: Vec::new(),
        }
    }
}

impl<T> Default for JsonOfScope<T> {
    fn default() -> Self {
        JsonOfScope {
            scope: None,
            items: Vec::new(),
        }
    }
}

fn read_json<T, V>(body: &[u8], visitor: &mut V) -> Result<(), Refused>
where
    T: DeserializeOwned,
    V: Visit<T>,
{
    if !is_shallow_json(body) {
        return Err(Refused::bad(format!(
            "the body is nested more deeply than JSON_DEPTH_MAX = {JSON_DEPTH_MAX}; nothing of it \
             was stored"
        )));
    }
    if memchr::memchr_iter(b'{', body).count() > OTLP_JSON_OBJECTS_MAX {
        return Err(Refused::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!(
                "the body has more than OTLP_JSON_OBJECTS_MAX = {OTLP_JSON_OBJECTS_MAX} opening \
                 braces; nothing of it was stored; send smaller requests"
            ),
        ));
    }
    let request: JsonRequest<T> = serde_json::from_slice(body).map_err(|error| {
        Refused::bad(format!(
            "the body is not an export request in JSON: {error}; nothing of it was stored"
        ))
    })?;
    for of_resource in request.groups {
        visitor.resource(of_resource.resource.unwrap_or_default())?;
        for of_scope in of_resource.groups {
            visitor.scope(of_scope.scope.unwrap_or_default())?;
            for item in of_scope.items {
                visitor.item(item)?;
            }
        }
    }
    Ok(())
}
