//! The vectorised kernels behind scope, operators and functions: columns in, a column out.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
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

/// Computes one row from texts (null where the argument is null).
pub(crate) type Text = fn(&[Option<&str>], &mut Matchers) -> Option<String>;
/// Decides about one row from texts.
pub(crate) type Test = fn(&[Option<&str>], &mut Matchers) -> Option<bool>;
/// Computes one number from texts.
pub(crate) type Number = fn(&[Option<&str>], &mut Matchers) -> Option<f64>;

/// What a kernel computes for each row.
#[derive(Clone, Copy)]
pub(crate) enum Run {
    Text(Text),
    Test(Test),
    Number(Number),
    /// From numbers to a whole number.
    Whole(fn(&[Option<f64>]) -> Option<i64>),
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
            Run::Test(_) => DataType::Boolean,
            Run::Number(_) => DataType::Float64,
            Run::Whole(_) => DataType::Int64,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        MATCHERS.with_borrow_mut(|matchers| {
            let result: ArrayRef = match self.run {
                Run::Text(run) => {
                    let columns = Columns::new(&arguments.args)?;
                    let mut builder = StringViewBuilder::with_capacity(rows);
                    let mut row = Vec::new();
                    for index in 0..rows {
                        columns.row(index, &mut row);
                        builder.append_option(run(&row, matchers));
                    }
                    Arc::new(builder.finish())
                }
                Run::Test(run) => {
                    let columns = Columns::new(&arguments.args)?;
                    let mut row = Vec::new();
                    Arc::new(
                        (0..rows)
                            .map(|index| {
                                columns.row(index, &mut row);
                                run(&row, matchers)
                            })
                            .collect::<BooleanArray>(),
                    )
                }
                Run::Number(run) => {
                    let columns = Columns::new(&arguments.args)?;
                    let mut row = Vec::new();
                    Arc::new(
                        (0..rows)
                            .map(|index| {
                                columns.row(index, &mut row);
                                run(&row, matchers)
                            })
                            .collect::<Float64Array>(),
                    )
                }
                Run::Whole(run) => whole(run, &arguments.args, rows)?,
            };
            Ok(ColumnarValue::Array(result))
        })
    }
}

fn whole(
    run: fn(&[Option<f64>]) -> Option<i64>,
    arguments: &[ColumnarValue],
    rows: usize,
) -> Result<ArrayRef> {
    let mut columns = Vec::new();
    for argument in arguments {
        columns.push(cast(&argument.to_array(rows)?, &DataType::Float64)?);
    }
    let columns: Vec<&Float64Array> = columns
        .iter()
        .map(|column| column.as_primitive::<Float64Type>())
        .collect();
    Ok(Arc::new(
        (0..rows)
            .map(|index| {
                let row: Vec<Option<f64>> = columns
                    .iter()
                    .map(|column| column.is_valid(index).then(|| column.value(index)))
                    .collect();
                run(&row)
            })
            .collect::<Int64Array>(),
    ))
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

thread_local! {
    static MATCHERS: RefCell<Matchers> = RefCell::default();
}

/// A compiled pattern: the fast engine where it can, the one with look-around where it must.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    Fast(regex::Regex),
    Fancy(Arc<fancy_regex::Regex>),
}

impl Matcher {
    pub(crate) fn compile(pattern: &str) -> std::result::Result<Self, String> {
        match regex::Regex::new(pattern) {
            Ok(regex) => Ok(Matcher::Fast(regex)),
            Err(error) => fancy_regex::RegexBuilder::new(pattern)
                .backtrack_limit(100_000)
                .build()
                .map(|regex| Matcher::Fancy(Arc::new(regex)))
                .map_err(|_| {
                    error
                        .to_string()
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .trim_start_matches("error: ")
                        .to_owned()
                }),
        }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Matcher::Fast(regex) => regex.is_match(text),
            Matcher::Fancy(regex) => regex.is_match(text).unwrap_or(false),
        }
    }

    /// The text of a group; `Some(None)` if the pattern matches without the group.
    pub(crate) fn group<'a>(&self, text: &'a str, group: usize) -> Option<Option<&'a str>> {
        match self {
            Matcher::Fast(regex) => regex
                .captures(text)
                .map(|found| found.get(group).map(|group| group.as_str())),
            Matcher::Fancy(regex) => regex
                .captures(text)
                .ok()
                .flatten()
                .map(|found| found.get(group).map(|group| group.as_str())),
        }
    }

    /// The names of the groups, by index.
    pub(crate) fn groups(&self) -> Vec<(usize, String)> {
        let names: Vec<Option<&str>> = match self {
            Matcher::Fast(regex) => regex.capture_names().collect(),
            Matcher::Fancy(regex) => regex.capture_names().collect(),
        };
        names
            .into_iter()
            .enumerate()
            .filter_map(|(index, name)| Some((index, name?.to_owned())))
            .collect()
    }

    pub(crate) fn replace_all(&self, text: &str, by: &str) -> String {
        match self {
            Matcher::Fast(regex) => regex.replace_all(text, by).into_owned(),
            Matcher::Fancy(regex) => regex.replace_all(text, by).into_owned(),
        }
    }
}

/// The patterns that this thread has compiled.
#[derive(Debug, Default)]
pub(crate) struct Matchers(HashMap<String, Option<Matcher>>);

const MATCHERS_MAX: usize = 1000;

impl Matchers {
    pub(crate) fn get(&mut self, pattern: &str) -> Option<&Matcher> {
        self.with(pattern, |pattern| pattern.to_owned())
    }

    /// The matcher for `key`, whose pattern `translate` tells.
    pub(crate) fn with(&mut self, key: &str, translate: fn(&str) -> String) -> Option<&Matcher> {
        if !self.0.contains_key(key) {
            if self.0.len() > MATCHERS_MAX {
                self.0.clear();
            }
            self.0
                .insert(key.to_owned(), Matcher::compile(&translate(key)).ok());
        }
        self.0.get(key)?.as_ref()
    }
}
