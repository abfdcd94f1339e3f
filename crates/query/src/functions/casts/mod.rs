//! Casts between texts and numbers.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::cast;

use super::entry::Entry;
use super::kernels::{Run, call};
use crate::plan::FieldType;
use crate::plan::planner::Typed;

/// The functions of this family.
pub(super) const ENTRIES: &[&[Entry]] = &[&[TO_DOUBLE, TO_LONG, TO_STRING, PARSE_HEX]];

const TO_DOUBLE: Entry = Entry::new(
    "num",
    1,
    "num(x)",
    "The number in a text; null where there is none.",
    &["* | parse \"Duration: * ms\" as d | num(d) | sort d"],
    |_, a| Typed::new(a[0].number(), FieldType::Double),
)
.or(&[
    "number", "double", "todouble", "tonumber", "tofloat", "float",
]);

const TO_LONG: Entry = Entry::new(
    "toLong",
    1,
    "toLong(x)",
    "The whole number in a text or number, cut towards zero.",
    &["* | toLong(\"15.7\") as x"],
    |_, a| match a[0].field_type {
        FieldType::Long | FieldType::Int => {
            Typed::new(cast(a[0].expr.clone(), DataType::Int64), FieldType::Long)
        }
        // Digits beyond what a double can hold must survive: ids and nanoseconds are cast, too.
        FieldType::String => Typed::new(
            call("to_whole", WHOLE_TEXT, vec![a[0].text()]),
            FieldType::Long,
        ),
        _ => Typed::new(call("to_long", WHOLE, vec![a[0].number()]), FieldType::Long),
    },
)
.or(&["toint", "int", "long", "tointeger"]);

const TO_STRING: Entry = Entry::new(
    "toString",
    1,
    "toString(x)",
    "As text.",
    &["* | toString(1) as x"],
    |_, a| Typed::new(a[0].text(), FieldType::String),
)
.or(&["string"]);

const PARSE_HEX: Entry = Entry::new(
    "parseHex",
    1,
    "parseHex(text)",
    "The number that hexadecimal digits stand for, with or without `0x`.",
    &["* | parseHex(\"0xff\") as x"],
    |_, a| Typed::new(call("hex_number", HEX, vec![a[0].text()]), FieldType::Long),
)
.or(&["hextodec"]);

/// `to_number(text)`: null where the text is no number.
pub(crate) const NUMBER: Run = Run::Number(|row, _| {
    let [Some(text)] = row else { return None };
    number(text)
});

/// The number that a text is; hexadecimal and words such as `inf` are none.
pub(crate) fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
    if !has_digit {
        return None;
    }
    text.parse().ok()
}

/// `number_text(number)`: without a fraction if it has none.
pub(crate) const TEXT: Run = Run::Text(|row, _| {
    let [Some(text)] = row else { return None };
    Some(text.strip_suffix(".0").unwrap_or(text).to_owned())
});

const WHOLE: Run = Run::Whole(|row| match row {
    #[allow(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
    [Some(value)] if !value.is_nan() => Some(*value as i64),
    _ => None,
});

const WHOLE_TEXT: Run = Run::Long(|row, _| {
    let [Some(text)] = row else { return None };
    #[allow(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
    text.trim()
        .parse()
        .ok()
        .or_else(|| number(text).map(|value| value as i64))
});

const HEX: Run = Run::Long(|row, _| {
    let [Some(text)] = row else { return None };
    let text = text.trim();
    let digits = text
        .strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .unwrap_or(text);
    i64::from_str_radix(digits, 16).ok()
});

/// `value_order(a, b)`: -1, 0 or 1, by number if both texts are numbers.
pub(crate) const ORDER: Run = Run::Long(|row, _| {
    let [Some(a), Some(b)] = row else { return None };
    let by_number = number(a).zip(number(b));
    let order = by_number.and_then(|(a, b)| a.partial_cmp(&b));
    Some(order.unwrap_or_else(|| a.cmp(b)) as i64)
});

/// `text_size(text)`: bytes.
pub(crate) const SIZE: Run = Run::Long(|row, _| {
    let [Some(text)] = row else { return None };
    i64::try_from(text.len()).ok()
});
