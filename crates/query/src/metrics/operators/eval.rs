//! `eval`: computes each point anew.

use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::SeriesSet;
use crate::metrics::syntax::formula::{self, Allowed, Formula};
use crate::syntax::expression;
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "eval",
        kind: UnitKind::Operator,
        syntax: "eval <formula of _value, _granularity, avg, max …>",
        summary: "Computes each point anew.",
        examples: &["metric=memory_bytes | eval _value / 1024 / 1024"],
    },
    read,
};

#[derive(Debug)]
struct Eval(Formula);

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let written = expression::parse(&mut tokens)?;
    let formula = formula::read(&written, Allowed::PointsAndReducers, &mut Vec::new())?;
    tokens.finish()?;
    Ok(Box::new(Eval(formula)))
}

impl Operator for Eval {
    fn apply(&self, input: SeriesSet) -> SeriesSet {
        let step_ms = input.grid.step_ms;
        input.map_points(|series| {
            let bound = self.0.bound(&series.points, step_ms);
            let compute = |point: &f64| {
                if point.is_nan() {
                    return f64::NAN;
                }
                bound.compute(&|_| *point)
            };
            series.points.iter().map(compute).collect()
        })
    }
}
