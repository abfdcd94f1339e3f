//! `parseDate`: the moment that a text names.

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::functions::entry::Entry;
use crate::functions::kernels::{Run, call};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text, text_literal};

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "parseDate",
    1,
    "parseDate(text [, \"pattern\" [, \"zone\"]])",
    "The milliseconds since 1970 that a text names, in a pattern of Java's SimpleDateFormat \
     (without one: ISO 8601); null if it does not fit. Your time zone, unless text or call name one.",
    &["* | parseDate(\"2025-11-23 14:00\", \"yyyy-MM-dd HH:mm\", \"UTC\") as ms"],
    parse_date,
)
.up_to(3)];

fn parse_date(planner: &mut Planner<'_>, arguments: &[Typed]) -> Typed {
    let Some(value) = arguments.first() else {
        return null_text();
    };
    super::check_zone(planner, arguments);
    let of_user = planner.context.time_zone.iana_name().unwrap_or("UTC");
    let text = |index: usize, default: &str| {
        arguments
            .get(index)
            .map_or_else(|| text_literal(default), Typed::text)
    };
    let arguments = vec![value.text(), text(1, ""), text(2, of_user)];
    Typed::new(call("parse_date", PARSE, arguments), FieldType::Long)
}

/// `parse_date(text, pattern, zone)`.
pub(crate) const PARSE: Run = Run::Long(|row, matchers| {
    let [Some(text), Some(pattern), Some(zone)] = row else {
        return None;
    };
    let text = text.trim();
    let zone = matchers.zone(zone)?;
    if !pattern.is_empty() {
        return Some(matchers.date(pattern)?.parse(text, &zone)?.as_millisecond());
    }
    let moment: Timestamp = match text.parse() {
        Ok(moment) => moment,
        Err(_) => text
            .parse::<DateTime>()
            .ok()?
            .to_zoned(zone)
            .ok()?
            .timestamp(),
    };
    Some(moment.as_millisecond())
});
