//! From a request to a search that can run: a session, and the text planned in it.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use model::TimeRange;

use super::SearchRequest;
use super::filters::{filtered, rowwise_end, scope_end};
use super::status::{SearchState, SearchStatus};
use crate::scan::TimeColumn;
use crate::session::{Engine, OpenSession};
use crate::{
    Diagnostic, FieldType, Language, Planned, QueryContext, QueryError, Result, ResultField,
    ResultKind, plan,
};

/// A search that is planned and can run.
pub(super) struct Prepared {
    pub(super) session: OpenSession,
    text: String,
    pub(super) planned: Planned,
    /// The events that an aggregate query is about, if they are to be counted over time.
    pub(super) scope: Option<LogicalPlan>,
    pub(super) range: TimeRange,
    pub(super) time: TimeColumn,
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
    let planned = plan(events, context, &session.context)?;
    // The rows of a table are no events.
    let are_events = planned.kind == ResultKind::Messages;
    are_events.then_some(planned.plan).ok_or_else(Vec::new)
}

async fn plan_sql(text: &str, session: &OpenSession) -> Result<Planned> {
    let invalid = |error: DataFusionError| {
        QueryError::Invalid(vec![
            Diagnostic::error(0..text.len(), error.strip_backtrace()).locate(text),
        ])
    };
    let state = session.context.state();
    let plan = sql::plan(text, &state).await.map_err(invalid)?;
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
