//! Moments as text, in the patterns of Java's `SimpleDateFormat`; and time buckets.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::kernels::Run;

/// `format_date(ms, pattern, zone)`.
pub(crate) const FORMAT: Run = Run::Text(|row, _| {
    let [Some(millis), Some(pattern), Some(zone)] = row else {
        return None;
    };
    let moment = Timestamp::from_millisecond(millis.parse().ok()?).ok()?;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Some(format(&moment.to_zoned(zone), pattern))
});

/// Writes a moment in a pattern.
fn format(moment: &Zoned, pattern: &str) -> String {
    let mut output = String::new();
    let mut rest = pattern;
    while let Some(first) = rest.chars().next() {
        if first == '\'' {
            let inner = rest.get(1..).unwrap_or_default();
            let end = inner.find('\'').unwrap_or(inner.len());
            output.push_str(if end == 0 {
                "'"
            } else {
                inner.get(..end).unwrap_or_default()
            });
            rest = inner.get(end + 1..).unwrap_or_default();
            continue;
        }
        let length = rest.chars().take_while(|next| *next == first).count();
        if first.is_ascii_alphabetic() {
            output.push_str(&letter(moment, first, length));
        } else {
            output.extend(std::iter::repeat_n(first, length));
        }
        rest = rest.get(first.len_utf8() * length..).unwrap_or_default();
    }
    output
}

fn letter(moment: &Zoned, letter: char, length: usize) -> String {
    let pad = |value: i64| format!("{value:0length$}");
    let hour = i64::from(moment.hour());
    match letter {
        'y' | 'Y' if length == 2 => format!("{:02}", moment.year() % 100),
        'y' | 'Y' => pad(i64::from(moment.year())),
        'M' if length >= 4 => moment.strftime("%B").to_string(),
        'M' if length == 3 => moment.strftime("%b").to_string(),
        'M' => pad(i64::from(moment.month())),
        'd' => pad(i64::from(moment.day())),
        'D' => pad(i64::from(moment.day_of_year())),
        'H' => pad(hour),
        'k' => pad(if hour == 0 { 24 } else { hour }),
        'h' => pad(if hour % 12 == 0 { 12 } else { hour % 12 }),
        'K' => pad(hour % 12),
        'm' => pad(i64::from(moment.minute())),
        's' => pad(i64::from(moment.second())),
        'S' => pad(i64::from(moment.millisecond())),
        'a' => {
            if hour < 12 {
                "AM".to_owned()
            } else {
                "PM".to_owned()
            }
        }
        'E' if length >= 4 => moment.strftime("%A").to_string(),
        'E' => moment.strftime("%a").to_string(),
        'u' => pad(i64::from(moment.weekday().to_monday_one_offset())),
        'w' => pad(i64::from(moment.date().iso_week_date().week())),
        'z' => moment.strftime("%Z").to_string(),
        'X' if length >= 3 => moment.strftime("%:z").to_string(),
        'Z' | 'X' => moment.strftime("%z").to_string(),
        other => std::iter::repeat_n(other, length).collect(),
    }
}
