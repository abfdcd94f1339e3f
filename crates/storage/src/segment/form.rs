//! In which form a file holds the columns of its table: the narrowest that loses nothing.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal64Array, RecordBatch, TimestampMillisecondArray,
};
use arrow::datatypes::{
    DataType, Float64Type, Schema, SchemaRef, TimeUnit, TimestampNanosecondType,
};

use super::derived::{apart, schema_apart};
use crate::{Result, StorageError, Table};

const NANOS_PER_MILLI: i64 = 1_000_000;
/// Digits of a decimal that 64 bits hold.
const DIGITS: u8 = 18;
/// How many of them stand behind the point: milliseconds are told to the microsecond at most.
const DIGITS_BEHIND: i8 = 3;
const THOUSAND: f64 = 1_000.0;
/// Beyond this, not every whole number is one of 64-bit floating point.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
/// The columns of which a file holds the times to the millisecond.
const TIMES: [&str; 2] = ["event_time", "start"];

/// In which form a file holds its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    table: Table,
    /// No time is more exact than a millisecond.
    has_millis: bool,
    /// No number is more exact than a thousandth.
    has_thousandths: bool,
}

impl Form {
    /// The narrowest form of a file of `table`.
    pub(crate) fn narrowest(table: Table) -> Form {
        Form {
            table,
            // Times of samples repeat from series to series; they are best as dictionaries.
            has_millis: table != Table::Samples,
            has_thousandths: table == Table::Invocations,
        }
    }

    /// The form that loses nothing of these rows.
    pub(crate) fn of(table: Table, batches: &[&RecordBatch]) -> Form {
        let mut form = Form::narrowest(table);
        let columns = || batches.iter().flat_map(|batch| named(batch));
        form.has_millis &= columns()
            .filter(|(name, _)| TIMES.contains(name))
            .all(|(_, column)| has_millis(column));
        form.has_thousandths &= columns().all(|(_, column)| has_thousandths(column));
        form
    }

    /// The form of a file with the columns `file`.
    pub(super) fn of_file(table: Table, file: &Schema) -> Form {
        let mut form = Form::narrowest(table);
        for field in file.fields() {
            form.has_thousandths &= *field.data_type() != DataType::Float64;
            form.has_millis &= !(TIMES.contains(&field.name().as_str())
                && matches!(
                    field.data_type(),
                    DataType::Timestamp(TimeUnit::Nanosecond, _)
                ));
        }
        form
    }

    /// The form that holds what either of two holds.
    pub(crate) fn and(self, other: Form) -> Form {
        Form {
            table: self.table,
            has_millis: self.has_millis && other.has_millis,
            has_thousandths: self.has_thousandths && other.has_thousandths,
        }
    }

    /// The columns of a file.
    pub(super) fn schema(&self) -> SchemaRef {
        let columns = schema_apart(self.table);
        let columns = columns.fields().iter().map(|field| {
            let kind = match field.data_type() {
                DataType::Timestamp(_, zone)
                    if self.has_millis && TIMES.contains(&field.name().as_str()) =>
                {
                    DataType::Timestamp(TimeUnit::Millisecond, zone.clone())
                }
                DataType::Float64 if self.has_thousandths => {
                    DataType::Decimal64(DIGITS, DIGITS_BEHIND)
                }
                kind => kind.clone(),
            };
            field.as_ref().clone().with_data_type(kind)
        });
        Arc::new(Schema::new(columns.collect::<Vec<_>>()))
    }

    /// The rows of the table as the file with the columns `file` holds them.
    pub(super) fn narrowed(&self, file: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch> {
        let failed = || StorageError::arrow("narrow the columns of a segment");
        let batch = apart(self.table, batch).map_err(failed())?;
        let columns = batch.columns().iter().zip(file.fields());
        let columns =
            columns.map(
                |(column, field)| match column.data_type() == field.data_type() {
                    true => Arc::clone(column),
                    false => narrowed(column),
                },
            );
        RecordBatch::try_new(Arc::clone(file), columns.collect()).map_err(failed())
    }
}

fn named(batch: &RecordBatch) -> impl Iterator<Item = (&str, &ArrayRef)> {
    let fields = batch.schema_ref().fields().iter();
    fields
        .map(|field| field.name().as_str())
        .zip(batch.columns())
}

/// Whether all times are whole milliseconds.
fn has_millis(times: &ArrayRef) -> bool {
    let times = times.as_primitive::<TimestampNanosecondType>();
    match times.null_count() {
        0 => times
            .values()
            .iter()
            .all(|nanos| nanos % NANOS_PER_MILLI == 0),
        _ => times
            .iter()
            .flatten()
            .all(|nanos| nanos % NANOS_PER_MILLI == 0),
    }
}

/// Whether all numbers are whole thousandths, so that reading gives back every bit.
fn has_thousandths(numbers: &ArrayRef) -> bool {
    let Some(numbers) = numbers.as_primitive_opt::<Float64Type>() else {
        return true;
    };
    numbers.iter().flatten().all(|number| {
        let whole = thousandths(number) as f64;
        whole.abs() < WHOLE_MAX && (whole / THOUSAND).to_bits() == number.to_bits()
    })
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "whoever asks looks whether it fits"
)]
fn thousandths(number: f64) -> i64 {
    (number * THOUSAND).round() as i64
}

/// A column in the narrower of its forms.
fn narrowed(column: &ArrayRef) -> ArrayRef {
    if let Some(numbers) = column.as_primitive_opt::<Float64Type>() {
        let whole: Decimal64Array = numbers.unary(thousandths);
        let kind = DataType::Decimal64(DIGITS, DIGITS_BEHIND);
        return Arc::new(whole.with_data_type(kind));
    }
    if let Some(times) = column.as_primitive_opt::<TimestampNanosecondType>() {
        let millis: TimestampMillisecondArray = times.unary(|nanos| nanos / NANOS_PER_MILLI);
        return Arc::new(millis.with_timezone("UTC"));
    }
    Arc::clone(column)
}

#[cfg(test)]
mod tests {
    use arrow::array::{Float64Array, TimestampNanosecondArray, new_null_array};
    use arrow::compute::cast;
    use proptest::prelude::*;

    use super::*;

    fn evidence(times: &[i64], numbers: &[Option<f64>]) -> RecordBatch {
        let schema = Table::Invocations.schema();
        let columns = schema.fields().iter().map(|field| -> ArrayRef {
            match field.name().as_str() {
                "event_time" => {
                    let times = TimestampNanosecondArray::from(times.to_vec());
                    Arc::new(times.with_timezone("UTC"))
                }
                "duration_ms" => Arc::new(Float64Array::from(numbers.to_vec())),
                "request_id" => {
                    let ids = vec!["x"; times.len()];
                    Arc::new(arrow::array::StringViewArray::from(ids))
                }
                _ => new_null_array(field.data_type(), times.len()),
            }
        });
        RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
    }

    #[test]
    fn a_form_loses_nothing() {
        let form = |times: &[i64], numbers: &[Option<f64>]| {
            let form = Form::of(Table::Invocations, &[&evidence(times, numbers)]);
            (form.has_millis, form.has_thousandths)
        };
        assert_eq!(
            form(&[5_000_000, -1_000_000], &[Some(1.25), None]),
            (true, true)
        );
        assert_eq!(form(&[5_000_001], &[Some(f64::NAN)]), (false, false));
        for exact in [0.0005, -0.0, f64::INFINITY, 1e300, 0.1 + 0.2] {
            assert!(!form(&[0], &[Some(exact)]).1, "{exact}");
        }
    }

    #[test]
    fn a_file_tells_its_form() {
        for (has_millis, has_thousandths) in
            [(true, true), (true, false), (false, true), (false, false)]
        {
            let form = Form {
                table: Table::Invocations,
                has_millis,
                has_thousandths,
            };
            assert_eq!(Form::of_file(Table::Invocations, &form.schema()), form);
            let narrowest = Form::narrowest(Table::Invocations);
            assert_eq!(narrowest.and(form), form);
        }
        for table in Table::ALL {
            let form = Form::narrowest(table);
            assert_eq!(Form::of_file(table, &form.schema()), form);
        }
    }

    proptest! {
        #[test]
        fn numbers_come_back_to_the_bit(
            numbers in prop::collection::vec(
                prop_oneof![
                    any::<f64>().prop_map(Some),
                    (-9_999_999_i64..9_999_999).prop_map(|whole| Some(whole as f64 / 1_000.0)),
                    Just(None),
                ],
                1..4,
            ),
        ) {
            let batch = evidence(&vec![0; numbers.len()], &numbers);
            let form = Form::of(Table::Invocations, &[&batch]);
            let file = form.schema();
            let narrowed = form.narrowed(&file, &batch).unwrap();
            let column = narrowed.column_by_name("duration_ms").unwrap();
            let read = cast(column, &DataType::Float64).unwrap();
            let read = read.as_primitive::<Float64Type>().iter();
            let bits = |number: Option<f64>| number.map(f64::to_bits);
            prop_assert_eq!(
                read.map(bits).collect::<Vec<_>>(),
                numbers.into_iter().map(bits).collect::<Vec<_>>()
            );
        }
    }
}
