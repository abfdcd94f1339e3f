//! `transaction`: follows what belongs together through states.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringViewArray, UInt32Array};
use datafusion::arrow::compute::take;

use super::{Entry, sequence};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::text_search::glob_pattern;
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table, groups};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "transaction",
        kind: UnitKind::Operator,
        syntax: "transaction on <id>, … [fringe=<duration>] with \"<glob>\" [in <field>] as <state>, … | with states <state>, … in <field> [results by transactions | states | flow]",
        summary: "Follows what has the same id through states: counts them, or tells which state came after which and how long it took.",
        examples: &[
            "* | transaction on request_id with \"START *\" as started, with \"END *\" as ended",
            "* | transaction on function with states INFO, ERROR in level results by flow",
        ],
    },
    apply,
);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Results {
    Transactions,
    States,
    Flow,
}

/// A state, and which texts of which argument show it.
#[derive(Clone, Debug)]
struct State {
    name: String,
    pattern: regex::Regex,
    argument: usize,
}

#[derive(Debug)]
struct Transaction {
    keys: Vec<(String, FieldType)>,
    states: Vec<State>,
    /// A longer silence ends a transaction.
    fringe_ms: Option<i64>,
    results: Results,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if planner.kind == ResultKind::Records {
        return Err(Diagnostic::error(
            at,
            "`transaction` needs events, not the rows of an aggregation",
        ));
    }
    if !tokens.word("on") {
        return Err(tokens.unexpected("`on` and the fields that are the id"));
    }
    let mut step = Transaction {
        keys: Vec::new(),
        states: Vec::new(),
        fringe_ms: None,
        results: Results::Transactions,
    };
    let mut arguments = vec![planner.resolve("_messagetime", &at).expr];
    for name in tokens.names()? {
        let key = planner.resolve(&name.text, &name.span);
        step.keys.push((name.text, key.field_type));
        arguments.push(key.expr);
    }
    if tokens.word("fringe") {
        tokens.expect_symbol("=")?;
        step.fringe_ms = Some(sequence::duration_ms(tokens)?);
    }
    while tokens.word("with") {
        if tokens.word("states") {
            step.listed_states(tokens, planner, &mut arguments)?;
        } else {
            step.state(tokens, planner, &mut arguments)?;
        }
        tokens.symbol(",");
    }
    if step.states.is_empty() {
        return Err(tokens.unexpected("`with` and a state"));
    }
    if tokens.word("results") {
        tokens.word("by");
        step.results = if tokens.word("transactions") || tokens.word("transaction") {
            Results::Transactions
        } else if tokens.word("states") || tokens.word("state") {
            Results::States
        } else if tokens.word("flow") || tokens.word("flowchart") {
            Results::Flow
        } else {
            return Err(tokens.unexpected("`transactions`, `states` or `flow`"));
        };
    }
    planner.end_stage(arguments, step);
    Ok(())
}

impl Transaction {
    /// `"<glob>" [in <field>] as <state>`.
    fn state(
        &mut self,
        tokens: &mut Tokens,
        planner: &mut Planner<'_>,
        arguments: &mut Vec<datafusion::logical_expr::Expr>,
    ) -> Parsed<()> {
        let (_, glob, span) = tokens.text()?;
        let (field, place) = match tokens.word("in") {
            true => tokens.name().map(|name| (name.text, name.span))?,
            false => ("_raw".to_owned(), span.clone()),
        };
        let Some(name) = tokens.alias()? else {
            return Err(tokens.unexpected("`as` and the state's name"));
        };
        arguments.push(planner.resolve(&field, &place).text());
        self.add(name.text, &glob, arguments.len() - 1, span)
    }

    /// `a, b, c in <field>`: the states are values of the field.
    fn listed_states(
        &mut self,
        tokens: &mut Tokens,
        planner: &mut Planner<'_>,
        arguments: &mut Vec<datafusion::logical_expr::Expr>,
    ) -> Parsed<()> {
        let mut names = Vec::new();
        loop {
            let name = tokens.name()?;
            let shown = tokens.alias()?.unwrap_or_else(|| name.clone());
            names.push((name, shown));
            if !tokens.symbol(",") {
                break;
            }
        }
        if !tokens.word("in") {
            return Err(tokens.unexpected("`in` and the field that holds the states"));
        }
        let field = tokens.name()?;
        arguments.push(planner.resolve(&field.text, &field.span).text());
        for (name, shown) in names {
            self.add(shown.text, &name.text, arguments.len() - 1, name.span)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: String,
        glob: &str,
        argument: usize,
        span: std::ops::Range<usize>,
    ) -> Parsed<()> {
        let pattern = regex::Regex::new(&glob_pattern(glob, false))
            .map_err(|error| Diagnostic::error(span.clone(), error.to_string()))?;
        if self
            .states
            .iter()
            .any(|state| state.name.eq_ignore_ascii_case(&name))
        {
            let message = format!("two states are called `{name}`");
            return Err(Diagnostic::error(span, message).expecting("`as` and another name"));
        }
        self.states.push(State {
            name,
            pattern,
            argument,
        });
        Ok(())
    }
}

/// One event that shows a state.
#[derive(Clone, Copy, Debug)]
struct Seen {
    row: u32,
    time_ms: i64,
    state: usize,
}

impl Step for Transaction {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let times = input.numbers(0)?;
        let keys = &input.arguments[1..=self.keys.len()];
        let states = self.states_of(&input)?;
        let mut transactions: Vec<Vec<Seen>> = Vec::new();
        for rows in groups(keys, input.table.length())?.rows {
            let mut seen: Vec<Seen> = rows
                .into_iter()
                .filter_map(|row| {
                    #[allow(clippy::cast_possible_truncation, reason = "milliseconds")]
                    let time_ms = times[row as usize]? as i64;
                    let state = states[row as usize]?;
                    Some(Seen {
                        row,
                        time_ms,
                        state,
                    })
                })
                .collect();
            // Rows come newest first; of the same moment the last read is the first that happened.
            seen.reverse();
            seen.sort_by_key(|seen| seen.time_ms);
            transactions.extend(self.cut(seen));
        }
        let mut table = match self.results {
            Results::Transactions => self.transactions(keys, &transactions),
            Results::States => self.states(keys, &transactions),
            Results::Flow => self.flow(keys, &transactions),
        }?;
        table.warnings = input.table.warnings;
        Ok(table)
    }
}

impl Transaction {
    /// The first state that each row shows.
    fn states_of(&self, input: &Input) -> Result<Vec<Option<usize>>> {
        let mut texts: HashMap<usize, StringViewArray> = HashMap::new();
        for state in &self.states {
            texts.insert(state.argument, input.texts(state.argument)?);
        }
        let shows = |state: &State, row: usize| {
            let text = texts.get(&state.argument).filter(|text| text.is_valid(row));
            text.is_some_and(|text| state.pattern.is_match(text.value(row)))
        };
        let rows = 0..input.table.length();
        Ok(rows
            .map(|row| self.states.iter().position(|state| shows(state, row)))
            .collect())
    }

    fn cut(&self, seen: Vec<Seen>) -> Vec<Vec<Seen>> {
        let mut cut: Vec<Vec<Seen>> = Vec::new();
        for event in seen {
            let is_near = |last: &Seen| {
                self.fringe_ms
                    .is_none_or(|fringe| event.time_ms - last.time_ms <= fringe)
            };
            match cut.last_mut() {
                Some(open) if open.last().is_some_and(is_near) => open.push(event),
                _ => cut.push(vec![event]),
            }
        }
        cut
    }

    fn keys(
        &self,
        keys: &[ArrayRef],
        rows: impl Iterator<Item = u32>,
    ) -> Result<Vec<(ResultField, ArrayRef)>> {
        let places: UInt32Array = rows.collect();
        let named = self.keys.iter().zip(keys);
        named
            .map(|((name, field_type), key)| {
                Ok((
                    ResultField::key(name, *field_type),
                    take(key, &places, None)?,
                ))
            })
            .collect()
    }

    fn transactions(&self, keys: &[ArrayRef], transactions: &[Vec<Seen>]) -> Result<Table> {
        let mut made = self.keys(keys, transactions.iter().map(|seen| seen[0].row))?;
        for (place, state) in self.states.iter().enumerate() {
            let counts = transactions
                .iter()
                .map(|seen| seen.iter().filter(|seen| seen.state == place).count() as i64);
            made.push((
                ResultField::measure(&state.name, FieldType::Long),
                whole(counts),
            ));
        }
        let starts = transactions.iter().map(|seen| seen[0].time_ms);
        let ends = transactions.iter().map(|seen| seen[seen.len() - 1].time_ms);
        made.push((
            ResultField::measure("_start_time", FieldType::Long),
            whole(starts),
        ));
        made.push((
            ResultField::measure("_end_time", FieldType::Long),
            whole(ends),
        ));
        Table::records(made, transactions.len())
    }

    fn states(&self, keys: &[ArrayRef], transactions: &[Vec<Seen>]) -> Result<Table> {
        let mut rows: Vec<(Seen, Seen, i64)> = Vec::new();
        for seen in transactions {
            for place in 0..self.states.len() {
                let of_state: Vec<&Seen> = seen.iter().filter(|seen| seen.state == place).collect();
                if let (Some(first), Some(last)) = (of_state.first(), of_state.last()) {
                    rows.push((**first, **last, of_state.len() as i64));
                }
            }
        }
        let mut made = self.keys(keys, rows.iter().map(|(first, _, _)| first.row))?;
        let states = rows.iter().map(|(first, _, _)| first.state);
        made.push((
            ResultField::measure("state", FieldType::String),
            self.names(states),
        ));
        made.push((
            ResultField::measure("_count", FieldType::Long),
            whole(rows.iter().map(|row| row.2)),
        ));
        let starts = rows.iter().map(|(first, _, _)| first.time_ms);
        made.push((
            ResultField::measure("_start_time", FieldType::Long),
            whole(starts),
        ));
        let ends = rows.iter().map(|(_, last, _)| last.time_ms);
        made.push((
            ResultField::measure("_end_time", FieldType::Long),
            whole(ends),
        ));
        Table::records(made, rows.len())
    }

    fn flow(&self, keys: &[ArrayRef], transactions: &[Vec<Seen>]) -> Result<Table> {
        let steps: Vec<(&Seen, &Seen)> = transactions
            .iter()
            .flat_map(|seen| seen.iter().zip(seen.iter().skip(1)))
            .collect();
        let mut made = self.keys(keys, steps.iter().map(|(from, _)| from.row))?;
        let from = self.names(steps.iter().map(|(from, _)| from.state));
        made.push((ResultField::measure("fromstate", FieldType::String), from));
        let to = self.names(steps.iter().map(|(_, to)| to.state));
        made.push((ResultField::measure("tostate", FieldType::String), to));
        let latencies = steps.iter().map(|(from, to)| to.time_ms - from.time_ms);
        made.push((
            ResultField::measure("latency", FieldType::Long),
            whole(latencies),
        ));
        Table::records(made, steps.len())
    }

    fn names(&self, states: impl Iterator<Item = usize>) -> ArrayRef {
        let names = states.map(|state| self.states[state].name.as_str());
        Arc::new(StringViewArray::from_iter_values(names))
    }
}

fn whole(values: impl Iterator<Item = i64>) -> ArrayRef {
    Arc::new(values.collect::<Int64Array>())
}
