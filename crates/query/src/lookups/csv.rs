//! Tables of text, as CSV files hold them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::Field;

use super::{Keyed, LookupTable};

/// A table in memory; every value is text.
#[derive(Debug)]
pub(super) struct Table {
    rows: Arc<RecordBatch>,
}

impl Table {
    pub(super) fn new(rows: RecordBatch) -> Self {
        Table {
            rows: Arc::new(rows),
        }
    }
}

impl LookupTable for Table {
    fn columns(&self) -> Vec<String> {
        let schema = self.rows.schema();
        schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect()
    }

    fn rows(&self) -> Option<&RecordBatch> {
        Some(&self.rows)
    }

    fn by(&self, keys: &[String]) -> Result<Arc<dyn Keyed>, String> {
        let schema = self.rows.schema();
        let place = |name: &String| {
            let is_called = |field: &Arc<Field>| field.name().eq_ignore_ascii_case(name);
            let place = schema.fields().iter().position(is_called);
            place.ok_or_else(|| format!("the table has no column `{name}`"))
        };
        let places: Vec<usize> = keys.iter().map(place).collect::<Result<_, _>>()?;
        let mut index = HashMap::new();
        for row in 0..self.rows.num_rows() {
            let key: Option<Vec<String>> = places
                .iter()
                .map(|place| {
                    let column = self.rows.column(*place).as_string::<i32>();
                    column
                        .is_valid(row)
                        .then(|| column.value(row).to_lowercase())
                })
                .collect();
            if let Some(key) = key {
                // Of rows with the same key the first counts.
                index.entry(key).or_insert(row);
            }
        }
        Ok(Arc::new(Indexed {
            rows: Arc::clone(&self.rows),
            index,
        }))
    }
}

/// A table with an index; keys match in any case.
#[derive(Debug)]
struct Indexed {
    rows: Arc<RecordBatch>,
    index: HashMap<Vec<String>, usize>,
}

impl Keyed for Indexed {
    fn find(&self, keys: &[&str], column: &str) -> Option<String> {
        let key: Vec<String> = keys.iter().map(|key| key.to_lowercase()).collect();
        let row = *self.index.get(&key)?;
        let schema = self.rows.schema();
        let is_called = |field: &Arc<Field>| field.name().eq_ignore_ascii_case(column);
        let place = schema.fields().iter().position(is_called)?;
        let values = self.rows.column(place).as_string::<i32>();
        values.is_valid(row).then(|| values.value(row).to_owned())
    }
}
