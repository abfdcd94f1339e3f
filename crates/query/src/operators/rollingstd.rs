//! `rollingstd`: the moving standard deviation of a field.

use super::{Entry, sequence, smooth};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "rollingstd",
        kind: UnitKind::Operator,
        syntax: "rollingstd <field>[, <rows>] [as <field>] [by <field>, …]",
        summary: "Adds the standard deviation of a field over the last rows (10) up to each row, in their present order.",
        examples: &[
            "* | timeslice 1m | count by _timeslice | sort + _timeslice | rollingstd _count, 5",
        ],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let sequence = sequence::read(tokens, planner, "_rollingstd")?;
    let rows = sequence.rows.unwrap_or(smooth::ROWS);
    let run = move |numbers: &[Option<f64>]| sequence::windows(numbers, rows, sequence::deviation);
    sequence::end_stage(planner, sequence, Box::new(run));
    Ok(())
}
