//! Finds moments in text: ISO 8601 and Unix times, without patterns, because every pushed event
//! passes here.

use model::Timestamp;

const NANOS_PER_SECOND: i64 = 1_000_000_000;
const NANOS_PER_DAY: i64 = 86_400 * NANOS_PER_SECOND;
/// Times found in text that lie further back are chance, not times.
const AGE_DAYS_MAX: i64 = 365;
/// Times found in text that lie further ahead are chance, not times.
const AHEAD_DAYS_MAX: i64 = 2;

/// Whether a moment found in text may be believed.
pub(crate) fn is_plausible(found: Timestamp, now: Timestamp) -> bool {
    found >= now.saturating_add_nanos(-AGE_DAYS_MAX * NANOS_PER_DAY)
        && found <= now.saturating_add_nanos(AHEAD_DAYS_MAX * NANOS_PER_DAY)
}

/// Finds the moment at the beginning of a text line: ISO 8601, a Unix time in 10, 13, 16 or 19
/// digits, or ISO 8601 after a level in brackets (`[INFO]\t2026-…`).
pub(crate) fn find(text: &[u8]) -> Option<Timestamp> {
    match text.first()? {
        b'0'..=b'9' => iso(text)
            .map(|(time, _)| time)
            .or_else(|| leading_epoch(text)),
        b'[' if text.get(1).is_some_and(u8::is_ascii_digit) => {
            iso(text.get(1..)?).map(|(time, _)| time)
        }
        b'[' => {
            let end = memchr::memchr(b']', text.get(..16.min(text.len()))?)?;
            let rest = text.get(end + 1..)?;
            let blanks = rest.iter().take_while(|byte| matches!(byte, b'\t' | b' '));
            iso(rest.get(blanks.count()..)?).map(|(time, _)| time)
        }
        _ => None,
    }
}

/// Reads ISO 8601 at the beginning of `text` (`T` or a blank between date and time, a fraction
/// after `.` or `,`, `Z`, an offset or nothing, which means UTC) and its length in bytes.
pub(crate) fn iso(text: &[u8]) -> Option<(Timestamp, usize)> {
    let head = text.get(..19)?;
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if separators.iter().any(|&(at, byte)| head[at] != byte) || !matches!(head[10], b'T' | b' ') {
        return None;
    }
    let year = digits(&head[..4])?;
    let month = digits(&head[5..7])?;
    let day = digits(&head[8..10])?;
    let (hour, minute, second) = (
        digits(&head[11..13])?,
        digits(&head[14..16])?,
        digits(&head[17..])?,
    );
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let mut at = 19;
    let mut nanos = 0;
    if matches!(text.get(at), Some(b'.' | b',')) {
        let fraction = text.get(at + 1..)?;
        let length = fraction
            .iter()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let used = digits(fraction.get(..length.min(9))?)?;
        nanos = used * 10_i64.pow(9 - u32::try_from(length.min(9)).ok()?);
        if length > 0 {
            at += 1 + length;
        }
    }
    let mut seconds =
        days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    match text.get(at) {
        Some(b'Z') => at += 1,
        Some(sign @ (b'+' | b'-')) => {
            if let Some((offset, length)) = offset(text.get(at + 1..)?) {
                seconds += if *sign == b'+' { -offset } else { offset };
                at += 1 + length;
            }
        }
        _ => {}
    }
    let nanos = seconds.checked_mul(NANOS_PER_SECOND)?.checked_add(nanos)?;
    Some((Timestamp::from_nanos(nanos), at))
}

/// Reads a number as a Unix time in seconds, milliseconds, microseconds or nanoseconds,
/// whichever its size suggests.
pub(crate) fn epoch(number: f64) -> Option<Timestamp> {
    let nanos = match number {
        n if (1e8..1e11).contains(&n) => n * 1e9,
        n if (1e11..1e14).contains(&n) => n * 1e6,
        n if (1e14..1e17).contains(&n) => n * 1e3,
        n if (1e17..9e18).contains(&n) => n,
        _ => return None,
    };
    // Doubles are exact to the microsecond here; round so that milliseconds stay milliseconds.
    Some(Timestamp::from_nanos((nanos / 1e3).round() as i64 * 1_000))
}

fn leading_epoch(text: &[u8]) -> Option<Timestamp> {
    let length = text
        .iter()
        .take(20)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let is_alone = text
        .get(length)
        .is_none_or(|byte| !byte.is_ascii_alphanumeric());
    let unit = match length {
        10 => NANOS_PER_SECOND,
        13 => 1_000_000,
        16 => 1_000,
        19 => 1,
        _ => return None,
    };
    let nanos = digits(&text[..length])?.checked_mul(unit)?;
    is_alone.then(|| Timestamp::from_nanos(nanos))
}

/// Reads `hh:mm`, `hhmm` or `hh` as seconds, with its length.
fn offset(text: &[u8]) -> Option<(i64, usize)> {
    let hours = digits(text.get(..2)?)?;
    let (minutes, length) = match text.get(2) {
        Some(b':') => (digits(text.get(3..5)?)?, 5),
        Some(byte) if byte.is_ascii_digit() => (digits(text.get(2..4)?)?, 4),
        _ => (0, 2),
    };
    Some((hours * 3_600 + minutes * 60, length))
}

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value.checked_mul(10)?.checked_add(i64::from(byte - b'0')))
            .flatten()
    })
}

/// Days since 1970-01-01 of a date in the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is a year's last.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_of_the_same_moment() {
        let moment = Some(Timestamp::from_millis(1_591_714_946_150));
        for text in [
            "2020-06-09T15:02:26.150Z\tid\tINFO\tx",
            "2020-06-09T15:02:26.150",
            "2020-06-09 15:02:26,150 WARN",
            "2020-06-09T17:02:26.15+02:00 x",
            "2020-06-09T13:02:26.150000-0200",
            "[INFO]\t2020-06-09T15:02:26.150Z\tid\tx",
            "[2020-06-09 15:02:26.150] x",
            "1591714946150 x",
        ] {
            assert_eq!(find(text.as_bytes()), moment, "{text}");
        }
        assert_eq!(epoch(1_591_714_946_150.0), moment);
        assert_eq!(epoch(1_591_714_946.15), moment);
    }

    #[test]
    fn what_is_not_a_time_is_not_found() {
        for text in [
            "",
            "12345",
            "159171494615012",
            "2020-13-09T15:02:26Z",
            "2020-06-09",
            "[",
            "[INFO] x",
            "1591714946a",
        ] {
            assert_eq!(find(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            find(&bytes);
        }

        #[test]
        fn a_printed_moment_is_read_again(millis in -2_000_000_000_000_i64..4_000_000_000_000) {
            let moment = Timestamp::from_millis(millis);
            prop_assert_eq!(iso(moment.to_string().as_bytes()).map(|found| found.0), Some(moment));
        }
    }
}
