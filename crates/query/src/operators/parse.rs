//! `parse`: takes fields out of a text between anchors.

use crate::descriptor::{Descriptor, UnitKind};
use crate::operators::Entry;
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "parse",
        kind: UnitKind::Operator,
        syntax: "parse [field=<field>] \"<anchor>*<anchor>\" as <field>, … [nodrop]",
        summary: "Takes fields out of a text between anchors.",
        examples: &["* | parse \"Duration: * ms\" as duration"],
    },
    apply,
};

use datafusion::logical_expr::Expr;

use crate::functions::kernels::call;
use crate::functions::text_search::{self, anchor_pattern};
use crate::plan::FieldType;
use crate::plan::planner::{Typed, text_literal};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::unescape;
use crate::syntax::tokens::Name;

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut is_optional = tokens.word("nodrop");
    let mut field = tokens.field_option()?;
    let (raw, _, span) = tokens.text()?;
    let names = if tokens.word("as") {
        tokens.names()?
    } else {
        Vec::new()
    };
    is_optional |= tokens.word("nodrop");
    if field.is_none() {
        field = tokens.field_option()?;
        is_optional |= tokens.word("nodrop");
    }
    let anchor = unescape(&raw);
    let stars = anchor.matches('*').count();
    if stars == 0 || stars != names.len() {
        let message = format!("the text has {stars} `*`, but {} names follow", names.len());
        return Err(Diagnostic::error(span, message).expecting("one name for each `*`"));
    }
    let text = source(planner, field.as_ref());
    let pattern = anchor_pattern(&anchor);
    let values = names
        .into_iter()
        .enumerate()
        .map(|(index, name)| (name, group(&pattern, index + 1, &text)))
        .collect();
    take(planner, values, is_optional);
    Ok(())
}

/// The text to be parsed.
pub(super) fn source(planner: &mut Planner<'_>, field: Option<&Name>) -> Expr {
    match field {
        Some(name) => planner.resolve(&name.text, &name.span).text(),
        None => planner.resolve("_raw", &(0..0)).text(),
    }
}

/// A group of a pattern in a text.
pub(super) fn group(pattern: &str, index: usize, text: &Expr) -> Expr {
    let index = text_literal(&index.to_string());
    call(
        "parse_group",
        text_search::GROUP,
        vec![text_literal(pattern), index, text.clone()],
    )
}

/// Keeps the rows that matched this stage (or an earlier optional one) and names what was found.
pub(super) fn take(planner: &mut Planner<'_>, values: Vec<(Name, Expr)>, is_optional: bool) {
    let matched = values
        .iter()
        .map(|(_, value)| value.clone().is_not_null())
        .reduce(Expr::and);
    let keeps_earlier = is_optional || !planner.matched.is_empty();
    if let Some(matched) = matched {
        if is_optional {
            planner.matched.push(matched);
        } else {
            let any = planner.matched.iter().cloned().fold(matched, Expr::or);
            planner.filter(any);
        }
    }
    let values = values.into_iter().map(|(name, value)| {
        let value = match planner.existing(&name.text).filter(|_| keeps_earlier) {
            Some(earlier) => datafusion::prelude::coalesce(vec![value, earlier]),
            None => value,
        };
        (name, Typed::new(value, FieldType::String))
    });
    let values: Vec<_> = values.collect();
    planner.assign(values);
}
