//! Makes events of what FilterLogEvents answers. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use model::{EventId, LogEvent, Provider, SourceMetadata, Timestamp};
use serde::Deserialize;

use super::Config;
use super::client::Group;
use crate::support::duration::millis;
use crate::support::fields::{Interner, put};
use crate::support::lambda_names::{StreamName, function_of_group};

/// Streams remembered before the memory starts again.
const STREAMS_MAX: usize = 4096;

/// One event as AWS gives it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawEvent {
    pub(crate) log_stream_name: String,
    pub(crate) timestamp: i64,
    pub(crate) message: String,
    pub(crate) ingestion_time: Option<i64>,
    pub(crate) event_id: Option<String>,
}

impl From<FilteredLogEvent> for RawEvent {
    fn from(event: FilteredLogEvent) -> Self {
        RawEvent {
            log_stream_name: event.log_stream_name.unwrap_or_default(),
            timestamp: event.timestamp.unwrap_or_default(),
            message: event.message.unwrap_or_default(),
            ingestion_time: event.ingestion_time,
            event_id: event.event_id,
        }
    }
}

/// What a source says of all its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Labels<'a> {
    pub(crate) source: &'a str,
    pub(crate) collector: &'static str,
    pub(crate) category: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) fields: &'a BTreeMap<String, String>,
}

/// Decodes the events of one log group.
#[derive(Debug)]
pub(crate) struct Decoder {
    /// An event with all that the group and the configuration tell.
    template: LogEvent,
    /// The same with all that a stream's name tells.
    streams: HashMap<String, LogEvent>,
    late_ms: i64,
    /// How much longer than others late events are remembered.
    late_memory_ms: i64,
}

impl Decoder {
    /// For a log group that this source pulls.
    pub(crate) fn new(config: &Config, group: &Group) -> Self {
        let labels = Labels {
            source: &config.name,
            collector: super::DESCRIPTOR.name,
            category: &config.category,
            region: Some(&config.region),
            fields: &config.fields,
        };
        Decoder {
            late_ms: millis(config.late_from()),
            late_memory_ms: millis(config.deep_sweep_depth)
                .saturating_add(millis(config.sweep_depth).saturating_mul(2)),
            ..Decoder::of(labels, group)
        }
    }

    /// For a log group whose events somebody sends; none counts as late.
    pub(crate) fn of(labels: Labels<'_>, group: &Group) -> Self {
        let mut interner = Interner::default();
        let mut template = LogEvent {
            metadata: Arc::new(SourceMetadata {
                category: labels.category.to_owned(),
                host: group.name.clone(),
                name: String::new(),
                source: labels.source.to_owned(),
                collector: labels.collector.to_owned(),
            }),
            provider: Some(Provider::Aws),
            account: account_of(&group.arn).map(Arc::from),
            region: labels.region.map(Arc::from),
            function: function_of_group(&group.name).map(Arc::from),
            ..LogEvent::default()
        };
        for (name, value) in labels.fields {
            put(&mut template, name, value, &mut interner);
        }
        Decoder {
            template,
            streams: HashMap::new(),
            late_ms: i64::MAX,
            late_memory_ms: 0,
        }
    }

    /// Whether the event was accepted so late that the reads that come soon may miss it.
    pub(crate) fn is_late(&self, raw: &RawEvent) -> bool {
        raw.ingestion_time
            .is_some_and(|accepted| accepted.saturating_sub(raw.timestamp) >= self.late_ms)
    }

    pub(crate) fn decode(&mut self, raw: RawEvent) -> LogEvent {
        let id = match &raw.event_id {
            Some(id) => EventId::of(id),
            // Always there at AWS; an emulator may leave it out.
            None => EventId::of(&format!(
                "{}\u{0}{}\u{0}{}",
                raw.log_stream_name, raw.timestamp, raw.message
            )),
        };
        let event_time = Timestamp::from_millis(raw.timestamp);
        let is_late = self.is_late(&raw);
        LogEvent {
            event_time: Some(event_time),
            message: raw.message,
            id: Some(id),
            id_time: is_late.then(|| event_time.saturating_add_millis(self.late_memory_ms)),
            ..self.stream(raw.log_stream_name)
        }
    }

    fn stream(&mut self, stream: String) -> LogEvent {
        if let Some(known) = self.streams.get(&stream) {
            return known.clone();
        }
        let mut event = self.template.clone();
        stream.clone_into(&mut Arc::make_mut(&mut event.metadata).name);
        if let Some(name) = StreamName::parse(&stream) {
            event.version = Some(Arc::from(name.version));
            event.instance = Some(Arc::from(name.instance));
            if event.function.is_none() {
                event.function = name.function.map(Arc::from);
            }
        }
        if self.streams.len() >= STREAMS_MAX {
            self.streams.clear();
        }
        self.streams.insert(stream, event.clone());
        event
    }
}

/// The account's number out of `arn:aws:logs:region:account:log-group:name`.
fn account_of(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn")).then_some(())?;
    parts.nth(3).filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests;
