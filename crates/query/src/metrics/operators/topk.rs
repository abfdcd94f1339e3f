//! `topk`: keeps the series that rank highest, in each group.

use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use std::collections::HashMap;

use super::aggregate::by;
use crate::metrics::reducer::Reducer;
use crate::metrics::series::{Dimensions, Series, SeriesSet};
use crate::metrics::syntax::formula::{self, Allowed, Formula};
use crate::syntax::expression;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "topk",
        kind: UnitKind::Operator,
        syntax: "topk(<n>, <formula of avg, max, latest …>) [by <dimension>, …]",
        summary: "Keeps the series that rank highest, in each group.",
        examples: &["metric=Errors | sum by functionname | topk(10, max)"],
    },
    read,
};

#[derive(Debug)]
struct Ranked {
    count: usize,
    rank: Formula,
    by: Vec<String>,
    is_lowest: bool,
}

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    ranked(stage, false)
}

/// Reads what follows `topk` or `bottomk`.
pub(super) fn ranked(stage: &mut Stage<'_>, is_lowest: bool) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    tokens.expect_symbol("(")?;
    let count = tokens.count()?;
    tokens.expect_symbol(",")?;
    let rank = match tokens.peek() {
        Some(TokenKind::Parameter(_)) => {
            tokens.next();
            Formula::Reduced(Reducer::Average)
        }
        _ => {
            let written = expression::parse(&mut tokens)?;
            formula::read(&written, Allowed::Reducers, &mut Vec::new())?
        }
    };
    tokens.expect_symbol(")")?;
    let by = by(&mut tokens)?;
    tokens.finish()?;
    Ok(Box::new(Ranked {
        count,
        rank,
        by,
        is_lowest,
    }))
}

impl Operator for Ranked {
    /// The highest (or lowest) comes first; equal ones keep their order; those without a rank
    /// come last.
    fn apply(&self, mut input: SeriesSet) -> SeriesSet {
        let step_ms = input.grid.step_ms;
        let mut ranked: Vec<(f64, Series)> = input
            .series
            .into_iter()
            .map(|series| {
                let rank = self
                    .rank
                    .bound(&series.points, step_ms)
                    .compute(&|_| f64::NAN);
                let is_last = rank.is_nan();
                let rank = if self.is_lowest { rank } else { -rank };
                (if is_last { f64::INFINITY } else { rank }, series)
            })
            .collect();
        ranked.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut taken: HashMap<Dimensions, usize> = HashMap::new();
        ranked.retain(|(_, series)| {
            let taken = taken.entry(series.dimensions.only(&self.by)).or_default();
            *taken += 1;
            *taken <= self.count
        });
        input.series = ranked.into_iter().map(|(_, series)| series).collect();
        input
    }
}
