//! `logexplain`: which values, alone or together, are frequent in some events and rare in others.
//!
//! A combination of values grows only out of combinations that are frequent themselves, so that few
//! are ever counted.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Float64Array, StringViewArray};
use model::limits::LOGEXPLAIN_FIELDS_MAX;

use super::Entry;
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::{Planner, text_literal};
use crate::plan::stage::{Input, Step, Table};
use crate::plan::{FieldType, ResultField};
use crate::syntax::Diagnostic;
use crate::syntax::expression;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "logexplain",
        kind: UnitKind::Operator,
        syntax: "logexplain <condition> [against <condition>] on <field>, …",
        summary: "Tells which values of the fields, alone or together, are more frequent where the condition holds than elsewhere: `_explanation`, `_relevance` (0.5 means no difference), `_test_coverage` and `_control_coverage` in percent.",
        examples: &[
            "* | logexplain level = \"ERROR\" on function, region",
            "* | json \"status\", \"user\" | logexplain status = 500 against status = 200 on user, function",
        ],
    },
    apply,
);

/// Values that explain are in more than this share of the events in question.
const COVERAGE_MIN: f64 = 0.05;
/// Explanations are more relevant than this.
const RELEVANCE_MIN: f64 = 0.1;
/// Values that are looked at together.
const TOGETHER_MAX: usize = 3;

/// Values, each with the place of its field.
type Items = Vec<(usize, u32)>;

#[derive(Debug)]
struct LogExplain {
    names: Vec<String>,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let event = expression::parse(tokens)?;
    let event = planner.lower(&event).condition();
    let control = match tokens.word("against") {
        true => {
            let against = expression::parse(tokens)?;
            planner.lower(&against).condition()
        }
        false => event.clone().is_not_true(),
    };
    if !tokens.word("on") {
        return Err(tokens.unexpected("`on` and the fields that may explain it"));
    }
    let at = tokens.span();
    let names = tokens.names()?;
    if names.len() > LOGEXPLAIN_FIELDS_MAX {
        let message = format!(
            "`logexplain` looks at not more than {LOGEXPLAIN_FIELDS_MAX} fields (LOGEXPLAIN_FIELDS_MAX)"
        );
        return Err(Diagnostic::error(at, message));
    }
    let flag = |condition| {
        let text = datafusion::logical_expr::when(condition, text_literal("1")).end();
        text.map_err(|error| Diagnostic::error(at.clone(), error.to_string()))
    };
    let mut arguments = vec![flag(event)?, flag(control)?];
    for name in &names {
        arguments.push(planner.resolve(&name.text, &name.span).text());
    }
    let names = names.into_iter().map(|name| name.text).collect();
    planner.end_stage(arguments, LogExplain { names });
    Ok(())
}

/// A column, each distinct value with a number; no number where there is none.
struct Coded {
    values: Vec<String>,
    of_row: Vec<Option<u32>>,
}

fn coded(texts: &StringViewArray) -> Coded {
    let mut known: HashMap<&str, u32> = HashMap::new();
    let mut values = Vec::new();
    let mut of_row = Vec::with_capacity(texts.len());
    for text in texts {
        of_row.push(text.filter(|text| !text.is_empty()).map(|text| {
            *known.entry(text).or_insert_with(|| {
                values.push(text.to_owned());
                u32::try_from(values.len() - 1).unwrap_or(u32::MAX)
            })
        }));
    }
    Coded { values, of_row }
}

/// What is known of a combination of values.
struct Explanation {
    items: Items,
    relevance: f64,
    test: f64,
    control: f64,
}

impl Step for LogExplain {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let flags = [input.texts(0)?, input.texts(1)?];
        let [events, controls] = flags.map(|flags| {
            let rows = 0..flags.len();
            rows.filter(|row| flags.is_valid(*row)).collect::<Vec<_>>()
        });
        let mut columns = Vec::new();
        for place in 0..self.names.len() {
            columns.push(coded(&input.texts(place + 2)?));
        }
        let found = explanations(&columns, &events, &controls);
        let texts = found.iter().map(|found| {
            let values = found.items.iter().map(|(field, value)| {
                let value = &columns[*field].values[*value as usize];
                (self.names[*field].clone(), value.clone().into())
            });
            let values: serde_json::Map<String, serde_json::Value> = values.collect();
            serde_json::Value::Object(values).to_string()
        });
        let text: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
        let numbers = |value: fn(&Explanation) -> f64| -> ArrayRef {
            Arc::new(
                found
                    .iter()
                    .map(|one| Some(value(one)))
                    .collect::<Float64Array>(),
            )
        };
        let measure = |name| ResultField::measure(name, FieldType::Double);
        let columns = vec![
            (ResultField::key("_explanation", FieldType::String), text),
            (measure("_relevance"), numbers(|one| one.relevance)),
            (measure("_test_coverage"), numbers(|one| one.test * 100.0)),
            (
                measure("_control_coverage"),
                numbers(|one| one.control * 100.0),
            ),
        ];
        let length = found.len();
        let mut table = Table::records(columns, length)?;
        table.warnings = input.table.warnings;
        if length == 0 && (events.is_empty() || controls.is_empty()) {
            let which = if events.is_empty() { "" } else { "not " };
            let warning =
                format!("no event is {which}one of those in question, so nothing can be compared");
            table.warnings.push(warning);
        }
        Ok(table)
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of rows")]
fn explanations(columns: &[Coded], events: &[usize], controls: &[usize]) -> Vec<Explanation> {
    if events.is_empty() || controls.is_empty() {
        return Vec::new();
    }
    let mut found = Vec::new();
    // What a frequent combination begins with is frequent, too.
    let mut frequent: HashSet<Items> = HashSet::new();
    for size in 1..=TOGETHER_MAX {
        let mut in_events = counts(columns, events, size, &|items: &Items| {
            items.len() == size || frequent.contains(items)
        });
        in_events.retain(|_, count| *count as f64 / events.len() as f64 > COVERAGE_MIN);
        let in_controls = counts(
            columns,
            controls,
            size,
            &|items: &Items| match items.len() == size {
                true => in_events.contains_key(items),
                false => frequent.contains(items),
            },
        );
        for (items, count) in &in_events {
            let test = *count as f64 / events.len() as f64;
            let control = in_controls.get(items).copied().unwrap_or(0);
            let control = control as f64 / controls.len() as f64;
            let is_everywhere = test >= 1.0 && control >= 1.0;
            let relevance = if is_everywhere {
                0.0
            } else {
                test / (test + control)
            };
            if relevance > RELEVANCE_MIN {
                found.push(Explanation {
                    items: items.clone(),
                    relevance,
                    test,
                    control,
                });
            }
        }
        frequent.extend(in_events.into_keys());
    }
    found.sort_by(|a, b| {
        let by_weight = (b.relevance, b.test).partial_cmp(&(a.relevance, a.test));
        let by_weight = by_weight.unwrap_or(std::cmp::Ordering::Equal);
        by_weight
            .then(a.items.len().cmp(&b.items.len()))
            .then_with(|| a.items.cmp(&b.items))
    });
    let mut told: HashSet<(usize, u32)> = HashSet::new();
    found.retain(|one| {
        let is_news = one.items.iter().any(|item| !told.contains(item));
        told.extend(one.items.iter().copied());
        is_news
    });
    found
}

/// How often each combination of `size` values occurs in these rows, if its beginning is `wanted`.
fn counts(
    columns: &[Coded],
    rows: &[usize],
    size: usize,
    wanted: &dyn Fn(&Items) -> bool,
) -> HashMap<Items, usize> {
    let mut counts = HashMap::new();
    let mut items = Items::new();
    for row in rows {
        add(columns, *row, size, wanted, &mut items, &mut counts);
    }
    counts
}

fn add(
    columns: &[Coded],
    row: usize,
    size: usize,
    wanted: &dyn Fn(&Items) -> bool,
    items: &mut Items,
    counts: &mut HashMap<Items, usize>,
) {
    if items.len() == size {
        *counts.entry(items.clone()).or_default() += 1;
        return;
    }
    let next = items.last().map_or(0, |(field, _)| field + 1);
    for (field, column) in columns.iter().enumerate().skip(next) {
        if let Some(value) = column.of_row[row] {
            items.push((field, value));
            if wanted(items) {
                add(columns, row, size, wanted, items, counts);
            }
            items.pop();
        }
    }
}
