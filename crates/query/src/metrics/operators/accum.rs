//! `accum`: a running total of each series.

use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::SeriesSet;
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "accum",
        kind: UnitKind::Operator,
        syntax: "accum",
        summary: "A running total of each series.",
        examples: &["metric=Errors | sum | accum"],
    },
    read,
};

#[derive(Debug)]
struct Accum;

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    stage.tokens().finish()?;
    Ok(Box::new(Accum))
}

impl Operator for Accum {
    fn apply(&self, input: SeriesSet) -> SeriesSet {
        input.map_points(|series| {
            let mut total = 0.0;
            let points = series.points.iter().map(|point| {
                total += if point.is_nan() { 0.0 } else { *point };
                if point.is_nan() { f64::NAN } else { total }
            });
            points.collect()
        })
    }
}
