//! A query becomes a DataFusion plan over the table `events`.

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use model::{TimeRange, Timestamp};
use serde::Serialize;

use crate::syntax::Diagnostic;

/// What a query depends on besides its text.
#[derive(Clone, Debug)]
pub struct QueryContext {
    /// The time range that is searched.
    pub range: TimeRange,
    /// The present, for `now()`.
    pub now: Timestamp,
    /// The user's time zone, for `timeslice` and `formatDate`.
    pub time_zone: jiff::tz::TimeZone,
    /// Whether fields are looked for in JSON messages without being parsed explicitly.
    pub auto_parse: bool,
}

/// What the rows of a result are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResultKind {
    /// Events with their fields.
    Messages,
    /// Rows of an aggregation.
    Records,
}

/// The type of a field of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Text.
    String,
    /// A small whole number.
    Int,
    /// A whole number.
    Long,
    /// A number with a fraction.
    Double,
    /// True or false.
    Boolean,
}

/// A field of a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ResultField {
    /// The name as shown.
    pub name: String,
    /// The column of the plan's output that holds it.
    pub column: String,
    /// Its type.
    pub field_type: FieldType,
    /// Whether an aggregation grouped by it.
    pub is_key: bool,
}

/// A query that is ready to run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Events or records.
    pub kind: ResultKind,
    /// The first stage: over the table `events`.
    pub plan: LogicalPlan,
    /// The fields of the result (of the first stage, if more stages follow).
    pub fields: Vec<ResultField>,
    /// Whether the plan itself puts its rows in order; otherwise messages are wanted newest first.
    pub is_sorted: bool,
}

/// The finished result of a query.
#[derive(Clone, Debug)]
pub struct Output {
    /// Events or records.
    pub kind: ResultKind,
    /// The fields, in order.
    pub fields: Vec<ResultField>,
    /// The rows.
    pub batches: Vec<RecordBatch>,
}

impl Planned {
    /// Whether stages follow that need the whole result of `plan`: then it must be collected and
    /// given to [`Planned::finish`].
    pub fn has_later_stages(&self) -> bool {
        false
    }

    /// Runs the stages that follow `plan` on its collected result; without any, hands it back.
    #[expect(clippy::unused_async, reason = "later stages run plans")]
    pub async fn finish(
        &self,
        _session: &SessionContext,
        batches: Vec<RecordBatch>,
    ) -> Result<Output, DataFusionError> {
        Ok(Output {
            kind: self.kind,
            fields: self.fields.clone(),
            batches,
        })
    }

    /// Runs all stages.
    pub async fn execute(&self, session: &SessionContext) -> Result<Output, DataFusionError> {
        let frame = session.execute_logical_plan(self.plan.clone()).await?;
        let batches = frame.collect().await?;
        self.finish(session, batches).await
    }
}

/// Plans `text` over the table `events` of `session`.
///
/// # Errors
/// Every mistake of the query, with its position.
pub fn plan(
    _text: &str,
    _context: &QueryContext,
    _session: &SessionContext,
) -> Result<Planned, Vec<Diagnostic>> {
    Err(vec![Diagnostic::error(
        0..0,
        "the pipe language is not available yet",
    )])
}
