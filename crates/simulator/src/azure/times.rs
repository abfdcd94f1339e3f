//! Times as Azure writes them.

use jiff::fmt::rfc2822::{DateTimeParser, DateTimePrinter};
use model::Timestamp;

/// The ticks of 100 ns from the year 1 to 1970.
const TICKS_AT_EPOCH: i64 = 621_355_968_000_000_000;
/// The ticks of the last moment that .NET knows.
pub(super) const TICKS_MAX: i64 = 3_155_378_975_999_999_999;
/// The ticks until the year 2000.
pub(super) const TICKS_AT_2000: i64 = 630_822_816_000_000_000;
pub(super) const TICKS_PER_MINUTE: i64 = 600_000_000;

/// A moment as .NET counts it: in ticks of 100 ns since the year 1.
pub(super) const fn ticks(time: Timestamp) -> i64 {
    TICKS_AT_EPOCH + time.nanos().div_euclid(100)
}

/// `2026-11-23T14:20:03.0710000Z`: seven decimals, a tick each.
pub(super) fn with_ticks(time: Timestamp) -> String {
    civil(time, "%Y-%m-%dT%H:%M:%S") + &format!(".{:07}Z", ticks(time) % 10_000_000)
}

/// A moment in a form of `strftime`, UTC.
pub(super) fn civil(time: Timestamp, form: &str) -> String {
    moment(time).strftime(form).to_string()
}

/// `Mon, 23 Nov 2026 14:20:03 GMT`, as the headers of HTTP have it.
pub(super) fn header(time: Timestamp) -> String {
    DateTimePrinter::new()
        .timestamp_to_rfc9110_string(&moment(time))
        .unwrap_or_default()
}

/// Reads such a header.
pub(super) fn parse_header(text: &str) -> Option<Timestamp> {
    let time = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(Timestamp::from_millis(time.as_millisecond()))
}

/// Reads RFC 3339.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    let nanos = i64::try_from(time.as_nanosecond()).ok()?;
    Some(Timestamp::from_nanos(nanos))
}

fn moment(time: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(time.nanos())).unwrap_or(jiff::Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_in_each_form() {
        let time = Timestamp::from_nanos(1_745_256_625_123_456_700);
        assert_eq!(with_ticks(time), "2025-04-21T17:30:25.1234567Z");
        assert_eq!(parse(&with_ticks(time)), Some(time));
        assert_eq!(ticks(time), 638_808_534_251_234_567);
        assert_eq!(civil(time, "%m/%d/%Y %H:%M:%S"), "04/21/2025 17:30:25");
        assert_eq!(header(time), "Mon, 21 Apr 2025 17:30:25 GMT");
        assert_eq!(
            parse_header(&header(time)).map(Timestamp::millis),
            Some(1_745_256_625_000)
        );
        assert_eq!(parse_header("yesterday"), None);
    }
}
