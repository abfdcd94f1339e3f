//! Moments: as text and from text, the present, the time range.

mod format_date;
mod moments;
mod noted;
mod parse_date;
pub(super) mod pattern;
pub(crate) mod slice;

pub(crate) use noted::{NOTE, NOTED_TIME, NOTED_VALUE};

use super::entry::Entry;
use crate::plan::planner::{Planner, Typed};

/// The functions of this family.
pub(super) const ENTRIES: &[&[Entry]] =
    &[format_date::ENTRIES, moments::ENTRIES, parse_date::ENTRIES];

/// Complains about a constant zone that does not exist.
fn check_zone(planner: &mut Planner<'_>, arguments: &[Typed]) {
    let name = arguments.get(2).and_then(Typed::constant);
    if let Some(name) = name.filter(|name| zone(name).is_none()) {
        let expected = "a place such as `Europe/Berlin`, or an offset such as `+02:00`";
        planner.complain(format!("there is no time zone `{name}`"), expected);
    }
}

/// The zone of that name: a place, an offset, or one of the abbreviations that Java knows.
pub(super) fn zone(name: &str) -> Option<jiff::tz::TimeZone> {
    let name = name.trim();
    if let Some(offset) = pattern::offset(name) {
        return Some(offset.to_time_zone());
    }
    let place = match name.to_ascii_uppercase().as_str() {
        "Z" | "UTC" | "GMT" => "UTC",
        "PST" | "PDT" => "America/Los_Angeles",
        "MST" | "MDT" => "America/Denver",
        "CST" | "CDT" => "America/Chicago",
        "EST" | "EDT" => "America/New_York",
        "BST" => "Europe/London",
        "CET" | "CEST" => "Europe/Paris",
        "IST" => "Asia/Kolkata",
        "JST" => "Asia/Tokyo",
        "AEST" | "AEDT" => "Australia/Sydney",
        _ => name,
    };
    jiff::tz::TimeZone::get(place).ok()
}
