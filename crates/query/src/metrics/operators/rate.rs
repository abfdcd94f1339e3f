//! `rate`: the change per second, from point to point or over a window.

use super::delta::{Mode, steps};
use super::timeshift::duration_ms;
use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::series::{Series, SeriesSet};
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "rate",
        kind: UnitKind::Operator,
        syntax: "rate [increasing | decreasing | counter] [[over] <duration>]",
        summary: "The change per second, from point to point or over a window.",
        examples: &["metric=requests_total | rate counter over 5m"],
    },
    read,
};

#[derive(Debug)]
struct Rate {
    mode: Mode,
    window_ms: Option<i64>,
}

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let mut mode = Mode::read(&mut tokens);
    let is_over = tokens.word("over");
    let window_ms = if is_over || !tokens.is_done() {
        Some(duration_ms(&mut tokens)?)
    } else {
        None
    };
    if mode == Mode::All {
        mode = Mode::read(&mut tokens);
    }
    tokens.finish()?;
    Ok(Box::new(Rate { mode, window_ms }))
}

impl Operator for Rate {
    fn apply(&self, mut input: SeriesSet) -> SeriesSet {
        for series in &mut input.series {
            series.dimensions.wrap_metric("rate");
        }
        let seconds = input.grid.step_ms as f64 / 1_000.0;
        let window = self.window_ms.map(|window| input.grid.buckets(window));
        input.map_points(|series| {
            let changes = steps(series, |before, after| {
                self.mode.difference(before.1, after.1)
            });
            match window {
                None => steps(series, |before, after| {
                    changes[after.0] / ((after.0 - before.0) as f64 * seconds)
                }),
                Some(window) => over(series, &changes, window, seconds),
            }
        })
    }
}

/// At each point: what changed inside the window that ends there, per second between the
/// window's first point and its last.
fn over(series: &Series, changes: &[f64], window: usize, seconds: f64) -> Vec<f64> {
    let mut points = vec![f64::NAN; series.points.len()];
    let present: Vec<usize> = series.present().map(|(place, _)| place).collect();
    let mut first = 0;
    for (nth, &last) in present.iter().enumerate() {
        while present[first] + window < last {
            first += 1;
        }
        if first < nth {
            let inside = present[first + 1..=nth].iter().map(|place| changes[*place]);
            let change: f64 = inside.filter(|change| !change.is_nan()).sum();
            points[last] = change / ((last - present[first]) as f64 * seconds);
        }
    }
    points
}
