//! `top`: the groups with the most rows, or the first rows by a field.

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "top",
        kind: UnitKind::Operator,
        syntax: "top <n> <field>, … [by <field> [asc|desc], …]",
        summary: "The groups with the most rows, or the first rows by a field.",
        examples: &["* | top 5 function"],
    },
    apply,
);

use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::lit;

use crate::plan::planner::{Typed, column};
use crate::plan::{FieldType, ResultKind};

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let rows = tokens.count()?;
    let names = tokens.names()?;
    let is_ranked = tokens.word("by");
    if is_ranked && (planner.kind == ResultKind::Records || !crate::aggregates::starts(tokens)) {
        let keys = super::sort::keys(tokens, planner)?;
        planner.sort(keys);
        planner.limit(rows);
        return Ok(());
    }
    let keys: Vec<_> = names
        .iter()
        .map(|name| (name.text.clone(), planner.resolve(&name.text, &name.span)))
        .collect();
    let measures = if is_ranked {
        crate::aggregates::measures(tokens, planner)?
    } else {
        vec![(
            "_count".to_owned(),
            Typed::new(count(lit(1)), FieldType::Long),
        )]
    };
    let first = measures
        .first()
        .map(|(name, _)| name.clone())
        .unwrap_or_default();
    planner.aggregate(keys, measures);
    planner.sort(vec![column(&first).sort(false, false)]);
    planner.limit(rows);
    Ok(())
}
