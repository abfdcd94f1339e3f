//! Puts rows of many batches together in another order. A text column with one value in all rows
//! is not looked at row by row: of most data there are several.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray, new_null_array};
use arrow::compute::interleave;
use arrow::datatypes::{DataType, SchemaRef};

use crate::{Result, StorageError};

/// Which row of which batch. There may be millions of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) batch: u32,
    pub(super) row: u32,
}

impl Place {
    /// The batch and the row.
    pub(super) fn pair(self) -> (usize, usize) {
        (self.batch as usize, self.row as usize)
    }
}

/// Batches to take rows from, up to a number of rows at once.
pub(super) struct Gather<'a> {
    schema: SchemaRef,
    columns: Vec<Column<'a>>,
}

enum Column<'a> {
    /// The value of all rows, as often as rows may be taken.
    Uniform(ArrayRef),
    Mixed(Vec<&'a dyn Array>),
}

impl<'a> Gather<'a> {
    /// Returns `None` if there are no batches.
    pub(super) fn new(batches: &[&'a RecordBatch], rows_max: usize) -> Option<Self> {
        let schema = batches.first()?.schema();
        let columns = (0..schema.fields().len()).map(|index| {
            let arrays = batches.iter().map(|batch| batch.column(index));
            let arrays: Vec<&'a ArrayRef> = arrays.collect();
            match uniform(&arrays, rows_max) {
                Some(column) => Column::Uniform(column),
                None => Column::Mixed(arrays.into_iter().map(AsRef::as_ref).collect()),
            }
        });
        Some(Gather {
            columns: columns.collect(),
            schema,
        })
    }

    /// The rows at `places`.
    pub(super) fn take(&self, places: &[Place]) -> Result<RecordBatch> {
        let places: Vec<(usize, usize)> = places.iter().map(|place| place.pair()).collect();
        let action = "sort rows of a segment";
        let columns = self.columns.iter().map(|column| match column {
            Column::Uniform(column) => Ok(column.slice(0, places.len())),
            Column::Mixed(arrays) => {
                interleave(arrays, &places).map_err(StorageError::arrow(action))
            }
        });
        let columns = columns.collect::<Result<_>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(StorageError::arrow(action))
    }
}

/// `rows` times the value of a text column, if it has only one.
fn uniform(arrays: &[&ArrayRef], rows: usize) -> Option<ArrayRef> {
    if arrays
        .iter()
        .any(|array| *array.data_type() != DataType::Utf8View)
    {
        return None;
    }
    if arrays.iter().all(|array| array.null_count() == array.len()) {
        return Some(new_null_array(&DataType::Utf8View, rows));
    }
    let mut value: Option<&str> = None;
    for array in arrays {
        let array = array.as_string_view();
        let [first, rest @ ..] = &array.views()[..] else {
            continue;
        };
        // Equal views of one array are equal values.
        if array.null_count() > 0 || rest.iter().any(|view| view != first) {
            return None;
        }
        if *value.get_or_insert(array.value(0)) != array.value(0) {
            return None;
        }
    }
    let values = std::iter::repeat_n(value?, rows);
    Some(Arc::new(StringViewArray::from_iter_values(values)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(values: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringViewArray::from(values.to_vec()))
    }

    #[test]
    fn columns_of_one_value_are_told_from_others() {
        let long = Some("a value that is not stored in its view");
        let is_uniform = |arrays: &[&ArrayRef]| uniform(arrays, 3).is_some();
        let nothing = text(&[None, None]);
        let short = text(&[Some("a"), Some("a")]);
        assert!(is_uniform(&[&nothing, &nothing]));
        assert!(is_uniform(&[&short, &short]));
        assert!(!is_uniform(&[&short, &nothing]));
        assert!(!is_uniform(&[&short, &text(&[Some("b")])]));
        assert!(!is_uniform(&[&short, &text(&[Some("a"), None])]));
        assert!(is_uniform(&[&text(&[long]), &text(&[long])]));
        let values = uniform(&[&text(&[long]), &text(&[])], 3).unwrap();
        assert_eq!(&values, &text(&[long, long, long]));
    }
}
