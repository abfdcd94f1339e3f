//! The stages of a pipeline: one file each, listed once.
//!
//! A stage is an operator if it begins with the operator's words, a grouping stage if it begins
//! with an aggregate, and an expression otherwise. `total / 2 as half` is an expression although
//! `total` is an operator: what follows the words decides.

mod accum;
mod assign;
mod backshift;
pub(crate) mod bin;
pub(crate) mod cat;
mod compare;
mod compose;
mod count_frequent;
mod csv;
mod dedup;
mod diff;
mod extraction;
mod fields;
mod fillmissing;
mod filter;
mod geoip;
mod join;
mod json;
mod json_auto;
mod keyvalue;
mod limit;
mod logcompare;
mod logexplain;
mod logreduce;
pub(crate) mod lookup;
mod outlier;
mod parse;
mod parse_regex;
mod parse_xml;
mod patterns;
mod predict;
mod rollingstd;
mod save;
mod sequence;
mod sessionize;
mod smooth;
mod sort;
mod split;
mod threatip;
mod threatlookup;
pub(crate) mod timeslice;
mod top;
mod topk;
mod total;
mod trace;
mod transaction;
mod transactionize;
mod transpose;
mod where_;
mod withtime;

use crate::descriptor::Descriptor;
use crate::plan::planner::Planner;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};
use crate::syntax::{Diagnostic, habits};

type Apply = fn(&mut Tokens, &mut Planner<'_>) -> Parsed<()>;

/// One operator: what it tells about itself, how its stages begin, and how they are planned.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) descriptor: Descriptor,
    /// Other words that it may begin with.
    aliases: &'static [&'static str],
    /// Symbols and words that may follow its name, although they could also go on an expression.
    followers: &'static [&'static str],
    /// Reads what follows the name and adds the stage to the plan.
    apply: Apply,
}

impl Entry {
    pub(crate) const fn new(descriptor: Descriptor, apply: Apply) -> Self {
        Entry {
            descriptor,
            aliases: &[],
            followers: &[],
            apply,
        }
    }

    /// May begin with other words, too.
    pub(crate) const fn or(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// May be followed by what would otherwise make an expression of it: the `-` of `fields - a`.
    pub(crate) const fn followed_by(mut self, followers: &'static [&'static str]) -> Self {
        self.followers = followers;
        self
    }
}

/// Every operator, by name.
pub(crate) const OPERATORS: &[Entry] = &[
    accum::ENTRY,
    backshift::ENTRY,
    bin::ENTRY,
    cat::ENTRY,
    compare::ENTRY,
    compose::ENTRY,
    count_frequent::ENTRY,
    csv::ENTRY,
    dedup::ENTRY,
    diff::ENTRY,
    fields::ENTRY,
    fillmissing::ENTRY,
    filter::ENTRY,
    geoip::ENTRY,
    join::ENTRY,
    json::ENTRY,
    json_auto::ENTRY,
    keyvalue::ENTRY,
    limit::ENTRY,
    logcompare::ENTRY,
    logexplain::ENTRY,
    logreduce::ENTRY,
    lookup::ENTRY,
    outlier::ENTRY,
    parse::ENTRY,
    parse_regex::ENTRY,
    parse_xml::ENTRY,
    predict::ENTRY,
    rollingstd::ENTRY,
    save::ENTRY,
    sessionize::ENTRY,
    smooth::ENTRY,
    sort::ENTRY,
    split::ENTRY,
    threatip::ENTRY,
    threatlookup::ENTRY,
    timeslice::ENTRY,
    top::ENTRY,
    topk::ENTRY,
    total::ENTRY,
    trace::ENTRY,
    transaction::ENTRY,
    transactionize::ENTRY,
    transpose::ENTRY,
    where_::ENTRY,
    withtime::ENTRY,
];

/// What goes on an expression after its first word.
const INFIX: [&str; 25] = [
    "=", "==", "!=", "<>", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "?", ",", "&&", "||",
    "as", "in", "matches", "contains", "and", "or", "not", ")",
];

/// Reads one stage and adds it to the plan.
pub(crate) fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    if tokens.is_done() {
        let found = Diagnostic::error(tokens.whole(), "this stage is empty");
        return Err(found.expecting("an operator, such as `count by level`"));
    }
    if let Some((entry, words)) = operator(tokens) {
        tokens.skip(words);
        let outcome = (entry.apply)(tokens, planner).and_then(|()| tokens.finish());
        return outcome.map_err(|found| found.about(entry.descriptor.name));
    }
    if let Some(entry) = crate::aggregates::starting(tokens) {
        let outcome = crate::aggregates::apply(tokens, planner);
        return outcome.map_err(|found| found.about(entry.descriptor.name));
    }
    if let Some(found) = unknown(tokens) {
        return Err(found);
    }
    assign::apply(tokens, planner)
}

/// The operator whose words come next, and how many they are; of several the longest.
fn operator(tokens: &Tokens) -> Option<(&'static Entry, usize)> {
    let candidates = OPERATORS.iter().flat_map(|entry| {
        let names = [entry.descriptor.name]
            .into_iter()
            .chain(entry.aliases.iter().copied());
        names.map(move |name| (entry, name))
    });
    candidates
        .filter(|(_, name)| begins_with(tokens, name))
        .map(|(entry, name)| (entry, name.split(' ').count()))
        .max_by_key(|(_, words)| *words)
        .filter(|(entry, words)| {
            follower(tokens, *words).is_none_or(|next| {
                !INFIX.contains(&next.as_str()) || entry.followers.contains(&next.as_str())
            })
        })
}

fn begins_with(tokens: &Tokens, name: &str) -> bool {
    name.split(' ').enumerate().all(|(ahead, word)| {
        matches!(tokens.peek_at(ahead), Some(TokenKind::Word(next)) if next.eq_ignore_ascii_case(word))
    })
}

/// The symbol or word that stands `ahead`.
fn follower(tokens: &Tokens, ahead: usize) -> Option<String> {
    match tokens.peek_at(ahead)? {
        TokenKind::Word(word) => Some(word.to_ascii_lowercase()),
        TokenKind::Symbol(symbol) => Some((*symbol).to_owned()),
        _ => None,
    }
}

/// A word that begins a stage like an operator, and is none.
fn unknown(tokens: &Tokens) -> Option<Diagnostic> {
    let Some(TokenKind::Word(word)) = tokens.peek() else {
        return None;
    };
    let goes_on = match tokens.peek_at(1) {
        None => false,
        Some(TokenKind::Symbol(symbol)) => *symbol == "(" || INFIX.contains(symbol),
        Some(TokenKind::Word(next)) => INFIX.contains(&next.to_ascii_lowercase().as_str()),
        Some(_) => false,
    };
    let is_constant = ["true", "false", "null"].contains(&word.to_ascii_lowercase().as_str());
    if goes_on || is_constant {
        return None;
    }
    if let Some(found) = of_metrics(tokens, word) {
        return Some(found);
    }
    let operators = OPERATORS.iter().map(|entry| entry.descriptor.name);
    let aggregates = crate::aggregates::AGGREGATES
        .iter()
        .map(|entry| entry.descriptor.name);
    let found = Diagnostic::error(tokens.span(), format!("there is no operator `{word}`"));
    Some(match habits::stage(word) {
        Some(instead) => found.expecting(instead),
        None => found.suggesting(word, operators.chain(aggregates)),
    })
}

/// A stage of a metrics query: `sum by host`, `quantize 1m`.
fn of_metrics(tokens: &Tokens, word: &str) -> Option<Diagnostic> {
    if let Some(entry) = crate::aggregates::find(word) {
        let name = entry.descriptor.name;
        let message =
            format!("`{name}` needs a field in a query of logs; without one it works on metrics");
        let found = Diagnostic::error(tokens.span(), message).about(name);
        return Some(found.expecting(format!("`{}`", entry.descriptor.syntax)));
    }
    let mut of_metrics = crate::metrics_descriptors().into_iter();
    let is_one = of_metrics.any(|unit| unit.name.eq_ignore_ascii_case(word));
    let message = format!("`{word}` works on metrics and not on logs");
    is_one.then(|| {
        let found = Diagnostic::error(tokens.span(), message);
        match habits::stage(word) {
            Some(instead) => found.expecting(instead),
            None => found,
        }
    })
}
