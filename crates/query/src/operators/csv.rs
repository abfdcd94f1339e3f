//! `csv`: takes the pieces between commas, some of them quoted.

use super::Entry;
use super::extraction::{Options, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::extract::kinds::{CSV, SPLIT};
use crate::plan::planner::Planner;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "csv",
        kind: UnitKind::Operator,
        syntax: "csv <field> [delim='<c>'] [escape='<c>'] [quote='<c>'] extract <field>, _, … | <n> as <field>, …",
        summary: "Takes the pieces of a text between commas; `_` leaves one out. Pieces in quotes may \
                  hold commas.",
        examples: &[
            "* | csv _raw extract user, _, status",
            "* | csv _raw extract 1 as user, 3 as status",
        ],
    },
    |tokens, planner| apply(tokens, planner, "csv"),
);

/// Reads and plans `csv` or `split`.
pub(super) fn apply(
    tokens: &mut Tokens,
    planner: &mut Planner<'_>,
    name: &'static str,
) -> Parsed<()> {
    let mut options = Options::default();
    let mut characters = [",".to_owned(), "\\".to_owned(), "\"".to_owned()];
    loop {
        let is_option = matches!(tokens.peek_at(1), Some(TokenKind::Symbol("=")));
        let index = match tokens.peek() {
            Some(TokenKind::Word(word)) if is_option => {
                let words = [("delim", 0), ("delimiter", 0), ("escape", 1), ("quote", 2)];
                let found = words
                    .iter()
                    .find(|(known, _)| word.eq_ignore_ascii_case(known));
                found.map(|(_, index)| *index)
            }
            _ => None,
        };
        if let Some(index) = index {
            tokens.skip(2);
            characters[index] = character(tokens)?;
        } else if options.read(tokens)? || tokens.symbol(",") {
        } else if options.field.is_none() && !tokens.is_word("extract") {
            options.field = Some(tokens.name()?);
        } else {
            break;
        }
    }
    if !tokens.word("extract") {
        return Err(tokens.unexpected("`extract` and the pieces that are wanted"));
    }
    let (places, names) = pieces(tokens)?;
    options.read_all(tokens)?;
    if names.is_empty() {
        return Err(tokens.unexpected("a name for at least one piece"));
    }
    let mut constants = characters.to_vec();
    constants.extend(places.iter().map(usize::to_string));
    let stage = Stage {
        kind: if name == "csv" { CSV } else { SPLIT },
        constants,
        source: options.source(planner),
        is_optional: true,
        origin: None,
    };
    // What is cut is always cut: it neither drops a row nor keeps one for a later `parse`.
    let matched = planner.matched.clone();
    stage.plan(planner, names);
    planner.matched = matched;
    Ok(())
}

/// One character in quotes.
fn character(tokens: &mut Tokens) -> Parsed<String> {
    let (_, value, span) = tokens.text()?;
    let mut characters = value.chars();
    match (characters.next(), characters.next()) {
        (Some(one), None) => Ok(one.to_string()),
        _ => {
            Err(Diagnostic::error(span, "a delimiter is one character").expecting("such as `','`"))
        }
    }
}

/// `a, _, b` or `1 as a, 3 as b`.
fn pieces(tokens: &mut Tokens) -> Parsed<(Vec<usize>, Vec<Name>)> {
    let (mut places, mut names) = (Vec::new(), Vec::new());
    let mut place = 0;
    loop {
        place += 1;
        if matches!(tokens.peek(), Some(TokenKind::Number { .. })) {
            let span = tokens.span();
            place = tokens.count()?;
            if place == 0 {
                return Err(Diagnostic::error(span, "pieces are counted from 1"));
            }
            match tokens.alias()? {
                Some(name) => {
                    places.push(place);
                    names.push(name);
                }
                None => return Err(tokens.unexpected("`as` and a name")),
            }
        } else {
            let name = tokens.name()?;
            if name.text != "_" {
                places.push(place);
                names.push(name);
            }
        }
        if !tokens.symbol(",") {
            return Ok((places, names));
        }
    }
}
