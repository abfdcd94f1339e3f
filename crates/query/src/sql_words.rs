//! What SQL can name: the tables of a session with their columns, and its functions.

use arrow::datatypes::DataType;
use futures::future::BoxFuture;
use model::TimeRange;
use serde::Serialize;

use crate::{Engine, Result};

/// Everything that SQL can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SqlWords {
    /// The tables.
    pub tables: Vec<SqlTable>,
    /// The names of scalar, aggregate and window functions.
    pub functions: Vec<String>,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SqlTable {
    /// Its name.
    pub name: String,
    /// Its columns.
    pub columns: Vec<SqlColumn>,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SqlColumn {
    /// Its name.
    pub name: String,
    /// `text`, `number`, `time`, `boolean`, or the name of a rarer type.
    #[serde(rename = "type")]
    pub column_type: String,
}

/// Tables in the order in which they are told.
const TABLES: [&str; 3] = ["events", "invocations", "samples"];

impl Engine {
    /// Returns what SQL can name.
    ///
    /// # Errors
    /// If a table cannot be opened, which is a bug.
    pub fn sql_words(&self) -> BoxFuture<'_, Result<SqlWords>> {
        Box::pin(async move {
            let session = self.session(TimeRange::ALL)?;
            let mut tables = Vec::new();
            for name in TABLES {
                let schema = session.table_provider(name).await?.schema();
                let columns = schema.fields().iter().map(|column| SqlColumn {
                    name: column.name().clone(),
                    column_type: word(column.data_type()),
                });
                tables.push(SqlTable {
                    name: name.to_owned(),
                    columns: columns.collect(),
                });
            }
            let state = session.state();
            let mut functions: Vec<String> = state.scalar_functions().keys().cloned().collect();
            functions.extend(state.aggregate_functions().keys().cloned());
            functions.extend(state.window_functions().keys().cloned());
            functions.sort_unstable();
            functions.dedup();
            Ok(SqlWords { tables, functions })
        })
    }
}

fn word(data_type: &DataType) -> String {
    match data_type {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "text".to_owned(),
        DataType::Timestamp(..) => "time".to_owned(),
        DataType::Boolean => "boolean".to_owned(),
        numeric if numeric.is_numeric() => "number".to_owned(),
        DataType::Dictionary(_, values) => word(values),
        other => other.to_string(),
    }
}
