//! `where`: keeps the series that meet a condition, or, if it is about `_value`, the points.

use super::timeshift::duration_ms;
use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::SeriesSet;
use crate::metrics::syntax::formula::{self, Allowed, Formula};
use crate::syntax::expression;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "where",
        kind: UnitKind::Operator,
        syntax: "where <condition> [(all | atleast <n>) (first | any | last) <duration>]",
        summary: "Keeps the series, or the points, that meet a condition.",
        examples: &["metric=Duration | where _value > 1000 atleast 3 last 15m"],
    },
    read,
};

/// How many points of a stretch of time must meet the condition.
#[derive(Clone, Copy, Debug)]
enum Wanted {
    All,
    AtLeast(usize),
}

#[derive(Clone, Copy, Debug)]
enum Stretch {
    First,
    Any,
    Last,
}

#[derive(Debug)]
struct Where {
    condition: Formula,
    within: Option<(Wanted, Stretch, i64)>,
}

pub(super) fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let written = expression::parse(&mut tokens)?;
    let condition = formula::read(&written, Allowed::PointsAndReducers, &mut Vec::new())?;
    let within = if tokens.is_done() {
        None
    } else {
        Some(within(&mut tokens)?)
    };
    tokens.finish()?;
    Ok(Box::new(Where { condition, within }))
}

fn within(tokens: &mut Tokens) -> Parsed<(Wanted, Stretch, i64)> {
    let wanted = if tokens.word("all") {
        Wanted::All
    } else if tokens.word("atleast") {
        Wanted::AtLeast(tokens.count()?)
    } else {
        return Err(tokens.unexpected("`all`, `atleast` or the end of the stage"));
    };
    let known = [
        ("first", Stretch::First),
        ("any", Stretch::Any),
        ("last", Stretch::Last),
    ];
    let stretch = known.into_iter().find(|(word, _)| tokens.word(word));
    let Some((_, stretch)) = stretch else {
        return Err(tokens.unexpected("`first`, `any` or `last`"));
    };
    Ok((wanted, stretch, duration_ms(tokens)?))
}

impl Operator for Where {
    fn apply(&self, mut input: SeriesSet) -> SeriesSet {
        let grid = input.grid;
        let is_about_points = self.condition.has_points();
        input.series.retain_mut(|series| {
            let bound = self.condition.bound(&series.points, grid.step_ms);
            let meets = |point: f64| bound.compute(&|_| point) == 1.0;
            match self.within {
                Some((wanted, stretch, time_ms)) => {
                    let buckets = grid.buckets(time_ms).min(grid.len);
                    is_met_within(&series.points, buckets, wanted, stretch, meets)
                }
                None if is_about_points => {
                    for point in &mut series.points {
                        if !point.is_nan() && !meets(*point) {
                            *point = f64::NAN;
                        }
                    }
                    series.points.iter().any(|point| !point.is_nan())
                }
                None => meets(f64::NAN),
            }
        });
        input
    }
}

fn is_met_within(
    points: &[f64],
    buckets: usize,
    wanted: Wanted,
    stretch: Stretch,
    meets: impl Fn(f64) -> bool,
) -> bool {
    let is_enough = |points: &[f64]| {
        let present = points.iter().filter(|point| !point.is_nan());
        let count = present.clone().count();
        let met = present.filter(|point| meets(**point)).count();
        match wanted {
            Wanted::All => count > 0 && met == count,
            Wanted::AtLeast(least) => met >= least,
        }
    };
    match stretch {
        Stretch::First => is_enough(&points[..buckets]),
        Stretch::Last => is_enough(&points[points.len() - buckets..]),
        Stretch::Any => points.windows(buckets.max(1)).any(is_enough),
    }
}
