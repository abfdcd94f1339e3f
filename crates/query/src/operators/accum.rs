//! `accum`: running totals.

use super::{Entry, sequence};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "accum",
        kind: UnitKind::Operator,
        syntax: "accum <field> [as <field>] [by <field>, …]",
        summary: "Adds the running total of a field, row by row in their present order; `sort` first.",
        examples: &["* | timeslice 1m | count by _timeslice | sort + _timeslice | accum _count"],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let sequence = sequence::read(tokens, planner, "_accum")?;
    sequence::end_stage(planner, sequence, Box::new(running_totals));
    Ok(())
}

/// A row without a number adds nothing; before the first number there is no total.
fn running_totals(numbers: &[Option<f64>]) -> Vec<Option<f64>> {
    let totals = numbers
        .iter()
        .scan(None, |total: &mut Option<f64>, number| {
            if let Some(number) = number {
                *total = Some(total.unwrap_or(0.0) + number);
            }
            Some(*total)
        });
    totals.collect()
}
