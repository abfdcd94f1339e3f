//! `transpose`: the values of a field become columns.

use std::collections::{BTreeMap, HashMap};

use datafusion::arrow::array::{Array, ArrayRef, UInt32Array};
use datafusion::arrow::compute::take;
use model::limits::TRANSPOSE_COLUMNS_MAX;

use super::Entry;
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::stage::{self, Input, Step, Table};
use crate::plan::{ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "transpose",
        kind: UnitKind::Operator,
        syntax: "transpose row <field>, … column <field>, … [as <field>, …[, *]]",
        summary: "Makes a column of each value of a field; name those that later stages need after `as`.",
        examples: &[
            "* | timeslice 5m | count by _timeslice, level | transpose row _timeslice column level",
            "* | count by function, level | transpose row function column level as ERROR, INFO, *",
        ],
    },
    apply,
);

/// What stands for a value that is missing in a column's name.
const MISSING: &str = "null";

#[derive(Debug)]
struct Transpose {
    /// How many of the arguments name rows; the others name columns.
    rows: usize,
    row_fields: Vec<String>,
    column_fields: Vec<String>,
    /// Columns that are there whatever the rows say.
    fixed: Vec<String>,
    /// Whether values that are not fixed become columns, too.
    takes_all: bool,
    /// Whether nothing is said about the columns' names.
    is_open: bool,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if planner.kind == ResultKind::Messages {
        return Err(
            Diagnostic::error(at, "`transpose` needs an aggregation before it")
                .expecting("for example `| count by function, level | transpose …`"),
        );
    }
    expect(tokens, "row")?;
    let rows = tokens.names()?;
    expect(tokens, "column")?;
    let columns = tokens.names()?;
    let mut fixed = Vec::new();
    let is_named = tokens.word("as");
    let mut takes_all = !is_named;
    if is_named {
        loop {
            if tokens.symbol("*") {
                takes_all = true;
            } else {
                fixed.push(tokens.name()?.text);
            }
            if !tokens.symbol(",") {
                break;
            }
        }
    }
    let mut arguments = Vec::new();
    for name in rows.iter().chain(&columns) {
        arguments.push(planner.resolve(&name.text, &name.span).expr);
    }
    let texts = |names: Vec<Name>| names.into_iter().map(|name| name.text).collect();
    let step = Transpose {
        rows: rows.len(),
        row_fields: texts(rows),
        column_fields: texts(columns),
        is_open: takes_all,
        fixed,
        takes_all,
    };
    planner.end_stage(arguments, step);
    Ok(())
}

fn expect(tokens: &mut Tokens, word: &str) -> Parsed<()> {
    if tokens.word(word) {
        Ok(())
    } else {
        Err(tokens.unexpected(&format!("`{word}` and a field")))
    }
}

impl Step for Transpose {
    fn is_open(&self) -> bool {
        self.is_open
    }

    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let length = input.table.length();
        let (rows, columns) = input.arguments.split_at(self.rows);
        let groups = stage::groups(rows, length)?;
        let measures = self.measures(&input.table);
        let labels = labels(columns, length)?;
        // The row that holds each cell; of several the last.
        let mut cells: BTreeMap<&str, HashMap<usize, u32>> = BTreeMap::new();
        for (row, label) in labels.iter().enumerate() {
            cells
                .entry(label)
                .or_default()
                .insert(groups.of_row[row], row as u32);
        }
        let (names, dropped) = self.columns(cells.keys().copied());
        let first_rows: UInt32Array = groups.rows.iter().map(|rows| rows[0]).collect();
        let mut made: Vec<(ResultField, ArrayRef)> = Vec::new();
        for (name, values) in self.row_fields.iter().zip(rows) {
            let known = input.table.field(name);
            let field_type = known.map_or(crate::FieldType::String, |field| field.field_type);
            push(
                &mut made,
                ResultField::key(name, field_type),
                take(values, &first_rows, None)?,
            );
        }
        let nothing = HashMap::new();
        for (name, label) in &names {
            let cells = label.and_then(|label| cells.get(label)).unwrap_or(&nothing);
            let places: UInt32Array = (0..groups.rows.len())
                .map(|group| cells.get(&group).copied())
                .collect();
            for measure in &measures {
                let values = input.table.column(measure);
                let Some(values) = values else { continue };
                let name = match measures.len() {
                    1 => name.clone(),
                    _ => format!("{name}_{}", measure.name.trim_start_matches('_')),
                };
                let field = ResultField::measure(&name, measure.field_type);
                push(&mut made, field, take(values, &places, None)?);
            }
        }
        let mut table = Table::records(made, groups.rows.len())?;
        table.warnings = input.table.warnings;
        if dropped > 0 {
            table.warnings.push(format!(
                "`transpose` makes {TRANSPOSE_COLUMNS_MAX} columns (TRANSPOSE_COLUMNS_MAX), the \
                 first by name; {dropped} more are left out"
            ));
        }
        Ok(table)
    }
}

impl Transpose {
    /// The fields that fill the cells: those that are neither rows nor columns.
    fn measures<'a>(&self, table: &'a Table) -> Vec<&'a ResultField> {
        let used = || self.row_fields.iter().chain(&self.column_fields);
        let is_free =
            |field: &&ResultField| !used().any(|name| name.eq_ignore_ascii_case(&field.name));
        table.fields.iter().filter(is_free).collect()
    }

    /// The names of the columns and the values they show, and how many values show nowhere.
    fn columns<'a>(
        &self,
        labels: impl Iterator<Item = &'a str>,
    ) -> (Vec<(String, Option<&'a str>)>, usize) {
        let mut left: Vec<&str> = labels.collect();
        let mut columns = Vec::new();
        for name in &self.fixed {
            let found = left.iter().position(|label| label == name);
            let found = found.or_else(|| {
                left.iter()
                    .position(|label| label.eq_ignore_ascii_case(name))
            });
            columns.push((name.clone(), found.map(|place| left.remove(place))));
        }
        let mut dropped = 0;
        if self.takes_all {
            let room = TRANSPOSE_COLUMNS_MAX.saturating_sub(columns.len());
            dropped = left.len().saturating_sub(room);
            let free = left.into_iter().take(room);
            columns.extend(free.map(|label| (label.to_owned(), Some(label))));
        }
        (columns, dropped)
    }
}

/// What a row's column is called: its values, joined.
fn labels(columns: &[ArrayRef], length: usize) -> Result<Vec<String>> {
    let columns: Vec<_> = columns.iter().map(stage::texts).collect::<Result<_>>()?;
    let label = |row: usize| {
        let parts = columns.iter().map(|column| match column.is_valid(row) {
            true => column.value(row),
            false => MISSING,
        });
        parts.collect::<Vec<_>>().join("_")
    };
    Ok((0..length).map(label).collect())
}

/// Adds a column; one whose name is taken gets a number.
fn push(made: &mut Vec<(ResultField, ArrayRef)>, mut field: ResultField, values: ArrayRef) {
    let mut number = 1;
    let name = field.name.clone();
    while made.iter().any(|(known, _)| known.column == field.column) {
        number += 1;
        field.name = format!("{name}_{number}");
        field.column.clone_from(&field.name);
    }
    made.push((field, values));
}
