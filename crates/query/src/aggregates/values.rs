//! `values`: the different values, one a line.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::Entry;
use crate::plan::FieldType;
use crate::plan::planner::Typed;

/// Values of one group (Sumo Logic's own limit).
const VALUES_MAX: usize = 100;

pub(super) const ENTRY: Entry = Entry::new(
    "values",
    "values(<field>) [as <field>] [by <field>, …]",
    "The different values of each group in alphabetical order, one a line; at most 100.",
    &["* | values(level) by function"],
    |planner, measure| {
        let text = measure.argument(planner)?.text();
        let values = udaf().call(vec![text]);
        measure.named(Typed::new(values, FieldType::String))
    },
);

/// The accumulator as a function.
pub(super) fn udaf() -> AggregateUDF {
    AggregateUDF::from(Values {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Values {
    signature: Signature,
}

impl AggregateUDFImpl for Values {
    fn name(&self) -> &str {
        "distinct_values"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn accumulator(&self, _: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Kept::default()))
    }

    fn state_fields(&self, arguments: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let item = Field::new_list_field(DataType::Utf8View, true);
        let list = DataType::List(Arc::new(item));
        Ok(vec![Arc::new(Field::new(arguments.name, list, true))])
    }
}

/// The first values in alphabetical order.
#[derive(Debug, Default)]
struct Kept {
    values: BTreeSet<String>,
    bytes: usize,
}

impl Kept {
    fn add(&mut self, texts: &ArrayRef) -> Result<()> {
        let texts = cast(texts, &DataType::Utf8View)?;
        for text in texts.as_string_view().iter().flatten() {
            if self.values.contains(text) {
                continue;
            }
            let is_full = self.values.len() >= VALUES_MAX;
            if is_full && self.values.last().is_some_and(|last| last.as_str() < text) {
                continue;
            }
            self.bytes += text.len();
            self.values.insert(text.to_owned());
            if self.values.len() > VALUES_MAX
                && let Some(last) = self.values.pop_last()
            {
                self.bytes -= last.len();
            }
        }
        Ok(())
    }
}

impl Accumulator for Kept {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values.iter().try_for_each(|texts| self.add(texts))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        let text = (!values.is_empty()).then(|| values.join("\n"));
        Ok(ScalarValue::Utf8View(text))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.bytes + self.values.len() * size_of::<String>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let texts = self.values.iter().cloned();
        let texts: Vec<ScalarValue> = texts
            .map(|text| ScalarValue::Utf8View(Some(text)))
            .collect();
        let list = ScalarValue::new_list_nullable(&texts, &DataType::Utf8View);
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for lists in states {
            for list in lists.as_list::<i32>().iter().flatten() {
                self.add(&list)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringViewArray;

    use super::*;

    #[test]
    fn the_first_hundred_in_the_alphabet_stay() {
        let texts = |range: std::ops::Range<usize>| -> ArrayRef {
            let texts = range.rev().map(|number| format!("{number:03}"));
            Arc::new(StringViewArray::from_iter_values(texts))
        };
        let (mut a, mut b) = (Kept::default(), Kept::default());
        a.update_batch(&[texts(50..250)]).unwrap();
        b.update_batch(&[texts(0..60)]).unwrap();
        let state = b.state().unwrap();
        a.merge_batch(&[state[0].to_array().unwrap()]).unwrap();
        let ScalarValue::Utf8View(Some(text)) = a.evaluate().unwrap() else {
            panic!("no text");
        };
        assert_eq!(text.lines().count(), VALUES_MAX);
        assert!(text.starts_with("000\n001\n") && text.ends_with("\n099"));
    }
}
