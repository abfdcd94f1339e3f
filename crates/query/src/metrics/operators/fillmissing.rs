//! `fillmissing`: puts a point where there is none.

use super::ewma::number;
use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::SeriesSet;
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "fillmissing",
        kind: UnitKind::Operator,
        syntax: "fillmissing [using] empty | last | interpolation | <number>",
        summary: "Puts a point where there is none.",
        examples: &["metric=Errors | sum | fillmissing 0"],
    },
    read,
};

#[derive(Clone, Copy, Debug)]
enum Policy {
    /// No point after all: charts show the gap.
    Empty,
    Last,
    Interpolation,
    Fixed(f64),
}

#[derive(Debug)]
struct Fillmissing(Policy);

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let is_wrapped = tokens.symbol("(");
    tokens.word("using");
    let known = [
        ("empty", Policy::Empty),
        ("last", Policy::Last),
        ("interpolation", Policy::Interpolation),
    ];
    let named = known.into_iter().find(|(word, _)| tokens.word(word));
    let policy = match named {
        Some((_, policy)) => policy,
        None => {
            let is_negative = tokens.symbol("-");
            let fixed = number(&mut tokens)
                .map_err(|found| found.expecting("`empty`, `last`, `interpolation` or a number"))?;
            Policy::Fixed(if is_negative { -fixed } else { fixed })
        }
    };
    if is_wrapped {
        tokens.expect_symbol(")")?;
    }
    tokens.finish()?;
    Ok(Box::new(Fillmissing(policy)))
}

impl Operator for Fillmissing {
    fn apply(&self, input: SeriesSet) -> SeriesSet {
        input.map_points(|series| {
            let mut points = series.points.clone();
            match self.0 {
                Policy::Empty => {}
                Policy::Fixed(value) => {
                    let missing = points.iter_mut().filter(|point| point.is_nan());
                    missing.for_each(|point| *point = value);
                }
                Policy::Last => {
                    let mut last = f64::NAN;
                    for point in &mut points {
                        if point.is_nan() {
                            *point = last;
                        }
                        last = *point;
                    }
                }
                Policy::Interpolation => interpolate(&mut points),
            }
            points
        })
    }
}

/// Draws straight lines between points; before the first and after the last there are none.
fn interpolate(points: &mut [f64]) {
    let mut before: Option<(usize, f64)> = None;
    for place in 0..points.len() {
        let after = points[place];
        if after.is_nan() {
            continue;
        }
        if let Some((start, first)) = before {
            let slope = (after - first) / (place - start) as f64;
            for (step, point) in points[start..place].iter_mut().enumerate() {
                *point = first + slope * step as f64;
            }
        }
        before = Some((place, after));
    }
}
