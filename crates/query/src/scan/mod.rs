//! Stored rows as a DataFusion table: the Parquet segments and the unflushed batches of one
//! snapshot, cut to a time range.
//!
//! The range is exact, whatever the plan above asks: segments that lie inside it are read as
//! they are, those that cross its edge get a filter, batches in memory are cut at once. Filters
//! of the query are taken as hints only (the text index, row group and page statistics); the
//! plan applies them.

mod cheap_first;
mod condition;
mod implied;
mod indexes;
mod need;
mod pattern;
mod progress;
mod source;

use std::any::Any;
use std::future::ready;
use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch, TimestampNanosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics, exec_datafusion_err};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::{TableType, provider_as_source, source_as_provider};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, col, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion::physical_plan::union::UnionExec;
use datafusion_datasource::TableSchema;
use futures::future::BoxFuture;
use model::{TimeRange, Timestamp};
use storage::{MemorySegment, ROW_GROUP_ROWS, SegmentMeta, Snapshot, Store, Table};

use need::Need;
use source::{IndexedParquetSource, Part};

pub(crate) use indexes::{Choice, Decision, Indexes};
pub(crate) use {cheap_first::CheapFirst, implied::TellScans};
pub(crate) use {pattern::word_in, progress::ScanProgress};

/// The object store of all segments, as sessions know it.
pub(crate) const SEGMENTS_URL: &str = "segments://store";

/// Which of an event's two times a range is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeColumn {
    /// When it happened.
    #[default]
    Event,
    /// When it was received.
    Receipt,
}

impl TimeColumn {
    /// The column's name.
    pub const fn name(self) -> &'static str {
        match self {
            TimeColumn::Event => "event_time",
            TimeColumn::Receipt => "receipt_time",
        }
    }
}

/// For each segment of a scan, what of it is read.
pub(crate) type Choices = Vec<(Arc<SegmentMeta>, Choice)>;

/// The rows of one snapshot inside one time range.
#[derive(Clone)]
pub(crate) struct SegmentsTable {
    schema: SchemaRef,
    snapshot: Arc<Snapshot>,
    range: TimeRange,
    time: TimeColumn,
    progress: Arc<ScanProgress>,
    indexes: Arc<Indexes>,
    /// What rows must satisfy for anybody above to look at them; a hint.
    conditions: Vec<Expr>,
    is_evidence: bool,
    /// Where rows of other time ranges are found.
    store: Option<Store>,
}

impl std::fmt::Debug for SegmentsTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentsTable")
            .field("segments", &self.snapshot.segments.len())
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

impl SegmentsTable {
    /// Returns the table of `snapshot`'s rows whose `time` lies in `range`.
    pub(crate) fn new(
        schema: SchemaRef,
        snapshot: Arc<Snapshot>,
        range: TimeRange,
        time: TimeColumn,
        indexes: Arc<Indexes>,
    ) -> Self {
        SegmentsTable {
            schema,
            snapshot,
            range,
            time,
            indexes,
            progress: Arc::default(),
            conditions: Vec::new(),
            is_evidence: false,
            store: None,
        }
    }

    /// Lets [`over`] find rows of other time ranges.
    pub(crate) fn of_store(mut self, store: Store) -> Self {
        self.store = Some(store);
        self
    }

    /// The same table over another time range.
    fn over(&self, range: TimeRange) -> Self {
        let wanted = match self.time {
            TimeColumn::Event => range,
            TimeColumn::Receipt => TimeRange::ALL,
        };
        let snapshot = match &self.store {
            Some(store) => Arc::new(store.snapshot(Table::Events, wanted)),
            None => Arc::clone(&self.snapshot),
        };
        SegmentsTable {
            range,
            snapshot,
            ..self.clone()
        }
    }

    /// Marks the table as evidence, rows that are merged when read, which [`narrow`] leaves alone.
    pub(crate) fn evidence(mut self) -> Self {
        self.is_evidence = true;
        self
    }

    /// What scans of this table have read.
    pub(crate) fn progress(&self) -> Arc<ScanProgress> {
        Arc::clone(&self.progress)
    }

    /// What the rows must hold for `filters` and all conditions above to be true.
    fn need(&self, state: &dyn Session, filters: &[Expr]) -> Need {
        if self.schema == storage::events_schema() {
            condition::need(filters.iter().chain(&self.conditions), state)
        } else {
            Need::Anything
        }
    }

    /// The same table, whose rows are of use only if they satisfy `conditions`.
    fn told(&self, conditions: Vec<Expr>) -> Self {
        SegmentsTable {
            conditions,
            ..self.clone()
        }
    }

    /// Says for each segment which of its pages a scan under `filters` reads, and what the text
    /// indexes are asked.
    pub(crate) fn choices(
        &self,
        state: &dyn Session,
        filters: &[Expr],
    ) -> Result<(String, Choices)> {
        let need = self.need(state, filters);
        let segments = self.snapshot.segments.iter().rev();
        let choices = segments.map(|segment| {
            let choice = if self.overlaps(segment.time_min, segment.time_max) {
                self.indexes.choose(segment, &need)?
            } else {
                Choice {
                    decision: Decision::Nothing,
                    why: "its times lie outside the range".to_owned(),
                }
            };
            Ok((Arc::clone(segment), choice))
        });
        Ok((need.to_string(), choices.collect::<Result<_>>()?))
    }

    /// Rows of the snapshot that are not in segments yet.
    pub(crate) fn memory_rows(&self) -> usize {
        self.snapshot.memory.iter().map(|piece| piece.rows).sum()
    }

    fn narrowed(&self, range: TimeRange) -> Self {
        let range = TimeRange::new(
            self.range.start.max(range.start),
            self.range.end.min(range.end),
        );
        SegmentsTable {
            range,
            ..self.clone()
        }
    }

    fn overlaps(&self, first: Timestamp, last: Timestamp) -> bool {
        self.time == TimeColumn::Receipt || self.range.overlaps_inclusive(first, last)
    }

    fn is_inside(&self, first: Timestamp, last: Timestamp) -> bool {
        self.time == TimeColumn::Event && self.range.contains(first) && self.range.contains(last)
    }

    /// `start <= time and time < end`, without the sides that are open.
    fn range_filter(&self) -> Option<Expr> {
        let moment = |at: Timestamp| {
            lit(ScalarValue::TimestampNanosecond(
                Some(at.nanos()),
                Some("UTC".into()),
            ))
        };
        let time = || col(self.time.name());
        let start =
            (self.range.start > Timestamp::MIN).then(|| time().gt_eq(moment(self.range.start)));
        let end = (self.range.end < Timestamp::MAX).then(|| time().lt(moment(self.range.end)));
        match (start, end) {
            (Some(start), Some(end)) => Some(start.and(end)),
            (start, end) => start.or(end),
        }
    }

    fn physical(
        &self,
        state: &dyn Session,
        expr: Expr,
        schema: &Schema,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        state.create_physical_expr(expr, &DFSchema::try_from(schema.clone())?)
    }

    /// Reads whole segments.
    fn scan_inside(
        &self,
        state: &dyn Session,
        segments: &[&Arc<SegmentMeta>],
        need: &Need,
        projection: Option<Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows: u64 = segments.iter().map(|segment| segment.rows).sum();
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = match need {
            Need::Anything => Precision::Exact(rows),
            _ => Precision::Inexact(rows),
        };
        let source = self.indexed(state, self.parquet(state)?, need);
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(SEGMENTS_URL)?, source)
            .with_file_groups(groups(state, segments))
            .with_statistics(statistics)
            .with_projection_indices(projection)?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Reads segments that cross the edge of the range.
    fn scan_across(
        &self,
        state: &dyn Session,
        segments: &[&Arc<SegmentMeta>],
        need: &Need,
        projection: Option<Vec<usize>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(filter) = self.range_filter() else {
            return self.scan_inside(state, segments, need, projection, None);
        };
        let mut columns =
            projection.unwrap_or_else(|| (0..self.schema.fields().len()).collect::<Vec<_>>());
        let wanted: Vec<usize> = (0..columns.len()).collect();
        let time = self.schema.index_of(self.time.name())?;
        if !columns.contains(&time) {
            columns.push(time);
        }
        let pruning = self.physical(state, filter.clone(), &self.schema)?;
        let source = self.parquet(state)?.with_predicate(pruning);
        let source = self.indexed(state, source, need);
        let config = FileScanConfigBuilder::new(ObjectStoreUrl::parse(SEGMENTS_URL)?, source)
            .with_file_groups(groups(state, segments))
            .with_projection_indices(Some(columns))?
            .build();
        let input: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        let exact = self.physical(state, filter, &input.schema())?;
        let filtered = FilterExecBuilder::new(exact, input)
            .apply_projection(Some(wanted))?
            .build()?;
        Ok(Arc::new(filtered))
    }

    fn indexed(
        &self,
        state: &dyn Session,
        source: ParquetSource,
        need: &Need,
    ) -> Arc<dyn FileSource> {
        let footers = state.runtime_env().cache_manager.get_file_metadata_cache();
        let indexes = Arc::clone(&self.indexes);
        Arc::new(IndexedParquetSource::new(
            Arc::new(source),
            need.clone(),
            indexes,
            footers,
        ))
    }

    fn parquet(&self, state: &dyn Session) -> Result<ParquetSource> {
        let runtime = state.runtime_env();
        let store = runtime.object_store(ObjectStoreUrl::parse(SEGMENTS_URL)?)?;
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let source = ParquetSource::new(TableSchema::builder(Arc::clone(&self.schema)).build())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(
                store, cache,
            )));
        self.progress.watch(source.metrics().clone());
        Ok(source)
    }

    /// Reads what is not flushed yet.
    fn scan_memory(
        &self,
        state: &dyn Session,
        projection: Option<Vec<usize>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let mut batches = Vec::new();
        for segment in &self.snapshot.memory {
            if self.overlaps(segment.time_min, segment.time_max) {
                self.cut(segment, &mut batches)?;
            }
        }
        if batches.is_empty() {
            return Ok(None);
        }
        let count = state.config_options().execution.target_partitions.max(1);
        let mut partitions = vec![Vec::new(); count.min(batches.len())];
        let width = partitions.len();
        for (place, batch) in batches.into_iter().enumerate() {
            self.progress.add_memory(&batch);
            partitions[place % width].push(batch);
        }
        let exec =
            MemorySourceConfig::try_new_exec(&partitions, Arc::clone(&self.schema), projection)?;
        Ok(Some(exec))
    }

    fn cut(&self, segment: &MemorySegment, batches: &mut Vec<RecordBatch>) -> Result<()> {
        if self.is_inside(segment.time_min, segment.time_max) {
            batches.extend(segment.batches.iter().cloned());
            return Ok(());
        }
        let (start, end) = (self.range.start.nanos(), self.range.end.nanos());
        for batch in &segment.batches {
            let times = batch
                .column_by_name(self.time.name())
                .and_then(|column| column.as_any().downcast_ref::<TimestampNanosecondArray>())
                .ok_or_else(|| {
                    exec_datafusion_err!("unflushed rows have no column `{}`", self.time.name())
                })?;
            let mask = BooleanArray::from_unary(times, |at| start <= at && at < end);
            let kept = filter_record_batch(batch, &mask)?;
            if kept.num_rows() > 0 {
                batches.push(kept);
            }
        }
        Ok(())
    }

    /// Plans the scan: what lies inside the time range, what lies across its ends, and memory.
    fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = projection.cloned();
        let need = self.need(state, filters);
        let (inside, across): (Vec<_>, Vec<_>) = self
            .snapshot
            .segments
            .iter()
            .filter(|segment| self.overlaps(segment.time_min, segment.time_max))
            .partition(|segment| self.is_inside(segment.time_min, segment.time_max));
        let mut inputs: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !inside.is_empty() {
            inputs.push(self.scan_inside(state, &inside, &need, projection.clone(), limit)?);
        }
        if !across.is_empty() {
            inputs.push(self.scan_across(state, &across, &need, projection.clone())?);
        }
        inputs.extend(self.scan_memory(state, projection.clone())?);
        if inputs.is_empty() {
            let schema = match &projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        UnionExec::try_new(inputs)
    }
}

impl TableProvider for SegmentsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    // Written out, as nothing waits: as an `async fn` under the bounds of `async_trait` it costs
    // the compiler ten seconds to see that an expression may go to another thread.
    fn scan<'a, 'state, 'columns, 'filters, 'made>(
        &'a self,
        state: &'state dyn Session,
        projection: Option<&'columns Vec<usize>>,
        filters: &'filters [Expr],
        limit: Option<usize>,
    ) -> BoxFuture<'made, Result<Arc<dyn ExecutionPlan>>>
    where
        'a: 'made,
        'state: 'made,
        'columns: 'made,
        'filters: 'made,
    {
        Box::pin(ready(self.plan(state, projection, filters, limit)))
    }
}

/// Cuts segments into row groups and deals them out over the partitions in turn, so that every
/// partition has work. The newest segments come first, for searches that need not go on.
fn groups(state: &dyn Session, segments: &[&Arc<SegmentMeta>]) -> Vec<FileGroup> {
    let partitions = state.config_options().execution.target_partitions.max(1);
    let mut files = Vec::new();
    for segment in segments.iter().rev() {
        let count = usize::try_from(segment.rows)
            .unwrap_or(0)
            .div_ceil(ROW_GROUP_ROWS);
        for part in Part::all(segment, count.max(1)) {
            let mut file = PartitionedFile::new(segment.path.as_ref(), segment.bytes);
            file.object_meta.location = segment.path.clone();
            files.push(file.with_extension(part));
        }
    }
    let mut groups = vec![Vec::new(); partitions.min(files.len()).max(1)];
    let width = groups.len();
    for (place, file) in files.into_iter().enumerate() {
        groups[place % width].push(file);
    }
    groups.into_iter().map(FileGroup::new).collect()
}

/// Returns `plan` with every scan of events cut to `range`. The snapshot stays the same, so the
/// ranges of one search see each row exactly once.
pub(crate) fn narrow(plan: LogicalPlan, range: TimeRange) -> Result<LogicalPlan> {
    replace(plan, |table| table.narrowed(range))
}

/// Returns `plan` over the events of another time range.
pub(crate) fn over(plan: LogicalPlan, range: TimeRange) -> Result<LogicalPlan> {
    replace(plan, |table| table.over(range))
}

fn replace(
    plan: LogicalPlan,
    other: impl Fn(&SegmentsTable) -> SegmentsTable,
) -> Result<LogicalPlan> {
    let replaced = plan.transform_up(|node| {
        let LogicalPlan::TableScan(mut scan) = node else {
            return Ok(Transformed::no(node));
        };
        let provider = source_as_provider(&scan.source)?;
        let table: &dyn Any = provider.as_ref();
        match table.downcast_ref::<SegmentsTable>() {
            Some(table) if !table.is_evidence => {
                scan.source = provider_as_source(Arc::new(other(table)));
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            _ => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        }
    })?;
    Ok(replaced.data)
}
