//! `pct` and `median`: exact for few numbers, a t-digest for many.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Float64Builder, ListArray, ListBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, Expr, GroupsAccumulator, Signature,
    Volatility, lit,
};
use datafusion::scalar::ScalarValue;
use datafusion_functions_aggregate_common::tdigest::TDigest;

use super::{Entry, Measure};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed};
use crate::syntax::Diagnostic;
use crate::syntax::expression::Kind;
use crate::syntax::tokens::Parsed;

/// Up to so many numbers the answer is exact (Sumo Logic's own bound).
const EXACT_MAX: usize = 1_000;
/// Centroids of a digest: more are more exact.
const CENTROIDS: usize = 200;
/// Numbers collected before the digest takes them in.
const PENDING_MAX: usize = 8_192;

pub(super) const PCT: Entry = Entry::new(
    "pct",
    "pct(<field>, <percent>, …) [as <field>] [by <field>, …]",
    "Percentiles: the number below which so many percent of the group's numbers lie. Exact below \
     1,000 numbers.",
    &["* | parse \"Duration: * ms\" as d | pct(d, 50, 95.5) by function"],
    percentiles,
);

pub(super) const MEDIAN: Entry = Entry::new(
    "median",
    "median(<field>) [as <field>] [by <field>, …]",
    "The number in the middle of each group's numbers: the 50th percentile.",
    &["* | parse \"Duration: * ms\" as d | median(d) by function"],
    |planner, measure| {
        let number = measure.argument(planner)?.number();
        measure.named(Typed::new(percentile(number, 50.0), FieldType::Double))
    },
);

fn percentile(number: Expr, percent: f64) -> Expr {
    udaf().call(vec![number, lit(percent)])
}

fn percentiles(planner: &mut Planner<'_>, measure: &Measure) -> Parsed<Vec<(String, Typed)>> {
    let Some((field, percents)) = measure.arguments.split_first() else {
        return Ok(Vec::new());
    };
    if percents.is_empty() {
        let found = Diagnostic::error(field.span.clone(), "`pct` needs a percentile");
        return Err(found
            .expecting("a number from 0 to 100, such as `pct(x, 95)`")
            .about("pct"));
    }
    let name = match &field.kind {
        Kind::Field(name) => name.clone(),
        _ => String::new(),
    };
    let number = planner.lower(field).number();
    let mut measures = Vec::new();
    for percent in percents {
        let value = match percent.kind {
            Kind::Number(value) if (0.0..=100.0).contains(&value) => value,
            _ => {
                let message = "a percentile is a number from 0 to 100";
                return Err(Diagnostic::error(percent.span.clone(), message).about("pct"));
            }
        };
        let name = match &measure.alias {
            Some(alias) if percents.len() == 1 => alias.text.clone(),
            Some(alias) => format!("{}_{value}", alias.text),
            None => format!("_{name}_pct_{value}"),
        };
        let value = percentile(number.clone(), value);
        measures.push((name, Typed::new(value, FieldType::Double)));
    }
    Ok(measures)
}

/// The accumulator as a function: `percentile_of(number, percent)`.
pub(super) fn udaf() -> AggregateUDF {
    AggregateUDF::from(Percentile {
        signature: Signature::exact(
            vec![DataType::Float64, DataType::Float64],
            Volatility::Immutable,
        ),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Percentile {
    signature: Signature,
}

impl AggregateUDFImpl for Percentile {
    fn name(&self) -> &str {
        "percentile_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Numbers::new()))
    }

    fn groups_accumulator_supported(&self, _: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(
        &self,
        _: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Groups::default()))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let name = arguments.name;
        let list = || {
            let item = Field::new_list_field(DataType::Float64, true);
            DataType::List(Arc::new(item))
        };
        let digest = TDigest::new(CENTROIDS).to_scalar_state();
        let mut fields: Vec<FieldRef> = vec![
            Arc::new(Field::new(
                format!("{name}[percent]"),
                DataType::Float64,
                true,
            )),
            Arc::new(Field::new(format!("{name}[exact]"), list(), true)),
        ];
        for (index, part) in digest.iter().enumerate() {
            let name = format!("{name}[digest {index}]");
            fields.push(Arc::new(Field::new(name, part.data_type(), true)));
        }
        Ok(fields)
    }
}

/// The numbers of one group: themselves, or a digest and those it has not taken in yet.
#[derive(Debug)]
struct Numbers {
    percent: f64,
    exact: Vec<f64>,
    digest: Option<TDigest>,
}

impl Numbers {
    fn new() -> Self {
        Numbers {
            percent: 50.0,
            exact: Vec::new(),
            digest: None,
        }
    }

    fn add(&mut self, number: f64) {
        if number.is_nan() {
            return;
        }
        self.exact.push(number);
        let most = match &self.digest {
            Some(_) => PENDING_MAX,
            None => EXACT_MAX,
        };
        if self.exact.len() > most {
            self.digest_all();
        }
    }

    fn merge(&mut self, other: &TDigest) {
        if other.count() > 0.0 {
            self.digest_all();
            let own = self.digest.take();
            self.digest = Some(TDigest::merge_digests(own.iter().chain([other])));
        }
    }

    /// What it holds besides itself.
    fn bytes(&self) -> usize {
        let digest = self.digest.as_ref().map_or(0, TDigest::size);
        self.exact.capacity() * size_of::<f64>() + digest
    }

    fn answer(&mut self) -> Option<f64> {
        if self.digest.is_some() {
            self.digest_all();
        }
        match &self.digest {
            Some(digest) => Some(digest.estimate_quantile(self.percent / 100.0)),
            None => exact(&mut self.exact, self.percent),
        }
    }

    fn digest_state(&self) -> Vec<ScalarValue> {
        match &self.digest {
            Some(digest) => digest.to_scalar_state(),
            None => TDigest::new(CENTROIDS).to_scalar_state(),
        }
    }

    fn digest_all(&mut self) {
        let numbers = std::mem::take(&mut self.exact);
        let digest = self
            .digest
            .take()
            .unwrap_or_else(|| TDigest::new(CENTROIDS));
        self.digest = Some(digest.merge_unsorted_f64(numbers));
    }
}

/// Between two numbers the answer lies on the straight line between them.
fn exact(numbers: &mut [f64], percent: f64) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let last = numbers.len().checked_sub(1)?;
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "at most a thousand numbers"
    )]
    let (place, fraction) = {
        let place = percent / 100.0 * last as f64;
        (place.floor() as usize, place.fract())
    };
    let low = *numbers.get(place)?;
    let high = numbers.get(place + 1).copied().unwrap_or(low);
    Some(low + (high - low) * fraction)
}

/// The numbers and percents among the arguments.
fn arguments(values: &[ArrayRef]) -> Result<(ArrayRef, &Float64Array)> {
    let [numbers, percents] = values else {
        return Err(DataFusionError::Internal(
            "a percentile takes two arguments".into(),
        ));
    };
    let numbers = cast(numbers, &DataType::Float64)?;
    Ok((numbers, percents.as_primitive::<Float64Type>()))
}

/// A state that came from elsewhere, row by row.
struct States<'a> {
    percents: &'a Float64Array,
    lists: &'a ListArray,
    digests: &'a [ArrayRef],
}

impl<'a> States<'a> {
    fn new(states: &'a [ArrayRef]) -> Result<Self> {
        let [percents, lists, digests @ ..] = states else {
            return Err(DataFusionError::Internal("a state is incomplete".into()));
        };
        Ok(States {
            percents: percents.as_primitive(),
            lists: lists.as_list(),
            digests,
        })
    }

    fn add_to(&self, row: usize, numbers: &mut Numbers) -> Result<()> {
        numbers.percent = self.percents.value(row);
        let list = self.lists.value(row);
        for number in list.as_primitive::<Float64Type>().iter().flatten() {
            numbers.add(number);
        }
        let parts = self.digests.iter();
        let parts = parts.map(|part| ScalarValue::try_from_array(part, row));
        let other = TDigest::from_scalar_state(&parts.collect::<Result<Vec<_>>>()?);
        numbers.merge(&other);
        Ok(())
    }
}

impl Accumulator for Numbers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let (numbers, percents) = arguments(values)?;
        if !percents.is_empty() {
            self.percent = percents.value(0);
        }
        for number in numbers.as_primitive::<Float64Type>().iter().flatten() {
            self.add(number);
        }
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Float64(self.answer()))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = self.exact.iter().map(|number| ScalarValue::from(*number));
        let numbers: Vec<ScalarValue> = numbers.collect();
        let list = ScalarValue::new_list_nullable(&numbers, &DataType::Float64);
        let mut state = vec![ScalarValue::from(self.percent), ScalarValue::List(list)];
        state.extend(self.digest_state());
        Ok(state)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let states = States::new(states)?;
        (0..states.percents.len()).try_for_each(|row| states.add_to(row, self))
    }
}

/// All groups of one aggregation: rows go to their groups one by one, without a batch for each.
#[derive(Debug, Default)]
struct Groups {
    numbers: Vec<Numbers>,
    /// What they hold besides themselves.
    bytes: usize,
}

impl Groups {
    fn grow(&mut self, total: usize) {
        let total = total.max(self.numbers.len());
        self.numbers.resize_with(total, Numbers::new);
    }

    fn change<T>(&mut self, group: usize, change: impl FnOnce(&mut Numbers) -> T) -> T {
        let numbers = &mut self.numbers[group];
        let before = numbers.bytes();
        let changed = change(numbers);
        self.bytes = self.bytes + numbers.bytes() - before;
        changed
    }

    fn take(&mut self, emit_to: EmitTo) -> Vec<Numbers> {
        let taken = emit_to.take_needed(&mut self.numbers);
        self.bytes = self.numbers.iter().map(Numbers::bytes).sum();
        taken
    }

    fn state_of(groups: &[Numbers]) -> Result<Vec<ArrayRef>> {
        let percents = groups.iter().map(|group| group.percent);
        let mut lists = ListBuilder::new(Float64Builder::new());
        for group in groups {
            lists.values().append_slice(&group.exact);
            lists.append(true);
        }
        let mut state: Vec<ArrayRef> = vec![
            Arc::new(Float64Array::from_iter_values(percents)),
            Arc::new(lists.finish()),
        ];
        let mut parts: Vec<Vec<ScalarValue>> = Vec::new();
        for group in groups {
            let digest = group.digest_state();
            parts.resize_with(digest.len(), Vec::new);
            for (part, value) in parts.iter_mut().zip(digest) {
                part.push(value);
            }
        }
        for part in parts {
            state.push(ScalarValue::iter_to_array(part)?);
        }
        Ok(state)
    }
}

impl GroupsAccumulator for Groups {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total: usize,
    ) -> Result<()> {
        self.grow(total);
        let (numbers, percents) = arguments(values)?;
        let numbers = numbers.as_primitive::<Float64Type>();
        for (row, group) in groups.iter().enumerate() {
            let counts = filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row));
            self.change(*group, |group| {
                group.percent = percents.value(row);
                if counts && numbers.is_valid(row) {
                    group.add(numbers.value(row));
                }
            });
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        let mut groups = self.take(emit_to);
        let answers: Float64Array = groups.iter_mut().map(Numbers::answer).collect();
        Ok(Arc::new(answers))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Groups::state_of(&self.take(emit_to))
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total: usize) -> Result<()> {
        self.grow(total);
        let states = States::new(states)?;
        let mut rows = groups.iter().enumerate();
        rows.try_for_each(|(row, group)| self.change(*group, |group| states.add_to(row, group)))
    }

    fn convert_to_state(
        &self,
        values: &[ArrayRef],
        filter: Option<&BooleanArray>,
    ) -> Result<Vec<ArrayRef>> {
        let rows = values.first().map_or(0, |values| values.len());
        let mut groups = Groups::default();
        let each: Vec<usize> = (0..rows).collect();
        groups.update_batch(values, &each, filter, rows)?;
        Groups::state_of(&groups.numbers)
    }

    fn size(&self) -> usize {
        self.numbers.capacity() * size_of::<Numbers>() + self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(percent: f64) -> Numbers {
        Numbers {
            percent,
            ..Numbers::new()
        }
    }

    fn answer(numbers: &mut Numbers) -> f64 {
        match numbers.evaluate().unwrap() {
            ScalarValue::Float64(Some(value)) => value,
            other => panic!("{other}"),
        }
    }

    fn merged(percent: f64, parts: &[std::ops::Range<u32>]) -> f64 {
        let mut all = numbers(percent);
        for part in parts {
            let mut one = numbers(percent);
            let values = Float64Array::from_iter_values(part.clone().map(f64::from));
            let percents = Float64Array::from_value(percent, values.len());
            one.update_batch(&[Arc::new(values), Arc::new(percents)])
                .unwrap();
            let state = one.state().unwrap();
            let state: Vec<ArrayRef> = state.iter().map(|part| part.to_array().unwrap()).collect();
            all.merge_batch(&state).unwrap();
        }
        answer(&mut all)
    }

    #[test]
    fn few_numbers_are_exact_and_many_are_close() {
        let near = |a: f64, b: f64, most: f64| assert!((a - b).abs() <= most, "{a} {b}");
        near(merged(50.0, &[0..3, 3..4]), 1.5, 0.0);
        near(merged(95.0, &[0..50, 50..101]), 95.0, 1e-9);
        near(merged(0.0, &[5..9, 9..10]), 5.0, 0.0);
        near(merged(50.0, &[0..40_000, 40_000..100_001]), 50_000.0, 500.0);
        near(merged(99.9, &[0..900, 900..100_001]), 99_900.0, 200.0);
        assert_eq!(
            numbers(50.0).evaluate().unwrap(),
            ScalarValue::Float64(None)
        );
    }

    #[test]
    fn groups_together_answer_as_each_alone() {
        let values: Vec<f64> = (0..5_000).map(|n| f64::from(n * 7_919 % 5_000)).collect();
        let column = |percent: f64, values: Vec<Option<f64>>| -> Vec<ArrayRef> {
            let percents = Float64Array::from_value(percent, values.len());
            vec![Arc::new(Float64Array::from(values)), Arc::new(percents)]
        };
        // Group 1 has few numbers, group 2 none, and what the filter leaves out counts nowhere.
        let group_of = |row: usize| {
            if row.is_multiple_of(50) {
                1
            } else {
                2 * usize::from(row % 50 == 1)
            }
        };
        let numbers_of = |row: usize| (row % 50 != 1).then(|| values[row]);
        let rows: Vec<usize> = (0..values.len()).collect();
        let filter: BooleanArray = rows.iter().map(|row| Some(row % 3 > 0)).collect();
        let mut all = Groups::default();
        for part in rows.chunks(1_700) {
            let mut some = Groups::default();
            let numbers = part.iter().map(|row| numbers_of(*row)).collect();
            let groups: Vec<usize> = part.iter().map(|row| group_of(*row)).collect();
            let kept = filter.slice(part[0], part.len());
            some.update_batch(&column(90.0, numbers), &groups, Some(&kept), 3)
                .unwrap();
            let state = some.state(EmitTo::All).unwrap();
            all.merge_batch(&state, &[0, 1, 2], 3).unwrap();
        }
        let together = all.evaluate(EmitTo::All).unwrap();
        let together = together.as_primitive::<Float64Type>();
        let alone = |group: usize| {
            let mut one = numbers(90.0);
            let rows = rows
                .iter()
                .filter(|row| group_of(**row) == group && **row % 3 > 0);
            rows.filter_map(|row| numbers_of(*row))
                .for_each(|number| one.add(number));
            one.answer()
        };
        assert!((together.value(0) - alone(0).unwrap()).abs() < 25.0);
        assert_eq!(Some(together.value(1)), alone(1));
        assert!(together.is_null(2) && alone(2).is_none());
    }
}
