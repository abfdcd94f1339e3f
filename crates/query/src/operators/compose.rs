//! `compose`: ends a subquery and says which fields it hands to the query around it.

use model::limits::SUBQUERY_ROWS_MAX;

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::{Planner, Typed};
use crate::plan::subquery::Composed;
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "compose",
        kind: UnitKind::Operator,
        syntax: "[subquery [from=(-<duration>)] [to=(-<duration>)]: <query> | compose <field>, … [maxresults=<n>] [keywords]]",
        summary: "Ends a subquery: the values of its fields become a condition in the scope, in `where` or in `if`.",
        examples: &[
            "[subquery: error | count by request_id | compose request_id]",
            "* | where ![subquery from=(-1d): timeout | count by function | compose function]",
        ],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    let composed = Composed::read(tokens)?;
    let is_last = planner.stage + 1 == planner.pipeline.stages.len();
    if !planner.pipeline.is_subquery || !is_last {
        return Err(
            Diagnostic::error(at, "`compose` stands at the end of a subquery")
                .expecting("`[subquery: … | compose <field>]`"),
        );
    }
    let mut keys: Vec<(String, Typed)> = Vec::new();
    for name in &composed.names {
        if keys
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&name.text))
        {
            let message = format!("`{}` is handed on twice", name.text);
            return Err(Diagnostic::error(name.span.clone(), message));
        }
        let value = planner.resolve(&name.text, &name.span);
        keys.push((name.text.clone(), value));
    }
    planner.aggregate(keys, Vec::new());
    planner.limit(composed.rows_max.unwrap_or(SUBQUERY_ROWS_MAX + 1));
    Ok(())
}
