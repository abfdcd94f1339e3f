//! Turns events into rows, once: the same batches go to the WAL, to memory and to segments.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Builder, Int8Builder, RecordBatch, StringViewBuilder,
    TimestampNanosecondBuilder,
};
use model::{EventId, InvocationEvidence, InvocationStatus, LogEvent, Timestamp, limits};
use storage::{EVENT_TEXT_COLUMNS, StorageError, Table};

use crate::Rules;
use crate::invocations::evidence;
use crate::normalise::Normaliser;
use crate::route::Routes;

/// Rows per batch, as the query engine likes them.
pub(crate) const BATCH_ROWS: usize = 8_192;
/// Text is copied into blocks of this size.
const BLOCK_BYTES: u32 = 1 << 20;
const MESSAGE_BLOCK_BYTES: u32 = 2 << 20;

/// The rows of one batch of events.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) events: Vec<RecordBatch>,
    pub(crate) invocations: Vec<RecordBatch>,
    /// Ids of the events, with their event times.
    pub(crate) ids: Vec<(EventId, Timestamp)>,
}

/// Normalises events received at `now` and turns them into rows.
pub(crate) fn rows(
    events: Vec<LogEvent>,
    now: Timestamp,
    routes: &Routes,
    rules: &Rules,
) -> Result<Rows, StorageError> {
    let mut normaliser = Normaliser::new(now);
    let mut rows = Rows::default();
    let mut builder = EventRows::new(events.len().min(BATCH_ROWS), routes);
    let mut found = Vec::new();
    for mut event in events {
        let time = normaliser.fill(&mut event);
        rules.apply(&mut event);
        rows.ids
            .extend(event.id.map(|id| (id, event.id_time.unwrap_or(time))));
        found.extend(evidence(&event));
        if event.message.len() <= limits::MESSAGE_BYTES_MAX {
            builder.push(&event, &event.message, None, time, now);
        } else {
            builder.push_parts(&event, time, now);
        }
        if builder.rows >= BATCH_ROWS {
            rows.events.push(builder.finish()?);
        }
    }
    if builder.rows > 0 {
        rows.events.push(builder.finish()?);
    }
    for found in found.chunks(BATCH_ROWS) {
        rows.invocations.push(invocation_rows(found, now)?);
    }
    Ok(rows)
}

/// One piece of a message that is too long.
#[derive(Clone, Copy)]
struct Part<'a> {
    id: &'a str,
    number: usize,
    count: usize,
}

/// A text column whose values often repeat: a value that was just there is not copied again.
pub(crate) struct TextColumn {
    builder: StringViewBuilder,
    recent: Vec<(String, u32)>,
}

impl TextColumn {
    const RECENT_MAX: usize = 16;

    pub(crate) fn new() -> Self {
        TextColumn {
            builder: StringViewBuilder::new().with_fixed_block_size(BLOCK_BYTES),
            recent: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, value: Option<&str>) {
        let Some(value) = value else {
            self.builder.append_null();
            return;
        };
        if value.len() > 12 && self.push_known(value) {
            return;
        }
        self.builder.append_value(value);
    }

    fn push_known(&mut self, value: &str) -> bool {
        let known = self.recent.iter().find(|(recent, _)| recent == value);
        let block = match known {
            Some((_, block)) => *block,
            None if self.recent.len() < Self::RECENT_MAX => {
                let block = self.builder.append_block(value.as_bytes().into());
                self.recent.push((value.to_owned(), block));
                block
            }
            None => return false,
        };
        u32::try_from(value.len())
            .is_ok_and(|length| self.builder.try_append_view(block, 0, length).is_ok())
    }

    pub(crate) fn finish(&mut self) -> ArrayRef {
        self.recent.clear();
        Arc::new(self.builder.finish())
    }
}

struct EventRows<'a> {
    rows: usize,
    routes: &'a Routes,
    event_time: TimestampNanosecondBuilder,
    receipt_time: TimestampNanosecondBuilder,
    message: StringViewBuilder,
    /// In the order of [`EVENT_TEXT_COLUMNS`], without the last, `fields`, and `request_id`.
    text: Vec<TextColumn>,
    request_id: StringViewBuilder,
    fields: StringViewBuilder,
    json: String,
}

/// Where `request_id` stands among [`EVENT_TEXT_COLUMNS`].
const REQUEST_ID: usize = 12;

impl<'a> EventRows<'a> {
    fn new(capacity: usize, routes: &'a Routes) -> Self {
        let time = || TimestampNanosecondBuilder::with_capacity(capacity).with_timezone("UTC");
        EventRows {
            rows: 0,
            routes,
            event_time: time(),
            receipt_time: time(),
            message: StringViewBuilder::with_capacity(capacity)
                .with_fixed_block_size(MESSAGE_BLOCK_BYTES),
            text: (0..EVENT_TEXT_COLUMNS.len() - 2)
                .map(|_| TextColumn::new())
                .collect(),
            request_id: StringViewBuilder::new(),
            fields: StringViewBuilder::new().with_fixed_block_size(BLOCK_BYTES),
            json: String::new(),
        }
    }

    fn push(
        &mut self,
        event: &LogEvent,
        message: &str,
        part: Option<Part<'_>>,
        time: Timestamp,
        now: Timestamp,
    ) {
        self.rows += 1;
        self.event_time.append_value(time.nanos());
        self.receipt_time.append_value(now.nanos());
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
        self.request_id.append_option(event.request_id.as_deref());
        self.json.clear();
        write_fields(&mut self.json, &event.fields, part);
        let json = Some(self.json.as_str()).filter(|text| given(text));
        self.fields.append_option(json);
    }

    /// Cuts a long message at character boundaries into parts that name each other.
    fn push_parts(&mut self, event: &LogEvent, time: Timestamp, now: Timestamp) {
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
            self.push(event, message, Some(part), time, now);
        }
    }

    fn finish(&mut self) -> Result<RecordBatch, StorageError> {
        self.rows = 0;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.event_time.finish()),
            Arc::new(self.receipt_time.finish()),
            Arc::new(self.message.finish()),
        ];
        columns.extend(self.text.iter_mut().map(TextColumn::finish));
        columns.insert(3 + REQUEST_ID, Arc::new(self.request_id.finish()));
        columns.push(Arc::new(self.fields.finish()));
        batch(Table::Events, columns)
    }
}

pub(crate) fn batch(table: Table, columns: Vec<ArrayRef>) -> Result<RecordBatch, StorageError> {
    RecordBatch::try_new(table.schema(), columns).map_err(|source| StorageError::Arrow {
        action: "build rows",
        source,
    })
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
