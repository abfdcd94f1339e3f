//! `fields`: keeps or removes fields.

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "fields",
        kind: UnitKind::Operator,
        syntax: "fields [-] <field>, …",
        summary: "Keeps or removes fields.",
        examples: &["* | count by function, level | fields function"],
    },
    apply,
)
.followed_by(&["-", "+"]);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let removes = tokens.symbol("-");
    if !removes {
        tokens.symbol("+");
    }
    let names = tokens.names()?;
    let is_named = |field: &str| {
        names
            .iter()
            .any(|name| name.text.eq_ignore_ascii_case(field))
    };
    if removes {
        planner.fields.retain(|field| !is_named(&field.name));
        return Ok(());
    }
    let mut kept = Vec::new();
    for name in &names {
        let value = planner.resolve(&name.text, &name.span);
        if !planner
            .fields
            .iter()
            .any(|field| field.name.eq_ignore_ascii_case(&name.text))
        {
            planner.assign(vec![(name.clone(), value)]);
        }
        kept.extend(
            planner
                .fields
                .iter()
                .find(|field| field.name.eq_ignore_ascii_case(&name.text))
                .cloned(),
        );
    }
    planner.fields = kept;
    Ok(())
}
