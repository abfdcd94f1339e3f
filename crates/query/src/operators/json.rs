//! `json`: takes fields out of JSON by path.

use super::Entry;
use super::extraction::{Options, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::extract::kinds::JSON;
use crate::functions::json::path::Path;
use crate::plan::planner::Planner;
use crate::plan::traces::Origin;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "json",
        kind: UnitKind::Operator,
        syntax: "json [field=<field>] \"<path>\", … [as <field>, …] [nodrop]",
        summary: "Takes fields out of JSON by path: `a.b`, `a[0]`, `a[*].b`, `..b`, `['odd key']`. \
                  Rows where one is missing are dropped, unless `nodrop` stands at the end.",
        examples: &[
            "* | json \"level\", \"a.b[0]\" as level, b nodrop",
            "* | json field=_raw \"items[*].id\" as ids",
        ],
    },
    apply,
);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut options = Options::default();
    let (paths, names) = paths_and_names(tokens, &mut options)?;
    same_count(tokens, &paths, &names, "path")?;
    let mut are_simple = true;
    for path in &paths {
        let Some(read) = Path::parse(&path.text) else {
            return Err(
                Diagnostic::error(path.span.clone(), "this path cannot be read")
                    .expecting("a path such as `a.b[0]`"),
            );
        };
        are_simple &= read.is_simple();
    }
    let stage = Stage {
        kind: JSON,
        constants: paths.into_iter().map(|path| path.text).collect(),
        source: options.source(planner),
        is_optional: options.is_optional,
        // A list or a length is not found in the text.
        origin: are_simple.then_some(Origin::Json),
    };
    stage.plan(planner, names);
    Ok(())
}

/// Reads `"a", "b" as x, y` or `"a" as x, "b" as y`, with options anywhere between. Without names
/// the paths are the names.
pub(super) fn paths_and_names(
    tokens: &mut Tokens,
    options: &mut Options,
) -> Parsed<(Vec<Name>, Vec<Name>)> {
    let mut paths: Vec<Name> = Vec::new();
    let mut names: Vec<Name> = Vec::new();
    loop {
        options.read_all(tokens)?;
        let is_path = matches!(tokens.peek(), Some(TokenKind::Text { .. }))
            || matches!(tokens.peek(), Some(TokenKind::Word(_))) && !tokens.is_word("as");
        if is_path && paths.len() > names.len() && !names.is_empty() {
            return Err(tokens.unexpected("a name for each path"));
        }
        if !is_path {
            if paths.is_empty() || !tokens.word("as") {
                break;
            }
            names.push(tokens.name()?);
            while names.len() < paths.len() && tokens.symbol(",") {
                names.push(tokens.name()?);
            }
            options.read_all(tokens)?;
            if !tokens.symbol(",") {
                break;
            }
            // Further names without a path are counted, so that the message can say so.
            while !matches!(tokens.peek(), Some(TokenKind::Text { .. }) | None) {
                names.push(tokens.name()?);
                tokens.symbol(",");
            }
            continue;
        }
        let span = tokens.span();
        let text = match tokens.next().map(|token| token.kind) {
            Some(TokenKind::Text { value, .. }) => value,
            Some(TokenKind::Word(word)) => word,
            _ => String::new(),
        };
        paths.push(Name { text, span });
        options.read_all(tokens)?;
        if !tokens.symbol(",") && !tokens.is_word("as") {
            break;
        }
    }
    if paths.is_empty() {
        return Err(tokens.unexpected("a path in double quotes"));
    }
    if names.is_empty() {
        names.clone_from(&paths);
    }
    Ok((paths, names))
}

/// Complains unless each path (or whatever `what` is) has a name.
pub(super) fn same_count(
    tokens: &Tokens,
    paths: &[Name],
    names: &[Name],
    what: &str,
) -> Parsed<()> {
    if paths.len() == names.len() {
        return Ok(());
    }
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let message = format!(
        "{}, but {}",
        count(paths.len(), what),
        count(names.len(), "name")
    );
    Err(Diagnostic::error(tokens.whole(), message).expecting(format!("one name for each {what}")))
}
