//! `count_frequent`: the most frequent values, with how often they occur.

use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::lit;

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, column};
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "count_frequent",
        kind: UnitKind::Operator,
        syntax: "count_frequent <field>, …",
        summary: "Counts each value, most frequent first, up to 10,000 values; the count is called `_approxcount` and is exact here.",
        examples: &["* | count_frequent function"],
    },
    apply,
);

/// Values listed at most (Sumo Logic's own limit).
const VALUES_MAX: usize = 10_000;

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    tokens.word("by");
    let names = tokens.names()?;
    let mut keys: Vec<(String, Typed)> = Vec::new();
    for name in names {
        if !keys
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&name.text))
        {
            let value = planner.resolve(&name.text, &name.span);
            keys.push((name.text, value));
        }
    }
    let measure = Typed::new(count(lit(1)), FieldType::Long);
    planner.aggregate(keys, vec![("_approxcount".to_owned(), measure)]);
    let mut order = vec![column("_approxcount").sort(false, false)];
    let keys = planner.fields.iter().filter(|field| field.is_key);
    order.extend(keys.map(|field| column(&field.column).sort(true, false)));
    planner.sort(order);
    planner.limit(VALUES_MAX);
    Ok(())
}
