//! How fast a query takes text apart: its CPU time over the lines of a file, in memory, on one thread.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, RecordBatch, StringViewBuilder, TimestampNanosecondArray, new_null_array,
};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::catalog::{
    CatalogProvider as _, CatalogProviderList as _, MemoryCatalogProvider,
    MemoryCatalogProviderList, MemorySchemaProvider, SchemaProvider as _,
};
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use jiff::tz::TimeZone;
use model::{ManualClock, TimeRange, Timestamp};
use query::{Engine, EngineConfig, QueryContext};
use storage::{Store, StoreConfig};

use crate::Failure;
use crate::watch::CpuClock;

/// Rows that are worked on at a time, as many as the engine takes.
const BATCH_ROWS: usize = 8_192;

/// Runs `query`, which counts, so often, and prints the count and the CPU times as JSON.
pub(crate) fn run(file: &Path, query: &str, runs: &str) -> Result<bool, Failure> {
    let text = std::fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let bytes: usize = lines.iter().map(|line| line.len()).sum();
    let range = TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(3_600_000));
    let context = QueryContext {
        range,
        now: range.end,
        time_zone: TimeZone::UTC,
        auto_parse: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let folder = tempfile::tempdir()?;
    let session = runtime.block_on(session(folder.path(), range, &lines))?;
    let mut clock = CpuClock::of_this_thread()?;
    let mut count = None;
    let mut cpu_ms = Vec::new();
    for _ in 0..runs.parse()? {
        let begin = clock.now()?;
        let planned =
            query::plan(query, &context, &session).map_err(|found| format!("{found:?}"))?;
        let output = runtime.block_on(planned.execute(&session))?;
        cpu_ms.push((clock.now()? - begin).as_secs_f64() * 1e3);
        let batch = output.batches.iter().find(|batch| batch.num_rows() > 0);
        let counted = cast(
            batch.ok_or("the query counts nothing")?.column(0),
            &DataType::Int64,
        )?;
        count = counted
            .as_any()
            .downcast_ref::<Int64Array>()
            .map(|counted| counted.value(0));
    }
    let (lines, count) = (lines.len(), count.unwrap_or_default());
    println!(
        "{}",
        serde_json::json!({"lines": lines, "bytes": bytes, "count": count, "cpu_ms": cpu_ms})
    );
    Ok(true)
}

/// A session of the engine, whose events are these lines.
async fn session(
    folder: &Path,
    range: TimeRange,
    lines: &[&str],
) -> Result<SessionContext, Failure> {
    let store = Store::open(
        StoreConfig::at(folder),
        Arc::new(ManualClock::at(range.end)),
    )
    .await?;
    let config = EngineConfig {
        partitions: 1,
        ..EngineConfig::default()
    };
    let session = Engine::new(store, &config)?.session(range)?;
    let schema = storage::events_schema();
    let mut batches = Vec::new();
    for rows in lines.chunks(BATCH_ROWS) {
        let mut messages = StringViewBuilder::new().with_fixed_block_size(1 << 20);
        rows.iter().for_each(|row| messages.append_value(row));
        let messages: ArrayRef = Arc::new(messages.finish());
        let times: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![1; rows.len()]));
        let columns = schema
            .fields()
            .iter()
            .map(|field| match field.name().as_str() {
                "message" => Ok(Arc::clone(&messages)),
                "event_time" | "receipt_time" => cast(&times, field.data_type()),
                _ => Ok(new_null_array(field.data_type(), rows.len())),
            });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        batches.push(RecordBatch::try_new(Arc::clone(&schema), columns)?);
    }
    let tables = MemorySchemaProvider::new();
    let events = Arc::new(MemTable::try_new(schema, vec![batches])?);
    tables.register_table("events".to_owned(), events)?;
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema("public", Arc::new(tables))?;
    let catalogs = MemoryCatalogProviderList::new();
    catalogs.register_catalog("datafusion".to_owned(), Arc::new(catalog));
    let mut state = session.state();
    state.register_catalog_list(Arc::new(catalogs));
    Ok(SessionContext::new_with_state(state))
}
