//! How the rows of a table are read: physical plans over its segments and over what is in memory.

use std::sync::Arc;

use arrow::array::{Array, BooleanArray, RecordBatch, TimestampNanosecondArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::Schema;
use datafusion::catalog::Session;
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics, exec_datafusion_err};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, col, lit};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExecBuilder;
use datafusion_datasource::TableSchema;
use model::Timestamp;
use storage::{MemorySegment, PAGE_ROWS, ROW_GROUP_ROWS, Rows, SegmentMeta};

use super::condition;
use super::indexes::{Choice, Decision};
use super::need::Need;
use super::source::{IndexedParquetSource, Part};
use super::words::{Words, unqualified};
use super::{EvidencePart, SEGMENTS_URL, SegmentsTable};

/// What the rows of one scan must satisfy.
pub(super) struct Question {
    /// Everything, as far as an index can tell pages by it.
    pub(super) need: Need,
    /// The same without the words.
    rest: Need,
    /// What the scan answers itself: nobody above asks again.
    words: Option<(Words, Expr)>,
}

/// A segment that is read, and what is known of it when the scan is planned.
struct Known<'a> {
    segment: &'a Arc<SegmentMeta>,
    /// Its rows that hold the words that are asked for, if the index knows them.
    rows: Option<Rows>,
    /// What is read of it, if its index is open.
    choice: Option<Choice>,
}

/// Segments that are read alike.
#[derive(Default)]
pub(super) struct Reads<'a> {
    segments: Vec<Known<'a>>,
    /// Whether some of their rows may lie outside the range.
    cross_the_edge: bool,
    /// Whether messages must be searched for the words.
    have_unknown_words: bool,
}

impl Question {
    /// What an index is asked about segments of which the words are known, or not.
    fn need_of(&self, have_unknown_words: bool) -> &Need {
        match have_unknown_words {
            true => &self.need,
            false => &self.rest,
        }
    }
}

impl SegmentsTable {
    /// What `filters` and all conditions above ask for.
    pub(super) fn question(&self, state: &dyn Session, filters: &[Expr]) -> Result<Question> {
        if !self.is_events() {
            return Ok(Question {
                need: Need::Anything,
                rest: Need::Anything,
                words: None,
            });
        }
        let (words, others): (Vec<&Expr>, Vec<&Expr>) = filters
            .iter()
            .partition(|filter| self.words(filter).is_some());
        let rest = others.into_iter().chain(&self.conditions);
        let parts = words.iter().filter_map(|filter| self.words(filter));
        let parts: Vec<Words> = parts.collect();
        let filter = conjunction(words.into_iter().cloned());
        Ok(Question {
            need: condition::need(filters.iter().chain(&self.conditions), state),
            rest: condition::need(rest, state),
            words: match filter {
                Some(filter) => Some((Words::All(parts), unqualified(filter)?)),
                None => None,
            },
        })
    }

    /// What is read of a segment, and why.
    pub(super) fn choice(&self, segment: &SegmentMeta, question: &Question) -> Result<Choice> {
        let rows = self.known_rows(segment, question);
        let need = match rows {
            Some(_) => &question.rest,
            None => &question.need,
        };
        self.indexes.choose(segment, need, rows.as_ref())
    }

    fn known_rows(&self, segment: &SegmentMeta, question: &Question) -> Option<Rows> {
        if let EvidencePart::InCompany(company) = &self.part {
            return Some(company.of(segment).cloned().unwrap_or_default());
        }
        let (words, _) = question.words.as_ref()?;
        self.indexes.rows(segment, words)
    }

    /// The segments that may hold rows, by how they are read.
    pub(super) fn reads(&self, question: &Question) -> Result<Vec<Reads<'_>>> {
        let mut all: Vec<Reads<'_>> = Vec::new();
        for segment in &self.snapshot.segments {
            if !self.overlaps(segment.time_min, segment.time_max) {
                continue;
            }
            let cross_the_edge = !self.is_inside(segment.time_min, segment.time_max);
            let rows = self.known_rows(segment, question);
            if rows.as_ref().is_some_and(Rows::is_empty) {
                continue;
            }
            let have_unknown_words = question.words.is_some() && rows.is_none();
            let need = question.need_of(have_unknown_words);
            let choice = match &self.part {
                EvidencePart::Alone(company) => company.of(segment).map(Choice::without),
                _ => self.indexes.choose_if_open(segment, need, rows.as_ref())?,
            };
            if choice.as_ref().is_some_and(Choice::is_nothing) {
                continue;
            }
            let known = Known {
                segment,
                rows,
                choice,
            };
            let alike = all.iter_mut().find(|reads| {
                reads.cross_the_edge == cross_the_edge
                    && reads.have_unknown_words == have_unknown_words
            });
            match alike {
                Some(reads) => reads.segments.push(known),
                None => all.push(Reads {
                    segments: vec![known],
                    cross_the_edge,
                    have_unknown_words,
                }),
            }
        }
        Ok(all)
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

    /// Reads segments. `limit` may be less than what is asked for, and is a hint.
    pub(super) fn scan_segments(
        &self,
        state: &dyn Session,
        reads: &Reads<'_>,
        question: &Question,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let need = question.need_of(reads.have_unknown_words);
        let range = self.range_filter().filter(|_| reads.cross_the_edge);
        let words = question.words.as_ref().map(|(_, filter)| filter.clone());
        let words = words.filter(|_| reads.have_unknown_words);
        let mut source = self.parquet(state)?;
        if let Some(range) = &range {
            source = source.with_predicate(self.physical(state, range.clone(), &self.schema)?);
        }
        let config = FileScanConfigBuilder::new(
            ObjectStoreUrl::parse(SEGMENTS_URL)?,
            self.indexed(state, source, need),
        )
        .with_file_groups(groups(state, &reads.segments));
        if let Some(filter) = conjunction(range.into_iter().chain(words)) {
            return self.filtered(state, filter, projection, |columns| {
                let config = config.with_projection_indices(Some(columns))?.build();
                Ok(DataSourceExec::from_data_source(config))
            });
        }
        let rows = reads.segments.iter().map(Known::row_count);
        let rows = rows.fold(0, usize::saturating_add);
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = match need {
            Need::Anything => Precision::Exact(rows),
            _ => Precision::Inexact(rows),
        };
        let config = config
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    /// Reads with `read`, which is told the columns, and keeps the rows that satisfy `filter`.
    fn filtered(
        &self,
        state: &dyn Session,
        filter: Expr,
        projection: Option<&Vec<usize>>,
        read: impl FnOnce(Vec<usize>) -> Result<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.schema.fields().len()).collect(),
        };
        let wanted: Vec<usize> = (0..columns.len()).collect();
        for column in filter.column_refs() {
            let place = self.schema.index_of(&column.name)?;
            if !columns.contains(&place) {
                columns.push(place);
            }
        }
        let input = read(columns)?;
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
    pub(super) fn scan_memory(
        &self,
        state: &dyn Session,
        question: &Question,
        projection: Option<&Vec<usize>>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let mut batches = Vec::new();
        let memory = match self.part {
            EvidencePart::Alone(_) => &[],
            _ => self.snapshot.memory.as_slice(),
        };
        for segment in memory {
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
        let read = |columns: Option<Vec<usize>>| -> Result<Arc<dyn ExecutionPlan>> {
            let schema = Arc::clone(&self.schema);
            Ok(MemorySourceConfig::try_new_exec(
                &partitions,
                schema,
                columns,
            )?)
        };
        let exec = match &question.words {
            Some((_, filter)) => self.filtered(state, filter.clone(), projection, |columns| {
                read(Some(columns))
            })?,
            None => read(projection.cloned())?,
        };
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

/// Parts of segments that each partition gets, if they are so many: enough for equal loads, and few
/// enough that opening files does not count.
const PARTS_PER_PARTITION: usize = 4;

impl Known<'_> {
    /// Rows that are read, if no page is left out.
    fn row_count(&self) -> usize {
        let all = usize::try_from(self.segment.rows).unwrap_or(usize::MAX);
        match (&self.rows, self.choice.as_ref().map(|one| &one.decision)) {
            (Some(rows), _) => rows.len(),
            (None, Some(Decision::Without(rows))) => all.saturating_sub(rows.len()),
            (None, _) => all,
        }
    }

    /// Pages that are read, as far as is known.
    fn pages(&self) -> usize {
        match self.choice.as_ref().map(|choice| &choice.decision) {
            Some(Decision::Nothing) => 0,
            Some(Decision::Some(pages)) => pages.count(),
            Some(Decision::Rows(rows)) => rows.page_count(),
            Some(Decision::Without(_) | Decision::Everything) | None => {
                usize::try_from(self.segment.rows)
                    .unwrap_or(usize::MAX)
                    .div_ceil(PAGE_ROWS)
            }
        }
    }
}

/// Cuts segments into parts of about equal work and deals them out over the partitions in turn, so
/// that every partition has some. The newest segments come first, for searches that need not go
/// on.
fn groups(state: &dyn Session, segments: &[Known<'_>]) -> Vec<FileGroup> {
    let partitions = state.config_options().execution.target_partitions.max(1);
    let pages: usize = segments.iter().map(Known::pages).sum();
    let pages_per_part = pages.div_ceil(partitions * PARTS_PER_PARTITION).max(1);
    let mut files = Vec::new();
    for known in segments.iter().rev() {
        let segment = known.segment;
        let row_groups = usize::try_from(segment.rows)
            .unwrap_or(0)
            .div_ceil(ROW_GROUP_ROWS);
        let count = known.pages().div_ceil(pages_per_part);
        let (rows, choice) = (known.rows.clone(), known.choice.clone());
        for part in Part::all(segment, rows, choice, row_groups, count) {
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
