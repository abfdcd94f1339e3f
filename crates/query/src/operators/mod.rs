//! The stages of a pipeline: one file each, listed once.

mod assign;
mod fields;
mod json;
mod limit;
mod parse;
mod parse_regex;
mod sort;
mod timeslice;
mod top;
mod where_;

use crate::descriptor::Descriptor;
use crate::plan::planner::Planner;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// One operator: what it tells about itself, and how it is read and planned.
pub(crate) struct Entry {
    pub(crate) descriptor: Descriptor,
    /// Reads what follows the name and adds the stage to the plan.
    pub(crate) apply: fn(&mut Tokens, &mut Planner<'_>) -> Parsed<()>,
}

/// Every operator, by name.
pub(crate) const OPERATORS: &[Entry] = &[
    fields::ENTRY,
    json::ENTRY,
    limit::ENTRY,
    parse::ENTRY,
    parse_regex::ENTRY,
    sort::ENTRY,
    timeslice::ENTRY,
    top::ENTRY,
    where_::ENTRY,
];

const NOT_YET: [&str; 46] = [
    "accum",
    "backshift",
    "bin",
    "cat",
    "compare",
    "count_frequent",
    "csv",
    "dedup",
    "diff",
    "extract",
    "facets",
    "fillmissing",
    "filter",
    "geoip",
    "infer",
    "join",
    "keyvalue",
    "kv",
    "logcompare",
    "logexplain",
    "logreduce",
    "lookup",
    "lookupcontains",
    "outlier",
    "parsedate",
    "parsexml",
    "predict",
    "rollingstd",
    "save",
    "sessionize",
    "smooth",
    "split",
    "summarize",
    "threatip",
    "threatlookup",
    "topk",
    "total",
    "transaction",
    "transactionize",
    "transpose",
    "withtime",
    "format",
    "compose",
    "parsehex",
    "least_recent",
    "iplookup",
];

/// Reads one stage and adds it to the plan.
pub(crate) fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let span = tokens.span();
    let Some(TokenKind::Word(word)) = tokens.peek().cloned() else {
        return if tokens.is_done() {
            Err(tokens.unexpected("an operator"))
        } else {
            assign::apply(tokens, planner)
        };
    };
    let word = word.to_ascii_lowercase();
    let is_field = matches!(
        tokens.peek_at(1),
        Some(TokenKind::Symbol("=" | "+" | "-" | "*" | "/" | "?"))
    ) && word != "fields"
        && word != "sort"
        && word != "order"
        && word != "parse"
        && word != "json"
        && word != "count";
    let is_call = matches!(tokens.peek_at(1), Some(TokenKind::Symbol("(")));
    if crate::aggregates::starts(tokens) {
        return crate::aggregates::apply(tokens, planner);
    }
    let name = match word.as_str() {
        "parse" if matches!(tokens.peek_at(1), Some(TokenKind::Word(next)) if next.eq_ignore_ascii_case("regex")) => {
            "parse regex"
        }
        "extract" => "parse regex",
        "order" => "sort",
        other => other,
    };
    if let Some(entry) = OPERATORS
        .iter()
        .find(|entry| entry.descriptor.name == name && !is_field)
    {
        tokens.next();
        if name == "parse regex" && word == "parse" {
            tokens.next();
        }
        (entry.apply)(tokens, planner)?;
        return tokens.finish();
    }
    let is_known = crate::functions::calls::FUNCTIONS
        .iter()
        .any(|entry| entry.descriptor.name == word);
    if NOT_YET.contains(&word.as_str()) && !is_field && !is_known {
        return Err(Diagnostic::error(
            span,
            format!("operator `{word}` is not available yet"),
        ));
    }
    let has_alias = matches!(tokens.peek_at(1), Some(TokenKind::Word(next)) if next.eq_ignore_ascii_case("as"))
        || matches!(tokens.peek_at(1), Some(TokenKind::Symbol(_)) | None);
    if !is_call
        && !is_field
        && !has_alias
        && !matches!(tokens.peek_at(1), Some(TokenKind::Word(next)) if ["in", "matches", "and", "or", "not"].contains(&next.to_ascii_lowercase().as_str()))
    {
        let names = OPERATORS
            .iter()
            .map(|entry| entry.descriptor.name)
            .chain(crate::aggregates::NAMES.iter().copied());
        return Err(
            Diagnostic::error(span, format!("there is no operator `{word}`"))
                .suggesting(&word, names),
        );
    }
    assign::apply(tokens, planner)
}
