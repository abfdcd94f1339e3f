//! The stages of a metrics query: one file each, listed once.

mod accum;
mod aggregate;
mod bottomk;
mod delta;
mod eval;
mod ewma;
mod fillmissing;
mod filter;
mod outlier;
mod parse;
pub(crate) mod quantize;
mod rate;
mod timeshift;
mod topk;
mod where_;

use std::fmt::Debug;
use std::ops::Range;

use self::quantize::Quantization;
use super::reducer::{PERCENTILE, REDUCERS};
use super::series::SeriesSet;
use crate::descriptor::Descriptor;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};
use crate::syntax::{Diagnostic, lexer};

/// A stage, ready to be applied.
pub(crate) trait Operator: Debug + Send + Sync {
    /// Makes series of series.
    fn apply(&self, input: SeriesSet) -> SeriesSet;

    /// How far in the past its input lies, in milliseconds.
    fn shift_ms(&self) -> i64 {
        0
    }

    /// What it asks of the samples themselves, if it follows the selector.
    fn quantization(&self) -> Option<&Quantization> {
        None
    }
}

/// One operator: what it tells about itself, and how it is read.
pub(crate) struct Entry {
    pub(crate) descriptor: Descriptor,
    pub(crate) read: fn(&mut Stage<'_>) -> Parsed<Box<dyn Operator>>,
}

/// Every operator, by name. Reducers (`sum by host`) are operators, too: [`aggregate`].
pub(crate) const OPERATORS: &[Entry] = &[
    accum::ENTRY,
    bottomk::ENTRY,
    delta::ENTRY,
    eval::ENTRY,
    ewma::ENTRY,
    fillmissing::ENTRY,
    filter::ENTRY,
    outlier::ENTRY,
    parse::ENTRY,
    quantize::ENTRY,
    rate::ENTRY,
    timeshift::ENTRY,
    topk::ENTRY,
    where_::ENTRY,
];

/// The text of one stage.
pub(crate) struct Stage<'a> {
    pub(crate) text: &'a str,
    /// What follows the operator's name.
    pub(crate) range: Range<usize>,
    pub(crate) diagnostics: &'a mut Vec<Diagnostic>,
}

impl Stage<'_> {
    /// The words that follow the name.
    pub(crate) fn tokens(&mut self) -> Tokens {
        let words = lexer::lex(self.text, self.range.clone(), self.diagnostics);
        Tokens::new(words, self.range.end)
    }
}

/// Every operator and reducer, for help and completion.
pub(crate) fn descriptors() -> impl Iterator<Item = Descriptor> {
    let operators = OPERATORS.iter().map(|entry| entry.descriptor);
    operators.chain(aggregate::descriptors())
}

/// Reads the stage in `text[range]`.
pub(crate) fn read(
    text: &str,
    range: Range<usize>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Parsed<Box<dyn Operator>> {
    let words = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (words.len() - words.trim_start().len());
    let words = words.trim();
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let name = words
        .split(|character| !is_part(character))
        .next()
        .unwrap_or_default();
    let span = start..start + name.len();
    if words.starts_with("{{") {
        return parameter(text, range, diagnostics);
    }
    if name.is_empty() {
        let end = start..range.end.max(start);
        return Err(Diagnostic::error(end, "an operator is missing here").expecting("an operator"));
    }
    let lower = name.to_lowercase();
    let mut stage = Stage {
        text,
        range: span.end..range.end,
        diagnostics,
    };
    if let Some(entry) = OPERATORS
        .iter()
        .find(|entry| entry.descriptor.name == lower)
    {
        return (entry.read)(&mut stage);
    }
    if lower == PERCENTILE || REDUCERS.iter().any(|(reducer, _, _)| *reducer == lower) {
        return aggregate::read(&lower, span, &mut stage);
    }
    let known = OPERATORS.iter().map(|entry| entry.descriptor.name);
    let known = known
        .chain(REDUCERS.iter().map(|(name, _, _)| *name))
        .chain([PERCENTILE]);
    let is_for_logs = crate::operators::OPERATORS
        .iter()
        .any(|entry| entry.descriptor.name == lower);
    let message = if is_for_logs {
        format!("`{name}` works on logs and not on metrics")
    } else {
        format!("there is no metrics operator `{name}`")
    };
    Err(Diagnostic::error(span, message).suggesting(&lower, known))
}

/// A `{{parameter}}` without a value where an operator stands: some aggregation.
fn parameter(
    text: &str,
    range: Range<usize>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Parsed<Box<dyn Operator>> {
    let words = lexer::lex(text, range.clone(), diagnostics);
    let mut tokens = Tokens::new(words, range.end);
    match tokens.next().map(|token| token.kind) {
        Some(TokenKind::Parameter(_)) => aggregate::any(&mut tokens),
        _ => Err(tokens.unexpected("an operator")),
    }
}
