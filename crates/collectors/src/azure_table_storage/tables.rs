//! How the tables and their rows are named. Pure.
//!
//! There is a table for each month (`AzureWebJobsHostLogs202611`: that of the invocation's
//! beginning, in UTC) and one for what is of no month (`…common`). An invocation has two rows: a
//! full one by its id in the partition `I`, and one in the partition `R2` whose key has the
//! function and the time, newest first.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use model::Timestamp;

/// The ticks, 100 nanoseconds each since the year 1, of .NET's last moment.
const TICKS_MAX: i64 = 3_155_378_975_999_999_999;
/// Those of 1970.
const TICKS_EPOCH: i64 = 621_355_968_000_000_000;
const TICKS_PER_MS: i64 = 10_000;

/// The table of what is of no month.
pub(super) fn common(prefix: &str) -> String {
    format!("{prefix}common")
}

/// The month of a table, as its beginning; `None` if it is not a table of a month.
pub(super) fn month_ms(prefix: &str, table: &str) -> Option<i64> {
    let month = table.strip_prefix(prefix)?;
    let (year, month) = month.split_at_checked(4)?;
    if month.len() != 2 {
        return None;
    }
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    let moment = DateTime::from(date).to_zoned(TimeZone::UTC).ok()?;
    Some(moment.timestamp().as_millisecond())
}

/// The tables of the months that hold the invocations which began between the two moments, both
/// inclusive; oldest first.
pub(super) fn of_months(prefix: &str, start_ms: i64, end_ms: i64) -> Vec<String> {
    let date = |time_ms| {
        let moment = jiff::Timestamp::from_millisecond(time_ms).unwrap_or_default();
        moment.to_zoned(TimeZone::UTC).date()
    };
    let (first, last) = (date(start_ms).first_of_month(), date(end_ms));
    let months = first.series(jiff::Span::new().months(1));
    months
        .take_while(|month| *month <= last)
        .map(|month| format!("{prefix}{}", month.strftime("%Y%m")))
        .collect()
}

/// The filter for the rows of a function's invocations that began between `start_ms` and
/// `end_ms`, both inclusive.
pub(super) fn filter(function_id: &str, start_ms: i64, end_ms: Option<i64>) -> String {
    // Later times have smaller keys.
    let newest = end_ms.map_or(0, |end_ms| inverted(ticks(end_ms.saturating_add(1)) - 1));
    let oldest = inverted(ticks(start_ms));
    let id = function_id.replace('\'', "''");
    format!(
        "PartitionKey eq 'R2' and RowKey ge '{id}-{newest:020}' and RowKey lt '{id}-{:020}'",
        oldest.saturating_add(1)
    )
}

/// The time in the key of a row by time: `<function>-<inverted ticks>-<number>`.
pub(super) fn time_of_key(key: &str) -> Option<Timestamp> {
    // The number may be negative.
    let inverted: i64 = key.split('-').nth(2)?.parse().ok()?;
    let ticks = TICKS_MAX.checked_sub(inverted)?;
    let ms = ticks.checked_sub(TICKS_EPOCH)? / TICKS_PER_MS;
    Some(Timestamp::from_millis(ms))
}

fn ticks(time_ms: i64) -> i64 {
    time_ms
        .saturating_mul(TICKS_PER_MS)
        .saturating_add(TICKS_EPOCH)
        .clamp(0, TICKS_MAX)
}

fn inverted(ticks: i64) -> i64 {
    TICKS_MAX - ticks
}

/// The filter for tables whose names begin so.
pub(super) fn tables_filter(prefix: &str) -> String {
    format!("TableName ge '{prefix}' and TableName lt '{prefix}~'")
}

/// What is left of a name whose other letters were written as `:2D` or `::1234`.
pub(super) fn plain(name: &str) -> String {
    let mut plain = String::new();
    let mut rest = name;
    while let Some((before, after)) = rest.split_once(':') {
        plain.push_str(before);
        let (digits, after) = match after.strip_prefix(':') {
            Some(after) => after.split_at_checked(4).unwrap_or((after, "")),
            None => after.split_at_checked(2).unwrap_or((after, "")),
        };
        let letter = u32::from_str_radix(digits, 16)
            .ok()
            .and_then(char::from_u32);
        plain.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME_MS: i64 = 1_763_909_520_000;

    #[test]
    fn a_window_is_a_range_of_keys_newest_first() {
        // 2025-11-23T14:52:00Z is 638995063200000000 ticks.
        assert_eq!(
            filter("my:2Dhost-hello", TIME_MS, Some(TIME_MS)),
            "PartitionKey eq 'R2' and RowKey ge 'my:2Dhost-hello-02516383912799990000' and \
             RowKey lt 'my:2Dhost-hello-02516383912800000000'"
        );
        let key = "my:2Dhost-hello-02516383912799999999--77";
        assert_eq!(time_of_key(key), Some(Timestamp::from_millis(TIME_MS)));
        assert_eq!(time_of_key("a-b-9999999999999999999999-1"), None);
        let open = filter("f", TIME_MS, None);
        assert!(
            open.contains("RowKey ge 'f-00000000000000000000'"),
            "{open}"
        );
        let all = filter("f", i64::MIN, None);
        assert!(all.ends_with("RowKey lt 'f-03155378976000000000'"), "{all}");
    }

    #[test]
    fn tables_have_months() {
        let month = |table| month_ms("AzureWebJobsHostLogs", table);
        assert_eq!(month("AzureWebJobsHostLogs202511"), Some(1_761_955_200_000));
        for other in [
            "AzureWebJobsHostLogscommon",
            "AzureWebJobsHostLogs202513",
            "Azure202511",
            "AzureWebJobsHostLogs2025111",
        ] {
            assert_eq!(month(other), None, "{other}");
        }
        let tables = |start_ms, end_ms| of_months("T", start_ms, end_ms);
        assert_eq!(tables(TIME_MS, TIME_MS), ["T202511"]);
        let (begin, day_ms) = (1_761_955_200_000, 86_400_000);
        assert_eq!(tables(begin, begin + 30 * day_ms - 1), ["T202511"]);
        assert_eq!(
            tables(begin - 1, begin + 61 * day_ms),
            ["T202510", "T202511", "T202512", "T202601"]
        );
        assert!(tables(begin, 0).is_empty());
    }

    #[test]
    fn names_are_made_plain() {
        assert_eq!(plain("my:2Dhost"), "my-host");
        assert_eq!(plain("::00E4::6F22x:"), "ä漢x\u{fffd}");
        assert_eq!(plain(":zz:2"), "\u{fffd}\u{2}");
    }
}
