//! `if(condition, a, b)`: one of two values; `condition ? a : b` is the same.

use datafusion::logical_expr::{Expr, case, lit};

use crate::functions::entry::Entry;
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text};

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "if",
    3,
    "if(condition, a, b)",
    "One of two values; null counts as not true.",
    &["* | if(level = \"ERROR\", 1, 0) as is_error | sum(is_error)"],
    choose,
)];

fn choose(_: &mut Planner<'_>, arguments: &[Typed]) -> Typed {
    let [condition, a, b] = arguments else {
        return null_text();
    };
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
    // Not `CASE WHEN condition`: the engine writes that as `condition AND … OR NOT condition AND …`
    // where the sides are true or false, and conditions within conditions double with each level.
    let mut expr = case(condition.condition());
    let expr = expr.when(lit(true), side(a)).otherwise(side(b));
    Typed::new(expr.unwrap_or_else(|_| null_text().expr), field_type)
}
