//! `parse`: takes fields out of a text between anchors.

use super::Entry;
use super::extraction::{Options, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::extract::anchors::longest_literal;
use crate::functions::extract::kinds::ANCHORS;
use crate::functions::kernels::call;
use crate::functions::text::CONTAINS;
use crate::plan::planner::{Planner, text_literal};
use crate::plan::traces::Origin;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::{TokenKind, unescape};
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "parse",
        kind: UnitKind::Operator,
        syntax: "parse [field=<field>] \"<anchor>*<anchor>\" as <field>, … [nodrop]",
        summary: "Takes fields out of a text between anchors; each `*` is a field. Rows that do not \
                  match are dropped, unless `nodrop` stands at the end.",
        examples: &[
            "* | parse \"Duration: * ms\" as duration",
            "* | parse field=_sourceHost \"/aws/lambda/*\" as name nodrop",
        ],
    },
    apply,
)
.or(&["parse anchor"]);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut options = Options::default();
    let mut anchors = Vec::new();
    options.read_all(tokens)?;
    loop {
        anchors.push(anchor(tokens, &mut options)?);
        options.read_all(tokens)?;
        // `parse "a=*" as a, "b=*" as b` is two stages in one.
        if !tokens.symbol(",") {
            break;
        }
    }
    for (anchor, names) in anchors {
        plan(planner, &options, anchor, names);
    }
    Ok(())
}

/// Reads `"a * b *" as x, y`.
fn anchor(tokens: &mut Tokens, options: &mut Options) -> Parsed<(String, Vec<Name>)> {
    let (raw, _, span) = tokens.text()?;
    options.read_all(tokens)?;
    let anchor = unescape(&raw);
    if anchor.contains("**") {
        let found = Diagnostic::error(span, "two `*` without text between them");
        return Err(found.expecting("an anchor between the fields"));
    }
    let stars = anchor.matches('*').count();
    if stars == 0 {
        let found = Diagnostic::error(span, "the text has no `*`, so nothing is taken out");
        return Err(found.expecting("a `*` for each field, such as `\"id=* \"`"));
    }
    let mut names = Vec::new();
    if tokens.word("as") {
        let is_wrapped = tokens.symbol("(");
        names.push(tokens.name()?);
        while !is_another(tokens) && tokens.symbol(",") {
            names.push(tokens.name()?);
        }
        if is_wrapped {
            tokens.expect_symbol(")")?;
        }
    }
    if stars != names.len() {
        let name = if names.len() == 1 {
            "name follows"
        } else {
            "names follow"
        };
        let message = format!("the text has {stars} `*`, but {} {name}", names.len());
        return Err(Diagnostic::error(span, message).expecting("one name for each `*`"));
    }
    Ok((anchor, names))
}

/// Whether a comma and another text with anchors come next, and not another name.
fn is_another(tokens: &Tokens) -> bool {
    matches!(tokens.peek_at(1), Some(TokenKind::Text { value, .. }) if value.contains('*'))
}

/// Plans one anchor: its `*` become fields of these names.
pub(super) fn plan(planner: &mut Planner<'_>, options: &Options, anchor: String, names: Vec<Name>) {
    let source = options.source(planner);
    if !options.is_optional
        && planner.matched.is_empty()
        && let Some(literal) = longest_literal(&anchor)
    {
        // Cheap, and the scan can find it in the index: rows without the anchor are not even read.
        let arguments = vec![source.clone(), text_literal(literal)];
        planner.filter(call("text_contains", CONTAINS, arguments));
    }
    let stage = Stage {
        kind: ANCHORS,
        constants: vec![anchor],
        source,
        is_optional: options.is_optional,
        origin: Some(Origin::AsWritten),
    };
    stage.plan(planner, names);
}
