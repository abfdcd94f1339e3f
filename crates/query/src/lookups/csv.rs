//! Tables in CSV files: the first line names the columns.

use std::collections::HashMap;
use std::io::Seek;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::concat_batches;
use arrow::csv::ReaderBuilder;
use arrow::csv::reader::Format;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use model::limits::LOOKUP_BYTES_MAX;

use super::{Keyed, LookupTable};

/// A table in memory; every value is text.
#[derive(Debug)]
pub(super) struct Table {
    rows: Arc<RecordBatch>,
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let words = |error: &dyn std::fmt::Display| error.to_string();
        let mut file = std::fs::File::open(path).map_err(|error| words(&error))?;
        let bytes = file.metadata().map_err(|error| words(&error))?.len();
        if bytes > LOOKUP_BYTES_MAX {
            return Err(format!(
                "it has {bytes} bytes, and {LOOKUP_BYTES_MAX} are the most (LOOKUP_BYTES_MAX)"
            ));
        }
        let format = Format::default().with_header(true);
        let (names, _) = format
            .infer_schema(&mut file, Some(0))
            .map_err(|error| words(&error))?;
        file.rewind().map_err(|error| words(&error))?;
        let columns = names.fields().iter().map(|field| {
            let name = field.name().trim_start_matches('\u{feff}').trim();
            Field::new(name, DataType::Utf8, true)
        });
        let schema: SchemaRef = Arc::new(Schema::new(columns.collect::<Vec<_>>()));
        let reader = ReaderBuilder::new(Arc::clone(&schema))
            .with_header(true)
            .build(file);
        let batches: Vec<RecordBatch> = reader
            .and_then(Iterator::collect)
            .map_err(|error| words(&error))?;
        let rows = concat_batches(&schema, &batches).map_err(|error| words(&error))?;
        Ok(Table {
            rows: Arc::new(rows),
        })
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
