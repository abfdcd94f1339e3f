//! What operators share that go from row to row, in the order in which the rows stand: `accum`,
//! `backshift`, `diff`, `rollingstd`, `smooth` and `total`.

use std::sync::Arc;

use datafusion::arrow::array::Float64Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::{Expr, cast};
use model::limits::WINDOW_ROWS_MAX;

use crate::Result;
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed};
use crate::plan::stage::{Input, Step, Table};
use crate::syntax::Diagnostic;
use crate::syntax::expression;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// `<field>[, <rows>] [as <field>] [by <field>, …]`.
pub(super) struct Sequence {
    pub(super) value: Typed,
    /// How many rows are looked at.
    pub(super) rows: Option<usize>,
    /// The name of the result.
    pub(super) name: String,
    /// The groups in which rows follow each other.
    pub(super) keys: Vec<Expr>,
}

/// Reads what such operators have in common; without `as` the result is called `default`.
pub(super) fn read(
    tokens: &mut Tokens,
    planner: &mut Planner<'_>,
    default: &str,
) -> Parsed<Sequence> {
    let value = expression::parse(tokens)?;
    let at = tokens.span();
    let rows = tokens.symbol(",").then(|| tokens.count()).transpose()?;
    if rows.is_some_and(|rows| !(1..=WINDOW_ROWS_MAX).contains(&rows)) {
        let message = format!("a window has 1 to {WINDOW_ROWS_MAX} rows (WINDOW_ROWS_MAX)");
        return Err(Diagnostic::error(at, message));
    }
    let mut alias: Option<Name> = None;
    let mut keys = Vec::new();
    while !tokens.is_done() {
        if let Some(name) = tokens.alias()? {
            alias = Some(name);
        } else if tokens.word("by") {
            keys = self::keys(tokens, planner)?;
        } else {
            return Err(tokens.unexpected("`as` and a field name, `by` and fields, or `|`"));
        }
    }
    Ok(Sequence {
        value: planner.lower(&value),
        rows,
        name: alias.map_or_else(|| default.to_owned(), |name| name.text),
        keys,
    })
}

/// The fields after `by`, as text.
pub(super) fn keys(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<Vec<Expr>> {
    let names = tokens.names()?;
    let keys = names.iter().map(|name| {
        let key = planner.resolve(&name.text, &name.span);
        cast(key.text(), DataType::Utf8View)
    });
    Ok(keys.collect())
}

/// A duration in milliseconds; a parameter without a value is a minute.
pub(super) fn duration_ms(tokens: &mut Tokens) -> Parsed<i64> {
    match tokens.peek().cloned() {
        Some(TokenKind::Number {
            value,
            is_time: true,
            ..
        }) if value >= 1.0 => {
            tokens.next();
            #[allow(clippy::cast_possible_truncation, reason = "milliseconds; saturates")]
            let length = value as i64;
            Ok(length)
        }
        Some(TokenKind::Parameter(_)) => {
            tokens.next();
            Ok(60_000)
        }
        _ => Err(tokens.unexpected("a duration such as `5m`")),
    }
}

/// From the numbers of a group's rows to as many others.
pub(super) type Run = Box<dyn Fn(&[Option<f64>]) -> Vec<Option<f64>> + Send + Sync>;

/// Adds a field whose value depends on the rows before, group by group.
struct Numbers {
    name: String,
    run: Run,
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Numbers")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Ends the stage: the numbers of each group of rows become those of a new field.
pub(super) fn end_stage(planner: &mut Planner<'_>, sequence: Sequence, run: Run) {
    let mut arguments = vec![sequence.value.number()];
    arguments.extend(sequence.keys);
    let name = sequence.name;
    planner.end_stage(arguments, Numbers { name, run });
}

impl Step for Numbers {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let numbers = input.numbers(0)?;
        let mut results = vec![None; numbers.len()];
        for rows in input.groups(1)?.rows {
            let group: Vec<Option<f64>> = rows.iter().map(|row| numbers[*row as usize]).collect();
            for (row, result) in rows.iter().zip((self.run)(&group)) {
                results[*row as usize] = result;
            }
        }
        let values = Arc::new(Float64Array::from(results));
        input.table.add(&self.name, FieldType::Double, values)
    }
}

/// For each row, what `reduce` makes of the numbers of the last `rows` rows up to it; rows without
/// a number do not count.
pub(super) fn windows(
    numbers: &[Option<f64>],
    rows: usize,
    reduce: fn(&[f64]) -> f64,
) -> Vec<Option<f64>> {
    (0..numbers.len())
        .map(|row| {
            let window = &numbers[(row + 1).saturating_sub(rows)..=row];
            let known: Vec<f64> = window.iter().copied().flatten().collect();
            (!known.is_empty()).then(|| reduce(&known))
        })
        .collect()
}

/// The mean.
#[allow(clippy::cast_precision_loss, reason = "few rows")]
pub(super) fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

/// The standard deviation of just these numbers.
#[allow(clippy::cast_precision_loss, reason = "few rows")]
pub(super) fn deviation(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    let squares = numbers.iter().map(|number| (number - mean).powi(2));
    (squares.sum::<f64>() / numbers.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_use_what_is_there() {
        let numbers = [None, Some(1.0), Some(3.0), None, Some(8.0)];
        assert_eq!(
            windows(&numbers, 2, mean),
            [None, Some(1.0), Some(2.0), Some(3.0), Some(8.0)]
        );
        assert_eq!(deviation(&[2.0, 4.0]), 1.0);
    }
}
