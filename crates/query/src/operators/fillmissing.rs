//! `fillmissing`: adds the rows that a chart would have a hole for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BooleanArray, Int64Array, StringViewArray, UInt32Array,
};
use datafusion::arrow::compute::{SortColumn, cast, concat, interleave, lexsort_to_indices, take};
use model::TimeRange;
use model::limits::FILLMISSING_ROWS_MAX;

use super::{Entry, sequence};
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::time::slice::start_of_slice;
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table, groups, texts};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};
use crate::{QueryError, Result};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "fillmissing",
        kind: UnitKind::Operator,
        syntax: "fillmissing timeslice[(<duration>)] [in <field>] | values(\"<value>\", …) in <field> | values all in <field>, … [with <value> for <field>, …] [takelast]",
        summary: "Adds a row for every time slice and value that has none; counts are 0 there, texts null.",
        examples: &[
            "* | timeslice 5m | count by _timeslice | fillmissing timeslice",
            "* | timeslice 5m | count by _timeslice, level | fillmissing timeslice, values(\"ERROR\", \"INFO\") in level",
        ],
    },
    apply,
);

/// The values that one field should have.
#[derive(Clone, Debug)]
enum Wanted {
    /// Every time slice of the range: its first, its end, its width, in milliseconds.
    Slices(i64, i64, i64),
    Values(Vec<String>),
    /// The values that occur.
    All,
}

#[derive(Debug)]
struct FillMissing {
    wanted: Vec<(String, Wanted)>,
    /// Values of fields in rows that are added.
    with: Vec<(String, String)>,
    takes_last: bool,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut step = FillMissing {
        wanted: Vec::new(),
        with: Vec::new(),
        takes_last: false,
    };
    let mut arguments = Vec::new();
    while !tokens.is_done() {
        let (name, span, wanted) = if tokens.word("timeslice") {
            let width = width(tokens, planner)?;
            let span = tokens.span();
            let name = match tokens.word("in") {
                true => tokens.name()?.text,
                false => "_timeslice".to_owned(),
            };
            (name, span, Wanted::slices(planner, width))
        } else if tokens.word("values") {
            let wanted = values(tokens)?;
            if !tokens.word("in") {
                return Err(tokens.unexpected("`in` and a field"));
            }
            let name = tokens.name()?;
            (name.text, name.span, wanted)
        } else if tokens.word("with") {
            with(tokens, &mut step.with)?;
            continue;
        } else if tokens.word("takelast") {
            step.takes_last = true;
            continue;
        } else if tokens.symbol(",") {
            continue;
        } else {
            return Err(tokens.unexpected("`timeslice`, `values`, `with` or `takelast`"));
        };
        arguments.push(planner.resolve(&name, &span).expr);
        step.wanted.push((name, wanted));
    }
    if step.wanted.is_empty() {
        return Err(tokens.unexpected("`timeslice` or `values`"));
    }
    if planner.kind == ResultKind::Messages {
        // Published queries have it in the wrong place; there it does nothing.
        let warning = "`fillmissing` stands before the aggregation and fills nothing there";
        planner.warn(warning.to_owned());
        return Ok(());
    }
    planner.end_stage(arguments, step);
    Ok(())
}

/// `(5m)`, or else the width of the query's own time slices.
fn width(tokens: &mut Tokens, planner: &Planner<'_>) -> Parsed<i64> {
    let span = tokens.span();
    if !tokens.symbol("(") {
        return planner.slice_ms.ok_or_else(|| {
            Diagnostic::error(span, "the width of the time slices is not known here")
                .expecting("`timeslice(5m)`, or `timeslice` earlier in the query")
        });
    }
    let width = sequence::duration_ms(tokens)?;
    tokens.expect_symbol(")")?;
    Ok(width)
}

fn values(tokens: &mut Tokens) -> Parsed<Wanted> {
    if tokens.word("all") {
        return Ok(Wanted::All);
    }
    tokens.expect_symbol("(")?;
    let mut values = Vec::new();
    loop {
        values.push(value(tokens)?);
        if !tokens.symbol(",") {
            break;
        }
    }
    tokens.expect_symbol(")")?;
    Ok(Wanted::Values(values))
}

/// A text or a number, as text.
fn value(tokens: &mut Tokens) -> Parsed<String> {
    let sign = if tokens.symbol("-") { "-" } else { "" };
    match tokens.peek().cloned() {
        Some(TokenKind::Number { text, .. }) => {
            tokens.next();
            Ok(format!("{sign}{text}"))
        }
        Some(TokenKind::Word(word)) if ["true", "false"].contains(&word.as_str()) => {
            tokens.next();
            Ok(word)
        }
        _ => tokens.text().map(|(_, value, _)| value),
    }
}

/// `0 for a, 1 for b`.
fn with(tokens: &mut Tokens, with: &mut Vec<(String, String)>) -> Parsed<()> {
    loop {
        let value = value(tokens)?;
        if !tokens.word("for") {
            return Err(tokens.unexpected("`for` and a field"));
        }
        with.push((tokens.name()?.text, value));
        if !tokens.symbol(",") {
            return Ok(());
        }
    }
}

impl Wanted {
    fn slices(planner: &Planner<'_>, width_ms: i64) -> Wanted {
        let TimeRange { start, end } = planner.context.range;
        let first = start_of_slice(&planner.context.time_zone, width_ms, start.millis());
        Wanted::Slices(first, end.millis(), width_ms)
    }

    /// The values that there should be; those that occur and are no slice are left alone.
    fn values(&self, present: &ArrayRef) -> Result<ArrayRef> {
        let values: ArrayRef = match self {
            Wanted::Slices(first, end, width) => {
                let width = usize::try_from(*width).unwrap_or(1).max(1);
                let slices = (*first..*end).step_by(width).take(FILLMISSING_ROWS_MAX + 1);
                Arc::new(slices.collect::<Int64Array>())
            }
            Wanted::Values(values) => Arc::new(StringViewArray::from_iter_values(values)),
            Wanted::All => {
                let mut seen = HashSet::new();
                let names = texts(present)?;
                let first = (0..present.len() as u32).filter(|row| {
                    let place = *row as usize;
                    seen.insert(names.is_valid(place).then(|| names.value(place)))
                });
                take(present, &first.collect::<UInt32Array>(), None)?
            }
        };
        Ok(cast(&values, present.data_type())?)
    }
}

impl Step for FillMissing {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let table = &input.table;
        let wanted: Vec<ArrayRef> = self
            .wanted
            .iter()
            .zip(&input.arguments)
            .map(|((_, wanted), present)| wanted.values(present))
            .collect::<Result<_>>()?;
        let missing = missing(&input.arguments, &wanted)?;
        let added = missing.first().map_or(0, UInt32Array::len);
        let mut dimensions: Vec<ArrayRef> = Vec::new();
        for ((present, wanted), missing) in input.arguments.iter().zip(&wanted).zip(&missing) {
            let more = take(wanted, missing, None)?;
            dimensions.push(concat(&[present.as_ref(), more.as_ref()])?);
        }
        let order = self.order(&dimensions, table.length() + added)?;
        let sources = self.sources(&dimensions, &order, table.length())?;
        let mut columns: Vec<ArrayRef> = Vec::new();
        for field in &table.fields {
            let Some(present) = table.column(field) else {
                continue;
            };
            columns.push(match self.place(field) {
                Some(place) => take(&dimensions[place], &order, None)?,
                None => self.filled(field, &take(present, &sources, None)?, &sources)?,
            });
        }
        let fields = table.fields.iter().cloned().zip(columns).collect();
        let mut made = Table::records(fields, order.len())?;
        made.warnings = input.table.warnings;
        Ok(made)
    }
}

impl FillMissing {
    fn place(&self, field: &ResultField) -> Option<usize> {
        let is_called = |(name, _): &(String, Wanted)| name.eq_ignore_ascii_case(&field.name);
        self.wanted.iter().position(is_called)
    }

    /// In which order the rows come, those that are added behind the others: by time, if there are
    /// slices, else as they are.
    fn order(&self, dimensions: &[ArrayRef], length: usize) -> Result<UInt32Array> {
        let is_time = |place: &usize| matches!(self.wanted[*place].1, Wanted::Slices(..));
        let (times, others): (Vec<usize>, Vec<usize>) =
            (0..dimensions.len()).partition(|place| is_time(place));
        if times.is_empty() {
            return Ok((0..length as u32).collect());
        }
        let columns = times.into_iter().chain(others).map(|place| SortColumn {
            values: Arc::clone(&dimensions[place]),
            options: None,
        });
        Ok(lexsort_to_indices(&columns.collect::<Vec<_>>(), None)?)
    }

    /// From which of the present rows each row takes its values; with `takelast` a row that is
    /// added takes them from the one before it with the same values.
    fn sources(
        &self,
        dimensions: &[ArrayRef],
        order: &UInt32Array,
        present: usize,
    ) -> Result<UInt32Array> {
        let values = dimensions.iter().zip(&self.wanted);
        let values: Vec<ArrayRef> = values
            .filter(|(_, (_, wanted))| !matches!(wanted, Wanted::Slices(..)))
            .map(|(values, _)| Arc::clone(values))
            .collect();
        let groups = groups(&values, order.len())?;
        let mut last: HashMap<usize, u32> = HashMap::new();
        let sources = order.values().iter().map(|row| {
            let group = groups.of_row[*row as usize];
            if (*row as usize) < present {
                last.insert(group, *row);
                return Some(*row);
            }
            last.get(&group).copied().filter(|_| self.takes_last)
        });
        Ok(sources.collect())
    }

    /// Puts the field's default where there is no row, and, for numbers, where there is no value.
    fn filled(
        &self,
        field: &ResultField,
        values: &ArrayRef,
        sources: &UInt32Array,
    ) -> Result<ArrayRef> {
        let mut given = self.with.iter();
        let given = given.rfind(|(name, _)| name.eq_ignore_ascii_case(&field.name));
        let default: ArrayRef = match (field.field_type, given) {
            (_, Some((_, value))) => Arc::new(StringViewArray::from_iter_values([value])),
            (FieldType::Int | FieldType::Long | FieldType::Double, None) => {
                Arc::new(Int64Array::from(vec![0]))
            }
            (FieldType::Boolean, None) => Arc::new(BooleanArray::from(vec![false])),
            (FieldType::String, None) => return Ok(Arc::clone(values)),
        };
        let default = cast(&default, values.data_type())?;
        let is_number = !matches!(field.field_type, FieldType::String | FieldType::Boolean);
        let places = (0..values.len()).map(|row| {
            let is_filled = values.is_null(row) && (is_number || sources.is_null(row));
            (usize::from(is_filled), if is_filled { 0 } else { row })
        });
        let places: Vec<(usize, usize)> = places.collect();
        Ok(interleave(&[values.as_ref(), default.as_ref()], &places)?)
    }
}

/// Which combinations of the wanted values no row has: for each dimension the places of the values.
fn missing(present: &[ArrayRef], wanted: &[ArrayRef]) -> Result<Vec<UInt32Array>> {
    let sizes: Vec<usize> = wanted.iter().map(|values| values.len()).collect();
    let count = sizes
        .iter()
        .fold(1_usize, |count, size| count.saturating_mul(*size));
    if count > FILLMISSING_ROWS_MAX {
        return Err(QueryError::Step(format!(
            "`fillmissing` would fill more than {FILLMISSING_ROWS_MAX} combinations \
             (FILLMISSING_ROWS_MAX); use wider time slices or fewer values"
        )));
    }
    // Each combination has a number: its places, read as the digits of one.
    let mut numbers = vec![Some(0_usize); present.first().map_or(0, |column| column.len())];
    for (column, values) in present.iter().zip(wanted) {
        let (column, values) = (texts(column)?, texts(values)?);
        let places: HashMap<Option<&str>, usize> = values
            .iter()
            .enumerate()
            .map(|(place, value)| (value, place))
            .collect();
        for (number, value) in numbers.iter_mut().zip(column.iter()) {
            *number = number
                .zip(places.get(&value))
                .map(|(number, place)| number * values.len() + place);
        }
    }
    let present: HashSet<usize> = numbers.into_iter().flatten().collect();
    let missing: Vec<usize> = (0..count)
        .filter(|number| !present.contains(number))
        .collect();
    let places = (0..sizes.len()).map(|dimension| {
        let step: usize = sizes.iter().skip(dimension + 1).product();
        missing
            .iter()
            .map(|number| (number / step % sizes[dimension]) as u32)
            .collect()
    });
    Ok(places.collect())
}
