//! `most_recent` and `least_recent`: values by their time. `withtime` notes the time of a value in
//! the value itself, so that it survives earlier aggregations.

use datafusion::functions_aggregate::expr_fn::first_value;
use datafusion::logical_expr::lit;
use datafusion::prelude::coalesce;

use super::{Entry, Measure};
use crate::functions::kernels::call;
use crate::functions::time::{NOTED_TIME, NOTED_VALUE};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed};
use crate::syntax::tokens::Parsed;

pub(super) const MOST_RECENT: Entry = Entry::new(
    "most_recent",
    "most_recent(<field>) [as <field>] [by <field>, …]",
    "The newest value of each group, whatever the order of the rows; of `withtime` fields by the \
     time noted there.",
    &["* | withtime level | most_recent(level_withtime) by function"],
    |planner, measure| by_time(planner, measure, false),
);

pub(super) const LEAST_RECENT: Entry = Entry::new(
    "least_recent",
    "least_recent(<field>) [as <field>] [by <field>, …]",
    "The oldest value of each group, whatever the order of the rows; of `withtime` fields by the \
     time noted there.",
    &["* | withtime level | least_recent(level_withtime) by function"],
    |planner, measure| by_time(planner, measure, true),
);

fn by_time(
    planner: &mut Planner<'_>,
    measure: &Measure,
    is_oldest: bool,
) -> Parsed<Vec<(String, Typed)>> {
    let value = measure.argument(planner)?.text();
    let noted = call("noted_time", NOTED_TIME, vec![value.clone()]);
    let time = match planner.moment() {
        Some(moment) => coalesce(vec![noted, moment]),
        None => coalesce(vec![noted, lit(0_i64)]),
    };
    let order = vec![time.sort(is_oldest, false)];
    let value = call("noted_value", NOTED_VALUE, vec![value]);
    let found = first_value(value, order);
    measure.named(Typed::new(found, FieldType::String))
}
