//! Stored rows as a DataFusion table: the Parquet segments and the unflushed batches of one
//! snapshot, cut to a time range.
//!
//! The range is exact, whatever the plan above asks: segments that lie inside it are read as
//! they are, those that cross its edge get a filter, batches in memory are cut at once. Filters
//! of the query are taken as hints only (row group and page statistics); the plan applies them.

use std::any::Any;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::array::{Array, BooleanArray, RecordBatch, TimestampNanosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
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
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::union::UnionExec;
use datafusion_datasource::TableSchema;
use model::{TimeRange, Timestamp};
use storage::{MemorySegment, SegmentMeta, Snapshot};

/// The object store of all segments, as sessions know it.
pub(crate) const SEGMENTS_URL: &str = "segments://store";
/// Files from this size on are cut into byte ranges when there are too few of them to keep
/// every partition busy.
const SPLIT_BYTES_MIN: u64 = 1 << 20;

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

/// Counts what scans read, while they run.
#[derive(Debug, Default)]
pub(crate) struct ScanProgress {
    files: Mutex<Vec<ExecutionPlanMetricsSet>>,
    memory_rows: AtomicU64,
    memory_bytes: AtomicU64,
}

impl ScanProgress {
    /// Rows read so far.
    pub(crate) fn rows(&self) -> u64 {
        self.memory_rows.load(Ordering::Relaxed) + self.sum("output_rows")
    }

    /// Bytes read so far, as stored.
    pub(crate) fn bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed) + self.sum("bytes_scanned")
    }

    fn sum(&self, name: &str) -> u64 {
        let Ok(files) = self.files.lock() else {
            return 0;
        };
        files
            .iter()
            .filter_map(|set| set.clone_inner().sum_by_name(name))
            .map(|value| value.as_usize() as u64)
            .sum()
    }

    fn watch(&self, set: ExecutionPlanMetricsSet) {
        if let Ok(mut files) = self.files.lock() {
            files.push(set);
        }
    }

    fn add_memory(&self, batch: &RecordBatch) {
        self.memory_rows
            .fetch_add(batch.num_rows() as u64, Ordering::Relaxed);
        self.memory_bytes
            .fetch_add(batch.get_array_memory_size() as u64, Ordering::Relaxed);
    }
}

/// The rows of one snapshot inside one time range.
#[derive(Clone)]
pub(crate) struct SegmentsTable {
    schema: SchemaRef,
    snapshot: Arc<Snapshot>,
    range: TimeRange,
    time: TimeColumn,
    progress: Arc<ScanProgress>,
    is_evidence: bool,
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
    ) -> Self {
        SegmentsTable {
            schema,
            snapshot,
            range,
            time,
            progress: Arc::default(),
            is_evidence: false,
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
        projection: Option<Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows: u64 = segments.iter().map(|segment| segment.rows).sum();
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
        let source = self.source(state)?;
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
        projection: Option<Vec<usize>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(filter) = self.range_filter() else {
            return self.scan_inside(state, segments, projection, None);
        };
        let mut columns =
            projection.unwrap_or_else(|| (0..self.schema.fields().len()).collect::<Vec<_>>());
        let wanted: Vec<usize> = (0..columns.len()).collect();
        let time = self.schema.index_of(self.time.name())?;
        if !columns.contains(&time) {
            columns.push(time);
        }
        let pruning = self.physical(state, filter.clone(), &self.schema)?;
        let source = Arc::new(self.parquet(state)?.with_predicate(pruning));
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

    fn source(&self, state: &dyn Session) -> Result<Arc<dyn FileSource>> {
        Ok(Arc::new(self.parquet(state)?))
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
}

#[async_trait]
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

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let projection = projection.cloned();
        let (inside, across): (Vec<_>, Vec<_>) = self
            .snapshot
            .segments
            .iter()
            .filter(|segment| self.overlaps(segment.time_min, segment.time_max))
            .partition(|segment| self.is_inside(segment.time_min, segment.time_max));
        let mut inputs: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !inside.is_empty() {
            inputs.push(self.scan_inside(state, &inside, projection.clone(), limit)?);
        }
        if !across.is_empty() {
            inputs.push(self.scan_across(state, &across, projection.clone())?);
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

/// Deals the segments out over the partitions, the largest first; few large files are cut into
/// byte ranges, so that every partition has work.
fn groups(state: &dyn Session, segments: &[&Arc<SegmentMeta>]) -> Vec<FileGroup> {
    let partitions = state.config_options().execution.target_partitions.max(1);
    let cut = segments.len() < 2 * partitions;
    let mut files = Vec::new();
    for segment in segments {
        let mut file = PartitionedFile::new(segment.path.as_ref(), segment.bytes);
        file.object_meta.location = segment.path.clone();
        if cut && partitions > 1 && segment.bytes >= SPLIT_BYTES_MIN {
            let bytes = i64::try_from(segment.bytes).unwrap_or(i64::MAX);
            let part = bytes / partitions as i64 + 1;
            for nth in 0..partitions as i64 {
                let end = ((nth + 1) * part).min(bytes);
                files.push((part, file.clone().with_range(nth * part, end)));
            }
        } else {
            files.push((i64::try_from(segment.bytes).unwrap_or(i64::MAX), file));
        }
    }
    files.sort_by_key(|(bytes, _)| std::cmp::Reverse(*bytes));
    let mut groups: Vec<(i64, Vec<PartitionedFile>)> =
        vec![(0, Vec::new()); partitions.min(files.len()).max(1)];
    for (bytes, file) in files {
        if let Some(group) = groups.iter_mut().min_by_key(|group| group.0) {
            group.0 = group.0.saturating_add(bytes);
            group.1.push(file);
        }
    }
    groups
        .into_iter()
        .map(|(_, files)| FileGroup::new(files))
        .collect()
}

/// Returns `plan` with every scan of events cut to `range`. The snapshot stays the same, so the
/// ranges of one search see each row exactly once.
pub(crate) fn narrow(plan: LogicalPlan, range: TimeRange) -> Result<LogicalPlan> {
    let narrowed = plan.transform_up(|node| {
        let LogicalPlan::TableScan(mut scan) = node else {
            return Ok(Transformed::no(node));
        };
        let provider = source_as_provider(&scan.source)?;
        let table: &dyn Any = provider.as_ref();
        match table.downcast_ref::<SegmentsTable>() {
            Some(table) if !table.is_evidence => {
                scan.source = provider_as_source(Arc::new(table.narrowed(range)));
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            _ => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
        }
    })?;
    Ok(narrowed.data)
}
