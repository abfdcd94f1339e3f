//! `trace`: follows a chain of values from message to message.

use std::collections::{HashMap, HashSet};

use datafusion::arrow::array::Array;

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::extract::patterns::{Patterns, names};
use crate::functions::extract::{Extract, Part};
use crate::functions::java_pattern::translate;
use crate::functions::matcher::Matcher;
use crate::plan::ResultKind;
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};
use crate::{QueryError, Result};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "trace",
        kind: UnitKind::Operator,
        syntax: "trace [+ | -] \"<pattern with a group>\" \"<first value>\"",
        summary: "Keeps the messages that hang together: those that hold the first value, those that share a value with one of these, and so on. With `+` only forward in time, with `-` only backward.",
        examples: &["* | trace \"ID=([0-9a-f]{4})\" \"7f92\""],
    },
    apply,
)
.followed_by(&["+", "-"]);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    Forward,
    Backward,
    Both,
}

#[derive(Debug)]
struct Trace {
    pattern: String,
    first: String,
    direction: Direction,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if planner.kind == ResultKind::Records {
        let message = "`trace` needs events, not the rows of an aggregation";
        return Err(Diagnostic::error(at, message));
    }
    let direction = match () {
        () if tokens.symbol("+") => Direction::Forward,
        () if tokens.symbol("-") => Direction::Backward,
        () => Direction::Both,
    };
    let (_, raw, span) = tokens.text()?;
    let pattern = translate(&raw.replace("\\\"", "\""));
    if let Err(problem) = Matcher::compile(&pattern) {
        let message = format!("the pattern cannot be read: {problem}");
        return Err(Diagnostic::error(span, message));
    }
    if names(std::slice::from_ref(&pattern)).is_none_or(|names| names.is_empty()) {
        return Err(Diagnostic::error(span, "the pattern has no group")
            .expecting("a group around the value, such as `ID=([0-9a-f]+)`"));
    }
    let (first, ..) = tokens.text()?;
    let text = planner.resolve("_raw", &at).text();
    let moment = planner.resolve("_messagetime", &at).number();
    let step = Trace {
        pattern,
        first,
        direction,
    };
    planner.end_stage(vec![text, moment], step);
    Ok(())
}

impl Step for Trace {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let texts = input.texts(0)?;
        let unreadable = || QueryError::Step("the pattern of `trace` cannot be read".to_owned());
        let mut pattern =
            Patterns::new(std::slice::from_ref(&self.pattern)).ok_or_else(unreadable)?;
        let values: Vec<Vec<String>> = (0..texts.len())
            .map(|row| match texts.is_valid(row) {
                true => values_of(&mut pattern, texts.value(row)),
                false => Vec::new(),
            })
            .collect();
        let mut is_kept = match self.direction {
            Direction::Both => connected(&values, &self.first),
            direction => {
                let moments = input.numbers(1)?;
                let mut order: Vec<usize> = (0..values.len()).collect();
                order.sort_by(|a, b| {
                    let (a, b) = (moments[*a].unwrap_or(0.0), moments[*b].unwrap_or(0.0));
                    a.total_cmp(&b)
                });
                if direction == Direction::Backward {
                    order.reverse();
                }
                followed(&values, &self.first, &order)
            }
        };
        let rows = is_kept.drain(..).zip(0_u32..);
        let kept = rows.filter_map(|(is_kept, row)| is_kept.then_some(row));
        input.table.take(kept.collect())
    }
}

/// Every value that the pattern finds in a text.
fn values_of(pattern: &mut Patterns, text: &str) -> Vec<String> {
    let mut values = Vec::new();
    let mut start = 0;
    while start <= text.len() {
        let mut parts = vec![Part::Nothing; pattern.parts()];
        let Some(next) = pattern.extract_from(text, start, &mut parts) else {
            break;
        };
        values.extend(parts.into_iter().filter_map(|part| match part {
            Part::Text(value) => Some(value.to_owned()),
            Part::Owned(value) => Some(value),
            Part::Nothing | Part::Null => None,
        }));
        start = next.max(start + 1);
    }
    values
}

/// The rows that hang together with `first`, in whatever order.
fn connected(values: &[Vec<String>], first: &str) -> Vec<bool> {
    let mut rows_of: HashMap<&str, Vec<usize>> = HashMap::new();
    for (row, values) in values.iter().enumerate() {
        for value in values {
            rows_of.entry(value).or_default().push(row);
        }
    }
    let mut is_kept = vec![false; values.len()];
    let mut waiting = vec![first];
    while let Some(value) = waiting.pop() {
        for row in rows_of.remove(value).unwrap_or_default() {
            if !std::mem::replace(&mut is_kept[row], true) {
                waiting.extend(values[row].iter().map(String::as_str));
            }
        }
    }
    is_kept
}

/// The rows that a chain reaches that only goes on in this order.
fn followed(values: &[Vec<String>], first: &str, order: &[usize]) -> Vec<bool> {
    let mut known: HashSet<&str> = HashSet::from([first]);
    let mut is_kept = vec![false; values.len()];
    for row in order {
        let values = values[*row].iter().map(String::as_str);
        if values.clone().any(|value| known.contains(value)) {
            is_kept[*row] = true;
            known.extend(values);
        }
    }
    is_kept
}
