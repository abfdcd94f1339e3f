//! `outlier`: marks the points that lie far from the moving average of the points before them.

use super::ewma::number;
use super::timeshift::duration_ms;
use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::reducer::Reducer;
use crate::metrics::series::{Band, SeriesSet};
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "outlier",
        kind: UnitKind::Operator,
        syntax: "outlier [window=<duration or points>] [threshold=<deviations>] [direction=+- | + | -]",
        summary: "Marks the points that lie far from the moving average.",
        examples: &["metric=Duration | avg | outlier window=15m threshold=3 direction=+"],
    },
    read,
};

const WINDOW_MS: i64 = 300_000;
const THRESHOLD: f64 = 3.0;
/// Fewer points say nothing about a deviation.
const POINTS_MIN: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Window {
    Time(i64),
    Points(usize),
}

#[derive(Debug)]
struct Outlier {
    window: Window,
    threshold: f64,
    is_upward: bool,
    is_downward: bool,
}

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let mut outlier = Outlier {
        window: Window::Time(WINDOW_MS),
        threshold: THRESHOLD,
        is_upward: true,
        is_downward: true,
    };
    while !tokens.is_done() {
        let known = ["window", "threshold", "direction"];
        let option = known.into_iter().find(|option| tokens.word(option));
        let Some(option) = option else {
            return Err(tokens.unexpected("`window=`, `threshold=` or `direction=`"));
        };
        tokens.expect_symbol("=")?;
        match option {
            "window"
                if matches!(
                    tokens.peek(),
                    Some(TokenKind::Number { is_time: false, .. })
                ) =>
            {
                outlier.window = Window::Points(tokens.count()?.max(1));
            }
            "window" => outlier.window = Window::Time(duration_ms(&mut tokens)?),
            "threshold" => outlier.threshold = number(&mut tokens)?,
            _ => {
                let (is_upward, is_downward) = direction(&mut tokens)?;
                (outlier.is_upward, outlier.is_downward) = (is_upward, is_downward);
            }
        }
        tokens.symbol(",");
    }
    Ok(Box::new(outlier))
}

/// `+`, `-` or `+-`: upwards, downwards.
fn direction(tokens: &mut Tokens) -> Parsed<(bool, bool)> {
    if matches!(tokens.peek(), Some(TokenKind::Parameter(_))) {
        tokens.next();
        return Ok((true, true));
    }
    let (mut is_upward, mut is_downward) = (false, false);
    loop {
        if tokens.symbol("+") {
            is_upward = true;
        } else if tokens.symbol("-") {
            is_downward = true;
        } else if is_upward || is_downward {
            return Ok((is_upward, is_downward));
        } else {
            return Err(tokens.unexpected("`+`, `-` or `+-`"));
        }
    }
}

impl Operator for Outlier {
    fn apply(&self, mut input: SeriesSet) -> SeriesSet {
        let window = match self.window {
            Window::Time(time_ms) => input.grid.buckets(time_ms),
            Window::Points(points) => points,
        }
        .max(POINTS_MIN);
        for series in &mut input.series {
            series.band = Some(self.band(&series.points, window));
        }
        input
    }
}

impl Outlier {
    fn band(&self, points: &[f64], window: usize) -> Band {
        let mut band = Band {
            lower: vec![f64::NAN; points.len()],
            upper: vec![f64::NAN; points.len()],
            is_outside: vec![false; points.len()],
        };
        for (place, point) in points.iter().enumerate() {
            let before = &points[place.saturating_sub(window)..place];
            let mut before: Vec<f64> = before
                .iter()
                .copied()
                .filter(|point| !point.is_nan())
                .collect();
            if before.len() < POINTS_MIN {
                continue;
            }
            let width = self.threshold * Reducer::Deviation.reduce(&mut before);
            let middle = Reducer::Average.reduce(&mut before);
            band.lower[place] = middle - width;
            band.upper[place] = middle + width;
            band.is_outside[place] = (self.is_upward && *point > middle + width)
                || (self.is_downward && *point < middle - width);
        }
        band
    }
}
