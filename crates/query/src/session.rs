//! The one place that builds DataFusion sessions: tables, functions, options, memory and spill.
//!
//! Searches, panels, monitors and checks all get their session here, so that a query means the
//! same everywhere.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::ViewTable;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::functions_aggregate::expr_fn::{last_value, max, min};
use datafusion::logical_expr::{Expr, col, lit, when};
use datafusion::prelude::{SessionConfig, SessionContext};
use model::{InvocationStatus, TimeRange, Timestamp};
use storage::{Snapshot, Store, Table};

use crate::lookups::LookupTables;
use crate::scan::{Indexes, SEGMENTS_URL, ScanProgress, SegmentsTable, TellScans, TimeColumn};

/// Evidence of one invocation lies at most this far from its last piece: a Lambda function may
/// run 15 minutes, and reports come late.
const EVIDENCE_SPREAD_MS: i64 = 20 * 60 * 1000;
/// What belongs to one invocation.
const INVOCATION_KEY: [&str; 5] = ["provider", "account", "region", "function", "request_id"];
/// What makes two rows the same sample.
const SAMPLE_KEY: [&str; 4] = ["metric", "dimensions", "statistic", "event_time"];

/// How much a node gives to queries.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Memory for sorting, grouping and joining, in bytes, all queries together; beyond it they
    /// spill to disk.
    pub memory_bytes_max: usize,
    /// Disk for spilling, in bytes.
    pub spill_bytes_max: u64,
    /// Memory for the footers of segments, in bytes.
    pub footer_cache_bytes_max: usize,
    /// Threads of work per query.
    pub partitions: usize,
    /// Whether text indexes are used; without them results are the same, later.
    pub uses_indexes: bool,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            memory_bytes_max: 1 << 30,
            spill_bytes_max: 32 << 30,
            footer_cache_bytes_max: 256 << 20,
            uses_indexes: true,
            partitions: std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
        }
    }
}

/// What all queries of a node share: the store, memory, spill space, caches.
#[derive(Clone, Debug)]
pub struct Engine {
    store: Store,
    runtime: Arc<RuntimeEnv>,
    config: SessionConfig,
    indexes: Arc<Indexes>,
}

/// A session and what its scans have read.
pub(crate) struct OpenSession {
    pub(crate) context: SessionContext,
    pub(crate) progress: Arc<ScanProgress>,
    /// Bytes that a full scan of the events would read.
    pub(crate) bytes_total: u64,
    /// Where the windows begin that segments never cross, ascending.
    pub(crate) window_starts: Vec<Timestamp>,
}

impl Engine {
    /// Returns an engine over `store`.
    ///
    /// # Errors
    /// If the spill directory cannot be made.
    pub fn new(store: Store, config: &EngineConfig) -> Result<Engine> {
        let spill: PathBuf = store.data_dir().join("spill");
        let pool = TrackConsumersPool::new(
            FairSpillPool::new(config.memory_bytes_max),
            std::num::NonZeroUsize::MIN,
        );
        let runtime = RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(pool))
            .with_disk_manager_builder(
                DiskManagerBuilder::default()
                    .with_mode(DiskManagerMode::Directories(vec![spill]))
                    .with_max_temp_directory_size(config.spill_bytes_max),
            )
            .with_metadata_cache_limit(config.footer_cache_bytes_max)
            .build_arc()?;
        let url = ObjectStoreUrl::parse(SEGMENTS_URL)?;
        runtime.register_object_store(url.as_ref(), store.object_store());
        let mut session = SessionConfig::new()
            .with_target_partitions(config.partitions)
            .with_information_schema(false)
            .with_extension(Arc::new(LookupTables::at(store.data_dir().join("lookups"))));
        let options = session.options_mut();
        options.execution.parquet.pushdown_filters = false;
        options.execution.parquet.schema_force_view_types = true;
        options.sql_parser.map_string_types_to_utf8view = true;
        let indexes = Indexes::new(store.data_dir().to_owned(), config.uses_indexes);
        Ok(Engine {
            store,
            runtime,
            config: session,
            indexes: Arc::new(indexes),
        })
    }

    /// The store that is queried.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns a session whose tables `events`, `invocations` and `samples` hold what is stored now inside
    /// `range`.
    ///
    /// # Errors
    /// If a table cannot be registered, which is a bug.
    pub fn session(&self, range: TimeRange) -> Result<SessionContext> {
        Ok(self.open(range, TimeColumn::Event)?.context)
    }

    pub(crate) fn open(&self, range: TimeRange, time: TimeColumn) -> Result<OpenSession> {
        let context =
            SessionContext::new_with_config_rt(self.config.clone(), Arc::clone(&self.runtime));
        crate::register_functions(&context);
        context.add_optimizer_rule(Arc::new(TellScans));
        let wanted = match time {
            TimeColumn::Event => range,
            TimeColumn::Receipt => TimeRange::ALL,
        };
        let snapshot = Arc::new(self.store.snapshot(Table::Events, wanted));
        let bytes_total = snapshot.segments.iter().map(|segment| segment.bytes).sum();
        let mut window_starts: Vec<Timestamp> = snapshot
            .segments
            .iter()
            .map(|segment| segment.window_start)
            .collect();
        window_starts.sort_unstable();
        window_starts.dedup();
        let events = self
            .table(Table::Events, snapshot, range, time)
            .of_store(self.store.clone());
        let progress = events.progress();
        context.register_table("events", Arc::new(events))?;
        self.register_invocations(&context, range)?;
        self.register_samples(&context, range)?;
        Ok(OpenSession {
            context,
            progress,
            bytes_total,
            window_starts,
        })
    }

    /// `invocations`: the evidence, merged field by field.
    fn register_invocations(&self, context: &SessionContext, range: TimeRange) -> Result<()> {
        let wide = TimeRange::new(
            range.start.saturating_add_millis(-EVIDENCE_SPREAD_MS),
            range.end.saturating_add_millis(EVIDENCE_SPREAD_MS),
        );
        let snapshot = Arc::new(self.store.snapshot(Table::Invocations, wide));
        let evidence = self
            .table(Table::Invocations, snapshot, wide, TimeColumn::Event)
            .evidence();
        let merged = context
            .read_table(Arc::new(evidence))?
            .aggregate(INVOCATION_KEY.map(col).to_vec(), merges())?
            .filter(inside(range))?;
        let columns: Vec<Expr> = storage::invocations_schema()
            .fields()
            .iter()
            .filter(|field| field.name() != "status_rank")
            .map(|field| match field.name().as_str() {
                "status" => status_of_rank(),
                name => Ok(col(name)),
            })
            .collect::<Result<_>>()?;
        let plan = merged.select(columns)?.into_unoptimized_plan();
        context.register_table("invocations", Arc::new(ViewTable::new(plan, None)))?;
        Ok(())
    }

    /// `samples`: of equal samples the one that was received last.
    fn register_samples(&self, context: &SessionContext, range: TimeRange) -> Result<()> {
        let latest = |column: &str| {
            last_value(col(column), vec![col("receipt_time").sort(true, false)]).alias(column)
        };
        let others = storage::samples_schema();
        let others = others.fields().iter().map(|field| field.name().as_str());
        let others = others.filter(|name| !SAMPLE_KEY.contains(name));
        let columns = storage::samples_schema();
        let columns = columns.fields().iter().map(|field| col(field.name()));
        let plan = context
            .read_table(Arc::new(self.samples(range)))?
            .aggregate(SAMPLE_KEY.map(col).to_vec(), others.map(latest).collect())?
            .select(columns.collect::<Vec<_>>())?
            .into_unoptimized_plan();
        context.register_table("samples", Arc::new(ViewTable::new(plan, None)))?;
        Ok(())
    }

    /// Samples as they were received, equal ones included.
    pub(crate) fn samples(&self, range: TimeRange) -> SegmentsTable {
        let snapshot = Arc::new(self.store.snapshot(Table::Samples, range));
        self.table(Table::Samples, snapshot, range, TimeColumn::Event)
            .evidence()
    }

    fn table(
        &self,
        table: Table,
        snapshot: Arc<Snapshot>,
        range: TimeRange,
        time: TimeColumn,
    ) -> SegmentsTable {
        let indexes = Arc::clone(&self.indexes);
        SegmentsTable::new(table.schema(), snapshot, range, time, indexes)
    }
}

/// The largest value wins, the earliest for `start`; the order of evidence does not matter.
fn merges() -> Vec<Expr> {
    storage::invocations_schema()
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .filter(|name| !INVOCATION_KEY.contains(name) && *name != "status")
        .map(|name| match name {
            "start" => min(col(name)).alias(name),
            _ => max(col(name)).alias(name),
        })
        .collect()
}

fn inside(range: TimeRange) -> Expr {
    let moment = |at: Timestamp| {
        lit(ScalarValue::TimestampNanosecond(
            Some(at.nanos()),
            Some("UTC".into()),
        ))
    };
    col("event_time")
        .gt_eq(moment(range.start))
        .and(col("event_time").lt(moment(range.end)))
}

fn status_of_rank() -> Result<Expr> {
    let is = |rank: usize| col("status_rank").eq(lit(rank as i8));
    let name = |rank: usize| {
        lit(ScalarValue::Utf8View(Some(
            InvocationStatus::ALL[rank].name().to_owned(),
        )))
    };
    let mut cases = when(is(0), name(0));
    for rank in 1..InvocationStatus::ALL.len() {
        cases = cases.when(is(rank), name(rank));
    }
    Ok(cases.end()?.alias("status"))
}

/// Returns a session over what `store` holds now inside `range`, for callers that ask once.
///
/// # Errors
/// As [`Engine::new`] and [`Engine::session`].
pub fn session(store: &Store, range: TimeRange) -> Result<SessionContext> {
    Engine::new(store.clone(), &EngineConfig::default())?.session(range)
}
