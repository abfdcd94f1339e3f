//! `first` and `last`: values by the order of the rows, which is newest first unless a stage
//! before has sorted them.

use datafusion::functions_aggregate::expr_fn::{first_value, last_value};

use super::Entry;
use crate::plan::planner::Typed;

pub(super) const FIRST: Entry = Entry::new(
    "first",
    "first(<field>) [as <field>] [by <field>, …]",
    "The value in the first row of each group: the newest, unless rows were sorted before.",
    &["* | first(level) by function"],
    |planner, measure| {
        let value = measure.argument(planner)?;
        let first = first_value(value.expr, planner.order());
        measure.named(Typed::new(first, value.field_type))
    },
);

pub(super) const LAST: Entry = Entry::new(
    "last",
    "last(<field>) [as <field>] [by <field>, …]",
    "The value in the last row of each group: the oldest, unless rows were sorted before.",
    &["* | last(level) by function"],
    |planner, measure| {
        let value = measure.argument(planner)?;
        let last = last_value(value.expr, planner.order());
        measure.named(Typed::new(last, value.field_type))
    },
);
