//! Makes events of the rows of invocations, and says whether an invocation is over. Pure.
//!
//! The message is the row as JSON, from which ingest takes how the invocation went. A row that is
//! not as it should be still becomes an event.

use std::sync::Arc;

use model::limits::MESSAGE_BYTES_MAX;
use model::{EventId, Level, LogEvent, Provider, SourceMetadata, Timestamp};
use serde_json::{Map, Value};

use super::Config;
use super::client::Row;
use super::function::Definition;
use super::tables;
use crate::support::fields::{Interner, set_column};

/// Columns of the tables themselves.
const CONSUMED: &[&str] = &[
    "DisplayName",
    "FunctionInstanceId",
    "HasError",
    "PartitionKey",
    "RawStatus",
    "RowKey",
    "Timestamp",
];
/// What is told of an invocation that failed without its host telling why.
const NO_DETAILS: &str = "the function failed; its host logged no details";

/// One invocation, as its rows tell it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Invocation {
    /// The invocation's id; of a row without one, its key.
    pub(super) id: String,
    /// When it began, in milliseconds.
    pub(super) start_ms: i64,
    row: Row,
    full_has_end: bool,
    is_readable: bool,
}

/// How an invocation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Running,
    Ended,
    /// Its host went away before it ended.
    Abandoned,
}

impl Invocation {
    /// The invocation of a row by time.
    pub(super) fn of(row: Row) -> Self {
        let id = text(&row, "FunctionInstanceId");
        let start = time(&row, "StartTime");
        let key = text(&row, "RowKey").unwrap_or_default();
        Invocation {
            is_readable: id.is_some() && start.is_some(),
            id: id.unwrap_or(key).to_owned(),
            start_ms: start
                .or_else(|| tables::time_of_key(key))
                .map_or(0, Timestamp::millis),
            row,
            full_has_end: false,
        }
    }

    /// Adds what the full row tells.
    pub(super) fn complete(&mut self, full: Row) {
        self.full_has_end = time(&full, "EndTime").is_some();
        for (name, value) in full {
            if !value.is_null() {
                self.row.insert(name, value);
            }
        }
    }

    /// How it stands at `now_ms`, if nothing is heard for `abandoned_ms` after a host's last sign
    /// of life.
    pub(super) fn state(&self, now_ms: i64, abandoned_ms: i64) -> State {
        if self.has_end() {
            return State::Ended;
        }
        let expiry = time(&self.row, "FunctionInstanceHeartbeatExpiry");
        let expiry_ms = expiry.map_or(self.start_ms, Timestamp::millis);
        if now_ms.saturating_sub(expiry_ms) > abandoned_ms {
            State::Abandoned
        } else {
            State::Running
        }
    }

    pub(super) fn has_end(&self) -> bool {
        time(&self.row, "EndTime").is_some()
    }

    /// Whether the full row has told the end.
    pub(super) fn full_has_end(&self) -> bool {
        self.full_has_end
    }

    /// When it ended, or gave the last sign of life.
    pub(super) fn end_ms(&self) -> i64 {
        time(&self.row, "EndTime")
            .or_else(|| time(&self.row, "FunctionInstanceHeartbeatExpiry"))
            .map_or(self.start_ms, Timestamp::millis)
    }

    /// Whether the row has an id and a beginning.
    pub(super) fn is_readable(&self) -> bool {
        self.is_readable
    }
}

/// Decodes the invocations of one function.
#[derive(Debug)]
pub(super) struct Decoder {
    template: LogEvent,
    interner: Interner,
}

impl Decoder {
    pub(super) fn new(config: &Config, function: &Definition) -> Self {
        let mut interner = Interner::default();
        let host = function.id.split_once('-').map_or("", |(host, _)| host);
        let name = function.name.strip_prefix("Functions.");
        let name = name.unwrap_or(&function.name);
        let mut template = LogEvent {
            metadata: Arc::new(SourceMetadata {
                category: config.category.clone(),
                host: tables::plain(host),
                name: format!("Function.{name}"),
                source: config.name.clone(),
                collector: super::DESCRIPTOR.name.to_owned(),
            }),
            provider: Some(Provider::Azure),
            account: Some(Arc::from(config.account.as_str())),
            function: Some(Arc::from(name)),
            ..LogEvent::default()
        };
        for (name, value) in &config.fields {
            if !set_column(&mut template, name, value, &mut interner) {
                template.fields.push((name.clone(), value.clone()));
            }
        }
        Decoder { template, interner }
    }

    pub(super) fn decode(&mut self, invocation: Invocation) -> LogEvent {
        let mut event = self.template.clone();
        let row = &invocation.row;
        let start = Timestamp::from_millis(invocation.start_ms);
        let start = time(row, "StartTime").unwrap_or(start);
        let (end, error) = (time(row, "EndTime"), error_of(row));
        event.id = Some(EventId::of(&invocation.id));
        event.id_time = Some(start);
        event.event_time = Some(end.unwrap_or(start));
        event.level = Some(match (end, &error) {
            (Some(_), None) => Level::Info,
            _ => Level::Error,
        });
        if let Some(container) = text(row, "ContainerName") {
            event.instance = Some(self.interner.intern(container));
        }
        event.message = message(row, &invocation.id, error);
        event.request_id = Some(invocation.id);
        event
    }
}

/// The row as JSON: its id first, then its columns. A row of Azure's holds 1 MiB at most, and its
/// texts two bytes for each letter; what is longer than [`MESSAGE_BYTES_MAX`] is cut.
fn message(row: &Row, id: &str, error: Option<String>) -> String {
    let mut message = Map::new();
    message.insert("FunctionInstanceId".to_owned(), Value::from(id));
    for (name, value) in row {
        let is_column = !CONSUMED.contains(&name.as_str()) && !name.contains("odata.");
        if is_column && !value.is_null() {
            message.insert(name.clone(), value.clone());
        }
    }
    if let Some(error) = error {
        message.insert("ErrorDetails".to_owned(), Value::String(error));
    }
    let mut text = Value::Object(message).to_string();
    text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
    text
}

/// What the host says about a failure, if it failed.
fn error_of(row: &Row) -> Option<String> {
    if let Some(error) = text(row, "ErrorDetails") {
        return Some(error.to_owned());
    }
    let has_failed = row.get("HasError").and_then(Value::as_bool) == Some(true)
        || text(row, "RawStatus") == Some("CompletedFailed");
    has_failed.then(|| NO_DETAILS.to_owned())
}

fn time(row: &Row, name: &str) -> Option<Timestamp> {
    Some(model::iso8601(text(row, name)?.as_bytes())?.0)
}

fn text<'a>(row: &'a Row, name: &str) -> Option<&'a str> {
    row.get(name)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
