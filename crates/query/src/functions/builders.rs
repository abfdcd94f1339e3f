//! The expressions that calls become: what several entries of the list in [`super::calls`] share.

use datafusion::arrow::datatypes::DataType;
use datafusion::functions::{string, unicode};
use datafusion::logical_expr::{Expr, ScalarUDF, cast, lit, when};

use super::kernels::{Run, call};
use super::time_format;
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text, text_literal};

pub(super) const CONTAINS: Run = Run::Test(|row, _| match row {
    [Some(text), Some(part)] => Some(text.contains(part)),
    _ => None,
});

/// `text_replace(text, part, by)`; a pattern comes with a NUL before it.
pub(super) const REPLACE: Run = Run::Text(|row, matchers| {
    let [Some(text), Some(part), Some(by)] = row else {
        return None;
    };
    match part.strip_prefix('\0') {
        Some(pattern) => Some(matchers.get(pattern)?.replace_all(text, by)),
        None => Some(text.replace(part, by)),
    }
});

pub(super) const PART: Run = Run::Text(|row, _| {
    let text = row.first().copied().flatten()?;
    let start: usize = row.get(1).copied().flatten()?.parse().ok()?;
    let end: usize = match row.get(2) {
        Some(end) => end.as_ref()?.parse().ok()?,
        None => usize::MAX,
    };
    Some(
        text.chars()
            .skip(start)
            .take(end.saturating_sub(start))
            .collect(),
    )
});

pub(super) fn double(function: &ScalarUDF, arguments: &[Typed]) -> Typed {
    Typed::new(
        function.call(arguments.iter().map(Typed::number).collect()),
        FieldType::Double,
    )
}

pub(super) fn text(function: &ScalarUDF, arguments: &[Typed]) -> Typed {
    Typed::new(
        cast(function.call(vec![arguments[0].text()]), DataType::Utf8View),
        FieldType::String,
    )
}

pub(super) fn long(value: i64) -> Typed {
    Typed::new(lit(value), FieldType::Long)
}

pub(super) fn blank(arguments: &[Typed], trims: bool) -> Typed {
    let value = &arguments[0];
    let is_null = value.expr.clone().is_null();
    if value.field_type != FieldType::String {
        return Typed::new(is_null, FieldType::Boolean);
    }
    let text: Expr = if trims {
        string::btrim().call(vec![value.text()])
    } else {
        value.text()
    };
    let length = unicode::character_length().call(vec![text]);
    Typed::new(
        is_null.or(cast(length, DataType::Int64).eq(lit(0_i64))),
        FieldType::Boolean,
    )
}

pub(super) fn choose(_: &mut Planner<'_>, arguments: &[Typed]) -> Typed {
    let (a, b) = (&arguments[1], &arguments[2]);
    let is_null = |typed: &Typed| matches!(&typed.expr, Expr::Literal(value, _) if value.is_null());
    let field_type = if a.field_type == b.field_type || is_null(b) {
        a.field_type
    } else if is_null(a) {
        b.field_type
    } else if a.is_number() && b.is_number() {
        FieldType::Double
    } else {
        FieldType::String
    };
    let side = |typed: &Typed| match field_type {
        _ if is_null(typed) => lit(datafusion::scalar::ScalarValue::Null),
        FieldType::Double => typed.number(),
        FieldType::String => typed.text(),
        _ => typed.expr.clone(),
    };
    let expr = when(arguments[0].condition(), side(a)).otherwise(side(b));
    Typed::new(expr.unwrap_or_else(|_| null_text().expr), field_type)
}

pub(super) fn format_date(planner: &mut Planner<'_>, arguments: &[Typed]) -> Typed {
    let pattern = arguments
        .get(1)
        .map_or_else(|| text_literal("MM/dd/yyyy hh:mm:ss a Z"), Typed::text);
    let zone = planner
        .context
        .time_zone
        .iana_name()
        .unwrap_or("UTC")
        .to_owned();
    let zone = arguments
        .get(2)
        .map_or_else(|| text_literal(&zone), Typed::text);
    let moment = cast(arguments[0].number(), DataType::Int64);
    Typed::new(
        call(
            "format_date",
            time_format::FORMAT,
            vec![moment, pattern, zone],
        ),
        FieldType::String,
    )
}
