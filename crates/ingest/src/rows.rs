//! Turns events into rows, once: the same batches go to the WAL, to memory and to segments.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, Float64Builder, Int8Builder, RecordBatch, StringViewBuilder,
    TimestampNanosecondArray, TimestampNanosecondBuilder,
};
use arrow::error::ArrowError;
use model::{EventId, InvocationEvidence, InvocationStatus, LogEvent, Sample, Timestamp, limits};
use storage::{EVENT_TEXT_COLUMNS, StorageError, Table, window_start};

use crate::Rules;
use crate::columns::{RequestIds, TextColumn, nulls};
use crate::embedded_metrics;
use crate::invocations::evidence;
use crate::normalise::Normaliser;
use crate::route::Routes;

/// Rows per batch, as the query engine likes them.
pub(crate) const BATCH_ROWS: usize = 8_192;
/// Longest block of memory that the messages of a batch share.
const MESSAGE_BLOCK_BYTES_MAX: usize = 16 << 20;

/// The rows of one batch of events.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) events: Vec<RecordBatch>,
    pub(crate) invocations: Vec<RecordBatch>,
    /// What the events say in numbers.
    pub(crate) samples: Vec<Sample>,
    /// Ids of the events, with their event times.
    pub(crate) ids: Vec<(EventId, Timestamp)>,
}

/// Normalises events received at `now` and turns them into rows.
pub(crate) fn rows(
    mut events: Vec<LogEvent>,
    now: Timestamp,
    routes: &Routes,
    rules: &Rules,
) -> Result<Rows, StorageError> {
    let mut normaliser = Normaliser::new(now);
    let mut rows = Rows::default();
    let mut builder = EventRows::new(routes, now);
    let mut found = Found::default();
    for events in events.chunks_mut(BATCH_ROWS) {
        for event in events.iter_mut() {
            let time = normaliser.fill(event);
            rules.apply(event);
            rows.samples.extend(embedded_metrics::samples(event));
            rows.ids
                .extend(event.id.map(|id| (id, event.id_time.unwrap_or(time))));
            if let Some(evidence) = evidence(event) {
                found.push(evidence);
            }
        }
        builder.begin(events);
        for event in events.iter_mut() {
            builder.push(event);
            // The text stands in the rows now; it need not stand in memory twice.
            drop(std::mem::take(&mut event.message));
        }
        rows.events.push(builder.finish()?);
    }
    for found in found.evidence.chunks(BATCH_ROWS) {
        rows.invocations.push(invocation_rows(found, now)?);
    }
    Ok(rows)
}

/// The evidence of one batch of events, merged as far as it is of the same invocation and the
/// same window of time.
#[derive(Default)]
struct Found {
    evidence: Vec<InvocationEvidence>,
    /// Where the last evidence stands that bears a request id.
    places: HashMap<String, usize>,
}

impl Found {
    fn push(&mut self, evidence: InvocationEvidence) {
        let window = |evidence: &InvocationEvidence| evidence.event_time.map(window_start);
        if let Some(place) = self.places.get(&evidence.request_id) {
            let known = &mut self.evidence[*place];
            if known.is_of_same_invocation(&evidence) && window(known) == window(&evidence) {
                known.merge(evidence);
                return;
            }
        }
        let id = evidence.request_id.clone();
        self.places.insert(id, self.evidence.len());
        self.evidence.push(evidence);
    }
}

/// One piece of a message that is too long.
#[derive(Clone, Copy)]
struct Part<'a> {
    id: &'a str,
    number: usize,
    count: usize,
}

struct EventRows<'a> {
    rows: usize,
    routes: &'a Routes,
    now: Timestamp,
    event_time: TimestampNanosecondBuilder,
    message: StringViewBuilder,
    /// In the order of [`EVENT_TEXT_COLUMNS`], without the last, `fields`, and `request_id`.
    text: Vec<TextColumn>,
    request_ids: RequestIds,
    fields: StringViewBuilder,
    json: String,
}

/// Where `request_id` stands among [`EVENT_TEXT_COLUMNS`].
const REQUEST_ID: usize = 12;

impl<'a> EventRows<'a> {
    fn new(routes: &'a Routes, now: Timestamp) -> Self {
        EventRows {
            rows: 0,
            routes,
            now,
            event_time: TimestampNanosecondBuilder::new(),
            message: StringViewBuilder::new(),
            text: (0..EVENT_TEXT_COLUMNS.len() - 2)
                .map(|_| TextColumn::new())
                .collect(),
            request_ids: RequestIds::default(),
            fields: StringViewBuilder::new(),
            json: String::new(),
        }
    }

    /// Makes room for the rows of these events: their messages get one block of memory, which is
    /// no larger than they are.
    fn begin(&mut self, events: &[LogEvent]) {
        let bytes: usize = events.iter().map(|event| event.message.len()).sum();
        let block = bytes.clamp(1, MESSAGE_BLOCK_BYTES_MAX);
        self.event_time = TimestampNanosecondBuilder::with_capacity(events.len());
        self.message = StringViewBuilder::with_capacity(events.len())
            .with_fixed_block_size(u32::try_from(block).unwrap_or(u32::MAX));
        self.fields = StringViewBuilder::with_capacity(events.len());
    }

    fn push(&mut self, event: &LogEvent) {
        if event.message.len() <= limits::MESSAGE_BYTES_MAX {
            self.push_row(event, &event.message, None);
        } else {
            self.push_parts(event);
        }
    }

    fn push_row(&mut self, event: &LogEvent, message: &str, part: Option<Part<'_>>) {
        self.rows += 1;
        let time = event.event_time.unwrap_or(self.now);
        self.event_time.append_value(time.nanos());
        self.message.append_value(message);
        let metadata = &*event.metadata;
        let given = |text: &'_ str| !text.is_empty();
        let values = [
            Some(metadata.category.as_str()).filter(|text| given(text)),
            Some(metadata.host.as_str()).filter(|text| given(text)),
            Some(metadata.name.as_str()).filter(|text| given(text)),
            Some(metadata.source.as_str()).filter(|text| given(text)),
            Some(metadata.collector.as_str()).filter(|text| given(text)),
            Some(self.routes.partition(event)),
            event.provider.map(model::Provider::name),
            event.account.as_deref(),
            event.region.as_deref(),
            event.function.as_deref(),
            event.version.as_deref(),
            event.instance.as_deref(),
            event.level.map(model::Level::name),
        ];
        for (column, value) in self.text.iter_mut().zip(values) {
            column.push(value);
        }
        self.request_ids.push(event.request_id.as_deref(), message);
        self.json.clear();
        write_fields(&mut self.json, &event.fields, part);
        let json = Some(self.json.as_str()).filter(|text| given(text));
        self.fields.append_option(json);
    }

    /// Cuts a long message at character boundaries into parts that name each other.
    fn push_parts(&mut self, event: &LogEvent) {
        let time = event.event_time.unwrap_or(self.now);
        let mut parts = Vec::new();
        let mut rest = event.message.as_str();
        while !rest.is_empty() {
            let (part, left) = rest.split_at(rest.floor_char_boundary(limits::MESSAGE_BYTES_MAX));
            parts.push(part);
            rest = left;
        }
        let id = EventId::of(&event.message);
        let id = format!("{:032x}", id.0 ^ u128::from(time.nanos().unsigned_abs()));
        for (index, message) in parts.iter().enumerate() {
            let part = Part {
                id: &id,
                number: index + 1,
                count: parts.len(),
            };
            self.push_row(event, message, Some(part));
        }
    }

    fn finish(&mut self) -> Result<RecordBatch, StorageError> {
        let rows = std::mem::take(&mut self.rows);
        let receipt_time = TimestampNanosecondArray::from_value(self.now.nanos(), rows);
        let messages = self.message.finish();
        let request_ids = self.request_ids.finish(&messages);
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.event_time.finish().with_timezone("UTC")),
            Arc::new(receipt_time.with_timezone("UTC")),
            Arc::new(messages),
        ];
        columns.extend(self.text.iter_mut().map(TextColumn::finish));
        columns.insert(3 + REQUEST_ID, request_ids.map_err(building)?);
        let fields = self.fields.finish();
        columns.push(match fields.null_count() == fields.len() {
            true => nulls(rows),
            false => Arc::new(fields),
        });
        batch(Table::Events, columns)
    }
}

fn building(source: ArrowError) -> StorageError {
    StorageError::Arrow {
        action: "build rows",
        source,
    }
}

pub(crate) fn batch(table: Table, columns: Vec<ArrayRef>) -> Result<RecordBatch, StorageError> {
    RecordBatch::try_new(table.schema(), columns).map_err(building)
}

/// Writes fields as the text of a JSON object; nothing if there are none.
fn write_fields(json: &mut String, fields: &[(String, String)], part: Option<Part<'_>>) {
    let mut separator = '{';
    let mut pair = |name: &str, value: &str| {
        json.push(separator);
        separator = ',';
        write_text(json, name);
        json.push(':');
        write_text(json, value);
    };
    for (name, value) in fields {
        pair(name, value);
    }
    if let Some(part) = part {
        pair("_part", &part.number.to_string());
        pair("_parts", &part.count.to_string());
        pair("_part_of", part.id);
    }
    if separator == ',' {
        json.push('}');
    }
}

pub(crate) fn write_text(json: &mut String, text: &str) {
    let needs_escape = |byte: u8| byte < 0x20 || byte == b'"' || byte == b'\\';
    if text.bytes().any(needs_escape) {
        json.push_str(&serde_json::Value::from(text).to_string());
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

fn invocation_rows(
    found: &[InvocationEvidence],
    now: Timestamp,
) -> Result<RecordBatch, StorageError> {
    let time = |get: &dyn Fn(&InvocationEvidence) -> Option<Timestamp>| -> ArrayRef {
        let mut builder = TimestampNanosecondBuilder::new().with_timezone("UTC");
        found
            .iter()
            .for_each(|row| builder.append_option(get(row).map(Timestamp::nanos)));
        Arc::new(builder.finish())
    };
    let text = |get: &dyn for<'a> Fn(&'a InvocationEvidence) -> Option<&'a str>| -> ArrayRef {
        let mut column = TextColumn::new();
        found.iter().for_each(|row| column.push(get(row)));
        column.finish()
    };
    let number = |get: &dyn Fn(&InvocationEvidence) -> Option<f64>| -> ArrayRef {
        let mut builder = Float64Builder::new();
        found.iter().for_each(|row| builder.append_option(get(row)));
        Arc::new(builder.finish())
    };
    let mut rank = Int8Builder::new();
    for row in found {
        let status = row.status.and_then(|status| {
            let place = InvocationStatus::ALL
                .iter()
                .position(|other| *other == status)?;
            i8::try_from(place).ok()
        });
        rank.append_option(status);
    }
    let columns = vec![
        time(&|row| Some(row.event_time.unwrap_or(now))),
        text(&|row| row.provider.map(model::Provider::name)),
        text(&|row| row.account.as_deref()),
        text(&|row| row.region.as_deref()),
        text(&|row| row.function.as_deref()),
        text(&|row| row.version.as_deref()),
        text(&|row| row.instance.as_deref()),
        text(&|row| Some(&row.request_id)),
        time(&|row| row.start),
        number(&|row| row.duration_ms),
        number(&|row| row.billed_ms),
        number(&|row| row.init_ms),
        number(&|row| row.memory_size_mb),
        number(&|row| row.memory_used_mb),
        text(&|row| row.status.map(InvocationStatus::name)),
        Arc::new(rank.finish()),
        text(&|row| row.error_type.as_deref()),
        text(&|row| row.error_message.as_deref()),
        text(&|row| row.trace_id.as_deref()),
    ];
    batch(Table::Invocations, columns)
}
