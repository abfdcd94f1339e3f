//! What is to be erased, said as the scope of a query: words and fields, no operators.

use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::common::{DFSchema, Result as EngineResult, ScalarValue};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Expr, LogicalPlan, col, lit};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use model::TimeRange;
use storage::Erasure;

use crate::syntax::Diagnostic;
use crate::{Engine, QueryContext, QueryError, Result};

/// Turns the scope `text`, for events inside `context.range`, into what
/// [`storage::Store::erase`] asks of each batch.
///
/// # Errors
/// The mistakes of the text; that it asks for more than a scope, or for nothing at all, is one.
pub fn erasure(engine: &Engine, text: &str, context: &QueryContext) -> Result<Erasure> {
    // The empty range: no data is needed to plan.
    let nothing = TimeRange::new(context.range.start, context.range.start);
    let session = engine.session(nothing)?;
    let planned = crate::plan(text, context, &session).map_err(QueryError::Invalid)?;
    let predicate = predicate(&planned.plan).filter(|_| !planned.has_later_stages());
    let Some(predicate) = predicate else {
        let message =
            "only words and fields say what is erased, without operators, and not all of it";
        let mistake = Diagnostic::error(0..text.len(), message.to_owned());
        return Err(QueryError::Invalid(vec![mistake.locate(text)]));
    };
    let inside = predicate.and(inside(context.range));
    let physical = physical(&session, inside)?;
    Ok(Arc::new(move |batch| {
        evaluate(physical.as_ref(), batch)
            .map_err(|error| storage::StorageError::Decode(format!("rows to erase: {error}")))
    }))
}

/// The condition of a plan that does nothing else than to filter the table.
fn predicate(plan: &LogicalPlan) -> Option<Expr> {
    match plan {
        LogicalPlan::Filter(filter) => match filter.input.as_ref() {
            LogicalPlan::TableScan(_) => Some(filter.predicate.clone()),
            _ => None,
        },
        // The columns of a result; names are chosen there and nothing else.
        LogicalPlan::Projection(projection) => predicate(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => predicate(&alias.input),
        _ => None,
    }
}

fn inside(range: TimeRange) -> Expr {
    let moment = |at: model::Timestamp| {
        lit(ScalarValue::TimestampNanosecond(
            Some(at.nanos()),
            Some("UTC".into()),
        ))
    };
    let time = || col("events.event_time");
    time()
        .gt_eq(moment(range.start))
        .and(time().lt(moment(range.end)))
}

fn physical(session: &SessionContext, predicate: Expr) -> EngineResult<Arc<dyn PhysicalExpr>> {
    let schema = storage::events_schema();
    let schema = DFSchema::try_from_qualified_schema("events", &schema)?;
    // Some functions run only in their simplified form.
    let context = SimplifyContext::builder().with_schema(Arc::new(schema.clone()));
    let simplifier = ExprSimplifier::new(context.build());
    let predicate = simplifier.simplify(simplifier.coerce(predicate, &schema)?)?;
    session.create_physical_expr(predicate, &schema)
}

fn evaluate(predicate: &dyn PhysicalExpr, batch: &RecordBatch) -> EngineResult<BooleanArray> {
    let found = predicate.evaluate(batch)?.into_array(batch.num_rows())?;
    Ok(found.as_boolean().clone())
}
