//! `parse regex`: takes the named groups of a pattern out of a text.

use crate::descriptor::{Descriptor, UnitKind};
use crate::operators::Entry;
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "parse regex",
        kind: UnitKind::Operator,
        syntax: "parse regex [field=<field>] \"<pattern with (?<name>…)>\" [nodrop]",
        summary: "Takes the named groups of a pattern out of a text.",
        examples: &["* | parse regex \"status=(?<status>\\\\d+)\""],
    },
    apply,
};

use super::parse::{group, source, take};
use crate::functions::kernels::Matcher;
use crate::syntax::Diagnostic;
use crate::syntax::tokens::Name;

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut is_optional = tokens.word("nodrop");
    let mut field = tokens.field_option()?;
    let (raw, _, span) = tokens.text()?;
    loop {
        let at = tokens.span();
        if tokens.word("nodrop") {
            is_optional = true;
        } else if tokens.word("multi") {
            return Err(Diagnostic::error(at, "`multi` is not available yet"));
        } else if let Some(name) = tokens.field_option()? {
            field = Some(name);
        } else {
            break;
        }
    }
    let pattern = raw.replace("\\\"", "\"");
    let matcher = Matcher::compile(&pattern).map_err(|problem| {
        Diagnostic::error(
            span.clone(),
            format!("the pattern cannot be read: {problem}"),
        )
    })?;
    let groups = matcher.groups();
    if groups.is_empty() {
        return Err(Diagnostic::error(span, "the pattern names no field")
            .expecting("a group such as `(?<name>\\d+)`"));
    }
    let text = source(planner, field.as_ref());
    let values = groups
        .into_iter()
        .map(|(index, name)| {
            (
                Name {
                    text: name,
                    span: span.clone(),
                },
                group(&pattern, index, &text),
            )
        })
        .collect();
    take(planner, values, is_optional);
    Ok(())
}
