//! Projections, filters, groups and orders whose columns are looked for where they come from.
//!
//! DataFusion's builder looks through the whole plan for each of them: queries of hundreds of
//! stages took seconds.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::Sort as SortKey;
use datafusion::logical_expr::expr_rewriter::normalize_col_with_schemas_and_ambiguity_check;
use datafusion::logical_expr::{Aggregate, Expr, Filter, LogicalPlan, Projection, Sort, Window};
use model::limits::QUERY_READS_MAX;

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

pub(super) fn sort(plan: LogicalPlan, keys: Vec<SortKey>) -> Result<LogicalPlan> {
    let keys = keys.into_iter().map(|key| {
        let expr = near_one(key.expr, plan.schema())?;
        Ok(SortKey { expr, ..key })
    });
    Ok(LogicalPlan::Sort(Sort {
        expr: keys.collect::<Result<_>>()?,
        input: Arc::new(plan),
        fetch: None,
    }))
}

pub(super) fn window(plan: LogicalPlan, function: Expr) -> Result<LogicalPlan> {
    let function = near_one(function, plan.schema())?;
    Window::try_new(vec![function], Arc::new(plan)).map(LogicalPlan::Window)
}

/// Says what is wrong with joining two plans: what is read twice is read four times by the next one.
pub(crate) fn check_reads(
    left: &LogicalPlan,
    right: &LogicalPlan,
) -> std::result::Result<(), String> {
    match reads(left) + reads(right) > QUERY_READS_MAX {
        true => Err(reads_too_often()),
        false => Ok(()),
    }
}

/// What is said about a query that reads its events too often.
pub(crate) fn reads_too_often() -> String {
    format!("the events would be read more than {QUERY_READS_MAX} times (QUERY_READS_MAX)")
}

/// How many tables a plan reads, the same one as often as it is read.
pub(crate) fn reads(plan: &LogicalPlan) -> usize {
    let inputs = plan.inputs();
    inputs
        .iter()
        .map(|input| reads(input))
        .sum::<usize>()
        .max(1)
}

fn near(exprs: Vec<Expr>, input: &DFSchema) -> Result<Vec<Expr>> {
    let exprs = exprs.into_iter();
    exprs.map(|expr| near_one(expr, input)).collect()
}

fn near_one(expr: Expr, input: &DFSchema) -> Result<Expr> {
    normalize_col_with_schemas_and_ambiguity_check(expr, &[&[input]], &[])
}
