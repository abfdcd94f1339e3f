//! Puts the cheap conditions of every filter before the dear ones.
//!
//! A condition is computed for the rows that those before it have left, so the order decides how
//! many rows are parsed. It is put right when the plan is physical: moving filters together, the
//! optimizer puts those of later stages first. What parses text gets a filter of its own: within one
//! filter, DataFusion computes a condition for all rows unless those before it leave few.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr, conjunction, split_conjunction};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::{FilterExec, FilterExecBuilder};

/// The rule, to be run after all others.
#[derive(Debug)]
pub(crate) struct CheapFirst;

impl PhysicalOptimizerRule for CheapFirst {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let ordered = plan.transform_up(|node| {
            let Some(filter) = node.downcast_ref::<FilterExec>() else {
                return Ok(Transformed::no(node));
            };
            let mut conditions = split_conjunction(filter.predicate());
            let is_sorted = conditions.is_sorted_by_key(cost);
            conditions.sort_by_key(cost);
            let parsing = conditions.partition_point(|condition| cost(condition) < PARSING);
            let (cheap, dear) = conditions.split_at(parsing);
            if is_sorted && (cheap.is_empty() || dear.is_empty()) {
                return Ok(Transformed::no(node));
            }
            let all = |conditions: &[&Arc<dyn PhysicalExpr>]| {
                conjunction(conditions.iter().map(|condition| Arc::clone(condition)))
            };
            let builder = FilterExecBuilder::from(filter);
            let ordered = if cheap.is_empty() || dear.is_empty() {
                builder.with_predicate(all(&conditions)).build()?
            } else {
                let before = FilterExecBuilder::new(all(cheap), Arc::clone(filter.input()));
                let before = Arc::new(before.build()?);
                builder
                    .with_input(before)
                    .with_predicate(all(dear))
                    .build()?
            };
            Ok(Transformed::yes(Arc::new(ordered) as _))
        })?;
        Ok(ordered.data)
    }

    fn name(&self) -> &str {
        "cheap_first"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The cost of a condition that takes parts out of text.
const PARSING: u8 = 3;

/// What a condition costs, roughly: values of columns, then words in text, then what must be
/// taken out of text first.
fn cost(condition: &&Arc<dyn PhysicalExpr>) -> u8 {
    let mut cost = 0;
    let walked = condition.apply(|expr| {
        if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
            cost = cost.max(match call.name() {
                "part" | "json_path" | "json_auto" | "field_named" => PARSING,
                "text_match" | "glob_match" => 2,
                "text_contains" | "json_may_hold" => 1,
                _ => 0,
            });
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_or(u8::MAX, |_| cost)
}
