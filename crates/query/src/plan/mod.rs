//! A query becomes a DataFusion plan over the table `events`.

mod lower;
pub(crate) mod planner;
pub(crate) mod traces;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, lit, not};
use datafusion::prelude::SessionContext;
use futures::FutureExt as _;
use model::{TimeRange, Timestamp};
use serde::Serialize;

use self::planner::{Planner, column, text_literal};
use crate::functions::kernels::call;
use crate::functions::text_search;
use crate::operators;
use crate::syntax::scope::Scope;
use crate::syntax::tokens::Tokens;
use crate::syntax::{Diagnostic, lexer, pipeline, scope};

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
/// Every mistake of the query, with its position; a `{{parameter}}` without a value is one.
pub fn plan(
    text: &str,
    context: &QueryContext,
    session: &SessionContext,
) -> Result<Planned, Vec<Diagnostic>> {
    let unfilled = unfilled_parameters(text);
    if unfilled.is_empty() {
        plan_filling_parameters(text, context, session)
    } else {
        Err(unfilled)
    }
}

/// Complains about each `{{parameter}}`: where a query runs, they have values.
pub(crate) fn unfilled_parameters(text: &str) -> Vec<Diagnostic> {
    parameters(text)
        .map(|(span, name)| {
            Diagnostic::error(span, format!("parameter `{name}` has no value")).locate(text)
        })
        .collect()
}

/// Returns each `{{name}}` of the text, wherever it stands, with its place.
fn parameters(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, &str)> {
    text.match_indices("{{").filter_map(|(start, opening)| {
        let (name, _) = text.get(start + opening.len()..)?.split_once("}}")?;
        let is_name = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
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
) -> Result<Planned, Vec<Diagnostic>> {
    let pieces = pipeline::cut(text);
    let locate = |found: Vec<Diagnostic>| -> Vec<Diagnostic> {
        found.into_iter().map(|found| found.locate(text)).collect()
    };
    let table = session.table("events").now_or_never();
    let Some(Ok(table)) = table else {
        return Err(vec![Diagnostic::error(
            0..0,
            "the table `events` cannot be opened",
        )]);
    };
    let mut planner = Planner::new(table.into_unoptimized_plan(), context);
    planner.diagnostics = pieces.diagnostics;
    let scope = scope::parse(&pieces.text, pieces.scope, &mut planner.diagnostics);
    if scope != Scope::All {
        let condition = condition(&mut planner, &scope);
        planner.filter(condition);
    }
    for range in pieces.stages {
        let end = range.end;
        let words = lexer::lex(&pieces.text, range, &mut planner.diagnostics);
        let mut tokens = Tokens::new(words, end);
        if let Err(found) = operators::apply(&mut tokens, &mut planner) {
            planner.diagnostics.push(found);
            planner.is_open = true;
        }
    }
    if !planner.diagnostics.is_empty() {
        return Err(locate(planner.diagnostics));
    }
    Ok(planner.finish())
}

/// Lowers the scope to a condition.
fn condition(planner: &mut Planner<'_>, scope: &Scope) -> Expr {
    match scope {
        Scope::All => lit(true),
        Scope::Text(phrase) => {
            let pattern = text_literal(&text_search::phrase_pattern(phrase));
            call(
                "text_match",
                text_search::MATCH,
                vec![pattern, column("message")],
            )
        }
        Scope::Field {
            name,
            span,
            value,
            is_negated,
        } => {
            let field = planner.resolve(name, span).text();
            let found = if value == "*" {
                field
                    .clone()
                    .is_not_null()
                    .and(field.not_eq(text_literal("")))
            } else {
                let pattern = text_literal(&text_search::value_pattern(value));
                let matched = call("text_match", text_search::MATCH, vec![pattern, field]);
                datafusion::prelude::coalesce(vec![matched, lit(false)])
            };
            if *is_negated { not(found) } else { found }
        }
        Scope::Compare {
            name,
            span,
            operation,
            value,
        } => {
            let field = planner.resolve(name, span);
            let value = match value.parse() {
                Ok(number) => lower::number(number),
                Err(_) => planner::Typed::new(text_literal(value), FieldType::String),
            };
            let found = lower::compare(*operation, &field, &value);
            datafusion::prelude::coalesce(vec![found, lit(false)])
        }
        Scope::Not(inner) => not(condition(planner, inner)),
        Scope::And(parts) => parts
            .iter()
            .map(|part| condition(planner, part))
            .reduce(Expr::and)
            .unwrap_or_else(|| lit(true)),
        Scope::Or(parts) => parts
            .iter()
            .map(|part| condition(planner, part))
            .reduce(Expr::or)
            .unwrap_or_else(|| lit(true)),
    }
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
