//! The one place that builds DataFusion sessions: tables, functions, options, memory and spill.
//!
//! Searches, panels, monitors and checks all get their session here, so that a query means the
//! same everywhere.

mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList,
};
use datafusion::common::Result;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use model::{TimeRange, Timestamp};
use storage::{Snapshot, Store, Table};

use crate::lookups::LookupTables;
use crate::scan::{
    CheapFirst, Companies, Indexes, SEGMENTS_URL, ScanProgress, SegmentsTable, TellScans,
    TimeColumn,
};
use tables::StoredTables;

/// Where SQL finds the tables without being told: DataFusion's own defaults.
const CATALOG: &str = "datafusion";
const SCHEMA: &str = "public";

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
    /// Invocations of which is kept in memory what tells whether they must be merged when they are
    /// read, four bytes each; all of them are merged where there are more, which is slower.
    pub invocations_known_max: usize,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            memory_bytes_max: 1 << 30,
            spill_bytes_max: 32 << 30,
            footer_cache_bytes_max: 256 << 20,
            uses_indexes: true,
            invocations_known_max: 16 << 20,
            partitions: std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2)),
        }
    }
}

/// What all queries of a node share: the store, memory, spill space, caches.
#[derive(Clone, Debug)]
pub struct Engine {
    store: Store,
    /// What every session begins as: functions, rules, options, memory; no tables.
    state: Arc<SessionState>,
    indexes: Arc<Indexes>,
    companies: Arc<Companies>,
}

/// A session and what its scans have read.
pub(crate) struct OpenSession {
    pub(crate) context: SessionContext,
    pub(crate) progress: Arc<ScanProgress>,
    /// Bytes that a full scan of the events would read.
    pub(crate) bytes_total: u64,
    /// Where the windows begin that segments never cross, ascending.
    pub(crate) window_starts: Vec<Timestamp>,
    /// The event times of the earliest and the latest row of the segments and pieces that are read.
    pub(crate) times: Option<(Timestamp, Timestamp)>,
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
            .with_create_default_catalog_and_schema(false)
            .with_extension(Arc::new(LookupTables::of(store.lookups().clone())));
        let options = session.options_mut();
        options.execution.parquet.pushdown_filters = false;
        options.execution.parquet.schema_force_view_types = true;
        // Its table of groups has room for the whole limit from the beginning: `limit 11Pi` would
        // end the process.
        options.optimizer.enable_topk_aggregation = false;
        options.sql_parser.map_string_types_to_utf8view = true;
        let indexes = Indexes::new(store.clone(), config.uses_indexes);
        let companies = Companies::new(store.clone(), config.invocations_known_max);
        let state = SessionStateBuilder::new()
            .with_config(session)
            .with_runtime_env(runtime)
            .with_default_features()
            .with_optimizer_rule(Arc::new(TellScans))
            .with_physical_optimizer_rule(Arc::new(CheapFirst));
        let context = SessionContext::new_with_state(state.build());
        crate::register_functions(&context);
        Ok(Engine {
            store,
            state: Arc::new(context.state()),
            indexes: Arc::new(indexes),
            companies: Arc::new(companies),
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
        let times = times(&snapshot);
        let events = self
            .table(Table::Events, snapshot, range, time)
            .of_store(self.store.clone());
        let progress = events.progress();
        let tables = StoredTables::new(self.clone(), range, events);
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema(SCHEMA, Arc::new(tables))?;
        let catalogs = MemoryCatalogProviderList::new();
        catalogs.register_catalog(CATALOG.to_owned(), Arc::new(catalog));
        let mut state = SessionState::clone(&self.state);
        state.register_catalog_list(Arc::new(catalogs));
        Ok(OpenSession {
            context: SessionContext::new_with_state(state),
            progress,
            bytes_total,
            window_starts,
            times,
        })
    }

    /// Samples as they were received, equal ones included.
    pub(crate) fn samples(&self, range: TimeRange) -> SegmentsTable {
        let snapshot = Arc::new(self.store.snapshot(Table::Samples, range));
        self.table(Table::Samples, snapshot, range, TimeColumn::Event)
            .evidence()
    }

    /// Invocations as pieces of evidence.
    fn evidence(&self, range: TimeRange) -> SegmentsTable {
        let snapshot = Arc::new(self.store.snapshot(Table::Invocations, range));
        self.table(Table::Invocations, snapshot, range, TimeColumn::Event)
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

fn times(snapshot: &Snapshot) -> Option<(Timestamp, Timestamp)> {
    let segments = snapshot.segments.iter();
    let segments = segments.map(|segment| (segment.time_min, segment.time_max));
    let memory = snapshot.memory.iter();
    let memory = memory.map(|piece| (piece.time_min, piece.time_max));
    let all = segments.chain(memory);
    all.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))
}

/// Returns a session over what `store` holds now inside `range`, for callers that ask once.
///
/// # Errors
/// As [`Engine::new`] and [`Engine::session`].
pub fn session(store: &Store, range: TimeRange) -> Result<SessionContext> {
    Engine::new(store.clone(), &EngineConfig::default())?.session(range)
}
