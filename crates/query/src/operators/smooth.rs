//! `smooth`: the moving average of a field.

use super::{Entry, sequence};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "smooth",
        kind: UnitKind::Operator,
        syntax: "smooth <field>[, <rows>] [as <field>] [by <field>, …]",
        summary: "Adds the average of a field over the last rows (10) up to each row, in their present order.",
        examples: &[
            "* | timeslice 1m | count by _timeslice | sort + _timeslice | smooth _count, 5",
        ],
    },
    apply,
);

/// Rows in a window that is not given.
pub(super) const ROWS: usize = 10;

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let sequence = sequence::read(tokens, planner, "_smooth")?;
    let rows = sequence.rows.unwrap_or(ROWS);
    let run = move |numbers: &[Option<f64>]| sequence::windows(numbers, rows, sequence::mean);
    sequence::end_stage(planner, sequence, Box::new(run));
    Ok(())
}
