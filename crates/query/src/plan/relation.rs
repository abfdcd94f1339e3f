//! Projections, filters and groups whose columns are looked for where they come from.
//!
//! DataFusion's builder looks through the whole plan for each of them: queries of hundreds of
//! stages took seconds.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr_rewriter::normalize_col_with_schemas_and_ambiguity_check;
use datafusion::logical_expr::{Aggregate, Expr, Filter, LogicalPlan, Projection};

pub(super) fn project(plan: LogicalPlan, outputs: Vec<Expr>) -> Result<LogicalPlan> {
    let outputs = near(outputs, plan.schema())?;
    Projection::try_new(outputs, Arc::new(plan)).map(LogicalPlan::Projection)
}

pub(super) fn filter(plan: LogicalPlan, condition: Expr) -> Result<LogicalPlan> {
    let condition = near_one(condition, plan.schema())?;
    Filter::try_new(condition, Arc::new(plan)).map(LogicalPlan::Filter)
}

pub(super) fn aggregate(
    plan: LogicalPlan,
    keys: Vec<Expr>,
    measures: Vec<Expr>,
) -> Result<LogicalPlan> {
    let (keys, measures) = (near(keys, plan.schema())?, near(measures, plan.schema())?);
    Aggregate::try_new(Arc::new(plan), keys, measures).map(LogicalPlan::Aggregate)
}

fn near(exprs: Vec<Expr>, input: &DFSchema) -> Result<Vec<Expr>> {
    let exprs = exprs.into_iter();
    exprs.map(|expr| near_one(expr, input)).collect()
}

fn near_one(expr: Expr, input: &DFSchema) -> Result<Expr> {
    normalize_col_with_schemas_and_ambiguity_check(expr, &[&[input]], &[])
}
