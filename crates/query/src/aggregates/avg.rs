//! `avg`: the mean.

use datafusion::functions_aggregate::expr_fn::avg;

use super::Entry;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const ENTRY: Entry = Entry::new(
    "avg",
    "avg(<field>) [as <field>] [by <field>, …]",
    "The mean of the numbers of each group; what is no number does not count.",
    &["* | parse \"Duration: * ms\" as d | avg(d) by function"],
    |planner, measure| {
        let number = measure.argument(planner)?.number();
        measure.named(Typed::new(avg(number), FieldType::Double))
    },
);
