//! The columns of the tables, alike in memory, in the WAL and in segments.
//!
//! Column names are lower-case. Every column carries a Parquet field id that never changes its
//! meaning, so that other tools can follow a column through versions.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

/// The partition of events that no rule routes elsewhere.
pub const PARTITION_DEFAULT: &str = "default";

/// The text columns of `events` after `message`, in the order of the schema.
pub const EVENT_TEXT_COLUMNS: [&str; 15] = [
    "_sourcecategory",
    "_sourcehost",
    "_sourcename",
    "_source",
    "_collector",
    "partition",
    "provider",
    "account",
    "region",
    "function",
    "version",
    "instance",
    "request_id",
    "level",
    "fields",
];

/// One of the tables that the store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// One row per log event.
    Events,
    /// One row per piece of evidence about an invocation; merged when it is queried.
    Invocations,
    /// One row per received metric sample; of equal ones the last received counts when it is
    /// queried.
    Samples,
}

impl Table {
    /// All tables.
    pub const ALL: [Table; 3] = [Table::Events, Table::Invocations, Table::Samples];

    /// The name as it is stored and queried.
    pub const fn name(self) -> &'static str {
        match self {
            Table::Events => "events",
            Table::Invocations => "invocations",
            Table::Samples => "samples",
        }
    }

    /// Returns the table called `name`.
    pub fn parse(name: &str) -> Option<Table> {
        Table::ALL.into_iter().find(|table| table.name() == name)
    }

    /// The columns.
    pub fn schema(self) -> SchemaRef {
        match self {
            Table::Events => events_schema(),
            Table::Invocations => invocations_schema(),
            Table::Samples => samples_schema(),
        }
    }

    /// The columns that rows are ordered by inside a segment.
    pub(crate) const fn order(self) -> &'static [&'static str] {
        match self {
            Table::Events => &["function", "level", "event_time"],
            Table::Invocations => &["event_time"],
            Table::Samples => &["metric", "dimensions", "statistic", "event_time"],
        }
    }

    /// Where this table stands in [`Table::ALL`].
    pub(crate) const fn index(self) -> usize {
        match self {
            Table::Events => 0,
            Table::Invocations => 1,
            Table::Samples => 2,
        }
    }
}

/// Returns the columns of `events`.
///
/// `event_time` and `receipt_time` (nanoseconds, UTC) and `message` are never null. `fields` is
/// the text of a JSON object with all further fields, null when there are none.
pub fn events_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields = vec![
            column(1, "event_time", time(), false),
            column(2, "receipt_time", time(), false),
            column(3, "message", DataType::Utf8View, false),
        ];
        for (id, name) in (4..).zip(EVENT_TEXT_COLUMNS) {
            fields.push(column(id, name, DataType::Utf8View, true));
        }
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// Returns the columns of `invocations`: rows of evidence, to be merged by (provider, account,
/// region, function, request_id), the largest value of each column winning, the earliest for
/// `start`.
///
/// `status_rank` orders `status` by precedence: 0 `ok` … 4 `throttled`.
pub fn invocations_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            column(1, "event_time", time(), false),
            column(2, "provider", DataType::Utf8View, true),
            column(3, "account", DataType::Utf8View, true),
            column(4, "region", DataType::Utf8View, true),
            column(5, "function", DataType::Utf8View, true),
            column(6, "version", DataType::Utf8View, true),
            column(7, "instance", DataType::Utf8View, true),
            column(8, "request_id", DataType::Utf8View, false),
            column(9, "start", time(), true),
            column(10, "duration_ms", DataType::Float64, true),
            column(11, "billed_ms", DataType::Float64, true),
            column(12, "init_ms", DataType::Float64, true),
            column(13, "memory_size_mb", DataType::Float64, true),
            column(14, "memory_used_mb", DataType::Float64, true),
            column(15, "status", DataType::Utf8View, true),
            column(16, "status_rank", DataType::Int8, true),
            column(17, "error_type", DataType::Utf8View, true),
            column(18, "error_message", DataType::Utf8View, true),
            column(19, "trace_id", DataType::Utf8View, true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Returns the columns of `samples`.
///
/// `dimensions` is the text of a JSON object with the series' dimensions, its keys in byte order,
/// so that equal series have equal text; `provider`, `account`, `region` and `function` repeat
/// some of them under the names that all tables share. Rows of equal `metric`, `dimensions`,
/// `statistic` and `event_time` are the same sample, received again: the latest `receipt_time`
/// counts. `receipt_time` never repeats from one batch to the next.
pub fn samples_schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            column(1, "event_time", time(), false),
            column(2, "receipt_time", time(), false),
            column(3, "metric", DataType::Utf8View, false),
            column(4, "dimensions", DataType::Utf8View, false),
            column(5, "statistic", DataType::Utf8View, true),
            column(6, "value", DataType::Float64, false),
            column(7, "provider", DataType::Utf8View, true),
            column(8, "account", DataType::Utf8View, true),
            column(9, "region", DataType::Utf8View, true),
            column(10, "function", DataType::Utf8View, true),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// The rows of a batch that another version or the log has written, with the columns of `schema`:
/// what it does not have is null, what it has in another form is cast.
pub(crate) fn adapted(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => cast(column, field.data_type()),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

fn column(id: i32, name: &str, data_type: DataType, is_nullable: bool) -> Field {
    Field::new(name, data_type, is_nullable).with_metadata(HashMap::from([(
        PARQUET_FIELD_ID_META_KEY.to_owned(),
        id.to_string(),
    )]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_columns_keep_their_place() {
        let schema = events_schema();
        assert_eq!(schema.fields().len(), 3 + EVENT_TEXT_COLUMNS.len());
        assert_eq!(schema.index_of("fields").unwrap(), 17);
        assert!(!schema.field(2).is_nullable());
    }
}
