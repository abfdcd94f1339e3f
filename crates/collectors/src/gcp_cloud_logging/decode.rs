//! Makes events of log entries. Pure.
//!
//! An entry that is not as it should be still becomes an event, at worst one whose message is the
//! entry itself: nothing that was logged is dropped for its form.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{EventId, Level, LogEvent, Provider, SourceMetadata, Timestamp};
use serde_json::{Map, Value, json};

use super::Config;
use crate::support::fields::{Interner, put};

const FIRST_GENERATION: &str = "cloud_function";
/// Parts of an entry that become something else than a field.
const CONSUMED: &[&str] = &[
    "insertId",
    "jsonPayload",
    "labels",
    "logName",
    "protoPayload",
    "receiveTimestamp",
    "resource",
    "severity",
    "split",
    "textPayload",
    "timestamp",
    "trace",
    "traceSampled",
];
/// Labels that become columns, or say what is said already.
const CONSUMED_LABELS: &[&str] = &[
    "goog-drz-cloudfunctions-id",
    "goog-drz-cloudfunctions-location",
    "goog-managed-by",
    "instanceId",
    "instance_id",
];

/// What a source says of all its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels<'a> {
    pub(crate) source: &'a str,
    pub(crate) collector: &'static str,
    pub(crate) category: &'a str,
    pub(crate) project: Option<&'a str>,
    pub(crate) fields: &'a BTreeMap<String, String>,
}

/// Decodes the entries of one source.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// An event with all that the configuration tells.
    template: LogEvent,
    /// Whether the configuration names the account.
    has_account: bool,
    interner: Interner,
    /// The metadata of the event before, which most often fits the next, too.
    metadata: Arc<SourceMetadata>,
}

impl Decoder {
    /// For a source that pulls.
    pub(super) fn new(config: &Config) -> Self {
        Decoder::of(Labels {
            source: &config.name,
            collector: super::DESCRIPTOR.name,
            category: &config.category,
            project: Some(&config.project),
            fields: &config.fields,
        })
    }

    pub(crate) fn of(labels: Labels<'_>) -> Self {
        let mut interner = Interner::default();
        let metadata = Arc::new(SourceMetadata {
            category: labels.category.to_owned(),
            source: labels.source.to_owned(),
            collector: labels.collector.to_owned(),
            ..SourceMetadata::default()
        });
        let mut template = LogEvent {
            provider: Some(Provider::Gcp),
            account: labels.project.map(Arc::from),
            ..LogEvent::default()
        };
        for (name, value) in labels.fields {
            put(&mut template, name, value, &mut interner);
        }
        Decoder {
            template,
            has_account: labels.fields.contains_key("account"),
            interner,
            metadata,
        }
    }

    pub(crate) fn decode(&mut self, entry: Value) -> LogEvent {
        let Value::Object(entry) = entry else {
            let text = match entry {
                Value::String(text) => text,
                other => other.to_string(),
            };
            return LogEvent {
                id: Some(EventId::of(&text)),
                message: text,
                metadata: Arc::clone(&self.metadata),
                ..self.template.clone()
            };
        };
        let mut event = self.template.clone();
        event.id = Some(id(&entry));
        event.event_time = time(&entry, "timestamp");
        event.id_time = time(&entry, "receiveTimestamp");
        event.level = entry
            .get("severity")
            .and_then(Value::as_str)
            .and_then(Level::parse);
        self.add_resource(&mut event, &entry);
        add_fields(&mut event, &entry);
        event.message = message(entry);
        event
    }

    /// Fills what the resource and the labels tell: function, region, version, instance, request.
    fn add_resource(&mut self, event: &mut LogEvent, entry: &Map<String, Value>) {
        let resource = entry.get("resource");
        let of_resource = |name: &str| text_in(resource.and_then(|r| r.get("labels")), name);
        let label = |name: &str| text_in(entry.get("labels"), name);
        let is_first = text_in(resource, "type") == Some(FIRST_GENERATION);
        let function = of_resource("function_name")
            .or_else(|| label("goog-drz-cloudfunctions-id"))
            .or_else(|| of_resource("service_name"));
        let region = of_resource("region").or_else(|| of_resource("location"));
        let instance = label("instanceId").or_else(|| label("instance_id"));
        let execution = label("execution_id");
        let trace = text_in_map(entry, "trace").map(last_part);
        // Requests of the second generation have no execution id, but the trace of their lines.
        let request = if is_first {
            execution.or(trace)
        } else {
            trace.or(execution)
        };
        let mut shared = |value: Option<&str>| value.map(|value| self.interner.intern(value));
        if !self.has_account
            && let Some(project) = shared(of_resource("project_id"))
        {
            event.account = Some(project);
        }
        event.function = shared(function).or(event.function.take());
        event.region = shared(region).or(event.region.take());
        event.version = shared(of_resource("revision_name")).or(event.version.take());
        event.instance = shared(instance).or(event.instance.take());
        event.request_id = request.map(str::to_owned);
        let host = event.function.as_deref().unwrap_or_default();
        let log = log_of(text_in_map(entry, "logName").unwrap_or_default());
        if self.metadata.host != host || self.metadata.name != log {
            let mut metadata = SourceMetadata::clone(&self.metadata);
            host.clone_into(&mut metadata.host);
            metadata.name = log;
            self.metadata = Arc::new(metadata);
        }
        event.metadata = Arc::clone(&self.metadata);
    }
}

/// How long after its time an entry was received; nothing for requests, which are as late as they
/// are long.
pub(super) fn lateness_ms(entry: &Value) -> Option<i64> {
    let entry = entry.as_object()?;
    if entry.contains_key("httpRequest") {
        return None;
    }
    let received = time(entry, "receiveTimestamp")?;
    Some(
        received
            .millis()
            .saturating_sub(time(entry, "timestamp")?.millis()),
    )
}

/// Entries of one log with the same time and `insertId` are the same entry; the `insertId` alone
/// is not unique.
fn id(entry: &Map<String, Value>) -> EventId {
    let part = |name| text_in_map(entry, name).unwrap_or_default();
    let insert_id = part("insertId");
    if insert_id.is_empty() {
        return EventId::of(&Value::Object(entry.clone()).to_string());
    }
    let (log, time) = (part("logName"), part("timestamp"));
    EventId::of(&format!("{log}\0{time}\0{insert_id}"))
}

/// Everything of the entry that has no other place.
fn add_fields(event: &mut LogEvent, entry: &Map<String, Value>) {
    let mut add = |name: String, value: &Value| match value {
        Value::String(text) if text.is_empty() => {}
        Value::String(text) => event.fields.push((name, text.clone())),
        other => event.fields.push((name, other.to_string())),
    };
    if let Some(trace) = text_in_map(entry, "trace") {
        add("trace_id".to_owned(), &json!(last_part(trace)));
    }
    let labels = entry.get("labels").and_then(Value::as_object);
    for (name, value) in labels.into_iter().flatten() {
        if name == "execution_id" {
            add(name.clone(), value);
        } else if !CONSUMED_LABELS.contains(&name.as_str()) {
            add(format!("labels.{name}"), value);
        }
    }
    if let Some(split) = entry.get("split") {
        // As every message that comes in parts.
        let number = |name: &str| split.get(name).and_then(Value::as_i64).unwrap_or(0);
        add(
            "_part_id".to_owned(),
            split.get("uid").unwrap_or(&Value::Null),
        );
        add("_part".to_owned(), &json!(number("index") + 1));
        add("_parts".to_owned(), &json!(number("totalSplits")));
    }
    let is_only_request = !has_payload(entry);
    for (name, value) in entry {
        let is_message = is_only_request && name == "httpRequest";
        if !is_message && !CONSUMED.contains(&name.as_str()) {
            add(name.clone(), value);
        }
    }
}

fn has_payload(entry: &Map<String, Value>) -> bool {
    ["textPayload", "jsonPayload", "protoPayload"]
        .iter()
        .any(|name| entry.contains_key(*name))
}

/// What was logged: text as it is, everything structured as JSON. A request that was not said
/// anything about is `{"httpRequest":{…}}`.
fn message(mut entry: Map<String, Value>) -> String {
    for name in ["textPayload", "jsonPayload", "protoPayload"] {
        match entry.remove(name) {
            Some(Value::String(text)) => return text,
            Some(payload) => return payload.to_string(),
            None => {}
        }
    }
    match entry.remove("httpRequest") {
        Some(request) => json!({"httpRequest": request}).to_string(),
        None => Value::Object(entry).to_string(),
    }
}

fn time(entry: &Map<String, Value>, name: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text_in_map(entry, name)?.parse().ok()?;
    let nanos = i64::try_from(time.as_nanosecond()).ok()?;
    Some(Timestamp::from_nanos(nanos))
}

fn text_in_map<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

fn text_in<'a>(object: Option<&'a Value>, name: &str) -> Option<&'a str> {
    text_in_map(object?.as_object()?, name)
}

/// `projects/p/traces/6d1f…` → `6d1f…`
fn last_part(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// `projects/p/logs/run.googleapis.com%2Frequests` → `run.googleapis.com/requests`
fn log_of(name: &str) -> String {
    let log = name.split_once("/logs/").map_or(name, |(_, log)| log);
    log.replace("%2F", "/").replace("%2f", "/")
}

#[cfg(test)]
mod tests;
