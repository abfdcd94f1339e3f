//! `backshift`: the value of a field some rows before.

use datafusion::arrow::array::UInt32Array;
use datafusion::arrow::compute::take;

use super::{Entry, sequence};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::FieldType;
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table};
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "backshift",
        kind: UnitKind::Operator,
        syntax: "backshift <field>[, <rows>] [as <field>] [by <field>, …]",
        summary: "Adds the value that a field has some rows (1) before, in their present order; null where there is no such row.",
        examples: &[
            "* | timeslice 1m | count by _timeslice | sort + _timeslice | backshift _count as before",
        ],
    },
    apply,
);

#[derive(Debug)]
struct Backshift {
    name: String,
    field_type: FieldType,
    rows: usize,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let sequence = sequence::read(tokens, planner, "_backshift")?;
    let step = Backshift {
        name: sequence.name,
        field_type: sequence.value.field_type,
        rows: sequence.rows.unwrap_or(1),
    };
    let arguments = std::iter::once(sequence.value.expr).chain(sequence.keys);
    planner.end_stage(arguments.collect(), step);
    Ok(())
}

impl Step for Backshift {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let mut places = vec![None; input.table.length()];
        for rows in input.groups(1)?.rows {
            for (row, earlier) in rows.iter().skip(self.rows).zip(&rows) {
                places[*row as usize] = Some(*earlier);
            }
        }
        let values = take(&input.arguments[0], &UInt32Array::from(places), None)?;
        input.table.add(&self.name, self.field_type, values)
    }
}
