//! `pct` and `median`: exact for few numbers, a t-digest for many.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, Signature, Volatility, lit,
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
        Ok(Box::new(Numbers {
            percent: 50.0,
            exact: Vec::new(),
            digest: None,
        }))
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
    fn add(&mut self, numbers: impl Iterator<Item = f64>) {
        for number in numbers.filter(|number| !number.is_nan()) {
            self.exact.push(number);
            let most = if self.digest.is_some() {
                PENDING_MAX
            } else {
                EXACT_MAX
            };
            if self.exact.len() > most {
                self.digest_all();
            }
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

impl Accumulator for Numbers {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let [numbers, percent] = values else {
            return Err(DataFusionError::Internal(
                "a percentile takes two arguments".into(),
            ));
        };
        let numbers = cast(numbers, &DataType::Float64)?;
        let percent = percent.as_primitive::<Float64Type>();
        if !percent.is_empty() {
            self.percent = percent.value(0);
        }
        self.add(numbers.as_primitive::<Float64Type>().iter().flatten());
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        if self.digest.is_some() {
            self.digest_all();
        }
        let found = match &self.digest {
            Some(digest) => Some(digest.estimate_quantile(self.percent / 100.0)),
            None => exact(&mut self.exact, self.percent),
        };
        Ok(ScalarValue::Float64(found))
    }

    fn size(&self) -> usize {
        let digest = self.digest.as_ref().map_or(0, TDigest::size);
        size_of_val(self) + self.exact.capacity() * size_of::<f64>() + digest
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let numbers = self.exact.iter().map(|number| ScalarValue::from(*number));
        let numbers: Vec<ScalarValue> = numbers.collect();
        let list = ScalarValue::new_list_nullable(&numbers, &DataType::Float64);
        let digest = match &self.digest {
            Some(digest) => digest.clone(),
            None => TDigest::new(CENTROIDS),
        };
        let mut state = vec![ScalarValue::from(self.percent), ScalarValue::List(list)];
        state.extend(digest.to_scalar_state());
        Ok(state)
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let [percents, lists, digests @ ..] = states else {
            return Err(DataFusionError::Internal("a state is incomplete".into()));
        };
        for row in 0..percents.len() {
            self.percent = percents.as_primitive::<Float64Type>().value(row);
            let numbers = lists.as_list::<i32>().value(row);
            self.add(numbers.as_primitive::<Float64Type>().iter().flatten());
            let parts = digests
                .iter()
                .map(|part| ScalarValue::try_from_array(part, row));
            let other = TDigest::from_scalar_state(&parts.collect::<Result<Vec<_>>>()?);
            if other.count() > 0.0 {
                self.digest_all();
                let own = self.digest.take();
                self.digest = Some(TDigest::merge_digests(own.iter().chain([&other])));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Float64Array;

    use super::*;

    fn numbers(percent: f64) -> Numbers {
        Numbers {
            percent,
            exact: Vec::new(),
            digest: None,
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
}
