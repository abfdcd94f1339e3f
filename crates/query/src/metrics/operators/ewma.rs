//! `ewma`: smooths each series with an exponentially weighted moving average.

use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::SeriesSet;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "ewma",
        kind: UnitKind::Operator,
        syntax: "ewma [alpha=<0 to 1> | span=<points>]",
        summary: "Smooths each series: an exponentially weighted moving average.",
        examples: &["metric=Duration | avg | ewma span=10"],
    },
    read,
};

const ALPHA: f64 = 0.5;

#[derive(Debug)]
struct Ewma {
    alpha: f64,
}

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let mut alpha = ALPHA;
    while !tokens.is_done() {
        let span = tokens.span();
        let is_alpha = tokens.word("alpha");
        if !is_alpha && !tokens.word("span") {
            return Err(tokens.unexpected("`alpha=` or `span=`"));
        }
        tokens.expect_symbol("=")?;
        let number = number(&mut tokens)?;
        alpha = if is_alpha {
            number
        } else {
            2.0 / (number + 1.0)
        };
        if !(0.0..=1.0).contains(&alpha) {
            return Err(
                Diagnostic::error(span.start..tokens.last_end(), "this is out of range")
                    .expecting("an `alpha` from 0 to 1 or a `span` of at least one point"),
            );
        }
        tokens.symbol(",");
    }
    Ok(Box::new(Ewma { alpha }))
}

impl Operator for Ewma {
    fn apply(&self, input: SeriesSet) -> SeriesSet {
        input.map_points(|series| {
            let mut smooth = f64::NAN;
            let points = series.points.iter().map(|point| {
                if point.is_nan() {
                    return f64::NAN;
                }
                smooth = if smooth.is_nan() {
                    *point
                } else {
                    self.alpha * point + (1.0 - self.alpha) * smooth
                };
                smooth
            });
            points.collect()
        })
    }
}

/// A plain number; a parameter without a value is 1.
pub(super) fn number(tokens: &mut Tokens) -> Parsed<f64> {
    let number = match tokens.peek() {
        Some(TokenKind::Number {
            value,
            is_time: false,
            ..
        }) => *value,
        Some(TokenKind::Parameter(_)) => 1.0,
        _ => return Err(tokens.unexpected("a number")),
    };
    tokens.next();
    Ok(number)
}
