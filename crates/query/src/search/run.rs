//! The work of one search: plan, execute, keep, count, tell.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::common::Column;
use datafusion::error::DataFusionError;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use futures::StreamExt;
use model::{TimeRange, Timestamp, limits};
use tokio::time::Instant;

use super::filters::{filtered, rowwise_end, scope_end};
use super::histogram::Histogram;
use super::latest::{Latest, newest_of, reads_no_text};
use super::newest::Newest;
use super::status::{SearchState, SearchStatus};
use super::windows::{is_rowwise, windows};
use super::{Search, SearchRequest, lock};
use crate::scan::{TimeColumn, narrow};
use crate::session::{Engine, OpenSession};
use crate::{
    Diagnostic, FieldType, Language, Planned, QueryContext, QueryError, Result, ResultField,
    ResultKind, plan,
};

/// News are published at most this often.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(100);

/// A search that is planned and can run.
pub(super) struct Prepared {
    pub(super) session: OpenSession,
    text: String,
    pub(super) planned: Planned,
    /// The events that an aggregate query is about, if they are to be counted over time.
    scope: Option<LogicalPlan>,
    range: TimeRange,
    time: TimeColumn,
}

/// Opens a session and plans the query.
pub(super) async fn prepare(engine: &Engine, request: &SearchRequest) -> Result<Prepared> {
    let time = if request.by_receipt_time {
        TimeColumn::Receipt
    } else {
        TimeColumn::Event
    };
    let session = engine.open(request.range, time)?;
    let context = QueryContext {
        range: request.range,
        now: engine.store().clock().now(),
        time_zone: request.time_zone.clone(),
        auto_parse: request.auto_parse,
    };
    let (written, filters) = (&request.query, &request.filters);
    let text = filtered(
        written,
        request.language,
        filters,
        &context,
        &session.context,
    )?;
    let outcome = match plan_text(&text, request, &context, &session).await {
        Err(QueryError::Invalid(found)) if !filters.is_empty() => {
            // Mistakes have their places in the text as it was written; if that has none, the filters do.
            plan_text(written, request, &context, &session).await?;
            Err(QueryError::Invalid(blamed(found)))
        }
        outcome => outcome,
    };
    let (planned, scope) = outcome?;
    Ok(Prepared {
        session,
        text,
        planned,
        scope,
        range: request.range,
        time,
    })
}

/// The mistakes of a filtered text, without places, because the user did not write it.
fn blamed(found: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let tell = |one: Diagnostic| {
        Diagnostic::error(
            0..0,
            format!("the filters cannot be applied: {}", one.message),
        )
    };
    found.into_iter().map(tell).collect()
}

async fn plan_text(
    text: &str,
    request: &SearchRequest,
    context: &QueryContext,
    session: &OpenSession,
) -> Result<(Planned, Option<LogicalPlan>)> {
    match request.language {
        Language::Sql => Ok((plan_sql(text, session).await?, None)),
        Language::Metrics => {
            let message =
                "metrics queries are answered by `/api/v1/metricsQueries`, not by searches";
            let whole = Diagnostic::error(0..text.len(), message);
            Err(QueryError::Invalid(vec![whole]))
        }
        Language::Log => {
            let planned = plan(text, context, &session.context).map_err(QueryError::Invalid)?;
            let counts = planned.kind == ResultKind::Records && request.histogram_by_level;
            let scope = counts
                .then(|| counted_events(text, request, context, session).ok())
                .flatten();
            Ok((planned, scope))
        }
    }
}

/// The events that an aggregate query is about: those that its scope finds, because that costs least. What
/// filters leave is only known where they stand, after the stages that work on single events.
fn counted_events(
    text: &str,
    request: &SearchRequest,
    context: &QueryContext,
    session: &OpenSession,
) -> std::result::Result<LogicalPlan, Vec<Diagnostic>> {
    let end = if request.filters.is_empty() {
        scope_end(text)
    } else {
        rowwise_end(text, context, &session.context)
    };
    let events = text.split_at(end).0;
    let events = if events.trim().is_empty() {
        "*"
    } else {
        events
    };
    plan(events, context, &session.context).map(|planned| planned.plan)
}

async fn plan_sql(text: &str, session: &OpenSession) -> Result<Planned> {
    let invalid = |error: DataFusionError| {
        QueryError::Invalid(vec![
            Diagnostic::error(0..text.len(), error.strip_backtrace()).locate(text),
        ])
    };
    let select_only = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    let state = session.context.state();
    let plan = state.create_logical_plan(text).await.map_err(invalid)?;
    select_only.verify_plan(&plan).map_err(invalid)?;
    let fields = plan
        .schema()
        .fields()
        .iter()
        .map(|field| ResultField {
            name: field.name().clone(),
            column: field.name().clone(),
            field_type: field_type(field.data_type()),
            is_key: false,
        })
        .collect();
    Ok(Planned::of_plan(plan, fields))
}

fn field_type(data_type: &arrow::datatypes::DataType) -> FieldType {
    use arrow::datatypes::DataType::{
        Boolean, Float32, Float64, Int8, Int16, Int32, Int64, UInt8, UInt16, UInt32, UInt64,
    };
    match data_type {
        Boolean => FieldType::Boolean,
        Int8 | Int16 | Int32 | UInt8 | UInt16 => FieldType::Int,
        Int64 | UInt32 | UInt64 => FieldType::Long,
        Float32 | Float64 => FieldType::Double,
        _ => FieldType::String,
    }
}

impl Prepared {
    /// The status before anything has been done.
    pub(super) fn initial_status(&self) -> SearchStatus {
        SearchStatus {
            state: SearchState::NotStarted,
            kind: self.planned.kind,
            query: self.text.as_str().into(),
            message_count: 0,
            messages_kept: 0,
            record_count: 0,
            histogram: Arc::default(),
            errors: Vec::new(),
            warnings: self.planned.warnings().to_vec(),
            rows_scanned: 0,
            bytes_scanned: 0,
            bytes_total: self.session.bytes_total,
            elapsed_ms: 0,
            limited: None,
            fields: self.planned.fields.clone().into(),
        }
    }
}

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
            let text = match error {
                QueryError::Engine(error) => error.strip_backtrace(),
                other => other.to_string(),
            };
            self.search
                .status
                .send_modify(|status| status.errors.push(text));
        }
        self.publish(&prepared, &histogram, SearchState::Done);
    }

    /// Window by window from the newest to the oldest; or all at once, if the query's rows
    /// depend on each other.
    async fn messages(&mut self, prepared: &Prepared, histogram: &mut Histogram) -> Result<()> {
        let planned = &prepared.planned;
        let first_stage = planned.first_stage(&prepared.session.context).await?;
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
            let mut plan = if can_split {
                narrow(first_stage.clone(), part)?
            } else {
                self.without_older(prepared, first_stage.clone(), part)
                    .await?
            };
            let is_full = rows_left == 0 || bytes_left == 0;
            let mut is_counted = false;
            if is_full {
                plan = only_counted(plan)?;
            } else if counts_first {
                let oldest = self
                    .count(prepared, &plan, rows_left, Some(&mut *histogram))
                    .await?;
                is_counted = true;
                if let Some(oldest) = oldest {
                    plan = narrow(plan, TimeRange::new(oldest, part.end))?;
                }
            }
            let mut kept = Newest::new(rows_left, bytes_left.max(1), planned.is_sorted);
            let context = &prepared.session.context;
            let mut stream = context
                .execute_logical_plan(plan)
                .await?
                .execute_stream()
                .await?;
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

    /// Counts the rows of `plan`, in the histogram too if there is one. Returns the time of the
    /// oldest row among the newest `rows_max`, if there are more.
    async fn count(
        &mut self,
        prepared: &Prepared,
        plan: &LogicalPlan,
        rows_max: usize,
        mut histogram: Option<&mut Histogram>,
    ) -> std::result::Result<Option<Timestamp>, DataFusionError> {
        let mut latest = Latest::new(rows_max);
        let context = &prepared.session.context;
        let frame = context.execute_logical_plan(only_counted(plan.clone())?);
        let mut stream = frame.await?.execute_stream().await?;
        while let Some(batch) = stream.next().await {
            let batch = batch?;
            latest.add(&batch);
            if let Some(histogram) = histogram.as_deref_mut() {
                histogram.add(&batch);
                self.message_count += batch.num_rows() as u64;
                self.publish_if_due(prepared, histogram);
            }
        }
        Ok(latest.finish())
    }

    /// The plan of the search, without the rows that are too old for a limit on the newest ones.
    async fn without_older(
        &mut self,
        prepared: &Prepared,
        plan: LogicalPlan,
        part: TimeRange,
    ) -> std::result::Result<LogicalPlan, DataFusionError> {
        let Some((input, rows)) = newest_of(&plan) else {
            return Ok(plan);
        };
        if prepared.time != TimeColumn::Event || !self.counts_first(prepared, input)? {
            return Ok(plan);
        }
        match self.count(prepared, input, rows, None).await? {
            Some(oldest) => narrow(plan, TimeRange::new(oldest, part.end)),
            None => Ok(plan),
        }
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
        let frame = context.execute_logical_plan(counted).await?;
        let mut stream = frame.execute_stream().await?;
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
