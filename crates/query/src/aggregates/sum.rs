//! `sum`: the total.

use datafusion::functions_aggregate::expr_fn::sum;

use super::Entry;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const ENTRY: Entry = Entry::new(
    "sum",
    "sum(<field>) [as <field>] [by <field>, …]",
    "The total of the numbers of each group; what is no number does not count.",
    &["* | parse \"Duration: * ms\" as d | sum(d) by function"],
    |planner, measure| {
        let number = measure.argument(planner)?.number();
        measure.named(Typed::new(sum(number), FieldType::Double))
    },
);
