//! The columns of rows in the fewest bytes that are quickly made: what is written to the log is
//! read again only after a crash.
//!
//! A text column without a value is left out, one with few values becomes a dictionary, any other
//! one block of text. [`crate::schema::adapted`] brings the table's columns back.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, RecordBatchOptions, StringArray,
    StringViewArray, UInt16Array,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::hashing::ViewHasher;
use crate::{Result, StorageError};

/// With more different values a dictionary would not be worth its search.
const VALUES_MAX: usize = 512;

/// Returns `batches`, which have the columns of `schema`, with narrower columns.
pub(super) fn narrow(
    schema: &SchemaRef,
    batches: &[RecordBatch],
) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let mut fields = Vec::new();
    let mut columns: Vec<Vec<ArrayRef>> = vec![Vec::new(); batches.len()];
    for (index, field) in schema.fields().iter().enumerate() {
        let arrays: Vec<&ArrayRef> = batches.iter().map(|batch| batch.column(index)).collect();
        let Some((kind, narrowed)) = narrow_column(field, &arrays)? else {
            continue;
        };
        fields.push(Field::new(field.name(), kind, field.is_nullable()));
        for (columns, column) in columns.iter_mut().zip(narrowed) {
            columns.push(column);
        }
    }
    let schema = Arc::new(Schema::new(fields));
    let batches = columns.into_iter().zip(batches).map(|(columns, batch)| {
        let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &rows)
            .map_err(StorageError::arrow("encode rows for the log"))
    });
    let batches = batches.collect::<Result<_>>()?;
    Ok((schema, batches))
}

/// `None` if no row has a value.
fn narrow_column(field: &Field, arrays: &[&ArrayRef]) -> Result<Option<(DataType, Vec<ArrayRef>)>> {
    let kind = field.data_type();
    if field.is_nullable() && arrays.iter().all(|array| array.null_count() == array.len()) {
        return Ok(None);
    }
    if *kind != DataType::Utf8View {
        let same = arrays.iter().map(|array| Arc::clone(array)).collect();
        return Ok(Some((kind.clone(), same)));
    }
    let dictionaries: Option<Vec<ArrayRef>> = arrays
        .iter()
        .map(|array| dictionary(array.as_string_view()))
        .collect();
    if let Some(dictionaries) = dictionaries {
        let kind = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
        return Ok(Some((kind, dictionaries)));
    }
    let text = arrays.iter().map(|array| {
        cast(array, &DataType::Utf8).map_err(StorageError::arrow("encode rows for the log"))
    });
    Ok(Some((DataType::Utf8, text.collect::<Result<_>>()?)))
}

/// The text as a dictionary, unless it has too many values. Equal views are equal values; a value
/// that is there twice stands in the dictionary twice.
fn dictionary(column: &StringViewArray) -> Option<ArrayRef> {
    let mut numbers: HashMap<u128, u16, BuildHasherDefault<ViewHasher>> = HashMap::default();
    let mut values: Vec<&str> = Vec::new();
    let mut last: Option<(u128, u16)> = None;
    let mut keys: Vec<u16> = Vec::with_capacity(column.len());
    for (row, view) in column.views().iter().enumerate() {
        let number = match last {
            Some((known, number)) if known == *view => number,
            _ if column.is_null(row) => {
                keys.push(0);
                continue;
            }
            _ => match numbers.get(view) {
                Some(number) => *number,
                None if values.len() == VALUES_MAX => return None,
                None => {
                    let number = u16::try_from(values.len()).ok()?;
                    numbers.insert(*view, number);
                    values.push(column.value(row));
                    number
                }
            },
        };
        last = Some((*view, number));
        keys.push(number);
    }
    let keys = UInt16Array::new(keys.into(), column.nulls().cloned());
    let values = Arc::new(StringArray::from_iter_values(values));
    let dictionary = DictionaryArray::try_new(keys, values).ok()?;
    Some(Arc::new(dictionary))
}

#[cfg(test)]
mod tests {
    use arrow::array::StringViewBuilder;
    use proptest::prelude::*;

    use super::*;
    use crate::schema::adapted;

    fn schema() -> SchemaRef {
        let text = |name: &str| Field::new(name, DataType::Utf8View, true);
        Arc::new(Schema::new(vec![text("a"), text("b")]))
    }

    fn batch(rows: &[(Option<String>, Option<String>)]) -> RecordBatch {
        let mut columns = [StringViewBuilder::new(), StringViewBuilder::new()];
        for (a, b) in rows {
            columns[0].append_option(a.as_deref());
            columns[1].append_option(b.as_deref());
        }
        let columns = columns.map(|mut column| Arc::new(column.finish()) as ArrayRef);
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        RecordBatch::try_new_with_options(schema(), columns.to_vec(), &options).unwrap()
    }

    fn kinds(batches: &[RecordBatch]) -> Vec<DataType> {
        let (schema, _) = narrow(&schema(), batches).unwrap();
        let fields = schema.fields().iter();
        fields.map(|field| field.data_type().clone()).collect()
    }

    #[test]
    fn a_column_takes_the_form_that_suits_it() {
        let same = |row: usize| Some(["a value of a column", ""][row % 2].to_owned());
        let other = |row: usize| Some(format!("a value that is there once: {row}"));
        let dictionary = DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8));
        let few: Vec<_> = (0..=VALUES_MAX)
            .map(|row| (other(row), same(row)))
            .collect();
        assert_eq!(kinds(&[batch(&few)]), [DataType::Utf8, dictionary.clone()]);
        let half: Vec<_> = (0..9).map(|row| (None, same(row))).collect();
        assert_eq!(kinds(&[batch(&half), batch(&half)]), [dictionary]);
    }

    proptest! {
        #[test]
        fn narrow_columns_become_what_they_were(
            batches in prop::collection::vec(
                prop::collection::vec(
                    (prop::option::of("[ab]{0,2}|a longer text [ab]"), prop::option::of(".{0,20}")),
                    1..20,
                ),
                1..4,
            ),
        ) {
            let batches: Vec<_> = batches.iter().map(|rows| batch(rows)).collect();
            let (_, narrowed) = narrow(&schema(), &batches).unwrap();
            for (narrowed, batch) in narrowed.iter().zip(&batches) {
                prop_assert_eq!(&adapted(narrowed, &schema()).unwrap(), batch);
            }
        }
    }
}
