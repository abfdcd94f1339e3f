//! `formatDate`: a moment as text.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::cast;
use jiff::Timestamp;

use crate::functions::entry::Entry;
use crate::functions::kernels::{Run, call};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text, text_literal};

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "formatDate",
    1,
    "formatDate(ms [, \"pattern\" [, \"zone\"]])",
    "A moment as text, in a pattern of Java's SimpleDateFormat and in your time zone unless \
     another is named.",
    &["* | formatDate(_messageTime, \"yyyy-MM-dd HH:mm\", \"Europe/Berlin\") as at | count by at"],
    format_date,
)
.up_to(3)];

/// How Americans write a moment.
const PATTERN: &str = "MM/dd/yyyy hh:mm:ss a Z";

fn format_date(planner: &mut Planner<'_>, arguments: &[Typed]) -> Typed {
    let Some(moment) = arguments.first() else {
        return null_text();
    };
    super::check_zone(planner, arguments);
    let of_user = planner.context.time_zone.iana_name().unwrap_or("UTC");
    let text = |index: usize, default: &str| {
        arguments
            .get(index)
            .map_or_else(|| text_literal(default), Typed::text)
    };
    let moment = cast(moment.number(), DataType::Int64);
    let arguments = vec![moment, text(1, PATTERN), text(2, of_user)];
    Typed::new(call("format_date", FORMAT, arguments), FieldType::String)
}

/// `format_date(ms, pattern, zone)`.
pub(crate) const FORMAT: Run = Run::Text(|row, matchers| {
    let [Some(millis), Some(pattern), Some(zone)] = row else {
        return None;
    };
    let moment = Timestamp::from_millisecond(millis.parse().ok()?).ok()?;
    let moment = moment.to_zoned(matchers.zone(zone)?);
    Some(matchers.date(pattern)?.format(&moment))
});
