//! A Parquet source that asks the text index of each segment before it reads it.
//!
//! Everything is left to DataFusion's own source but the moment a file is planned: then the
//! index says which pages can hold a row, and the reader is given these only. The work happens
//! inside the scan, so that a plan can run wherever the segments are.

mod stored;

use std::fmt;
use std::sync::{Arc, OnceLock};

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::parquet::{ParquetAccessPlan, RowGroupAccess};
use datafusion::datasource::physical_plan::{FileOpener, FileScanConfig, FileSource};
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::filter_pushdown::FilterPushdownPropagation;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use datafusion::physical_plan::{DisplayFormatType, SortOrderPushdownResult};
use datafusion_datasource::TableSchema;
use datafusion_datasource::morsel::{MorselPlan, MorselPlanner, Morselizer};
use object_store::ObjectStore;
use parquet::arrow::arrow_reader::RowSelector;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use storage::{PAGE_ROWS, Pages, Rows, SegmentMeta};

use super::indexes::{Choice, Decision, Indexes};
use super::need::Need;
use stored::StoredColumns;

/// One segment in one scan. All of its parts share what the index said.
#[derive(Debug)]
pub(super) struct SegmentScan {
    segment: Arc<SegmentMeta>,
    /// Others are of no use, if these are known.
    rows: Option<Rows>,
    choice: OnceLock<Choice>,
}

/// The row groups of a segment that one [`PartitionedFile`] stands for.
#[derive(Clone, Debug)]
pub(super) struct Part {
    scan: Arc<SegmentScan>,
    first: usize,
    /// None for all that come behind the first.
    end: Option<usize>,
}

impl Part {
    /// Cuts a segment of `row_groups` row groups, of which `rows` are read if they are known, into
    /// `count` parts; what a file has beyond belongs to the last. Without a `choice` the first
    /// part that is read makes it.
    pub(super) fn all(
        segment: &Arc<SegmentMeta>,
        rows: Option<Rows>,
        choice: Option<Choice>,
        row_groups: usize,
        count: usize,
    ) -> impl Iterator<Item = Part> {
        let scan = Arc::new(SegmentScan {
            segment: Arc::clone(segment),
            rows,
            choice: choice.map_or_else(OnceLock::new, OnceLock::from),
        });
        let count = count.clamp(1, row_groups.max(1));
        (0..count).map(move |number| Part {
            scan: Arc::clone(&scan),
            first: row_groups * number / count,
            end: (number + 1 < count).then_some(row_groups * (number + 1) / count),
        })
    }

    fn has(&self, row_group: usize) -> bool {
        self.first <= row_group && self.end.is_none_or(|end| row_group < end)
    }
}

/// What planning a file takes.
#[derive(Clone)]
struct Chooser {
    need: Need,
    indexes: Arc<Indexes>,
    store: Arc<dyn ObjectStore>,
    footers: Arc<FileMetadataCache>,
}

/// DataFusion's source, behind the text indexes.
#[derive(Clone)]
pub(super) struct IndexedParquetSource {
    inner: Arc<dyn FileSource>,
    need: Need,
    indexes: Arc<Indexes>,
    footers: Arc<FileMetadataCache>,
}

impl IndexedParquetSource {
    /// Returns `inner`, reading only what can hold a row that satisfies `need`.
    pub(super) fn new(
        inner: Arc<dyn FileSource>,
        need: Need,
        indexes: Arc<Indexes>,
        footers: Arc<FileMetadataCache>,
    ) -> Self {
        IndexedParquetSource {
            inner,
            need,
            indexes,
            footers,
        }
    }

    fn around(&self, inner: Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        Arc::new(IndexedParquetSource {
            inner,
            ..self.clone()
        })
    }
}

impl FileSource for IndexedParquetSource {
    fn create_file_opener(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Arc<dyn FileOpener>> {
        self.inner.create_file_opener(store, config, partition)
    }

    fn create_morselizer(
        &self,
        store: Arc<dyn ObjectStore>,
        config: &FileScanConfig,
        partition: usize,
    ) -> Result<Box<dyn Morselizer>> {
        let mut config = config.clone();
        config.expr_adapter_factory = Some(Arc::new(StoredColumns));
        let inner = self
            .inner
            .create_morselizer(Arc::clone(&store), &config, partition)?;
        Ok(Box::new(IndexedMorselizer {
            inner: Arc::from(inner),
            chooser: Chooser {
                need: self.need.clone(),
                indexes: Arc::clone(&self.indexes),
                footers: Arc::clone(&self.footers),
                store,
            },
        }))
    }

    fn table_schema(&self) -> &TableSchema {
        self.inner.table_schema()
    }

    fn with_batch_size(&self, batch_size: usize) -> Arc<dyn FileSource> {
        self.around(self.inner.with_batch_size(batch_size))
    }

    fn filter(&self) -> Option<Arc<dyn PhysicalExpr>> {
        self.inner.filter()
    }

    fn projection(&self) -> Option<&ProjectionExprs> {
        self.inner.projection()
    }

    fn metrics(&self) -> &ExecutionPlanMetricsSet {
        self.inner.metrics()
    }

    fn file_type(&self) -> &str {
        self.inner.file_type()
    }

    fn fmt_extra(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.need.is_anything() {
            write!(f, ", index=[{}]", self.need)?;
        }
        self.inner.fmt_extra(format, f)
    }

    /// The parts are small enough as they are.
    fn supports_repartitioning(&self) -> bool {
        false
    }

    fn try_pushdown_filters(
        &self,
        filters: Vec<Arc<dyn PhysicalExpr>>,
        config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_filters(filters, config)?;
        Ok(FilterPushdownPropagation {
            filters: pushed.filters,
            updated_node: pushed.updated_node.map(|inner| self.around(inner)),
        })
    }

    fn try_pushdown_sort(
        &self,
        order: &[PhysicalSortExpr],
        equivalences: &EquivalenceProperties,
    ) -> Result<SortOrderPushdownResult<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_sort(order, equivalences)?;
        Ok(pushed.map(|inner| self.around(inner)))
    }

    fn reorder_files(&self, files: Vec<PartitionedFile>) -> Vec<PartitionedFile> {
        self.inner.reorder_files(files)
    }

    fn try_pushdown_projection(
        &self,
        projection: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn FileSource>>> {
        let pushed = self.inner.try_pushdown_projection(projection)?;
        Ok(pushed.map(|inner| self.around(inner)))
    }

    fn apply_expressions(
        &self,
        apply: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.inner.apply_expressions(apply)
    }
}

struct IndexedMorselizer {
    inner: Arc<dyn Morselizer>,
    chooser: Chooser,
}

impl fmt::Debug for IndexedMorselizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IndexedMorselizer")
            .field(&self.chooser.need)
            .finish()
    }
}

impl Morselizer for IndexedMorselizer {
    fn plan_file(&self, file: PartitionedFile) -> Result<Box<dyn MorselPlanner>> {
        Ok(Box::new(IndexedPlanner {
            inner: Arc::clone(&self.inner),
            chooser: self.chooser.clone(),
            file: Box::new(file),
        }))
    }
}

struct IndexedPlanner {
    inner: Arc<dyn Morselizer>,
    chooser: Chooser,
    file: Box<PartitionedFile>,
}

impl fmt::Debug for IndexedPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IndexedPlanner")
            .field(&self.file.object_meta.location)
            .finish()
    }
}

impl MorselPlanner for IndexedPlanner {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        let IndexedPlanner {
            inner,
            chooser,
            file,
        } = *self;
        Ok(Some(MorselPlan::new().with_pending_planner(async move {
            match chooser.access(&file).await? {
                Some(access) => inner.plan_file(file.with_extension(access)),
                None => Ok(Box::new(NothingToRead) as Box<dyn MorselPlanner>),
            }
        })))
    }
}

#[derive(Debug)]
struct NothingToRead;

impl MorselPlanner for NothingToRead {
    fn plan(self: Box<Self>) -> Result<Option<MorselPlan>> {
        Ok(None)
    }
}

impl Chooser {
    /// Says what to read of a file; `None` if nothing.
    async fn access(&self, file: &PartitionedFile) -> Result<Option<ParquetAccessPlan>> {
        let Some(part) = file.extension::<Part>() else {
            return Ok(Some(self.everything(file).await?));
        };
        let decision = match part.scan.choice.get() {
            Some(choice) => &choice.decision,
            None => {
                let SegmentScan { segment, rows, .. } = &*part.scan;
                self.indexes.fetch(segment, &self.need).await;
                let choice = self.indexes.choose(segment, &self.need, rows.as_ref())?;
                &part.scan.choice.get_or_init(|| choice).decision
            }
        };
        if matches!(decision, Decision::Nothing) {
            return Ok(None);
        }
        let access = row_groups(&*self.footer(file).await?, part, decision);
        let is_empty = access
            .iter()
            .all(|group| matches!(group, RowGroupAccess::Skip));
        Ok((!is_empty).then(|| ParquetAccessPlan::new(access)))
    }

    async fn everything(&self, file: &PartitionedFile) -> Result<ParquetAccessPlan> {
        Ok(ParquetAccessPlan::new_all(
            self.footer(file).await?.num_row_groups(),
        ))
    }

    /// The footer with its page index, from the cache where the reader finds it next. The reader
    /// alone would ask for it without: then it cannot skip pages, and reads whole row groups.
    async fn footer(&self, file: &PartitionedFile) -> Result<Arc<ParquetMetaData>> {
        DFParquetMetadata::new(&*self.store, &file.object_meta)
            .with_file_metadata_cache(Some(Arc::clone(&self.footers)))
            .with_page_index_policy(Some(PageIndexPolicy::Optional))
            .fetch_metadata()
            .await
    }
}

/// What to read of each row group of a file.
fn row_groups(footer: &ParquetMetaData, part: &Part, decision: &Decision) -> Vec<RowGroupAccess> {
    let mut first_row = 0;
    let groups = footer.row_groups().iter().enumerate();
    let access = groups.map(|(number, group)| {
        let rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let start = first_row;
        first_row += rows;
        match decision {
            _ if !part.has(number) => RowGroupAccess::Skip,
            Decision::Nothing => RowGroupAccess::Skip,
            Decision::Some(pages) => on_pages(pages, start, rows),
            Decision::Rows(known) => on_rows(known.between(start, start + rows), start, rows),
            Decision::Without(known) => {
                without_rows(known.between(start, start + rows), start, rows)
            }
            Decision::Everything => RowGroupAccess::Scan,
        }
    });
    access.collect()
}

/// The rows of `pages` among `rows` rows from `start` on.
fn on_pages(pages: &Pages, start: usize, rows: usize) -> RowGroupAccess {
    let mut chosen = Chosen::default();
    let mut row = start;
    while row < start + rows {
        let end = (start + rows).min((row / PAGE_ROWS + 1) * PAGE_ROWS);
        chosen.push(pages.contains(row / PAGE_ROWS), end - row);
        row = end;
    }
    chosen.finish()
}

/// The rows of `known` among `rows` rows from `start` on, where all of `known` lie.
fn on_rows(known: &[u32], start: usize, rows: usize) -> RowGroupAccess {
    told_apart(known, start, rows, true)
}

/// The other rows.
fn without_rows(known: &[u32], start: usize, rows: usize) -> RowGroupAccess {
    told_apart(known, start, rows, false)
}

fn told_apart(known: &[u32], start: usize, rows: usize, are_read: bool) -> RowGroupAccess {
    let mut chosen = Chosen::default();
    let mut next = start;
    for row in known {
        let row = *row as usize;
        chosen.push(!are_read, row - next);
        chosen.push(are_read, 1);
        next = row + 1;
    }
    chosen.push(!are_read, start + rows - next);
    chosen.finish()
}

/// Rows of a row group that are read or passed over, from its first to its last.
#[derive(Default)]
struct Chosen(Vec<RowSelector>);

impl Chosen {
    fn push(&mut self, is_read: bool, rows: usize) {
        match self.0.last_mut() {
            _ if rows == 0 => {}
            Some(last) if last.skip != is_read => last.row_count += rows,
            _ if is_read => self.0.push(RowSelector::select(rows)),
            _ => self.0.push(RowSelector::skip(rows)),
        }
    }

    fn finish(self) -> RowGroupAccess {
        match self.0.as_slice() {
            [] => RowGroupAccess::Skip,
            [all] if all.skip => RowGroupAccess::Skip,
            [_] => RowGroupAccess::Scan,
            _ => RowGroupAccess::Selection(self.0.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(access: &RowGroupAccess) -> String {
        match access {
            RowGroupAccess::Skip => "skip".to_owned(),
            RowGroupAccess::Scan => "scan".to_owned(),
            RowGroupAccess::Selection(selection) => selection
                .iter()
                .map(|part| format!("{}{} ", if part.skip { "-" } else { "+" }, part.row_count))
                .collect(),
        }
    }

    #[test]
    fn every_row_group_belongs_to_one_part() {
        let segment = Arc::new(SegmentMeta {
            id: String::new(),
            table: storage::Table::Events,
            path: "a".into(),
            bytes: 0,
            checksums: None,
            index_bytes: None,
            rows: 0,
            time_min: model::Timestamp::MIN,
            time_max: model::Timestamp::MIN,
            partition: String::new(),
            window_start: model::Timestamp::MIN,
            generation: storage::Generation::Fresh,
            created_at: model::Timestamp::MIN,
        });
        for (row_groups, count) in [(0, 1), (1, 3), (5, 2), (6, 4), (4, 4)] {
            let parts: Vec<Part> = Part::all(&segment, None, None, row_groups, count).collect();
            assert_eq!(parts.len(), count.min(row_groups.max(1)));
            for row_group in 0..row_groups + 2 {
                let owners = parts.iter().filter(|part| part.has(row_group));
                assert_eq!(owners.count(), 1, "{row_group} of {row_groups} in {count}");
            }
        }
    }

    #[test]
    fn rows_that_are_known_are_read_alone() {
        assert_eq!(shown(&on_rows(&[], 10, 5)), "skip");
        assert_eq!(shown(&on_rows(&[10, 11, 12], 10, 3)), "scan");
        assert_eq!(shown(&on_rows(&[10, 12, 13], 10, 9)), "+1 -1 +2 -5 ");
        assert_eq!(shown(&without_rows(&[10, 12, 13], 10, 9)), "-1 +1 -2 +5 ");
        assert_eq!(shown(&without_rows(&[], 10, 5)), "scan");
        assert_eq!(shown(&without_rows(&[10, 11, 12], 10, 3)), "skip");
    }

    #[test]
    fn pages_that_cross_the_end_of_a_row_group_are_cut_there() {
        let mut pages = Pages::none(4);
        pages.insert(1);
        let rows = |start, rows| shown(&on_pages(&pages, start, rows));
        assert_eq!(rows(0, PAGE_ROWS), "skip");
        assert_eq!(rows(PAGE_ROWS, PAGE_ROWS), "scan");
        assert_eq!(rows(0, 3_000), "-2048 +952 ");
        assert_eq!(rows(3_000, 3_000), "+1096 -1904 ");
    }
}
