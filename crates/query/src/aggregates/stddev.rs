//! `stddev`: how far the numbers spread.

use datafusion::functions_aggregate::expr_fn::stddev;

use super::Entry;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const ENTRY: Entry = Entry::new(
    "stddev",
    "stddev(<field>) [as <field>] [by <field>, …]",
    "The standard deviation of the numbers of each group, taken as a sample.",
    &["* | parse \"Duration: * ms\" as d | stddev(d) by function"],
    |planner, measure| {
        let number = measure.argument(planner)?.number();
        measure.named(Typed::new(stddev(number), FieldType::Double))
    },
);
