//! `json`: takes fields out of JSON by path.

use crate::descriptor::{Descriptor, UnitKind};
use crate::operators::Entry;
use crate::plan::planner::Planner;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "json",
        kind: UnitKind::Operator,
        syntax: "json [field=<field>] \"<path>\", … [as <field>, …] [nodrop]",
        summary: "Takes fields out of JSON by path.",
        examples: &["* | json \"level\", \"a.b[0]\" as level, b nodrop"],
    },
    apply,
};

use super::parse::{source, take};
use crate::functions::json_path::is_path;
use crate::plan::planner::json;
use crate::syntax::Diagnostic;
use crate::syntax::tokens::Name;

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if tokens.word("auto") {
        return Err(Diagnostic::error(at, "`json auto` is not available yet"));
    }
    let mut is_optional = tokens.word("nodrop");
    let mut field = tokens.field_option()?;
    let mut paths = Vec::new();
    loop {
        let (_, path, span) = tokens.text()?;
        if !is_path(&path) {
            return Err(Diagnostic::error(span, "this path cannot be read")
                .expecting("a path such as `a.b[0]`"));
        }
        paths.push(Name { text: path, span });
        if !tokens.symbol(",") {
            break;
        }
    }
    let mut names = paths.clone();
    loop {
        if tokens.word("nodrop") {
            is_optional = true;
        } else if tokens.word("as") {
            names = tokens.names()?;
        } else if let Some(name) = tokens.field_option()? {
            field = Some(name);
        } else {
            break;
        }
    }
    if names.len() != paths.len() {
        let message = format!("{} paths, but {} names", paths.len(), names.len());
        return Err(Diagnostic::error(at, message).expecting("one name for each path"));
    }
    let text = source(planner, field.as_ref());
    let values = names
        .into_iter()
        .zip(paths)
        .map(|(name, path)| (name, json(text.clone(), &path.text)))
        .collect();
    take(planner, values, is_optional);
    Ok(())
}
