//! `compare`: the same query over earlier time ranges, side by side.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, UInt32Array, new_null_array,
};
use datafusion::arrow::compute::{cast, concat, take};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use model::limits::{COMPARE_SHIFTS_MAX, QUERY_READS_MAX};

use super::{Entry, sequence};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::relation::{reads, reads_too_often};
use crate::plan::stage::{Gathered, Input, Running, Step, Table, groups, numbers};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "compare",
        kind: UnitKind::Operator,
        syntax: "compare [with] timeshift <duration> [<n> [avg | min | max]] [as <name>], …",
        summary: "Asks the same query of earlier time ranges and puts its values beside the present ones, for example as `_count_1d`.",
        examples: &[
            "* | timeslice 1h | count by _timeslice | compare with timeshift 1d",
            "error | count by function | compare timeshift 1d 7 avg as week",
        ],
    },
    apply,
);

/// How several shifts become one column.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Reduce {
    Average,
    Least,
    Largest,
}

/// One `timeshift 1d 7 avg as x`.
#[derive(Clone, Debug)]
struct Shift {
    length_ms: i64,
    /// As written: `1d`.
    amount: i64,
    unit: String,
    count: usize,
    reduce: Option<Reduce>,
    alias: Option<String>,
}

#[derive(Debug)]
struct Compare {
    shifts: Vec<Shift>,
    keys: Vec<String>,
    measures: Vec<ResultField>,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if planner.kind == ResultKind::Messages {
        return Err(
            Diagnostic::error(at, "`compare` needs an aggregation before it")
                .expecting("for example `| timeslice 1h | count by _timeslice | compare …`"),
        );
    }
    tokens.word("with");
    let mut shifts = Vec::new();
    loop {
        shifts.push(shift(tokens)?);
        if !tokens.symbol(",") {
            break;
        }
    }
    if distances(&shifts).len() > COMPARE_SHIFTS_MAX {
        let message = format!(
            "`compare` looks at most at {COMPARE_SHIFTS_MAX} earlier time ranges (COMPARE_SHIFTS_MAX)"
        );
        return Err(Diagnostic::error(at, message));
    }
    // What comes before is asked again for each range, the `compare` in it included.
    planner.reads = planner.reads.saturating_mul(1 + distances(&shifts).len());
    if planner.reads.saturating_mul(reads(&planner.plan)) > QUERY_READS_MAX {
        return Err(Diagnostic::error(at, reads_too_often()));
    }
    let (keys, measures): (Vec<ResultField>, Vec<ResultField>) = planner
        .fields
        .iter()
        .cloned()
        .partition(|field| field.is_key);
    let keys = keys.into_iter().map(|field| field.name).collect();
    planner.end_stage(
        Vec::new(),
        Compare {
            shifts,
            keys,
            measures,
        },
    );
    Ok(())
}

fn shift(tokens: &mut Tokens) -> Parsed<Shift> {
    if !tokens.word("timeshift") {
        return Err(tokens.unexpected("`timeshift` and a duration such as `1d`"));
    }
    // Both directions mean "earlier".
    tokens.symbol("-");
    let text = match tokens.peek() {
        Some(TokenKind::Number { text, .. }) => text.clone(),
        _ => "1d".to_owned(),
    };
    let length_ms = sequence::duration_ms(tokens)?;
    let digits = text.trim_end_matches(|character: char| character.is_alphabetic());
    let mut shift = Shift {
        length_ms,
        amount: digits.parse().unwrap_or(1),
        unit: text.trim_start_matches(digits).to_owned(),
        count: 1,
        reduce: None,
        alias: None,
    };
    if matches!(tokens.peek(), Some(TokenKind::Number { .. })) {
        // More are too many, whatever their number.
        shift.count = tokens.count()?.clamp(1, COMPARE_SHIFTS_MAX + 1);
    }
    shift.reduce = if tokens.word("avg") {
        Some(Reduce::Average)
    } else if tokens.word("min") {
        Some(Reduce::Least)
    } else if tokens.word("max") {
        Some(Reduce::Largest)
    } else {
        None
    };
    shift.alias = tokens.alias()?.map(|name| name.text);
    Ok(shift)
}

impl Shift {
    /// What is put behind a field's name for the `nth` range before, from 1.
    fn ending(&self, nth: usize) -> String {
        match (&self.alias, self.reduce) {
            (Some(alias), _) if self.count == 1 || self.reduce.is_some() => alias.clone(),
            (Some(alias), _) => format!("{alias}_{nth}"),
            (None, Some(reduce)) => {
                let word = match reduce {
                    Reduce::Average => "avg",
                    Reduce::Least => "min",
                    Reduce::Largest => "max",
                };
                format!("{}{}_{word}", self.amount * self.count as i64, self.unit)
            }
            (None, None) => format!("{}{}", self.amount * nth as i64, self.unit),
        }
    }
}

impl Step for Compare {
    fn gather<'a>(&'a self, _: &'a Input, running: &'a Running<'a>) -> Gathered<'a> {
        Box::pin(async move {
            let mut tables = Vec::new();
            for distance in distances(&self.shifts) {
                tables.push(moved(running.earlier(distance).await?, distance)?);
            }
            Ok(tables)
        })
    }

    fn apply(&self, input: Input, gathered: Vec<Table>) -> Result<Table> {
        let mut tables = vec![input.table];
        tables.extend(gathered);
        let aligned = self.align(&tables)?;
        let present = &tables[0];
        let distances = distances(&self.shifts);
        let mut made: Vec<(ResultField, ArrayRef)> = Vec::new();
        for (name, values) in self.keys.iter().zip(&aligned.keys) {
            let field = present.field(name);
            made.extend(field.map(|field| (field.clone(), Arc::clone(values))));
        }
        for field in &self.measures {
            let Some(values) = present.named(&field.name) else {
                continue;
            };
            let places = UInt32Array::from(aligned.places[0].clone());
            made.push((field.clone(), take(values, &places, None)?));
            for shift in &self.shifts {
                let asked = shift
                    .distances()
                    .filter_map(|distance| distances.iter().position(|known| *known == distance));
                let asked: Vec<usize> = asked.map(|place| place + 1).collect();
                if field.field_type == FieldType::String {
                    made.extend(shift.texts(field, &aligned, &tables, &asked)?);
                    continue;
                }
                let columns: Vec<Vec<Option<f64>>> = asked
                    .into_iter()
                    .map(|table| aligned.numbers(&tables, table, &field.name))
                    .collect::<Result<_>>()?;
                made.extend(shift.columns(field, columns));
            }
        }
        let mut table = Table::records(made, aligned.rows)?;
        table
            .warnings
            .extend(tables.into_iter().flat_map(|table| table.warnings));
        Ok(table)
    }
}

/// The rows of several tables that belong together.
struct Aligned {
    rows: usize,
    keys: Vec<ArrayRef>,
    /// For each table and each row, where its values stand in the table.
    places: Vec<Vec<Option<u32>>>,
}

impl Aligned {
    /// The numbers of a field of one table; all missing if there is no such table.
    fn numbers(&self, tables: &[Table], table: usize, name: &str) -> Result<Vec<Option<f64>>> {
        let values = tables.get(table).and_then(|table| table.named(name));
        let (Some(values), Some(places)) = (values, self.places.get(table)) else {
            return Ok(vec![None; self.rows]);
        };
        let numbers = numbers(values)?;
        Ok(places
            .iter()
            .map(|place| numbers[(*place)? as usize])
            .collect())
    }
}

impl Compare {
    /// Finds the rows with the same keys; those of the present come first, in their order.
    fn align(&self, tables: &[Table]) -> Result<Aligned> {
        let mut keys: Vec<ArrayRef> = Vec::new();
        for name in &self.keys {
            let mut parts = Vec::new();
            let wanted = tables[0]
                .named(name)
                .map(|column| column.data_type().clone());
            for table in tables {
                let column = table.named(name).zip(wanted.as_ref());
                parts.extend(
                    column
                        .map(|(column, wanted)| cast(column, wanted))
                        .transpose()?,
                );
            }
            let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
            keys.push(concat(&parts)?);
        }
        let lengths: Vec<usize> = tables.iter().map(Table::length).collect();
        let groups = groups(&keys, lengths.iter().sum())?;
        let rows = groups.rows.len();
        let mut rest = groups.of_row.as_slice();
        let mut places = Vec::new();
        for length in lengths {
            let (of_table, others) = rest.split_at(length);
            let mut of_row = vec![None; rows];
            for (row, group) in of_table.iter().enumerate() {
                of_row[*group] = Some(row as u32);
            }
            places.push(of_row);
            rest = others;
        }
        let first: UInt32Array = groups.rows.iter().map(|rows| rows[0]).collect();
        let keys = keys.iter().map(|key| take(key, &first, None));
        Ok(Aligned {
            rows,
            keys: keys.collect::<std::result::Result<_, _>>()?,
            places,
        })
    }
}

/// How far back is looked, each distance once, in milliseconds.
fn distances(shifts: &[Shift]) -> Vec<i64> {
    let all: BTreeSet<i64> = shifts.iter().flat_map(Shift::distances).collect();
    all.into_iter().collect()
}

impl Shift {
    fn distances(&self) -> impl Iterator<Item = i64> {
        (1..=self.count as i64).map(|nth| self.length_ms.saturating_mul(nth))
    }

    /// The texts of the shifted ranges; several cannot become one.
    fn texts(
        &self,
        field: &ResultField,
        aligned: &Aligned,
        tables: &[Table],
        asked: &[usize],
    ) -> Result<Vec<(ResultField, ArrayRef)>> {
        if self.reduce.is_some() {
            return Ok(Vec::new());
        }
        let mut made = Vec::new();
        for (table, nth) in asked.iter().zip(1..) {
            let name = format!("{}_{}", field.name, self.ending(nth));
            let values = tables
                .get(*table)
                .and_then(|table| table.named(&field.name));
            let values: ArrayRef = match values.zip(aligned.places.get(*table)) {
                Some((values, places)) => take(values, &UInt32Array::from(places.clone()), None)?,
                None => new_null_array(&field.field_type.data_type(), aligned.rows),
            };
            made.push((ResultField::measure(&name, field.field_type), values));
        }
        Ok(made)
    }

    /// The fields that the values of the shifted ranges become.
    fn columns(
        &self,
        field: &ResultField,
        columns: Vec<Vec<Option<f64>>>,
    ) -> Vec<(ResultField, ArrayRef)> {
        let Some(reduce) = self.reduce else {
            let named = columns.into_iter().zip(1..);
            return named
                .map(|(values, nth)| column(field, &self.ending(nth), values, true))
                .collect();
        };
        let rows = columns.first().map_or(0, Vec::len);
        let values = (0..rows).map(|row| {
            let known: Vec<f64> = columns.iter().filter_map(|column| column[row]).collect();
            let reduced = match reduce {
                Reduce::Average => sequence::mean(&known),
                Reduce::Least => known.iter().copied().fold(f64::INFINITY, f64::min),
                Reduce::Largest => known.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            };
            (!known.is_empty()).then_some(reduced)
        });
        vec![column(field, &self.ending(1), values.collect(), false)]
    }
}

fn column(
    field: &ResultField,
    ending: &str,
    values: Vec<Option<f64>>,
    may_be_whole: bool,
) -> (ResultField, ArrayRef) {
    let is_whole = may_be_whole && field.field_type != FieldType::Double;
    let values: ArrayRef = if is_whole {
        #[allow(
            clippy::cast_possible_truncation,
            reason = "they were whole numbers before"
        )]
        let whole = values
            .into_iter()
            .map(|value| value.map(|value| value as i64));
        Arc::new(whole.collect::<Int64Array>())
    } else {
        Arc::new(Float64Array::from(values))
    };
    let name = format!("{}_{ending}", field.name);
    let field_type = match is_whole {
        true => FieldType::Long,
        false => FieldType::Double,
    };
    (ResultField::measure(&name, field_type), values)
}

/// Moves the time slices of an earlier range to the present one.
fn moved(table: Table, distance_ms: i64) -> Result<Table> {
    let Some(slices) = table.named("_timeslice") else {
        return Ok(table);
    };
    let slices = cast(slices, &DataType::Int64)?;
    let slices = slices.as_primitive::<Int64Type>();
    let moved: Int64Array = slices
        .iter()
        .map(|slice| Some(slice? + distance_ms))
        .collect();
    table.add("_timeslice", FieldType::Long, Arc::new(moved))
}
