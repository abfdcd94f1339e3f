//! `count`: how many.

use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::lit;

use super::Entry;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const ENTRY: Entry = Entry::new(
    "count",
    "count [(<field>)] [as <field>] [by <field>, …]",
    "The rows of each group; with a field those where it is not null.",
    &[
        "* | count by function",
        "* | count as errors, count(account) by level",
    ],
    |planner, measure| {
        let rows = match measure.arguments.as_slice() {
            [] => count(lit(1)),
            _ => count(measure.argument(planner)?.expr),
        };
        measure.named(Typed::new(rows, FieldType::Long))
    },
)
.without_field();
