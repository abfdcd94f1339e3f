//! `min` and `max`: the smallest and the largest number.

use datafusion::functions_aggregate::expr_fn::{max, min};

use super::Entry;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

pub(super) const MAX: Entry = Entry::new(
    "max",
    "max(<field>) [as <field>] [by <field>, …]",
    "The largest number of each group.",
    &["* | parse \"Duration: * ms\" as d | max(d) by function"],
    |planner, measure| {
        let number = measure.argument(planner)?.number();
        measure.named(Typed::new(max(number), FieldType::Double))
    },
);

pub(super) const MIN: Entry = Entry::new(
    "min",
    "min(<field>) [as <field>] [by <field>, …]",
    "The smallest number of each group.",
    &["* | parse \"Duration: * ms\" as d | min(d) by function"],
    |planner, measure| {
        let number = measure.argument(planner)?.number();
        measure.named(Typed::new(min(number), FieldType::Double))
    },
);
