//! `withtime`: notes in a value when it was true, for `most_recent` and `least_recent`.

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::kernels::call;
use crate::functions::time::NOTE;
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text};
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "withtime",
        kind: UnitKind::Operator,
        syntax: "withtime <field> [as <field>]",
        summary: "Adds `<field>_withtime`: the value with the time of its event, for `most_recent` and \
                  `least_recent`.",
        examples: &["* | withtime level | most_recent(level_withtime) as level by function"],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let name = tokens.name()?;
    let output = tokens.alias()?.unwrap_or_else(|| Name {
        text: format!("{}_withtime", name.text),
        span: name.span.clone(),
    });
    let value = planner.resolve(&name.text, &name.span).text();
    let noted = match planner.moment() {
        Some(moment) => {
            let moment = Typed::new(moment, FieldType::Long).text();
            Typed::new(
                call("note_time", NOTE, vec![value, moment]),
                FieldType::String,
            )
        }
        None => null_text(),
    };
    planner.assign(vec![(output, noted)]);
    Ok(())
}
