//! `sort`: puts rows in order, descending unless told otherwise.

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "sort",
        kind: UnitKind::Operator,
        syntax: "sort [by] [+|-]<field> [asc|desc], …",
        summary: "Puts rows in order, descending unless told otherwise.",
        examples: &["* | count by function | sort by _count"],
    },
    apply,
)
.or(&["order"])
.followed_by(&["+", "-"]);

use datafusion::logical_expr::expr::Sort;

use crate::syntax::expression;

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    tokens.word("by");
    let keys = keys(tokens, planner)?;
    planner.sort(keys);
    Ok(())
}

/// The keys of an order.
pub(crate) fn keys(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<Vec<Sort>> {
    let mut keys = Vec::new();
    loop {
        let mut is_ascending = tokens.symbol("+");
        if !is_ascending {
            tokens.symbol("-");
        }
        let key = expression::parse(tokens)?;
        if tokens.word("asc") || tokens.word("ascending") {
            is_ascending = true;
        } else if tokens.word("desc") || tokens.word("descending") {
            is_ascending = false;
        }
        keys.push(planner.lower(&key).expr.sort(is_ascending, false));
        if !tokens.symbol(",") {
            return Ok(keys);
        }
    }
}
