//! `delta`: the difference of each point from the one before it.

use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::{Series, SeriesSet};
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "delta",
        kind: UnitKind::Operator,
        syntax: "delta [increasing | decreasing | counter]",
        summary: "The difference of each point from the one before it.",
        examples: &["metric=requests_total | delta counter"],
    },
    read,
};

/// Which differences count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    All,
    Increasing,
    Decreasing,
    /// The series only grows; a smaller number means that it began again at zero.
    Counter,
}

impl Mode {
    /// Reads a mode, if one comes next.
    pub(super) fn read(tokens: &mut Tokens) -> Mode {
        let known = [
            ("increasing", Mode::Increasing),
            ("decreasing", Mode::Decreasing),
            ("counter", Mode::Counter),
        ];
        let found = known.into_iter().find(|(word, _)| tokens.word(word));
        found.map_or(Mode::All, |(_, mode)| mode)
    }

    /// The difference between two points; NaN if it does not count.
    pub(super) fn difference(self, before: f64, after: f64) -> f64 {
        match self {
            Mode::Counter if after < before => after,
            Mode::Increasing if after < before => f64::NAN,
            Mode::Decreasing if after > before => f64::NAN,
            _ => after - before,
        }
    }
}

#[derive(Debug)]
struct Delta(Mode);

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let mode = Mode::read(&mut tokens);
    tokens.finish()?;
    Ok(Box::new(Delta(mode)))
}

impl Operator for Delta {
    fn apply(&self, mut input: SeriesSet) -> SeriesSet {
        for series in &mut input.series {
            series.dimensions.wrap_metric("delta");
        }
        input.map_points(|series| {
            steps(series, |before, after| self.0.difference(before.1, after.1))
        })
    }
}

/// Computes a number from each point and the one before it; the first has none.
pub(super) fn steps(series: &Series, step: impl Fn((usize, f64), (usize, f64)) -> f64) -> Vec<f64> {
    let mut points = vec![f64::NAN; series.points.len()];
    let mut before: Option<(usize, f64)> = None;
    for after in series.present() {
        if let Some(before) = before {
            points[after.0] = step(before, after);
        }
        before = Some(after);
    }
    points
}
