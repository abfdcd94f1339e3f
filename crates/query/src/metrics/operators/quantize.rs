//! `quantize`: chooses the length of the time buckets, and what becomes of the samples inside one.
//!
//! It reads samples only where it follows the selector; further on it averages points.

use super::timeshift::duration_ms;
use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::{Grid, SeriesSet};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "quantize",
        kind: UnitKind::Operator,
        syntax: "quantize [to] <duration> [using avg | min | max | sum | count | rate] [drop last]",
        summary: "Chooses the length of the time buckets, and what becomes of the samples inside one.",
        examples: &["metric=Errors | quantize to 5m using sum | sum by functionname"],
    },
    read,
};

/// What becomes of the samples of a bucket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Rollup {
    #[default]
    Average,
    Smallest,
    Largest,
    Sum,
    Count,
    /// The change per second between its first sample and its last.
    Rate,
}

const ROLLUPS: [(&str, Rollup); 6] = [
    ("avg", Rollup::Average),
    ("min", Rollup::Smallest),
    ("max", Rollup::Largest),
    ("sum", Rollup::Sum),
    ("count", Rollup::Count),
    ("rate", Rollup::Rate),
];

impl Rollup {
    /// Returns the rollup of that name, in any case.
    pub(crate) fn named(name: &str) -> Option<Rollup> {
        let known = ROLLUPS
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        known.map(|(_, rollup)| rollup)
    }
}

/// How samples become points.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantization {
    /// The length of a bucket; chosen from the range if it is not given.
    pub(crate) step_ms: Option<i64>,
    pub(crate) rollup: Option<Rollup>,
    /// Whether a last bucket that the range's end cuts is left out.
    pub(crate) is_dropping_last: bool,
}

#[derive(Debug)]
struct Quantize(Quantization);

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let mut quantization = Quantization::default();
    let is_to = tokens.word("to");
    let is_next_time = matches!(
        tokens.peek(),
        Some(TokenKind::Number { .. } | TokenKind::Parameter(_))
    );
    if is_to || is_next_time {
        quantization.step_ms = Some(duration_ms(&mut tokens)?);
    }
    if tokens.word("using") {
        quantization.rollup = Some(rollup(&mut tokens)?);
    }
    if quantization.step_ms.is_none() && quantization.rollup.is_none() {
        return Err(tokens.unexpected("a duration such as `5m`, or `using`"));
    }
    if tokens.word("drop") {
        if !tokens.word("last") {
            return Err(tokens.unexpected("`last`"));
        }
        quantization.is_dropping_last = true;
    }
    tokens.finish()?;
    Ok(Box::new(Quantize(quantization)))
}

fn rollup(tokens: &mut Tokens) -> Parsed<Rollup> {
    let span = tokens.span();
    let word = match tokens.next().map(|token| token.kind) {
        Some(TokenKind::Word(word)) => word,
        Some(TokenKind::Parameter(_)) => return Ok(Rollup::default()),
        _ => return Err(Diagnostic::error(span, "the rollup is missing").expecting(EXPECTED)),
    };
    Rollup::named(&word).ok_or_else(|| {
        let message = if word.eq_ignore_ascii_case("histogram") {
            "histograms are not kept as such; their buckets and quantiles are series".to_owned()
        } else {
            format!("there is no rollup `{word}`")
        };
        Diagnostic::error(span, message)
            .suggesting(&word, ROLLUPS.map(|(name, _)| name))
            .expecting(EXPECTED)
    })
}

const EXPECTED: &str = "`avg`, `min`, `max`, `sum`, `count` or `rate`";

impl Operator for Quantize {
    fn apply(&self, input: SeriesSet) -> SeriesSet {
        let Some(step_ms) = self.0.step_ms.filter(|step| *step > input.grid.step_ms) else {
            return input;
        };
        let grid = Grid::covering(input.grid.start_ms, input.grid.end_ms(), step_ms);
        input.onto(grid)
    }

    fn quantization(&self) -> Option<&Quantization> {
        Some(&self.0)
    }
}
