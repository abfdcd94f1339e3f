//! Makes events of a batch (<https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>).
//! Pure.
//!
//! What the platform says becomes an event like the line that Lambda writes to CloudWatch Logs in
//! its JSON format, so that invocations are found in both alike. What a function or extension
//! says is the message itself.

use std::sync::Arc;

use axum::http::StatusCode;
use model::limits::JSON_DEPTH_MAX;
use model::{LogEvent, Provider, SourceMetadata, Timestamp, is_shallow_json};
use serde::Deserialize;
use serde_json::Value;

use super::Config;
use crate::support::fields::{Interner, put};
use crate::support::lambda_names::StreamName;
use crate::support::parts;
use crate::support::receive::{BodyLimit, Refused};

/// The largest batch. Lambda buffers at most 1 MiB for an extension
/// (<https://docs.aws.amazon.com/lambda/latest/dg/telemetry-api.html>), which may gather several.
pub(super) const LIMIT: BodyLimit = BodyLimit {
    name: "TELEMETRY_REQUEST_BYTES_MAX",
    bytes: 16 << 20,
};
/// Records in a batch.
const TELEMETRY_RECORDS_MAX: usize = 200_000;

/// Values in a batch; as many commas and colons are counted as there are, in texts, too.
const TELEMETRY_VALUES_MAX: usize = 2_000_000;

/// One record.
#[derive(Debug, Deserialize)]
struct Record {
    time: String,
    #[serde(rename = "type")]
    kind: String,
    record: Value,
}

/// What an extension knows of its function, from its environment, and says in the address.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sandbox {
    account: String,
    region: String,
    function: String,
    version: String,
    log_group: String,
    log_stream: String,
}

impl Sandbox {
    /// The event that all events of this function are like.
    pub(super) fn template(self, config: &Config) -> LogEvent {
        let mut interner = Interner::default();
        let log_group = match self.log_group {
            group if group.is_empty() && !self.function.is_empty() => {
                format!("/aws/lambda/{}", self.function)
            }
            group => group,
        };
        let mut event = LogEvent {
            provider: Some(Provider::Aws),
            ..LogEvent::default()
        };
        if let Some(stream) = StreamName::parse(&self.log_stream) {
            event.version = Some(interner.intern(stream.version));
            event.instance = Some(interner.intern(stream.instance));
        }
        for (name, value) in [
            ("account", &self.account),
            ("region", &self.region),
            ("function", &self.function),
            ("version", &self.version),
        ] {
            if !value.is_empty() {
                put(&mut event, name, value, &mut interner);
            }
        }
        event.metadata = Arc::new(SourceMetadata {
            category: config.category.clone(),
            host: log_group,
            name: self.log_stream,
            source: config.name.clone(),
            collector: super::DESCRIPTOR.name.to_owned(),
        });
        for (name, value) in &config.fields {
            put(&mut event, name, value, &mut interner);
        }
        event
    }
}

/// Makes the events of a batch.
///
/// # Errors
/// If the body is no batch, or too much.
pub(super) fn decode(body: &[u8], mut template: LogEvent) -> Result<Vec<LogEvent>, Refused> {
    if !is_shallow_json(body) {
        return Err(Refused::bad(format!(
            "the batch is nested more deeply than JSON_DEPTH_MAX = {JSON_DEPTH_MAX}"
        )));
    }
    if memchr::memchr2_iter(b',', b':', body).count() > TELEMETRY_VALUES_MAX {
        return Err(too_many(
            "TELEMETRY_VALUES_MAX",
            TELEMETRY_VALUES_MAX,
            "values",
        ));
    }
    let records: Vec<Record> = serde_json::from_slice(body).map_err(|error| {
        Refused::bad(format!(
            "the body is no batch of the Telemetry API: {error}"
        ))
    })?;
    if records.len() > TELEMETRY_RECORDS_MAX {
        return Err(too_many(
            "TELEMETRY_RECORDS_MAX",
            TELEMETRY_RECORDS_MAX,
            "records",
        ));
    }
    let mut events = Vec::with_capacity(records.len());
    // The invocation that runs: a sandbox has one at a time.
    let mut running = None;
    for record in records {
        let time: jiff::Timestamp = record.time.parse().map_err(|error| {
            Refused::bad(format!(
                "the time `{}` is not understood: {error}",
                record.time
            ))
        })?;
        let nanos = i64::try_from(time.as_nanosecond()).ok();
        name_function(&record, &mut template);
        let request_id = text_in(&record.record, "requestId");
        if record.kind == "platform.start" {
            running.clone_from(&request_id);
        }
        let mut event = template.clone();
        event.event_time = nanos.map(Timestamp::from_nanos);
        event.request_id = match record.kind.as_str() {
            "function" => running.clone(),
            _ => request_id,
        };
        if record.kind == "platform.runtimeDone" {
            running = None;
        }
        if record.kind == "extension" {
            event
                .fields
                .push(("telemetry_type".to_owned(), record.kind.clone()));
        }
        event.message = message(record);
        parts::push(&mut events, event);
    }
    Ok(events)
}

fn too_many(limit: &str, most: usize, what: &str) -> Refused {
    Refused::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!("the batch has more than {limit} = {most} {what}; nothing of it was stored"),
    )
}

/// A sandbox says whose it is when it begins.
fn name_function(record: &Record, template: &mut LogEvent) {
    if record.kind != "platform.initStart" {
        return;
    }
    let fill = |place: &mut Option<Arc<str>>, name: &str| {
        if place.is_none() {
            *place = text_in(&record.record, name).map(Arc::from);
        }
    };
    fill(&mut template.function, "functionName");
    fill(&mut template.version, "functionVersion");
}

fn message(record: Record) -> String {
    let is_said = record.kind == "function" || record.kind == "extension";
    match record.record {
        Value::String(text) if is_said => text,
        other if is_said => other.to_string(),
        other => serde_json::json!({"time": record.time, "type": record.kind, "record": other})
            .to_string(),
    }
}

fn text_in(record: &Value, name: &str) -> Option<String> {
    Some(record.get(name)?.as_str()?.to_owned())
}
