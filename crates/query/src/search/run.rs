//! The work of one search: execute, keep, count, tell.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use futures::StreamExt;
use model::{TimeRange, Timestamp, limits};
use tokio::time::Instant;

use super::histogram::Histogram;
use super::latest::{Latest, newest_rows, reads_no_text};
use super::newest::Newest;
use super::prepare::Prepared;
use super::status::SearchState;
use super::windows::{is_rowwise, newest_first, windows};
use super::{Search, lock};
use crate::plan::rows_of;
use crate::scan::{TimeColumn, narrow};
use crate::{Result, ResultKind};

/// News are published at most this often.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// Runs one search and tells how it goes.
pub(super) struct Runner {
    search: Arc<Search>,
    started: Instant,
    published: Instant,
    messages_bytes_max: usize,
    message_count: u64,
}

impl Runner {
    pub(super) fn new(search: Arc<Search>, started: Instant, messages_bytes_max: usize) -> Self {
        Runner {
            search,
            started,
            published: started,
            messages_bytes_max,
            message_count: 0,
        }
    }

    /// Runs to the end; what goes wrong stands in the status.
    pub(super) async fn run(mut self, prepared: Prepared) {
        let mut histogram = Histogram::new(prepared.range, prepared.time.name());
        self.publish(&prepared, &histogram, SearchState::Gathering);
        let outcome = match prepared.planned.kind {
            ResultKind::Messages if !prepared.planned.has_later_stages() => {
                self.messages(&prepared, &mut histogram).await
            }
            _ => self.whole(&prepared, &mut histogram).await,
        };
        if let Err(error) = outcome {
            tracing::warn!(%error, "search failed");
            let told = error.told();
            self.search
                .status
                .send_modify(|status| status.errors.push(told));
        }
        self.publish(&prepared, &histogram, SearchState::Done);
    }

    /// Window by window from the newest to the oldest; or all at once, if the query's rows
    /// depend on each other.
    async fn messages(&mut self, prepared: &Prepared, histogram: &mut Histogram) -> Result<()> {
        let planned = &prepared.planned;
        let first_stage = planned.first_stage(&prepared.session.context).await?;
        if let Some(rows) = newest_rows(&first_stage).filter(|_| prepared.time == TimeColumn::Event)
        {
            return self.newest(prepared, histogram, first_stage, rows).await;
        }
        let can_split =
            prepared.time == TimeColumn::Event && !planned.is_sorted && is_rowwise(&first_stage);
        let parts = if can_split {
            windows(prepared.range, &prepared.session.window_starts)
        } else {
            vec![prepared.range]
        };
        let mut rows_left = limits::SEARCH_MESSAGES_MAX;
        let mut bytes_left = self.messages_bytes_max;
        let counts_first = can_split && self.counts_first(prepared, &first_stage)?;
        for part in parts {
            let mut plan = first_stage.clone();
            if can_split {
                plan = narrow(plan, part)?;
            }
            let is_full = rows_left == 0 || bytes_left == 0;
            let mut is_counted = false;
            if is_full {
                plan = only_counted(plan)?;
            } else if counts_first {
                let oldest = self.count(prepared, &plan, rows_left, histogram).await?;
                is_counted = true;
                if let Some(oldest) = oldest {
                    plan = narrow(plan, TimeRange::new(oldest, part.end))?;
                }
            }
            let mut kept = Newest::new(rows_left, bytes_left.max(1), planned.is_sorted);
            let context = &prepared.session.context;
            let mut stream = rows_of(plan, context).await?;
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                if !is_counted {
                    histogram.add(&batch);
                    self.message_count += batch.num_rows() as u64;
                }
                if !is_full {
                    kept.push(batch)?;
                }
                self.publish_if_due(prepared, histogram);
            }
            let (batch, was_cut) = kept.finish()?;
            if let Some(batch) = batch {
                rows_left -= batch.num_rows().min(rows_left);
                bytes_left = bytes_left.saturating_sub(batch.get_array_memory_size());
                self.keep(batch);
            }
            if was_cut {
                (rows_left, bytes_left) = (0, 0);
            }
            self.limit_messages();
            self.publish(prepared, histogram, SearchState::Gathering);
        }
        Ok(())
    }

    /// Whether counting the rows of `plan` is much cheaper than reading them.
    fn counts_first(
        &self,
        prepared: &Prepared,
        plan: &LogicalPlan,
    ) -> std::result::Result<bool, DataFusionError> {
        let counted = only_counted(plan.clone())?;
        reads_no_text(&counted, &prepared.session.context.state())
    }

    /// Counts the rows of `plan`. Returns the time of the oldest row among the newest `rows_max`,
    /// if there are more.
    async fn count(
        &mut self,
        prepared: &Prepared,
        plan: &LogicalPlan,
        rows_max: usize,
        histogram: &mut Histogram,
    ) -> std::result::Result<Option<Timestamp>, DataFusionError> {
        let mut latest = Latest::new(rows_max);
        let context = &prepared.session.context;
        let mut stream = rows_of(only_counted(plan.clone())?, context).await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            latest.add(&batch);
            histogram.add(&batch);
            self.message_count += batch.num_rows() as u64;
            self.publish_if_due(prepared, histogram);
        }
        Ok(latest.finish())
    }

    /// The newest `rows` of a plan that wants no others: the range is searched from its end, in
    /// ever larger parts, until there are enough.
    async fn newest(
        &mut self,
        prepared: &Prepared,
        histogram: &mut Histogram,
        plan: LogicalPlan,
        rows: usize,
    ) -> Result<()> {
        let rows_max = rows.min(limits::SEARCH_MESSAGES_MAX);
        let mut kept = Newest::new(rows_max, self.messages_bytes_max, false);
        let mut found = 0;
        for part in newest_first(prepared.range, prepared.session.times) {
            let plan = narrow(plan.clone(), part)?;
            let mut stream = rows_of(plan, &prepared.session.context).await?;
            while let Some(batch) = stream.next().await {
                let batch = batch?;
                found += batch.num_rows();
                kept.push(batch)?;
                self.publish_if_due(prepared, histogram);
            }
            if found >= rows {
                break;
            }
        }
        self.message_count = found.min(rows) as u64;
        if let (Some(batch), _) = kept.finish()? {
            histogram.add(&batch);
            self.keep(batch);
        }
        self.limit_messages();
        Ok(())
    }

    /// All at once: records, and messages of a query with stages.
    async fn whole(&mut self, prepared: &Prepared, histogram: &mut Histogram) -> Result<()> {
        let context = &prepared.session.context;
        let output = {
            // One row more than is kept tells that there are more.
            let rows_max = limits::SEARCH_RECORDS_MAX + 1;
            let mut work = std::pin::pin!(prepared.planned.first_rows(context, rows_max));
            let mut ticks = tokio::time::interval(PUBLISH_INTERVAL);
            loop {
                tokio::select! {
                    output = &mut work => break output?,
                    _ = ticks.tick() => self.publish(prepared, histogram, SearchState::Gathering),
                }
            }
        };
        self.search.status.send_modify(|status| {
            status.fields = output.fields.into();
            let known = status.warnings.clone();
            let new = output.warnings.into_iter();
            status
                .warnings
                .extend(new.filter(|warning| !known.contains(warning)));
        });
        if output.kind == ResultKind::Messages {
            for batch in &output.batches {
                histogram.add(batch);
                self.message_count += batch.num_rows() as u64;
            }
        }
        self.keep_first(output.batches);
        self.publish(prepared, histogram, SearchState::Gathering);
        let Some(scope) = &prepared.scope else {
            return Ok(());
        };
        let counted = only_counted(scope.clone())?;
        let mut stream = rows_of(counted, context).await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            histogram.add(&batch);
            self.message_count += batch.num_rows() as u64;
            self.publish_if_due(prepared, histogram);
        }
        Ok(())
    }

    fn keep(&self, batch: RecordBatch) {
        let mut results = lock(&self.search.results);
        results.rows += batch.num_rows();
        results.batches.push(batch);
    }

    fn keep_first(&self, batches: Vec<RecordBatch>) {
        let mut left = limits::SEARCH_RECORDS_MAX;
        for batch in batches {
            if batch.num_rows() > left {
                let max = limits::SEARCH_RECORDS_MAX;
                self.limited(format!("only the first {max} rows are kept"));
            }
            let part = batch.slice(0, batch.num_rows().min(left));
            left -= part.num_rows();
            if part.num_rows() > 0 {
                self.keep(part);
            }
        }
    }

    fn limit_messages(&self) {
        let kept = lock(&self.search.results).rows;
        if (kept as u64) < self.message_count {
            self.limited(format!(
                "only the newest {kept} messages are kept; all are counted"
            ));
        }
    }

    fn limited(&self, why: String) {
        self.search.status.send_modify(|status| {
            if let Some(earlier) = status.limited.replace(why.clone()) {
                status.warnings.retain(|warning| *warning != earlier);
            }
            status.warnings.push(why);
        });
    }

    fn publish_if_due(&mut self, prepared: &Prepared, histogram: &Histogram) {
        if self.published.elapsed() >= PUBLISH_INTERVAL {
            self.publish(prepared, histogram, SearchState::Gathering);
        }
    }

    fn publish(&mut self, prepared: &Prepared, histogram: &Histogram, state: SearchState) {
        self.published = Instant::now();
        let rows = lock(&self.search.results).rows as u64;
        let progress = &prepared.session.progress;
        let (rows_scanned, bytes_scanned) = (progress.rows(), progress.bytes());
        let buckets = Arc::new(histogram.buckets());
        self.search.status.send_modify(|status| {
            match status.kind {
                ResultKind::Messages => status.messages_kept = rows,
                ResultKind::Records => status.record_count = rows,
            }
            status.message_count = self.message_count;
            status.histogram = buckets;
            status.rows_scanned = rows_scanned;
            status.bytes_scanned = bytes_scanned;
            let elapsed = self.started.elapsed().as_millis();
            status.elapsed_ms = u64::try_from(elapsed).unwrap_or(u64::MAX);
            if !status.state.is_final() {
                status.state = state;
            }
        });
    }
}

/// Returns `plan` with only the columns that counting needs.
fn only_counted(plan: LogicalPlan) -> std::result::Result<LogicalPlan, DataFusionError> {
    let columns: Vec<Expr> = ["event_time", "receipt_time", "level"]
        .iter()
        .filter_map(|name| {
            let schema = plan.schema();
            let (qualifier, field) = schema.qualified_field_with_unqualified_name(name).ok()?;
            Some(Expr::Column(Column::from((qualifier, field))))
        })
        .collect();
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}
