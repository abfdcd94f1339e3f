//! Turns kept batches into pages of named text values, as the search API shows them.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::array_value_to_string;
use model::Timestamp;
use serde_json::Value;

use super::identity::Identities;
use crate::ResultField;

/// Stored columns whose name on the wire is another.
const RENAMED: [(&str, &str); 3] = [
    ("event_time", "_messagetime"),
    ("receipt_time", "_receipttime"),
    ("message", "_raw"),
];

/// One message or record: names and values, without those that are null.
pub type Row = Vec<(Arc<str>, String)>;

/// A part of a search's results.
#[derive(Clone, Debug)]
pub struct Page {
    /// The columns.
    pub fields: Arc<[ResultField]>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// How moments are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TimeStyle {
    /// Milliseconds since the epoch, as Sumo Logic does.
    Millis,
    /// RFC 3339, for SQL.
    Rfc3339,
}

/// Visits the `limit` rows from `offset` on, counted over all `batches`.
fn visit(
    batches: &[RecordBatch],
    offset: usize,
    limit: usize,
    mut each: impl FnMut(&RecordBatch, usize),
) {
    let (mut before, end) = (0, offset.saturating_add(limit));
    for batch in batches {
        let after = before + batch.num_rows();
        for place in before.max(offset)..after.min(end) {
            each(batch, place - before);
        }
        before = after;
    }
}

/// Returns records: every field is there, null as empty text.
pub(super) fn records(
    batches: &[RecordBatch],
    fields: &[ResultField],
    style: TimeStyle,
    (offset, limit): (usize, usize),
) -> Vec<Row> {
    let names: Vec<(Arc<str>, &str)> = fields
        .iter()
        .map(|field| (Arc::from(field.name.as_str()), field.column.as_str()))
        .collect();
    let mut rows = Vec::new();
    visit(batches, offset, limit, |batch, row| {
        rows.push(
            names
                .iter()
                .map(|(name, column)| {
                    let value = batch
                        .column_by_name(column)
                        .and_then(|array| text(array, row, style));
                    (Arc::clone(name), value.unwrap_or_default())
                })
                .collect(),
        );
    });
    rows
}

/// Returns messages: stored columns under their names on the wire, the further fields unfolded,
/// nulls left out.
pub(super) fn messages(
    batches: &[RecordBatch],
    fields: &[ResultField],
    (offset, limit): (usize, usize),
) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut names: Vec<Option<Arc<str>>> = Vec::new();
    let mut identities = Identities::new(batches, offset, limit);
    visit(batches, offset, limit, |batch, row| {
        if names.len() != batch.num_columns() {
            names = shown_names(batch, fields);
        }
        let mut values = message(batch, &names, row);
        if let Some(size) = find(&values, "_raw").map(str::len) {
            values.push(("_size".into(), size.to_string()));
            values.push(("_messageid".into(), identities.next(batch, row)));
        }
        rows.push(values);
    });
    rows
}

fn shown_names(batch: &RecordBatch, fields: &[ResultField]) -> Vec<Option<Arc<str>>> {
    let schema = batch.schema();
    schema
        .fields()
        .iter()
        .map(|column| {
            let column = column.name().as_str();
            if column == "fields" {
                return None;
            }
            // A query may give a stored column's name to something else.
            let is_hidden = fields
                .iter()
                .any(|field| field.column != column && field.name.eq_ignore_ascii_case(column));
            if is_hidden {
                return None;
            }
            let renamed = RENAMED.iter().find(|(stored, _)| *stored == column);
            let shown = fields.iter().find(|field| field.column == column);
            let name = match (renamed, shown) {
                (Some((_, name)), _) => (*name).to_owned(),
                (None, Some(field)) => field.name.to_lowercase(),
                (None, None) => column.to_lowercase(),
            };
            Some(Arc::from(name))
        })
        .collect()
}

fn message(batch: &RecordBatch, names: &[Option<Arc<str>>], row: usize) -> Row {
    let mut values: Row = Vec::with_capacity(names.len() + 2);
    for (array, name) in batch.columns().iter().zip(names) {
        if let Some(name) = name
            && let Some(value) = text(array, row, TimeStyle::Millis)
        {
            values.push((Arc::clone(name), value));
        }
    }
    let further = batch
        .column_by_name("fields")
        .and_then(|array| text(array, row, TimeStyle::Millis))
        .and_then(|json| serde_json::from_str::<serde_json::Map<String, Value>>(&json).ok());
    for (name, value) in further.into_iter().flatten() {
        let name = name.to_lowercase();
        if values.iter().any(|(known, _)| **known == *name) {
            continue;
        }
        let value = match value {
            Value::Null => continue,
            Value::String(text) => text,
            other => other.to_string(),
        };
        values.push((Arc::from(name), value));
    }
    values
}

fn find<'a>(values: &'a Row, name: &str) -> Option<&'a str> {
    values
        .iter()
        .find(|(known, _)| **known == *name)
        .map(|(_, value)| value.as_str())
}

/// The value as text; `None` if it is null.
fn text(array: &ArrayRef, row: usize, style: TimeStyle) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    Some(match array.data_type() {
        DataType::Utf8View => array.as_string_view().value(row).to_owned(),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).to_string(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).to_string(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).to_string(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).to_string(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Float32 => number(f64::from(array.as_primitive::<Float32Type>().value(row))),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(unit, _) => moment(nanos(array, *unit, row), style),
        _ => array_value_to_string(array, row).unwrap_or_default(),
    })
}

/// Whole numbers without a fraction, the rest as short as it is exact; no numbers as Java writes them.
fn number(value: f64) -> String {
    if value.is_infinite() {
        let sign = if value < 0.0 { "-" } else { "" };
        format!("{sign}Infinity")
    } else if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else {
        value.to_string()
    }
}

fn nanos(array: &ArrayRef, unit: TimeUnit, row: usize) -> i64 {
    match unit {
        TimeUnit::Second => array
            .as_primitive::<TimestampSecondType>()
            .value(row)
            .saturating_mul(1_000_000_000),
        TimeUnit::Millisecond => array
            .as_primitive::<TimestampMillisecondType>()
            .value(row)
            .saturating_mul(1_000_000),
        TimeUnit::Microsecond => array
            .as_primitive::<TimestampMicrosecondType>()
            .value(row)
            .saturating_mul(1_000),
        TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().value(row),
    }
}

fn moment(nanos: i64, style: TimeStyle) -> String {
    let moment = Timestamp::from_nanos(nanos);
    match style {
        TimeStyle::Millis => moment.millis().to_string(),
        TimeStyle::Rfc3339 => moment.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(number(12.0), "12");
        assert_eq!(number(0.1), "0.1");
        assert_eq!(number(-3.25), "-3.25");
        assert_eq!(number(f64::NAN), "NaN");
    }
}
