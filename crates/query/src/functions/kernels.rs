//! The vectorised kernels behind scope, operators and functions: columns in, a column out.

use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, StringViewBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use memchr::memmem::Finder;

use super::matcher::{Matchers, with_matchers};
use super::{region, time};

/// Computes one row from texts (null where the argument is null).
pub(crate) type Text = fn(&[Option<&str>], &mut Matchers) -> Option<String>;
/// Decides about one row from texts.
pub(crate) type Test = fn(&[Option<&str>], &mut Matchers) -> Option<bool>;
/// Computes one whole number from texts.
pub(crate) type Whole = fn(&[Option<&str>], &mut Matchers) -> Option<i64>;
/// Computes one number from texts.
pub(crate) type Number = fn(&[Option<&str>], &mut Matchers) -> Option<f64>;

/// What else may stand where a part is looked for; `None` if anything may.
pub(crate) type Others = fn(&str) -> Option<&'static [&'static str]>;

/// What a kernel computes for each row.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    Text(Text),
    Test(Test),
    Number(Number),
    /// Whether a pattern, the first text, matches in the second.
    Match,
    /// Whether a text holds another, or one of the parts that stand for it; see [`Others`].
    Holds(Others),
    /// A whole number from texts.
    Long(Whole),
    /// From numbers to a whole number.
    Whole(fn(&[Option<f64>]) -> Option<i64>),
    /// From numbers to a number; null if one of them is.
    Real(fn(&[f64]) -> f64),
    /// Decides about an address; what is none is decided against.
    Address(fn(IpAddr) -> bool),
    /// The time slice in which a moment lies.
    Slice,
}

/// A kernel under its name.
pub(crate) struct Kernel {
    name: &'static str,
    run: Run,
    signature: Signature,
}

impl Kernel {
    pub(crate) fn new(name: &'static str, run: Run) -> Self {
        Kernel {
            name,
            run,
            signature: Signature::variadic_any(Volatility::Immutable),
        }
    }

    pub(crate) fn udf(name: &'static str, run: Run) -> ScalarUDF {
        ScalarUDF::from(Kernel::new(name, run))
    }
}

/// Calls a kernel.
pub(crate) fn call(name: &'static str, run: Run, arguments: Vec<Expr>) -> Expr {
    Kernel::udf(name, run).call(arguments)
}

impl std::fmt::Debug for Kernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

impl PartialEq for Kernel {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kernel {}

impl Hash for Kernel {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Kernel {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.run {
            Run::Text(_) => DataType::Utf8View,
            Run::Test(_) | Run::Match | Run::Holds(_) | Run::Address(_) => DataType::Boolean,
            Run::Number(_) | Run::Real(_) => DataType::Float64,
            Run::Whole(_) | Run::Long(_) | Run::Slice => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let arguments = arguments.args.as_slice();
        let result: ArrayRef = match self.run {
            Run::Text(run) => with_matchers(|matchers| texts(run, matchers, arguments, rows))?,
            Run::Test(run) => Arc::new(with_matchers(|matchers| {
                each(arguments, rows, |row| run(row, matchers)).map(BooleanArray::from)
            })?),
            Run::Match => Arc::new(with_matchers(|matchers| {
                matched(matchers, arguments, rows)
            })?),
            Run::Holds(others) => Arc::new(held(others, arguments, rows)?),
            Run::Number(run) => Arc::new(with_matchers(|matchers| {
                each(arguments, rows, |row| run(row, matchers)).map(Float64Array::from)
            })?),
            Run::Long(run) => Arc::new(with_matchers(|matchers| {
                each(arguments, rows, |row| run(row, matchers)).map(Int64Array::from)
            })?),
            Run::Address(is_it) => Arc::new(BooleanArray::from(each(arguments, rows, |row| {
                let ip = row.first().copied().flatten();
                Some(ip.and_then(|ip| ip.trim().parse().ok()).is_some_and(is_it))
            })?)),
            Run::Slice => time::slice::slices(arguments, rows)?,
            Run::Whole(run) => Arc::new(Int64Array::from(numbers(arguments, rows, run)?)),
            Run::Real(run) => Arc::new(Float64Array::from(reals(arguments, rows, run)?)),
        };
        Ok(ColumnarValue::Array(result))
    }
}

/// Over a whole column at once where the pattern demands a word.
fn matched(
    matchers: &mut Matchers,
    arguments: &[ColumnarValue],
    rows: usize,
) -> Result<BooleanArray> {
    if let [ColumnarValue::Scalar(pattern), ColumnarValue::Array(texts)] = arguments
        && let Some(texts) = texts.as_string_view_opt()
        && let Some(pattern) = pattern.try_as_str().flatten()
        && let Some((matcher, Some(needle))) = matchers.with_needle(pattern)
    {
        return Ok(region::matches(matcher, needle, texts));
    }
    let test = |row: &[Option<&str>]| match row {
        [Some(pattern), text] => Some(matchers.get(pattern)?.is_match(text.as_ref()?)),
        _ => None,
    };
    each(arguments, rows, test).map(BooleanArray::from)
}

/// Over a whole column at once where the part is a constant.
fn held(others: Others, arguments: &[ColumnarValue], rows: usize) -> Result<BooleanArray> {
    if let [ColumnarValue::Array(texts), ColumnarValue::Scalar(part)] = arguments
        && let Some(texts) = texts.as_string_view_opt()
        && let Some(part) = part.try_as_str().flatten()
        && let Some(others) = others(part)
    {
        let parts = [part].into_iter().chain(others.iter().copied());
        let parts: Vec<Finder<'_>> = parts.map(Finder::new).collect();
        return Ok(region::hold(&parts.iter().collect::<Vec<_>>(), texts));
    }
    let test = |row: &[Option<&str>]| match row {
        [Some(text), Some(part)] => Some(others(part).is_none_or(|others| {
            text.contains(part) || others.iter().any(|other| text.contains(other))
        })),
        _ => None,
    };
    each(arguments, rows, test).map(BooleanArray::from)
}

fn texts(
    run: Text,
    matchers: &mut Matchers,
    arguments: &[ColumnarValue],
    rows: usize,
) -> Result<ArrayRef> {
    let columns = Columns::new(arguments)?;
    let mut builder = StringViewBuilder::with_capacity(rows);
    let mut row = Vec::new();
    for index in 0..rows {
        columns.row(index, &mut row);
        builder.append_option(run(&row, matchers));
    }
    Ok(Arc::new(builder.finish()))
}

fn each<T>(
    arguments: &[ColumnarValue],
    rows: usize,
    mut run: impl FnMut(&[Option<&str>]) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let columns = Columns::new(arguments)?;
    let mut row = Vec::new();
    Ok((0..rows)
        .map(|index| {
            columns.row(index, &mut row);
            run(&row)
        })
        .collect())
}

fn numbers<T>(
    arguments: &[ColumnarValue],
    rows: usize,
    mut run: impl FnMut(&[Option<f64>]) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let mut columns = Vec::new();
    for argument in arguments {
        columns.push(cast(&argument.to_array(rows)?, &DataType::Float64)?);
    }
    let columns: Vec<&Float64Array> = columns
        .iter()
        .map(|column| column.as_primitive::<Float64Type>())
        .collect();
    let mut row = Vec::with_capacity(columns.len());
    Ok((0..rows)
        .map(|index| {
            row.clear();
            row.extend(
                columns
                    .iter()
                    .map(|column| column.is_valid(index).then(|| column.value(index))),
            );
            run(&row)
        })
        .collect())
}

fn reals(
    arguments: &[ColumnarValue],
    rows: usize,
    run: fn(&[f64]) -> f64,
) -> Result<Vec<Option<f64>>> {
    let mut values = Vec::new();
    numbers(arguments, rows, |row| {
        values.clear();
        for value in row {
            values.push((*value)?);
        }
        Some(run(&values))
    })
}

enum Column {
    Constant(Option<String>),
    Array(ArrayRef),
}

struct Columns(Vec<Column>);

impl Columns {
    fn new(arguments: &[ColumnarValue]) -> Result<Self> {
        let columns = arguments.iter().map(|argument| match argument {
            ColumnarValue::Scalar(value) => match value.cast_to(&DataType::Utf8)? {
                ScalarValue::Utf8(text) => Ok(Column::Constant(text)),
                other => Err(DataFusionError::Internal(format!("`{other}` is no text"))),
            },
            ColumnarValue::Array(array) => Ok(Column::Array(cast(array, &DataType::Utf8View)?)),
        });
        columns.collect::<Result<_>>().map(Columns)
    }

    fn row<'a>(&'a self, index: usize, row: &mut Vec<Option<&'a str>>) {
        row.clear();
        row.extend(self.0.iter().map(|column| match column {
            Column::Constant(text) => text.as_deref(),
            Column::Array(array) => {
                let array = array.as_string_view();
                array.is_valid(index).then(|| array.value(index))
            }
        }));
    }
}
