//! Makes events of the lines of log blobs. Pure.
//!
//! A line of Azure Functions (category `FunctionAppLogs`) becomes what the function or its host
//! said; a line of another category stays the structured event that it is. A line that is not as
//! it should be still becomes an event whose message is the line.
//! <https://learn.microsoft.com/azure/azure-monitor/reference/tables/functionapplogs>

use std::sync::Arc;

use model::{EventId, Level, LogEvent, Provider, SourceMetadata, Timestamp};
use serde_json::{Map, Value};

use super::{Config, loose};
use crate::support::fields::{Interner, keep_last, set_column};
use crate::support::parts;

const FUNCTION_LOGS: &str = "FunctionAppLogs";
/// Parts of a record that become something else than a field, or say what is said already.
const CONSUMED: &[&str] = &[
    "category",
    "level",
    "location",
    "properties",
    "resourceId",
    "time",
];
const CONSUMED_PROPERTIES: &[&str] = &[
    "appName",
    "category",
    "functionInvocationId",
    "functionName",
    "level",
    "levelId",
    "message",
    "roleInstance",
];
/// What `operationName` always is in the logs of functions.
const FUNCTIONS_OPERATION: &str = "Microsoft.Web/sites/functions/log";

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The container and the blob.
    pub(super) blob: &'a str,
    /// Where the line begins, in bytes.
    pub(super) offset: u64,
    /// When it was read: its id is remembered from then on.
    pub(super) read_at: Timestamp,
}

/// Decodes the lines of one resource.
#[derive(Debug)]
pub(super) struct Decoder {
    /// An event with all that the configuration tells.
    template: LogEvent,
    has_account: bool,
    has_region: bool,
    interner: Interner,
    /// The metadata of the event before, which most often fits the next, too.
    metadata: Arc<SourceMetadata>,
    /// Lines so far that are no records.
    unreadable: u64,
}

impl Decoder {
    pub(super) fn new(config: &Config) -> Self {
        let mut interner = Interner::default();
        let metadata = Arc::new(SourceMetadata {
            category: config.category.clone(),
            source: config.name.clone(),
            collector: super::DESCRIPTOR.name.to_owned(),
            ..SourceMetadata::default()
        });
        let mut template = LogEvent {
            provider: Some(Provider::Azure),
            ..LogEvent::default()
        };
        for (name, value) in &config.fields {
            if !set_column(&mut template, name, value, &mut interner) {
                template.fields.push((name.clone(), value.clone()));
            }
        }
        Decoder {
            template,
            has_account: config.fields.contains_key("account"),
            has_region: config.fields.contains_key("region"),
            interner,
            metadata,
            unreadable: 0,
        }
    }

    /// How many lines were no records since the last call.
    pub(super) fn take_unreadable(&mut self) -> u64 {
        std::mem::take(&mut self.unreadable)
    }

    /// Appends the event of a line to `events`; none if the line is blank.
    pub(super) fn decode(&mut self, line: &[u8], place: Place<'_>, events: &mut Vec<LogEvent>) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches('\u{feff}').trim();
        if text.is_empty() {
            return;
        }
        let event = match record(text) {
            Some((record, is_json)) => self.event(record, is_json.then_some(text)),
            None => {
                self.unreadable += 1;
                LogEvent {
                    message: text.to_owned(),
                    metadata: Arc::clone(&self.metadata),
                    ..self.template.clone()
                }
            }
        };
        let event = LogEvent {
            id: Some(EventId::of(&format!(
                "{}\0{}\0{text}",
                place.blob, place.offset
            ))),
            id_time: Some(place.read_at),
            ..event
        };
        parts::push(events, event);
    }

    /// `json` is the record's text, if it is JSON.
    fn event(&mut self, mut record: Map<String, Value>, json: Option<&str>) -> LogEvent {
        let mut event = self.template.clone();
        event.event_time = text(&record, "time").and_then(time);
        let resource = text(&record, "resourceId").unwrap_or_default().to_owned();
        self.add_place(&mut event, &record, &resource);
        let category = text(&record, "category").unwrap_or_default().to_owned();
        match properties(&mut record) {
            Some(properties) if category == FUNCTION_LOGS && properties.contains_key("message") => {
                self.add_function(&mut event, &record, properties, &resource);
            }
            properties => {
                event.level = record_level(&record);
                self.set_metadata(&mut event, &resource_name(&resource), &category);
                event.message = match (json, properties) {
                    (Some(json), _) => json.to_owned(),
                    (None, properties) => {
                        if let Some(properties) = properties {
                            record.insert("properties".to_owned(), Value::Object(properties));
                        }
                        Value::Object(record).to_string()
                    }
                };
            }
        }
        event
    }

    /// Fills account and region.
    fn add_place(&mut self, event: &mut LogEvent, record: &Map<String, Value>, resource: &str) {
        let account = segment(resource, "subscriptions").map(str::to_ascii_lowercase);
        let account = account.or_else(|| text(record, "tenantId").map(str::to_owned));
        if let (false, Some(account)) = (self.has_account, account) {
            event.account = Some(self.interner.intern(&account));
        }
        // `East US 2` and `eastus2` are the same.
        let region = text(record, "location").map(|region| {
            let letters = region.chars().filter(|letter| !letter.is_whitespace());
            letters.collect::<String>().to_lowercase()
        });
        if let (false, Some(region)) = (self.has_region, region) {
            event.region = Some(self.interner.intern(&region));
        }
    }

    /// Makes the event of what a function or its host said.
    fn add_function(
        &mut self,
        event: &mut LogEvent,
        record: &Map<String, Value>,
        mut properties: Map<String, Value>,
        resource: &str,
    ) {
        let message = properties.remove("message").unwrap_or_default();
        event.message = match message {
            Value::String(message) => message,
            other => other.to_string(),
        };
        let of = |name: &str| text(&properties, name);
        let category = of("category").unwrap_or_default();
        let function = of("functionName").or_else(|| function_of(category));
        let function = function.map(|name| name.strip_prefix("Functions.").unwrap_or(name));
        let instance = of("roleInstance").or_else(|| of("hostInstanceId"));
        let mut shared = |value: Option<&str>| value.map(|value| self.interner.intern(value));
        event.function = shared(function).or(event.function.take());
        event.instance = shared(instance).or(event.instance.take());
        event.request_id = of("functionInvocationId").map(str::to_owned);
        event.level = of("level")
            .and_then(Level::parse)
            .or_else(|| level_of_id(&properties))
            .or_else(|| record_level(record));
        let app = of("appName").map_or_else(|| resource_name(resource), str::to_lowercase);
        self.set_metadata(event, &app, category);
        let rest = properties
            .iter()
            .filter(|(name, _)| !CONSUMED_PROPERTIES.contains(&name.as_str()));
        let extras = record.iter().filter(|(name, value)| {
            let is_usual = *name == "operationName" && *value == FUNCTIONS_OPERATION;
            !is_usual && !CONSUMED.contains(&name.as_str())
        });
        for (name, value) in rest.chain(extras) {
            match value {
                Value::Null => {}
                Value::String(text) if text.is_empty() => {}
                Value::String(text) => event.fields.push((name.clone(), text.clone())),
                other => event.fields.push((name.clone(), other.to_string())),
            }
        }
        keep_last(&mut event.fields);
    }

    fn set_metadata(&mut self, event: &mut LogEvent, host: &str, name: &str) {
        if self.metadata.host != host || self.metadata.name != name {
            let mut metadata = SourceMetadata::clone(&self.metadata);
            host.clone_into(&mut metadata.host);
            name.clone_into(&mut metadata.name);
            self.metadata = Arc::new(metadata);
        }
        event.metadata = Arc::clone(&self.metadata);
    }
}

/// The record that a line is, and whether the line is JSON.
fn record(text: &str) -> Option<(Map<String, Value>, bool)> {
    if let Ok(Value::Object(record)) = serde_json::from_str(text) {
        return Some((record, true));
    }
    match loose::parse(text)? {
        Value::Object(record) => Some((record, false)),
        _ => None,
    }
}

/// Takes the properties out of a record: an object, or a text that holds one. Anything else stays.
fn properties(record: &mut Map<String, Value>) -> Option<Map<String, Value>> {
    let properties = match record.get_mut("properties")? {
        Value::Object(properties) => std::mem::take(properties),
        Value::String(text) => match loose::parse(text) {
            Some(Value::Object(properties)) => properties,
            _ => return None,
        },
        _ => return None,
    };
    record.remove("properties");
    Some(properties)
}

/// `Function.hello.User` → `hello`
fn function_of(category: &str) -> Option<&str> {
    let name = category.strip_prefix("Function.")?;
    Some(name.strip_suffix(".User").unwrap_or(name)).filter(|name| !name.is_empty())
}

/// What follows `name`, in any case, in `/SUBSCRIPTIONS/<ID>/…`.
fn segment<'a>(resource: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = resource.split('/');
    parts.find(|part| part.eq_ignore_ascii_case(name))?;
    parts.next().filter(|part| !part.is_empty())
}

/// `…/SITES/<APP>/SLOTS/<SLOT>` → `app/slot`; of other resources their last part.
fn resource_name(resource: &str) -> String {
    let name = match (segment(resource, "sites"), segment(resource, "slots")) {
        (Some(app), Some(slot)) => format!("{app}/{slot}"),
        (Some(app), None) => app.to_owned(),
        _ => resource.rsplit('/').next().unwrap_or_default().to_owned(),
    };
    name.to_lowercase()
}

/// The level of .NET's `LogLevel`.
fn level_of_id(properties: &Map<String, Value>) -> Option<Level> {
    let levels = [
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Warn,
        Level::Error,
        Level::Fatal,
    ];
    let id = properties.get("levelId")?.as_u64()?;
    levels.get(usize::try_from(id).ok()?).copied()
}

/// The level of a resource log: a word, or a number from 1, critical, to 5, verbose.
/// <https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs-schema>
fn record_level(record: &Map<String, Value>) -> Option<Level> {
    let level = record.get("level").or(record.get("Level"))?;
    let word = match level {
        Value::String(word) => word.clone(),
        other => other.to_string(),
    };
    match word.as_str() {
        "Informational" | "4" => Some(Level::Info),
        "1" => Some(Level::Fatal),
        "2" => Some(Level::Error),
        "3" => Some(Level::Warn),
        "5" => Some(Level::Debug),
        word => Level::parse(word),
    }
}

/// ISO 8601, or `05/28/2025 01:15:14` as some hosts on Linux write it, in UTC;
/// see <https://github.com/Azure/azure-functions-host/issues/8492>.
fn time(text: &str) -> Option<Timestamp> {
    if let Some((time, _)) = model::iso8601(text.as_bytes()) {
        return Some(time);
    }
    let moment = jiff::civil::DateTime::strptime("%m/%d/%Y %H:%M:%S", text).ok()?;
    let moment = moment.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(Timestamp::from_millis(moment.timestamp().as_millisecond()))
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
