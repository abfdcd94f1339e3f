//! `outlier`: marks values that lie far from the average of the time slices before.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, Int64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::cast;
use model::limits::WINDOW_ROWS_MAX;

use super::{Entry, sequence};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table};
use crate::plan::{FieldType, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "outlier",
        kind: UnitKind::Operator,
        syntax: "outlier <field> [by <field>, …] [window=<n>, threshold=<n>, consecutive=<n>, direction=+- | + | -]",
        summary: "Marks values that lie more than some standard deviations (3) from the average of the time slices before (10).",
        examples: &[
            "* | timeslice 5m | count by _timeslice | outlier _count window=5, threshold=3, direction=+",
        ],
    },
    apply,
);

/// Fewer values say nothing about a deviation.
const VALUES_MIN: usize = 2;

#[derive(Clone, Debug)]
struct Outlier {
    name: String,
    window: usize,
    threshold: f64,
    consecutive: usize,
    is_upward: bool,
    is_downward: bool,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if planner.kind == ResultKind::Messages {
        return Err(
            Diagnostic::error(at, "`outlier` needs an aggregation before it")
                .expecting("for example `| timeslice 5m | count by _timeslice`"),
        );
    }
    let name = tokens.name()?;
    let value = planner.resolve(&name.text, &name.span).number();
    let mut step = Outlier {
        name: name.text,
        window: 10,
        threshold: 3.0,
        consecutive: 1,
        is_upward: true,
        is_downward: true,
    };
    let mut keys = Vec::new();
    while !tokens.is_done() {
        if tokens.word("by") {
            keys = sequence::keys(tokens, planner)?;
        } else {
            step.option(tokens)?;
        }
        tokens.symbol(",");
    }
    if planner
        .fields
        .iter()
        .any(|field| field.name == "_timeslice")
    {
        let slice = planner.resolve("_timeslice", &at).expr;
        let mut arguments = vec![value, cast(slice, DataType::Int64)];
        arguments.extend(keys);
        planner.end_stage(arguments, step);
        return Ok(());
    }
    if planner.is_open {
        planner.end_stage(vec![value.clone(), cast(value, DataType::Int64)], step);
        return Ok(());
    }
    Err(Diagnostic::error(at, "`outlier` needs time slices")
        .expecting("`timeslice`, and an aggregation by `_timeslice`"))
}

impl Outlier {
    fn option(&mut self, tokens: &mut Tokens) -> Parsed<()> {
        let known = ["window", "threshold", "consecutive", "direction"];
        let option = known.into_iter().find(|option| tokens.word(option));
        let Some(option) = option else {
            return Err(
                tokens.unexpected("`by`, `window=`, `threshold=`, `consecutive=` or `direction=`")
            );
        };
        tokens.expect_symbol("=")?;
        let at = tokens.span();
        match option {
            "window" => self.window = tokens.count()?,
            "consecutive" => self.consecutive = tokens.count()?.max(1),
            "threshold" => self.threshold = number(tokens)?,
            _ => (self.is_upward, self.is_downward) = direction(tokens)?,
        }
        if !(1..=WINDOW_ROWS_MAX).contains(&self.window) {
            let message = format!("a window has 1 to {WINDOW_ROWS_MAX} rows (WINDOW_ROWS_MAX)");
            return Err(Diagnostic::error(at, message));
        }
        Ok(())
    }
}

fn number(tokens: &mut Tokens) -> Parsed<f64> {
    match tokens.peek().cloned() {
        Some(TokenKind::Number { value, .. }) => {
            tokens.next();
            Ok(value)
        }
        Some(TokenKind::Parameter(_)) => {
            tokens.next();
            Ok(3.0)
        }
        _ => Err(tokens.unexpected("a number")),
    }
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

/// What is said about one row; nothing where too little came before.
#[derive(Clone, Copy, Debug, Default)]
struct Judged {
    mean: Option<f64>,
    deviation: Option<f64>,
    is_outside: bool,
    is_violation: bool,
}

impl Step for Outlier {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let numbers = input.numbers(0)?;
        let slices = input.numbers(1)?;
        let newest = slices.iter().flatten().copied().fold(f64::MIN, f64::max);
        let mut judged = vec![Judged::default(); numbers.len()];
        for mut rows in input.groups(2)?.rows {
            let time = |row: &u32| slices[*row as usize].unwrap_or(f64::MIN);
            rows.sort_by(|a, b| time(a).total_cmp(&time(b)));
            // The newest slice may not be over yet.
            rows.retain(|row| time(row) < newest);
            let values: Vec<Option<f64>> = rows.iter().map(|row| numbers[*row as usize]).collect();
            for (row, result) in rows.iter().zip(self.judge(&values)) {
                judged[*row as usize] = result;
            }
        }
        self.columns(input.table, &numbers, &judged)
    }
}

impl Outlier {
    /// Goes through the values of a group in the order of time.
    fn judge(&self, values: &[Option<f64>]) -> Vec<Judged> {
        let mut run = 0;
        let mut judged: Vec<Judged> = Vec::with_capacity(values.len());
        for (place, value) in values.iter().enumerate() {
            let before = &values[place.saturating_sub(self.window)..place];
            let before: Vec<f64> = before.iter().copied().flatten().collect();
            if before.len() < VALUES_MIN.min(self.window) {
                judged.push(Judged::default());
                continue;
            }
            let (mean, deviation) = (sequence::mean(&before), sequence::deviation(&before));
            let width = self.threshold * deviation;
            let is_outside = value.is_some_and(|value| {
                (self.is_upward && value > mean + width)
                    || (self.is_downward && value < mean - width)
            });
            run = if is_outside { run + 1 } else { 0 };
            judged.push(Judged {
                mean: Some(mean),
                deviation: Some(deviation),
                is_outside,
                is_violation: run >= self.consecutive,
            });
        }
        judged
    }

    fn columns(
        &self,
        mut table: Table,
        numbers: &[Option<f64>],
        judged: &[Judged],
    ) -> Result<Table> {
        let doubles = |value: &dyn Fn(&Judged, Option<f64>) -> Option<f64>| {
            let rows = judged.iter().zip(numbers);
            let values: Float64Array = rows
                .map(|(judged, number)| value(judged, *number))
                .collect();
            Arc::new(values) as ArrayRef
        };
        let threshold = self.threshold;
        let bound = |side: f64| {
            doubles(&move |judged, _| Some(judged.mean? + side * threshold * judged.deviation?))
        };
        let flags = |flag: fn(&Judged) -> bool| {
            let values = judged.iter().map(|judged| i64::from(flag(judged)));
            Arc::new(values.collect::<Int64Array>()) as ArrayRef
        };
        for (ending, field_type, values) in [
            (
                "error",
                FieldType::Double,
                doubles(&|judged, number| Some(number? - judged.mean?)),
            ),
            ("lower", FieldType::Double, bound(-1.0)),
            ("upper", FieldType::Double, bound(1.0)),
            (
                "std",
                FieldType::Double,
                doubles(&|judged, _| judged.deviation),
            ),
            (
                "indicator",
                FieldType::Long,
                flags(|judged| judged.is_outside),
            ),
            (
                "violation",
                FieldType::Long,
                flags(|judged| judged.is_violation),
            ),
        ] {
            table = table.add(&format!("{}_{ending}", self.name), field_type, values)?;
        }
        Ok(table)
    }
}
