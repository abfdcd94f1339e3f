//! The rows of lookup tables: read, written, checked, joined by their keys.

use std::collections::HashMap;
use std::io::Seek;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{concat_batches, filter_record_batch, take_record_batch};
use arrow::csv::reader::Format;
use arrow::csv::{ReaderBuilder, WriterBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use model::limits::LOOKUP_BYTES_MAX;

use super::{LookupField, LookupSchema, LookupType};

type Words<T> = Result<T, String>;

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Columns of text.
fn schema_of<'a>(names: impl Iterator<Item = &'a str>) -> SchemaRef {
    let columns = names.map(|name| Field::new(name, DataType::Utf8, true));
    Arc::new(Schema::new(columns.collect::<Vec<_>>()))
}

/// Reads a CSV file whose first line names the columns; every value is a text, an empty one null.
///
/// # Errors
/// In words: the file is too large, or no table.
pub fn read_csv(path: &Path) -> Words<RecordBatch> {
    let mut file = std::fs::File::open(path).map_err(words)?;
    let bytes = file.metadata().map_err(words)?.len();
    if bytes > LOOKUP_BYTES_MAX {
        return Err(format!(
            "it has {bytes} bytes, and {LOOKUP_BYTES_MAX} are the most (LOOKUP_BYTES_MAX)"
        ));
    }
    parse_csv(&mut file)
}

/// Reads CSV that somebody has sent, as [`read_csv`] does.
///
/// # Errors
/// In words: it is too large, or no table.
pub fn lookup_rows(csv: &[u8]) -> Words<RecordBatch> {
    if csv.len() as u64 > LOOKUP_BYTES_MAX {
        return Err(format!(
            "it has {} bytes, and {LOOKUP_BYTES_MAX} are the most (LOOKUP_BYTES_MAX)",
            csv.len()
        ));
    }
    parse_csv(&mut std::io::Cursor::new(csv))
}

fn parse_csv(source: &mut (impl std::io::Read + Seek)) -> Words<RecordBatch> {
    let format = Format::default().with_header(true);
    let (names, _) = format.infer_schema(&mut *source, Some(0)).map_err(words)?;
    source.rewind().map_err(words)?;
    let names = names.fields().iter();
    let schema = schema_of(names.map(|field| field.name().trim_start_matches('\u{feff}').trim()));
    let reader = ReaderBuilder::new(Arc::clone(&schema))
        .with_header(true)
        .build(source);
    let batches: Vec<RecordBatch> = reader.and_then(Iterator::collect).map_err(words)?;
    concat_batches(&schema, &batches).map_err(words)
}

pub(super) fn write_csv(rows: &RecordBatch) -> Words<Vec<u8>> {
    let mut text = Vec::new();
    let mut writer = WriterBuilder::new().with_header(true).build(&mut text);
    writer.write(rows).map_err(words)?;
    drop(writer);
    if rows.num_rows() == 0 && text.is_empty() {
        let none = RecordBatch::new_empty(rows.schema());
        return header(&none);
    }
    Ok(text)
}

/// The first line alone, which a writer leaves out where no row follows.
fn header(rows: &RecordBatch) -> Words<Vec<u8>> {
    let schema = rows.schema();
    let names = schema
        .fields()
        .iter()
        .map(|field| Arc::new(StringArray::from(vec![field.name().as_str()])) as ArrayRef);
    let line = RecordBatch::try_new(Arc::clone(&schema), names.collect()).map_err(words)?;
    let mut text = Vec::new();
    let mut writer = WriterBuilder::new().with_header(false).build(&mut text);
    writer.write(&line).map_err(words)?;
    drop(writer);
    Ok(text)
}

/// A single row; an empty value is null.
pub(super) fn row(cells: &[(String, String)]) -> Words<RecordBatch> {
    let schema = schema_of(cells.iter().map(|(name, _)| name.as_str()));
    let values = cells.iter().map(|(_, value)| {
        let value = Some(value.as_str()).filter(|value| !value.is_empty());
        Arc::new(StringArray::from(vec![value])) as ArrayRef
    });
    RecordBatch::try_new(schema, values.collect()).map_err(words)
}

pub(super) fn empty(schema: &LookupSchema) -> Words<RecordBatch> {
    let names = schema.fields.iter().map(|field| field.name.as_str());
    Ok(RecordBatch::new_empty(schema_of(names)))
}

pub(super) fn check_schema(schema: &LookupSchema) -> Words<()> {
    if schema.fields.is_empty() {
        return Err("it has no columns".to_owned());
    }
    for (place, field) in schema.fields.iter().enumerate() {
        let is_called = |other: &LookupField| other.name.eq_ignore_ascii_case(&field.name);
        if field.name.trim().is_empty() {
            return Err("a column has no name".to_owned());
        }
        if schema.fields.iter().take(place).any(is_called) {
            return Err(format!("two columns are called `{}`", field.name));
        }
    }
    let is_column = |key: &&String| {
        let mut fields = schema.fields.iter();
        !fields.any(|field| field.name.eq_ignore_ascii_case(key))
    };
    match schema.keys.iter().find(is_column) {
        Some(key) => Err(format!("the key `{key}` is no column")),
        None => Ok(()),
    }
}

/// The column of that name, in any case.
fn column<'a>(rows: &'a RecordBatch, name: &str) -> Option<&'a ArrayRef> {
    let schema = rows.schema();
    let mut fields = schema.fields().iter();
    let place = fields.position(|field| field.name().eq_ignore_ascii_case(name))?;
    Some(rows.column(place))
}

/// The rows of a table after `new` ones came to the `earlier`.
pub(super) fn join(
    schema: Option<&LookupSchema>,
    earlier: Option<&RecordBatch>,
    new: &RecordBatch,
) -> Words<RecordBatch> {
    let wanted: Vec<String> = match (schema, earlier) {
        (Some(schema), _) => schema
            .fields
            .iter()
            .map(|field| field.name.clone())
            .collect(),
        (None, Some(earlier)) => names(earlier),
        (None, None) => names(new),
    };
    let new = only(new, &wanted)?;
    let keys = schema.map_or(&[][..], |schema| schema.keys.as_slice());
    if let Some(schema) = schema {
        check_values(schema, &new)?;
    }
    let new = last_of_each(&new, keys)?;
    let Some(earlier) = earlier else {
        return Ok(new);
    };
    let earlier = only(earlier, &wanted)?;
    let earlier = match keys {
        [] => earlier,
        keys => {
            let known: HashMap<_, _> = key_texts(&new, keys)?.into_iter().zip(0..).collect();
            let stays = key_texts(&earlier, keys)?;
            let stays: BooleanArray = stays
                .iter()
                .map(|key| Some(!known.contains_key(key)))
                .collect();
            filter_record_batch(&earlier, &stays).map_err(words)?
        }
    };
    concat_batches(&new.schema(), [&earlier, &new]).map_err(words)
}

/// The rows without those that have these values.
pub(super) fn without(rows: &RecordBatch, keys: &[(String, String)]) -> Words<RecordBatch> {
    if keys.is_empty() {
        return Err("the values of the key are missing".to_owned());
    }
    let columns: Vec<String> = keys.iter().map(|(name, _)| name.clone()).collect();
    let values: Vec<Option<String>> = keys
        .iter()
        .map(|(_, value)| Some(value.to_lowercase()))
        .collect();
    let stays: BooleanArray = key_texts(rows, &columns)?
        .iter()
        .map(|key| Some(*key != values))
        .collect();
    filter_record_batch(rows, &stays).map_err(words)
}

fn names(rows: &RecordBatch) -> Vec<String> {
    let schema = rows.schema();
    schema
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect()
}

/// These columns and no others.
fn only(rows: &RecordBatch, wanted: &[String]) -> Words<RecordBatch> {
    let columns = wanted.iter().map(|name| {
        let missing = || {
            let there = names(rows).join(", ");
            format!("the column `{name}` is missing; there are: {there}")
        };
        column(rows, name).cloned().ok_or_else(missing)
    });
    let columns = columns.collect::<Words<Vec<_>>>()?;
    RecordBatch::try_new(schema_of(wanted.iter().map(String::as_str)), columns).map_err(words)
}

/// The values of the key columns of each row; keys are compared in any case.
fn key_texts(rows: &RecordBatch, keys: &[String]) -> Words<Vec<Vec<Option<String>>>> {
    let columns = keys.iter().map(|key| {
        let missing = || format!("the table has no column `{key}`");
        let values = column(rows, key).ok_or_else(missing)?;
        Ok(values.as_string::<i32>())
    });
    let columns = columns.collect::<Words<Vec<_>>>()?;
    let text = |row: usize| {
        let values = columns.iter().map(|column| {
            column
                .is_valid(row)
                .then(|| column.value(row).to_lowercase())
        });
        values.collect()
    };
    Ok((0..rows.num_rows()).map(text).collect())
}

/// Of rows with equal keys the last, in its place.
fn last_of_each(rows: &RecordBatch, keys: &[String]) -> Words<RecordBatch> {
    if keys.is_empty() {
        return Ok(rows.clone());
    }
    let texts = key_texts(rows, keys)?;
    let missing = |key: &Vec<Option<String>>| key.iter().any(Option::is_none);
    if let Some(row) = texts.iter().position(missing) {
        let keys = keys.join(", ");
        return Err(format!("row {} has no value for its key ({keys})", row + 1));
    }
    let last: HashMap<&Vec<Option<String>>, usize> = texts.iter().zip(0..).collect();
    let kept = texts.iter().zip(0..).filter(|(key, row)| last[key] == *row);
    let kept: UInt32Array = kept
        .filter_map(|(_, row)| u32::try_from(row).ok())
        .collect();
    take_record_batch(rows, &kept).map_err(words)
}

fn check_values(schema: &LookupSchema, rows: &RecordBatch) -> Words<()> {
    for (field, values) in schema.fields.iter().zip(rows.columns()) {
        let values = values.as_string::<i32>();
        let is_fine = |value: &str| match field.field_type {
            LookupType::String => true,
            LookupType::Boolean => matches!(value.to_ascii_lowercase().as_str(), "true" | "false"),
            LookupType::Int => value.parse::<i32>().is_ok(),
            LookupType::Long => value.parse::<i64>().is_ok(),
            LookupType::Double => value.parse::<f64>().is_ok(),
        };
        let wrong = values
            .iter()
            .position(|value| !value.is_none_or(|value| is_fine(value.trim())));
        if let Some(row) = wrong {
            let declared = format!("{:?}", field.field_type).to_lowercase();
            return Err(format!(
                "`{}` in row {} is not of the type of column `{}` ({declared})",
                values.value(row),
                row + 1,
                field.name
            ));
        }
    }
    Ok(())
}
