//! Stored rows as a DataFusion table: the Parquet segments and the unflushed batches of one
//! snapshot, cut to a time range.
//!
//! The range is exact, whatever the plan above asks: segments that lie inside it are read as
//! they are, those that cross its edge get a filter, batches in memory are cut at once. Filters
//! of the query are taken as hints (the text index, row group and page statistics) and the plan
//! applies them, but for those about whole words: these the scan answers itself, because an index
//! may know their rows, and then nobody has to read the text.

mod cheap_first;
mod company;
mod condition;
mod implied;
mod indexes;
mod need;
mod pattern;
mod progress;
mod reading;
mod source;
mod words;

use std::any::Any;
use std::future::ready;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::{TableType, provider_as_source, source_as_provider};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use futures::future::BoxFuture;
use model::{TimeRange, Timestamp};
use storage::{SegmentMeta, Snapshot, Store, Table};

use words::Words;

pub(crate) use company::{Companies, Company};
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

/// Which rows of evidence a scan reads.
#[derive(Clone, Debug)]
enum EvidencePart {
    All,
    /// Those that tell an invocation alone: what is in segments and has no company.
    Alone(Arc<Company>),
    /// Those that have company, and what is in memory.
    InCompany(Arc<Company>),
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
    /// Which of the evidence is read.
    part: EvidencePart,
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
            part: EvidencePart::All,
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

    /// The part of evidence that tells invocations alone, inside `range`.
    pub(crate) fn alone(&self, company: Arc<Company>, range: TimeRange) -> Self {
        SegmentsTable {
            part: EvidencePart::Alone(company),
            ..self.narrowed(range)
        }
    }

    /// The rest, which is to be merged.
    pub(crate) fn in_company(&self, company: Arc<Company>) -> Self {
        SegmentsTable {
            part: EvidencePart::InCompany(company),
            ..self.clone()
        }
    }

    /// The rows of the moment that the table is of.
    pub(crate) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// What scans of this table have read.
    pub(crate) fn progress(&self) -> Arc<ScanProgress> {
        Arc::clone(&self.progress)
    }

    fn is_events(&self) -> bool {
        self.schema == storage::events_schema()
    }

    /// The words that `filter` is about, if a scan can answer it itself.
    fn words(&self, filter: &Expr) -> Option<Words> {
        self.is_events().then(|| Words::of(filter)).flatten()
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
        let question = self.question(state, filters)?;
        let segments = self.snapshot.segments.iter().rev();
        let choices = segments.map(|segment| {
            let choice = if self.overlaps(segment.time_min, segment.time_max) {
                self.choice(segment, &question)?
            } else {
                Choice {
                    decision: Decision::Nothing,
                    why: "its times lie outside the range".to_owned(),
                }
            };
            Ok((Arc::clone(segment), choice))
        });
        Ok((question.need.to_string(), choices.collect::<Result<_>>()?))
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

    /// Plans the scan: segments in the ways they are to be read, and memory.
    fn plan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let question = self.question(state, filters)?;
        let mut inputs = Vec::new();
        for reads in self.reads(&question)? {
            inputs.push(self.scan_segments(state, &reads, &question, projection, limit)?);
        }
        inputs.extend(self.scan_memory(state, &question, projection)?);
        if inputs.is_empty() {
            let schema = match projection {
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
        let support = filters.iter().map(|filter| match self.words(filter) {
            Some(_) => TableProviderFilterPushDown::Exact,
            None => TableProviderFilterPushDown::Inexact,
        });
        Ok(support.collect())
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
