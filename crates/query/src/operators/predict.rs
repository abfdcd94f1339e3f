//! `predict`: continues a time series, by a line or by what its own past says.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::cast;
use model::limits::FORECAST_POINTS_MAX;

use super::{Entry, sequence};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};
use crate::{QueryError, Result};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "predict",
        kind: UnitKind::Operator,
        syntax: "predict <field> by <duration> [model=linear | ar] [ar.window=<n>] [forecast=<n>]",
        summary: "Adds the values that a line (or `model=ar`, the series' own past) predicts, and points to come.",
        examples: &[
            "* | timeslice 5m | count by _timeslice | predict _count by 5m",
            "* | timeslice 5m | count by _timeslice | predict _count by 5m model=ar, forecast=12",
        ],
    },
    apply,
);

/// Points of one series: more are no time series to be shown.
const POINTS_MAX: usize = 10_000;
/// Points to come if nothing is said.
const FORECAST: usize = 3;
/// The past that the autoregressive model looks at is at least this long, and at most so long.
const ORDER_MIN: usize = 10;
const ORDER_MAX: usize = 200;

#[derive(Debug)]
struct Predict {
    name: String,
    width_ms: i64,
    /// Whether the series' own past predicts, and how many points of it.
    is_autoregressive: bool,
    order: Option<usize>,
    forecast: usize,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    let has_slices = planner.is_open
        || planner
            .fields
            .iter()
            .any(|field| field.name == "_timeslice");
    if planner.kind == ResultKind::Messages || !has_slices {
        return Err(
            Diagnostic::error(at, "`predict` needs a time series before it")
                .expecting("for example `| timeslice 5m | count by _timeslice`"),
        );
    }
    let name = tokens.name()?;
    let value = planner.resolve(&name.text, &name.span).number();
    if !tokens.word("by") {
        return Err(tokens.unexpected("`by` and the width of the time slices"));
    }
    let mut step = Predict {
        name: name.text,
        width_ms: sequence::duration_ms(tokens)?,
        is_autoregressive: false,
        order: None,
        forecast: 0,
    };
    let mut forecast = None;
    while !tokens.is_done() {
        tokens.symbol(",");
        if tokens.word("model") {
            tokens.expect_symbol("=")?;
            step.is_autoregressive = tokens.word("ar");
            if !step.is_autoregressive && !tokens.word("linear") {
                return Err(tokens.unexpected("`linear` or `ar`"));
            }
        } else if tokens.word("ar.window") {
            tokens.expect_symbol("=")?;
            step.order = Some(tokens.count()?.clamp(1, ORDER_MAX));
        } else if tokens.word("forecast") {
            tokens.expect_symbol("=")?;
            forecast = Some(step.points(tokens)?);
        } else {
            return Err(tokens.unexpected("`model=`, `ar.window=` or `forecast=`"));
        }
    }
    step.forecast = forecast.unwrap_or(if step.is_autoregressive { FORECAST } else { 0 });
    let slice = planner.resolve("_timeslice", &at).expr;
    planner.end_stage(vec![cast(slice, DataType::Int64), value], step);
    Ok(())
}

impl Predict {
    /// A number of points, or a time that they fill.
    fn points(&self, tokens: &mut Tokens) -> Parsed<usize> {
        let at = tokens.span();
        let is_time = matches!(tokens.peek(), Some(TokenKind::Number { is_time: true, .. }));
        let points = match is_time {
            true => sequence::duration_ms(tokens)? / self.width_ms,
            false => tokens.count()? as i64,
        };
        match usize::try_from(points) {
            Ok(points) if points <= FORECAST_POINTS_MAX => Ok(points),
            _ => {
                let message = format!(
                    "a forecast has at most {FORECAST_POINTS_MAX} points (FORECAST_POINTS_MAX)"
                );
                Err(Diagnostic::error(at, message))
            }
        }
    }
}

impl Step for Predict {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let (slices, values) = (input.numbers(0)?, input.numbers(1)?);
        let mut table = input.table;
        let series = self.series(&slices, &values)?;
        if series.holes > 0 {
            table.warnings.push(format!(
                "{} time slices have no value; `predict` takes them as 0: use `fillmissing`",
                series.holes
            ));
        }
        let actual = &series.actual;
        let end = match actual.len() {
            0 => 0,
            points => points + self.forecast,
        };
        let linear = line(actual, end);
        let predicted = match self.is_autoregressive {
            true => autoregression(actual, self.order(actual.len()), end),
            false => linear.iter().copied().map(Some).collect(),
        };
        let known = |place: usize| actual.get(place).copied();
        let error = |place: usize| Some(predicted[place]? - known(place)?);
        let times = (0..end).map(|place| series.start_ms + self.width_ms * place as i64);
        let column = |ending: &str, values: Vec<Option<f64>>| {
            let name = format!("{}{ending}", self.name);
            let values: ArrayRef = Arc::new(Float64Array::from(values));
            (ResultField::measure(&name, FieldType::Double), values)
        };
        let times: ArrayRef = Arc::new(times.collect::<Int64Array>());
        let mut columns = vec![
            (ResultField::key("_timeslice", FieldType::Long), times),
            column("", (0..end).map(known).collect()),
            column("_predicted", predicted.clone()),
            column("_error", (0..end).map(error).collect()),
        ];
        if self.is_autoregressive {
            columns.push(column("_linear", linear.into_iter().map(Some).collect()));
        }
        let mut made = Table::records(columns, end)?;
        made.warnings = table.warnings;
        Ok(made)
    }
}

/// A value for each time slice.
struct Series {
    start_ms: i64,
    actual: Vec<f64>,
    /// How many had no value.
    holes: usize,
}

impl Predict {
    fn series(&self, slices: &[Option<f64>], values: &[Option<f64>]) -> Result<Series> {
        let times = || slices.iter().copied().flatten();
        let (first, last) = (
            times().fold(f64::INFINITY, f64::min),
            times().fold(f64::MIN, f64::max),
        );
        if first > last {
            return Ok(Series {
                start_ms: 0,
                actual: Vec::new(),
                holes: 0,
            });
        }
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds")]
        let (start_ms, end_ms) = (first as i64, last as i64);
        let place =
            |ms: i64| usize::try_from((ms - start_ms) / self.width_ms).unwrap_or(usize::MAX);
        if place(end_ms) >= POINTS_MAX {
            return Err(QueryError::Step(format!(
                "`predict` looks at {POINTS_MAX} time slices at most; use wider ones"
            )));
        }
        let mut found: Vec<Option<f64>> = vec![None; place(end_ms) + 1];
        for (slice, value) in slices.iter().zip(values) {
            if let (Some(slice), Some(value)) = (slice, value) {
                #[allow(clippy::cast_possible_truncation, reason = "milliseconds")]
                let place = place(*slice as i64);
                *found[place].get_or_insert(0.0) += value;
            }
        }
        Ok(Series {
            start_ms,
            holes: found.iter().filter(|value| value.is_none()).count(),
            actual: found.into_iter().map(Option::unwrap_or_default).collect(),
        })
    }

    fn order(&self, points: usize) -> usize {
        let order = self.order.unwrap_or((points / 10).max(ORDER_MIN));
        order
            .min(ORDER_MAX)
            .min(points.saturating_sub(1) / 2)
            .max(1)
    }
}

/// The line with the least squares of errors, at the places up to `end`.
#[allow(clippy::cast_precision_loss, reason = "few points")]
fn line(actual: &[f64], end: usize) -> Vec<f64> {
    let count = actual.len().max(1) as f64;
    let middle = (count - 1.0) / 2.0;
    let mean = actual.iter().sum::<f64>() / count;
    let mut products = 0.0;
    let mut squares = 0.0;
    for (place, value) in actual.iter().enumerate() {
        let distance = place as f64 - middle;
        products += distance * (value - mean);
        squares += distance * distance;
    }
    let slope = if squares > 0.0 {
        products / squares
    } else {
        0.0
    };
    (0..end)
        .map(|place| mean + slope * (place as f64 - middle))
        .collect()
}

/// Each point as a weighted sum of the `order` points before it, with Burg's weights: they are
/// found without inverting a matrix and never make the forecast explode.
#[allow(clippy::cast_precision_loss, reason = "few points")]
fn autoregression(actual: &[f64], order: usize, end: usize) -> Vec<Option<f64>> {
    let mean = actual.iter().sum::<f64>() / actual.len().max(1) as f64;
    let mut centred: Vec<f64> = actual.iter().map(|value| value - mean).collect();
    let weights = burg(&centred, order);
    let mut predicted = Vec::with_capacity(end);
    for place in 0..end {
        let point = (place >= weights.len() && !actual.is_empty()).then(|| {
            let before = centred[place - weights.len()..place].iter().rev();
            before
                .zip(&weights)
                .map(|(value, weight)| value * weight)
                .sum::<f64>()
        });
        if place >= centred.len() {
            centred.push(point.unwrap_or_default());
        }
        predicted.push(point.map(|point| point + mean));
    }
    predicted
}

/// Burg's method: the weights of the last `order` points, the nearest first.
fn burg(values: &[f64], order: usize) -> Vec<f64> {
    let mut weights: Vec<f64> = Vec::new();
    let mut forward = values.to_vec();
    let mut backward = values.to_vec();
    for _ in 0..order {
        let pairs = || forward.iter().skip(1).zip(&backward);
        let products: f64 = pairs().map(|(ahead, behind)| ahead * behind).sum();
        let squares: f64 = pairs()
            .map(|(ahead, behind)| ahead * ahead + behind * behind)
            .sum();
        if squares <= f64::EPSILON {
            break;
        }
        let reflection = 2.0 * products / squares;
        let mirrored: Vec<f64> = weights.iter().rev().copied().collect();
        for (weight, mirror) in weights.iter_mut().zip(mirrored) {
            *weight -= reflection * mirror;
        }
        weights.push(reflection);
        let next: (Vec<f64>, Vec<f64>) = pairs()
            .map(|(ahead, behind)| (ahead - reflection * behind, behind - reflection * ahead))
            .unzip();
        (forward, backward) = next;
    }
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on() {
        assert_eq!(line(&[1.0, 2.0, 3.0], 5), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(line(&[], 2), [0.0, 0.0]);
    }

    #[test]
    fn a_wave_goes_on() {
        let wave = |place: usize| (place as f64 * std::f64::consts::TAU / 12.0).sin();
        let actual: Vec<f64> = (0..240).map(wave).collect();
        let predicted = autoregression(&actual, 24, 252);
        for (place, point) in predicted.iter().enumerate().skip(240) {
            assert!(
                (point.unwrap() - wave(place)).abs() < 0.1,
                "{place}: {point:?}"
            );
        }
    }

    #[test]
    fn a_forecast_never_explodes() {
        let growing: Vec<f64> = (0..40).map(|place| 1.5_f64.powi(place)).collect();
        let largest = growing.last().copied().unwrap_or_default();
        let predicted = autoregression(&growing, 10, 140);
        assert!(
            predicted
                .iter()
                .flatten()
                .all(|point| point.abs() <= largest * 2.0)
        );
    }
}
