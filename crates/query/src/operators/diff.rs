//! `diff`: the change of a field since the row before.

use super::{Entry, sequence};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "diff",
        kind: UnitKind::Operator,
        syntax: "diff <field> [as <field>] [by <field>, …]",
        summary: "Adds the change of a field since the row before, in their present order; the first row has none.",
        examples: &["* | timeslice 1m | count by _timeslice | sort + _timeslice | diff _count"],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let sequence = sequence::read(tokens, planner, "_diff")?;
    sequence::end_stage(planner, sequence, Box::new(changes));
    Ok(())
}

fn changes(numbers: &[Option<f64>]) -> Vec<Option<f64>> {
    let before = std::iter::once(&None).chain(numbers);
    let changes = numbers.iter().zip(before);
    changes
        .map(|(now, before)| Some((*now)? - (*before)?))
        .collect()
}
