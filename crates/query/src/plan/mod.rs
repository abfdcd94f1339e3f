//! A query becomes a DataFusion plan over the table `events`, and steps and plans over what it makes.

mod lower;
mod order;
pub(crate) mod pipeline;
pub(crate) mod planner;
pub(crate) mod relation;
mod scope;
mod sql;
pub(crate) mod stage;
pub(crate) mod subquery;
pub(crate) mod traces;

pub use sql::SqlText;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::{DataFrame, SessionContext};
use futures::future::BoxFuture;
use model::{TimeRange, Timestamp};
use serde::Serialize;

use self::pipeline::{Later, Pipeline};
use self::subquery::Subquery;
use crate::Result;
use crate::syntax::{self, Diagnostic};

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

impl FieldType {
    /// How values of this type are held.
    pub(crate) fn data_type(self) -> DataType {
        match self {
            FieldType::String => DataType::Utf8View,
            FieldType::Int | FieldType::Long => DataType::Int64,
            FieldType::Double => DataType::Float64,
            FieldType::Boolean => DataType::Boolean,
        }
    }
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

impl ResultField {
    /// A field that rows are grouped by, in a column of the same name.
    pub(crate) fn key(name: &str, field_type: FieldType) -> Self {
        ResultField {
            is_key: true,
            ..ResultField::measure(name, field_type)
        }
    }

    /// Any other field, in a column of the same name.
    pub(crate) fn measure(name: &str, field_type: FieldType) -> Self {
        ResultField {
            name: name.to_owned(),
            column: name.to_owned(),
            field_type,
            is_key: false,
        }
    }
}

/// A query that is ready to run.
#[derive(Clone, Debug)]
pub struct Planned {
    /// Whether the result is events or records.
    pub kind: ResultKind,
    /// The first stage: over the table `events`. Questions that it holds (`[subquery: …]`) are
    /// answered by [`Planned::first_stage`].
    pub plan: LogicalPlan,
    /// The fields of the result; if a later stage may make fields of what it finds, only those
    /// that are known before.
    pub fields: Vec<ResultField>,
    /// Whether the plan itself puts its rows in order; otherwise messages are wanted newest first.
    pub is_sorted: bool,
    subqueries: Vec<Arc<Subquery>>,
    /// What the stages before had to say.
    warnings: Vec<String>,
    later: Option<Arc<Later>>,
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
    /// What the user should know about them.
    pub warnings: Vec<String>,
}

impl Planned {
    /// A query of one stage.
    pub(crate) fn of_plan(plan: LogicalPlan, fields: Vec<ResultField>) -> Planned {
        Planned {
            kind: ResultKind::Records,
            plan,
            fields,
            is_sorted: true,
            subqueries: Vec::new(),
            warnings: Vec::new(),
            later: None,
        }
    }

    /// What the user should know before the query runs.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Whether stages follow that need the whole result of the first one.
    pub fn has_later_stages(&self) -> bool {
        self.later.is_some()
    }

    /// Returns the plan of the first stage, with the answers of its subqueries in it.
    ///
    /// # Errors
    /// If a subquery cannot be answered.
    pub fn first_stage<'a>(
        &'a self,
        session: &'a SessionContext,
    ) -> BoxFuture<'a, Result<LogicalPlan>> {
        Box::pin(async move {
            let mut plan = self.plan.clone();
            for subquery in &self.subqueries {
                plan = Box::pin(subquery.answer(plan, session)).await?;
            }
            Ok(plan)
        })
    }

    /// Runs all stages.
    ///
    /// # Errors
    /// If the engine fails, or an operator cannot work on the rows that it gets.
    pub fn execute<'a>(&'a self, session: &'a SessionContext) -> BoxFuture<'a, Result<Output>> {
        Box::pin(async move { self.run(session, None).await })
    }

    /// Runs all stages, and the last one for not more than `rows_max` rows.
    pub(crate) async fn first_rows(
        &self,
        session: &SessionContext,
        rows_max: usize,
    ) -> Result<Output> {
        self.run(session, Some(rows_max)).await
    }

    async fn run(&self, session: &SessionContext, rows_max: Option<usize>) -> Result<Output> {
        let plan = self.first_stage(session).await?;
        if let Some(later) = &self.later {
            let rows = rows_of(plan, session).await?;
            let mut planned = later.run(rows, session).await?;
            planned.warnings.splice(0..0, self.warnings.iter().cloned());
            return Box::pin(planned.run(&pipeline::in_order(session), rows_max)).await;
        }
        let plan = match rows_max {
            Some(_) => LogicalPlanBuilder::from(plan).limit(0, rows_max)?.build()?,
            None => plan,
        };
        let frame = DataFrame::new(session.state(), plan);
        Ok(Output {
            kind: self.kind,
            fields: self.fields.clone(),
            batches: frame.collect().await?,
            warnings: self.warnings.clone(),
        })
    }
}

/// Runs a plan that only reads, and gives its rows as they come.
pub(crate) async fn rows_of(
    plan: LogicalPlan,
    session: &SessionContext,
) -> datafusion::error::Result<SendableRecordBatchStream> {
    DataFrame::new(session.state(), plan).execute_stream().await
}

/// Plans `text` over the table `events` of `session`.
///
/// # Errors
/// Every mistake of the query, with its position; a `{{parameter}}` without a value is one.
pub fn plan(
    text: &str,
    context: &QueryContext,
    session: &SessionContext,
) -> std::result::Result<Planned, Vec<Diagnostic>> {
    let unfilled = unfilled_parameters(text);
    if unfilled.is_empty() {
        plan_filling_parameters(text, context, session)
    } else {
        Err(unfilled)
    }
}

/// Complains about each `{{parameter}}`: where a query runs, they have values.
pub(crate) fn unfilled_parameters(text: &str) -> Vec<Diagnostic> {
    let unfilled = parameters(text)
        .map(|(span, name)| Diagnostic::error(span, format!("parameter `{name}` has no value")));
    syntax::located(unfilled.collect(), text)
}

/// Returns each `{{name}}` of the text, wherever it stands, with its place.
fn parameters(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str)> {
    text.match_indices("{{").filter_map(|(start, opening)| {
        let inside = text.get(start + opening.len()..)?;
        let belongs = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
        let (name, behind) = inside.split_at(inside.find(|c| !belongs(c))?);
        let is_name = !name.is_empty() && behind.starts_with("}}");
        is_name.then(|| (start..start + name.len() + 4, name))
    })
}

/// Plans `text` as [`plan`] does, with parameters filled by position: `*` where text stands, a
/// number or duration where one is needed.
///
/// # Errors
/// Every mistake of the query, with its position.
pub(crate) fn plan_filling_parameters(
    text: &str,
    context: &QueryContext,
    session: &SessionContext,
) -> std::result::Result<Planned, Vec<Diagnostic>> {
    syntax::at_most_chars(text)?;
    let pieces = syntax::pipeline::cut(text);
    let pipeline = Pipeline::new(&pieces, context.clone());
    let planned = pipeline.plan_events(session, pieces.diagnostics);
    planned.map_err(|found| syntax::located(found, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_wherever_it_stands() {
        let found = unfilled_parameters("a={{x.y}} | where b = \"{{z}}\" and {{ }} {{");
        let found: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
        assert_eq!(
            found,
            ["parameter `x.y` has no value", "parameter `z` has no value"]
        );
    }
}
