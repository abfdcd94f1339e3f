//! `bin`: puts numbers into ranges of one width, to show how they are distributed.

use datafusion::logical_expr::{Expr, lit};
use datafusion::prelude::concat;

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::functions::kernels::{Run, call};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, text_literal};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "bin",
        kind: UnitKind::Operator,
        syntax: "bin <field> width=<number>[, min=<number>][, max=<number>]",
        summary: "Puts numbers into ranges of one width: adds `_bin_label`, `_bin_lower` and `_bin_upper`. What lies below `min` or above `max` goes into the first or last range.",
        examples: &[
            "* | parse \"Duration: * ms\" as ms | bin ms width=100, min=0, max=3000 | count by _bin_label, _bin_lower | sort by _bin_lower asc",
        ],
    },
    apply,
);

/// Ranges farther from the start cannot be told apart.
const PLACE_MAX: f64 = 9_007_199_254_740_992.0;

/// `bin_lower(value, width, start, first, last)`: where the range of a value begins. Ranges are
/// counted from `start`.
pub(crate) const LOWER: Run = Run::Real(|row| match row {
    [value, width, start, first, last] => {
        let place = ((value - start) / width).floor();
        start + place.clamp(*first, *last) * width
    }
    _ => f64::NAN,
});

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let field = tokens.name()?;
    let value = planner.resolve(&field.text, &field.span).number();
    let (mut width, mut min, mut max) = (None, None, None);
    let options = tokens.span();
    while !tokens.is_done() {
        let option = match () {
            () if tokens.word("width") => &mut width,
            () if tokens.word("min") => &mut min,
            () if tokens.word("max") => &mut max,
            () => return Err(tokens.unexpected("`width=`, `min=` or `max=`")),
        };
        tokens.expect_symbol("=")?;
        *option = Some(number(tokens)?);
        tokens.symbol(",");
    }
    let Some(width) = width.filter(|width| *width > 0.0) else {
        let found = Diagnostic::error(options, "the ranges need a width above 0");
        return Err(found.expecting("`width=<number>`"));
    };
    let start = min.unwrap_or(0.0);
    let last = max.map(|max: f64| ((max - start) / width).ceil() - 1.0);
    if last.is_some_and(|last| last < 0.0) && min.is_some() {
        return Err(Diagnostic::error(options, "`max` must be more than `min`"));
    }
    let bounds = [
        width,
        start,
        min.map_or(-PLACE_MAX, |_| 0.0),
        last.unwrap_or(PLACE_MAX),
    ];
    let arguments = std::iter::once(value).chain(bounds.map(lit));
    let lower = call("bin_lower", LOWER, arguments.collect());
    let named = |text: &str| Name {
        text: text.to_owned(),
        span: field.span.clone(),
    };
    let number = |value: Expr| Typed::new(value, FieldType::Double);
    let upper = lower.clone() + lit(width);
    let texts = [lower.clone(), upper.clone()].map(|bound| number(bound).text());
    let [from, to] = texts;
    let label = concat(vec![
        text_literal("["),
        from,
        text_literal(", "),
        to,
        text_literal(")"),
    ]);
    let label = datafusion::logical_expr::when(lower.clone().is_not_null(), label)
        .end()
        .map_err(|error| Diagnostic::error(options, error.to_string()))?;
    planner.assign(vec![
        (named("_bin_label"), Typed::new(label, FieldType::String)),
        (named("_bin_lower"), number(lower)),
        (named("_bin_upper"), number(upper)),
    ]);
    Ok(())
}

/// A number, perhaps below 0; a parameter without a value is 1.
fn number(tokens: &mut Tokens) -> Parsed<f64> {
    let sign = if tokens.symbol("-") { -1.0 } else { 1.0 };
    let value = match tokens.peek() {
        Some(TokenKind::Number { value, .. }) => *value,
        Some(TokenKind::Parameter(_)) => 1.0,
        _ => return Err(tokens.unexpected("a number")),
    };
    tokens.next();
    Ok(sign * value)
}
