//! `parse regex`: takes the groups of a pattern out of a text.

use super::Entry;
use super::extraction::{Options, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::extract::kinds::{PATTERNS, PATTERNS_MULTI};
use crate::functions::extract::patterns::names;
use crate::functions::java_pattern::translate;
use crate::functions::matcher::Matcher;
use crate::plan::planner::Planner;
use crate::plan::traces::Origin;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "parse regex",
        kind: UnitKind::Operator,
        syntax: "parse regex [field=<field>] \"<pattern with (?<name>…)>\", … [nodrop] [multi]",
        summary: "Takes the named groups of a pattern out of a text. With `multi` every match becomes \
                  a row. Rows that do not match are dropped, unless `nodrop` is given.",
        examples: &[
            "* | parse regex \"status=(?<status>\\\\d+)\"",
            "* | parse regex field=_raw \"(?<word>[a-z]+)\" multi | count by word",
        ],
    },
    apply,
)
.or(&["extract", "parse regexp"]);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut options = Options::default();
    let mut is_multi = false;
    let mut patterns = Vec::new();
    let mut span = tokens.span();
    let mut given = Vec::new();
    while !tokens.is_done() {
        let at = tokens.span();
        match tokens.peek().cloned() {
            Some(TokenKind::Text { raw, .. }) => {
                tokens.next();
                patterns.push(translate(&raw.replace("\\\"", "\"")));
                check(patterns.last(), at.clone())?;
                span = at;
            }
            Some(TokenKind::Pattern(pattern)) => {
                tokens.next();
                patterns.push(translate(&pattern));
                check(patterns.last(), at.clone())?;
                span = at;
            }
            Some(TokenKind::Symbol(",")) if !patterns.is_empty() => drop(tokens.next()),
            _ if options.read(tokens)? => {}
            Some(TokenKind::Parameter(_)) if !patterns.is_empty() => break,
            _ if tokens.word("multi") => is_multi = true,
            _ if tokens.word("as") => given = tokens.names()?,
            _ => return Err(tokens.unexpected("a pattern in double quotes, `nodrop` or `multi`")),
        }
    }
    if patterns.is_empty() {
        return Err(tokens.unexpected("a pattern in double quotes"));
    }
    let found = names(&patterns).unwrap_or_default();
    if found.is_empty() {
        return Err(Diagnostic::error(span, "the pattern names no field")
            .expecting("a group such as `(?<name>\\d+)`"));
    }
    let names = named(&found, given, &span)?;
    let stage = Stage {
        kind: if is_multi { PATTERNS_MULTI } else { PATTERNS },
        constants: patterns,
        source: options.source(planner),
        is_optional: options.is_optional,
        origin: Some(Origin::AsWritten),
    };
    stage.plan(planner, names);
    Ok(())
}

fn check(pattern: Option<&String>, span: std::ops::Range<usize>) -> Parsed<()> {
    let Some(pattern) = pattern else {
        return Ok(());
    };
    Matcher::compile(pattern).map(drop).map_err(|problem| {
        Diagnostic::error(span, format!("the pattern cannot be read: {problem}"))
    })
}

/// The fields: names given after `as` go to groups without a name of their own.
fn named(found: &[String], given: Vec<Name>, span: &std::ops::Range<usize>) -> Parsed<Vec<Name>> {
    let own = || {
        found.iter().map(|name| Name {
            text: name.clone(),
            span: span.clone(),
        })
    };
    let are_unnamed = found.iter().all(|name| name.parse::<usize>().is_ok());
    if are_unnamed && !given.is_empty() {
        if given.len() != found.len() {
            let message = format!(
                "the pattern has {} groups, but {} names follow",
                found.len(),
                given.len()
            );
            return Err(
                Diagnostic::error(span.clone(), message).expecting("one name for each group")
            );
        }
        return Ok(given);
    }
    Ok(own().collect())
}
