//! The kernels of the parse family: a text in, several parts out, in one pass over the rows.
//!
//! The parts of a stage are one column, a struct of texts `0`, `1`, … and a flag `matched`. It is
//! marked as volatile, so that the logical optimizer does not copy the whole search into every filter
//! and projection that looks at a part; where the physical one does, the copies share their work.

pub(crate) mod anchors;
pub(crate) mod delimited;
pub(crate) mod key_values;
pub(crate) mod kinds;
pub(crate) mod patterns;
pub(crate) mod xml;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayData;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanBuilder, ListArray, StringViewBuilder, StructArray,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility, lit,
};
use datafusion::scalar::ScalarValue;

use self::kinds::Kind;
use super::matcher::Cache;
use super::region::{self, Needle};
use crate::plan::planner::text_literal;

/// Matches that one row may become.
pub(crate) const MATCHES_PER_ROW_MAX: usize = 10_000;

/// One part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// It is not there.
    Nothing,
    /// It is there and says null.
    Null,
    Text(&'a str),
    Owned(String),
}

/// Finds the parts of texts.
pub(crate) trait Extract {
    /// How many parts there are.
    fn parts(&self) -> usize;

    /// A word, in any case, that every text with parts holds.
    fn needle(&self) -> Option<Arc<Needle>> {
        None
    }

    /// Fills `parts`; returns whether the text is as it should be.
    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool;

    /// Fills `parts` with the first match from `start` on; returns where the next may begin.
    fn extract_from<'a>(
        &mut self,
        text: &'a str,
        start: usize,
        parts: &mut [Part<'a>],
    ) -> Option<usize> {
        let is_found = start == 0 && self.extract(text, parts);
        is_found.then_some(text.len() + 1)
    }
}

/// Makes what finds parts, of the constant arguments.
pub(crate) type Build = fn(&[String]) -> Option<Box<dyn Extract>>;

fn boxed<T: Extract + 'static>(made: Option<T>) -> Option<Box<dyn Extract>> {
    Some(Box::new(made?))
}

/// One kind of extraction as a function: `name(text, constant, …)`.
pub(crate) struct Extraction {
    kind: Kind,
    signature: Signature,
}

impl Extraction {
    /// Calls it over `text`.
    pub(crate) fn call(kind: Kind, text: Expr, constants: &[String]) -> Expr {
        let mut arguments = vec![text];
        arguments.extend(constants.iter().map(|constant| text_literal(constant)));
        Self::udf(kind).call(arguments)
    }

    pub(crate) fn udf(kind: Kind) -> ScalarUDF {
        ScalarUDF::from(Extraction {
            kind,
            signature: Signature::variadic_any(Volatility::Volatile),
        })
    }
}

impl fmt::Debug for Extraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name)
    }
}

impl PartialEq for Extraction {
    fn eq(&self, other: &Self) -> bool {
        self.kind.name == other.kind.name
    }
}

impl Eq for Extraction {}

impl Hash for Extraction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.kind.name.hash(state);
    }
}

thread_local! {
    static EXTRACTORS: RefCell<Cache<Box<dyn Extract>>> = RefCell::default();
    static RECENT: RefCell<VecDeque<Recent>> = RefCell::default();
}

/// What was extracted a moment ago. The physical optimizer knows nothing of volatile functions: it
/// sinks each condition on a part below the extraction and copies the extraction into it. The copies
/// are evaluated one after another over the same batch, and all but the first find it done.
struct Recent {
    key: String,
    text: ArrayData,
    parts: ArrayRef,
}

/// A few stages may stand in one condition. Each entry keeps a batch alive.
const RECENT_MAX: usize = 4;

fn recent(key: &str, text: &ArrayData) -> Option<ArrayRef> {
    RECENT.with_borrow(|recent| {
        let mut entries = recent.iter();
        let found = entries.find(|entry| entry.key == key && entry.text.ptr_eq(text))?;
        Some(Arc::clone(&found.parts))
    })
}

fn remember(key: String, text: ArrayData, parts: &ArrayRef) {
    RECENT.with_borrow_mut(|recent| {
        recent.truncate(RECENT_MAX - 1);
        recent.push_front(Recent {
            key,
            text,
            parts: Arc::clone(parts),
        });
    });
}

impl ScalarUDFImpl for Extraction {
    fn name(&self) -> &str {
        self.kind.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        let message = format!("`{}` needs its constants to know its parts", self.kind.name);
        Err(DataFusionError::Internal(message))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let constants = arguments.scalar_arguments.iter().skip(1);
        let constants: Vec<String> = constants
            .map(|value| text_of(*value))
            .collect::<Result<_>>()?;
        let extract = (self.kind.build)(&constants).ok_or_else(|| self.unreadable())?;
        let parts = DataType::Struct(fields(extract.parts()));
        let data_type = if self.kind.is_multi {
            DataType::List(Arc::new(Field::new_list_field(parts, true)))
        } else {
            parts
        };
        Ok(Arc::new(Field::new(self.kind.name, data_type, true)))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let constants = arguments
            .args
            .iter()
            .skip(1)
            .map(|argument| match argument {
                ColumnarValue::Scalar(value) => text_of(Some(value)),
                ColumnarValue::Array(_) => Err(self.unreadable()),
            });
        let constants: Vec<String> = constants.collect::<Result<_>>()?;
        let text = arguments.args.first().ok_or_else(|| self.unreadable())?;
        let text = cast(&text.to_array(rows)?, &DataType::Utf8View)?;
        let key = format!("{}\0{}", self.kind.name, constants.join("\0"));
        let data = text.to_data();
        if let Some(parts) = recent(&key, &data) {
            return Ok(ColumnarValue::Array(parts));
        }
        let parts = EXTRACTORS.with_borrow_mut(|extractors| {
            let extract = extractors.get(&key, |_| (self.kind.build)(&constants));
            let extract = extract.ok_or_else(|| self.unreadable())?.as_mut();
            if self.kind.is_multi {
                every(extract, &text)
            } else {
                Ok(once(extract, &text))
            }
        })?;
        remember(key, data, &parts);
        Ok(ColumnarValue::Array(parts))
    }
}

impl Extraction {
    fn unreadable(&self) -> DataFusionError {
        DataFusionError::Internal(format!(
            "the constants of `{}` cannot be read",
            self.kind.name
        ))
    }
}

fn text_of(value: Option<&ScalarValue>) -> Result<String> {
    match value.and_then(|value| value.try_as_str().flatten()) {
        Some(text) => Ok(text.to_owned()),
        None => Err(DataFusionError::Internal("a constant is no text".into())),
    }
}

fn fields(parts: usize) -> Fields {
    let texts = (0..parts).map(|part| Field::new(part.to_string(), DataType::Utf8View, true));
    let matched = Field::new("matched", DataType::Boolean, false);
    texts.chain([matched]).collect()
}

/// Builds the columns of the parts.
struct Builders {
    texts: Vec<StringViewBuilder>,
    matched: BooleanBuilder,
}

impl Builders {
    fn new(parts: usize, rows: usize) -> Self {
        let text = || StringViewBuilder::with_capacity(rows);
        Builders {
            texts: std::iter::repeat_with(text).take(parts).collect(),
            matched: BooleanBuilder::with_capacity(rows),
        }
    }

    fn push(&mut self, parts: &[Part<'_>], is_matched: bool) {
        for (builder, part) in self.texts.iter_mut().zip(parts) {
            match part {
                Part::Nothing | Part::Null => builder.append_null(),
                Part::Text(text) => builder.append_value(text),
                Part::Owned(text) => builder.append_value(text),
            }
        }
        self.matched.append_value(is_matched);
    }

    /// Rows without parts.
    fn skip(&mut self, rows: usize) {
        for text in &mut self.texts {
            (0..rows).for_each(|_| text.append_null());
        }
        self.matched.append_n(rows, false);
    }

    fn finish(mut self) -> StructArray {
        let fields = fields(self.texts.len());
        let mut columns: Vec<ArrayRef> = Vec::new();
        for mut text in self.texts {
            columns.push(Arc::new(text.finish()));
        }
        columns.push(Arc::new(self.matched.finish()));
        StructArray::new(fields, columns, None)
    }
}

fn once(extract: &mut dyn Extract, text: &ArrayRef) -> ArrayRef {
    let texts = text.as_string_view();
    let count = extract.parts();
    let mut builders = Builders::new(count, texts.len());
    let mut parts = vec![Part::Nothing; count];
    let mut next = 0;
    let needle = extract.needle();
    let mut visit = |row: usize| {
        builders.skip(row - next);
        next = row + 1;
        parts.fill(Part::Nothing);
        let is_matched = texts.is_valid(row) && extract.extract(texts.value(row), &mut parts);
        builders.push(&parts, is_matched);
    };
    match needle {
        Some(needle) => region::candidates(&needle, texts, visit),
        None => (0..texts.len()).for_each(&mut visit),
    }
    builders.skip(texts.len() - next);
    Arc::new(builders.finish())
}

/// A text without a match becomes one row without parts, for `nodrop`.
fn every(extract: &mut dyn Extract, text: &ArrayRef) -> Result<ArrayRef> {
    let texts = text.as_string_view();
    let count = extract.parts();
    let mut builders = Builders::new(count, texts.len());
    let mut parts = vec![Part::Nothing; count];
    let mut lengths = Vec::with_capacity(texts.len());
    for text in texts {
        let text = text.unwrap_or_default();
        let (mut start, mut length) = (0, 0);
        while start <= text.len() && length < MATCHES_PER_ROW_MAX {
            parts.fill(Part::Nothing);
            let Some(next) = extract.extract_from(text, start, &mut parts) else {
                break;
            };
            builders.push(&parts, true);
            length += 1;
            start = next;
        }
        if length == 0 {
            parts.fill(Part::Nothing);
            builders.push(&parts, false);
            length = 1;
        }
        lengths.push(length);
    }
    let values = builders.finish();
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(
        field,
        offsets,
        Arc::new(values),
        None,
    )?))
}

/// `part(struct, index)`: one part; the one after the last is whether the text matched.
#[derive(Debug, PartialEq, Eq, Hash)]
struct PartKernel {
    signature: Signature,
}

/// The part of an extraction that stands in a column.
pub(crate) fn part(extraction: Expr, index: usize) -> Expr {
    part_udf().call(vec![
        extraction,
        lit(i64::try_from(index).unwrap_or(i64::MAX)),
    ])
}

pub(crate) fn part_udf() -> ScalarUDF {
    ScalarUDF::from(PartKernel {
        signature: Signature::variadic_any(Volatility::Immutable),
    })
}

fn place_of(value: Option<&ScalarValue>, length: usize) -> Result<usize> {
    match value {
        Some(ScalarValue::Int64(Some(index))) => usize::try_from(*index)
            .ok()
            .filter(|index| *index < length)
            .ok_or_else(|| DataFusionError::Internal("there is no such part".into())),
        _ => Err(DataFusionError::Internal("a part has no number".into())),
    }
}

impl ScalarUDFImpl for PartKernel {
    fn name(&self) -> &str {
        "part"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Err(DataFusionError::Internal("`part` needs its number".into()))
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let parts = arguments.arg_fields.first().map(|field| field.data_type());
        let Some(DataType::Struct(fields)) = parts else {
            return Err(DataFusionError::Internal("`part` is about a struct".into()));
        };
        let index = arguments.scalar_arguments.get(1).copied().flatten();
        let field = &fields[place_of(index, fields.len())?];
        Ok(Arc::new(Field::new(
            "part",
            field.data_type().clone(),
            true,
        )))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [parts, ColumnarValue::Scalar(index)] = arguments.args.as_slice() else {
            return Err(DataFusionError::Internal(
                "`part` takes two arguments".into(),
            ));
        };
        let parts = parts.to_array(arguments.number_rows)?;
        let parts = parts.as_struct();
        let index = place_of(Some(index), parts.num_columns())?;
        Ok(ColumnarValue::Array(Arc::clone(parts.column(index))))
    }
}
