//! `total`: the sum of a field, on every row.

use super::{Entry, sequence};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "total",
        kind: UnitKind::Operator,
        syntax: "total <field> [as <field>] [by <field>, …]",
        summary: "Adds the sum of a field over all rows (or over those of the same group) to every row.",
        examples: &["* | count by function | total _count as all | 100 * _count / all as percent"],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let sequence = sequence::read(tokens, planner, "_total")?;
    sequence::end_stage(planner, sequence, Box::new(totals));
    Ok(())
}

fn totals(numbers: &[Option<f64>]) -> Vec<Option<f64>> {
    vec![Some(numbers.iter().flatten().sum()); numbers.len()]
}
