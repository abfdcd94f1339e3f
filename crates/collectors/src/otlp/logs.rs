//! Makes events of log records. Pure.

use axum::http::StatusCode;
use model::{Level, LogEvent};

use super::conventions;
use super::messages::{LogRecord, Resource, Scope};
use super::request::Visit;
use super::values::{LeftOut, Room, bytes_of, moment, text, texts};
use crate::support::fields::{Interner, keep_last};
use crate::support::parts;
use crate::support::receive::Refused;

/// Log records in one request.
const OTLP_RECORDS_MAX: usize = 500_000;

/// Takes log records and holds their events.
#[derive(Debug)]
pub(crate) struct LogDecoder<'a> {
    /// An event with all that the configuration tells.
    configured: &'a LogEvent,
    /// The same with all that the resource tells.
    of_resource: LogEvent,
    /// The same with all that the scope tells.
    template: LogEvent,
    template_bytes: usize,
    interner: Interner,
    room: Room,
    records: usize,
    /// What was made.
    pub(crate) events: Vec<LogEvent>,
    /// What was not.
    pub(crate) left_out: LeftOut,
}

impl<'a> LogDecoder<'a> {
    pub(crate) fn new(configured: &'a LogEvent) -> Self {
        LogDecoder {
            configured,
            of_resource: configured.clone(),
            template: configured.clone(),
            template_bytes: 0,
            interner: Interner::default(),
            room: Room::default(),
            records: 0,
            events: Vec::new(),
            left_out: LeftOut::default(),
        }
    }
}

impl Visit<LogRecord> for LogDecoder<'_> {
    fn resource(&mut self, resource: Resource) -> Result<(), Refused> {
        self.of_resource = self.configured.clone();
        for (name, text) in texts(resource.attributes) {
            conventions::put(&mut self.of_resource, name, text, &mut self.interner);
        }
        conventions::complete(&mut self.of_resource, &mut self.interner);
        keep_last(&mut self.of_resource.fields);
        Ok(())
    }

    fn scope(&mut self, scope: Scope) -> Result<(), Refused> {
        self.template = self.of_resource.clone();
        if !scope.name.is_empty() {
            let field = ("otel.scope.name".to_owned(), scope.name);
            self.template.fields.push(field);
        }
        for (name, text) in texts(scope.attributes) {
            conventions::put(&mut self.template, name, text, &mut self.interner);
        }
        keep_last(&mut self.template.fields);
        let fields = self.template.fields.iter();
        self.template_bytes =
            size_of::<LogEvent>() + bytes_of(fields.map(|(name, text)| (name, text)));
        self.room.take(self.template_bytes)
    }

    fn item(&mut self, record: LogRecord) -> Result<(), Refused> {
        self.records += 1;
        if self.records > OTLP_RECORDS_MAX {
            return Err(Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!(
                    "the request has more than OTLP_RECORDS_MAX = {OTLP_RECORDS_MAX} log records; \
                     nothing of it was stored; send smaller requests"
                ),
            ));
        }
        self.room.take(self.template_bytes)?;
        match event(record, self.template.clone(), &mut self.interner) {
            Ok(event) => parts::push(&mut self.events, event),
            Err(why) => self.left_out.add(|| why),
        }
        Ok(())
    }
}

fn event(
    record: LogRecord,
    mut event: LogEvent,
    interner: &mut Interner,
) -> Result<LogEvent, String> {
    let time = moment(record.time_unix_nano)?;
    event.event_time = match time {
        Some(time) => Some(time),
        None => moment(record.observed_time_unix_nano)?,
    };
    let has_attributes = !record.attributes.is_empty();
    for (name, text) in texts(record.attributes) {
        conventions::put(&mut event, name, text, interner);
    }
    event.level = level(record.severity_number).or_else(|| Level::parse(&record.severity_text));
    // What the number says is not said again, but other words are kept.
    if Level::parse(&record.severity_text) != event.level {
        add(&mut event, "severity_text", &record.severity_text);
    }
    add(&mut event, "trace_id", &hexadecimal(&record.trace_id));
    add(&mut event, "span_id", &hexadecimal(&record.span_id));
    let body = text(record.body).filter(|body| !body.is_empty());
    let event_name = Some(record.event_name).filter(|name| !name.is_empty());
    if let (Some(_), Some(name)) = (&body, &event_name) {
        add(&mut event, "event_name", name);
    }
    event.message = match body.or(event_name) {
        Some(message) => message,
        None if has_attributes => String::new(),
        None => return Err("it has no body, no event name and no attributes".to_owned()),
    };
    keep_last(&mut event.fields);
    Ok(event)
}

fn add(event: &mut LogEvent, name: &str, text: &str) {
    if !text.is_empty() {
        event.fields.push((name.to_owned(), text.to_owned()));
    }
}

/// Severity numbers go in fours
/// (<https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber>).
const fn level(severity_number: i32) -> Option<Level> {
    Some(match severity_number {
        1..=4 => Level::Trace,
        5..=8 => Level::Debug,
        9..=12 => Level::Info,
        13..=16 => Level::Warn,
        17..=20 => Level::Error,
        21..=24 => Level::Fatal,
        _ => return None,
    })
}

/// An id in hexadecimal digits; nothing for one of zeros, which is none.
fn hexadecimal(id: &[u8]) -> String {
    if id.iter().all(|byte| *byte == 0) {
        return String::new();
    }
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
