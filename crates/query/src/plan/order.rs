//! The order of rows: what a stage sorts by, and what later stages can rely on.

use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Sort;

use super::planner::{Planner, column};
use super::{ResultKind, relation};

/// Stages of a query that rank rows, `topk` and `dedup`. The optimizer looks at all of them for each
/// one: 140 take seconds.
const RANKS_MAX: usize = 30;

impl Planner<'_> {
    /// The order in which rows come: newest first, unless a stage has sorted them.
    pub(crate) fn order(&self) -> Vec<Sort> {
        match self.kind {
            ResultKind::Messages if !self.is_sorted => {
                vec![column("event_time").sort(false, false)]
            }
            _ => self.sorted_by.clone(),
        }
    }

    /// Adds a column that ranks the rows.
    pub(crate) fn rank(&mut self, function: Expr, name: &str) -> Result<(), String> {
        self.ranks += 1;
        if self.ranks > RANKS_MAX {
            return Err(format!(
                "more than {RANKS_MAX} stages that rank rows (RANKS_MAX)"
            ));
        }
        self.relate(|plan| relation::window(plan, function.alias(name)));
        Ok(())
    }

    /// Orders the rows.
    pub(crate) fn sort(&mut self, keys: Vec<Sort>) {
        for key in std::mem::take(&mut self.sorted_by) {
            self.traces.hand_on_no_more(&key.expr);
        }
        let order = self.by_columns(keys, true);
        self.sorted_by.clone_from(&order);
        if !order.is_empty() {
            self.relate(|plan| relation::sort(plan, order));
        }
        self.is_sorted = true;
    }

    /// The same order, by columns alone and each once: DataFusion 55 derives orders from orders, and
    /// refuses or panics where keys are functions of a group's keys, constants or equal. Unless they
    /// are kept, the next `assign` drops columns that are made for it.
    pub(crate) fn by_columns(&mut self, keys: Vec<Sort>, is_kept: bool) -> Vec<Sort> {
        let mut known: Vec<Expr> = Vec::new();
        let mut order: Vec<Sort> = Vec::new();
        for key in keys {
            if matches!(key.expr, Expr::Literal(..)) || known.contains(&key.expr) {
                continue;
            }
            known.push(key.expr.clone());
            let expr = match key.expr {
                Expr::Column(_) => key.expr,
                other => self.hide(other, is_kept),
            };
            order.push(Sort { expr, ..key });
        }
        order
    }
}
