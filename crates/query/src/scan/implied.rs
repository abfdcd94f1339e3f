//! Tells the scans of a plan which conditions their rows must satisfy, wherever in the plan the
//! conditions stand.
//!
//! DataFusion moves a filter down to the scan only where it may be computed there. For an index
//! it is enough to know that a row without a match is of no use in the end: a filter on what
//! `parse` has found says which words a message must hold, though it must stand above the parse.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::utils::split_conjunction_owned;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, SubqueryAlias};
use datafusion::optimizer::optimizer::{OptimizerConfig, OptimizerRule};

use super::SegmentsTable;

/// Conditions that grow beyond this many nodes when names are replaced by what they stand for
/// are left out.
const CONDITION_NODES_MAX: usize = 1_000;

/// The rule, to be run after all others.
#[derive(Debug)]
pub(crate) struct TellScans;

impl OptimizerRule for TellScans {
    fn name(&self) -> &str {
        "tell_scans"
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        tell(plan, Vec::new())
    }
}

/// Passes `conditions`, which every row of `plan` must satisfy to count, on to its scans.
fn tell(plan: LogicalPlan, mut conditions: Vec<Expr>) -> Result<Transformed<LogicalPlan>> {
    match plan {
        LogicalPlan::TableScan(mut scan) => {
            let provider = source_as_provider(&scan.source)?;
            let table: &dyn Any = provider.as_ref();
            match table.downcast_ref::<SegmentsTable>() {
                Some(table) if table.conditions != conditions => {
                    let told = Arc::new(table.told(conditions));
                    scan.source = provider_as_source(told);
                    Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
                }
                _ => Ok(Transformed::no(LogicalPlan::TableScan(scan))),
            }
        }
        LogicalPlan::Filter(filter) => {
            conditions.extend(split_conjunction_owned(filter.predicate.clone()));
            LogicalPlan::Filter(filter).map_children(|input| tell(input, conditions.clone()))
        }
        LogicalPlan::Projection(projection) => {
            let below = through_projection(&projection, conditions)?;
            LogicalPlan::Projection(projection).map_children(|input| tell(input, below.clone()))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let below = through_alias(&alias, conditions)?;
            LogicalPlan::SubqueryAlias(alias).map_children(|input| tell(input, below.clone()))
        }
        // The order of rows does not matter to a condition; which of them are first does.
        LogicalPlan::Sort(sort) if sort.fetch.is_none() => {
            LogicalPlan::Sort(sort).map_children(|input| tell(input, conditions.clone()))
        }
        LogicalPlan::Repartition(repartition) => LogicalPlan::Repartition(repartition)
            .map_children(|input| tell(input, conditions.clone())),
        other => other.map_children(|input| tell(input, Vec::new())),
    }
}

/// The conditions with the names of a projection replaced by what they stand for.
fn through_projection(projection: &Projection, conditions: Vec<Expr>) -> Result<Vec<Expr>> {
    replaced(conditions, |column| {
        let index = projection.schema.maybe_index_of_column(column)?;
        Some(projection.expr.get(index)?.clone().unalias_nested().data)
    })
}

fn through_alias(alias: &SubqueryAlias, conditions: Vec<Expr>) -> Result<Vec<Expr>> {
    replaced(conditions, |column| {
        let index = alias.schema.maybe_index_of_column(column)?;
        let input = alias.input.schema();
        (index < input.fields().len())
            .then(|| Expr::Column(Column::from(input.qualified_field(index))))
    })
}

/// Replaces the columns of conditions; conditions for which that is not possible are left out.
fn replaced(conditions: Vec<Expr>, replace: impl Fn(&Column) -> Option<Expr>) -> Result<Vec<Expr>> {
    let mut replaced = Vec::new();
    for condition in conditions {
        let mut is_whole = true;
        let moved = condition.transform(|expr| {
            let Expr::Column(column) = &expr else {
                return Ok(Transformed::no(expr));
            };
            Ok(match replace(column) {
                // What is put in is not looked at again: its columns are those below.
                Some(other) => Transformed::new(other, true, TreeNodeRecursion::Jump),
                None => {
                    is_whole = false;
                    Transformed::no(expr)
                }
            })
        })?;
        if is_whole && nodes(&moved.data)? <= CONDITION_NODES_MAX {
            replaced.push(moved.data);
        }
    }
    Ok(replaced)
}

fn nodes(expr: &Expr) -> Result<usize> {
    let mut count = 0;
    expr.apply(|_| {
        count += 1;
        Ok(if count > CONDITION_NODES_MAX {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })?;
    Ok(count)
}
