//! Puts the cheap conditions of every filter before the dear ones.
//!
//! A condition is computed for the rows that those before it have left, so the order decides how
//! many rows are parsed. It is put right when the plan is physical: moving filters together, the
//! optimizer puts those of later stages first.

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
            if conditions.is_sorted_by_key(cost) {
                return Ok(Transformed::no(node));
            }
            conditions.sort_by_key(cost);
            let ordered = conjunction(conditions.into_iter().cloned());
            let filter = FilterExecBuilder::from(filter).with_predicate(ordered);
            Ok(Transformed::yes(Arc::new(filter.build()?) as _))
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

/// What a condition costs, roughly: values of columns, then words in text, then what must be
/// taken out of text first.
fn cost(condition: &&Arc<dyn PhysicalExpr>) -> u8 {
    let mut cost = 0;
    let walked = condition.apply(|expr| {
        if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
            cost = cost.max(match call.name() {
                "part" | "json_path" | "json_auto" | "field_named" => 3,
                "text_match" | "glob_match" => 2,
                "text_contains" | "json_may_hold" => 1,
                _ => 0,
            });
        }
        Ok(TreeNodeRecursion::Continue)
    });
    walked.map_or(u8::MAX, |_| cost)
}
