//! `limit`: keeps the first rows.

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "limit",
        kind: UnitKind::Operator,
        syntax: "limit <n>",
        summary: "Keeps the first rows; of events the newest.",
        examples: &["* | limit 10"],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let rows = tokens.count()?;
    planner.limit(rows);
    Ok(())
}
