//! `where`: keeps the rows for which a condition is true.

use super::{Entry, INFIX};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "where",
        kind: UnitKind::Operator,
        syntax: "where <condition>",
        summary: "Keeps the rows for which a condition is true; null counts as not true.",
        examples: &["* | where level = \"ERROR\""],
    },
    apply,
)
.followed_by(&INFIX);

use crate::syntax::expression;

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let condition = expression::parse(tokens)?;
    let condition = planner.lower(&condition).condition();
    planner.filter(condition);
    Ok(())
}
