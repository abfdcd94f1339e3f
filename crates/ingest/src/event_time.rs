//! Finds moments at the beginning of lines: ISO 8601 and Unix times, without patterns, because
//! every pushed event passes here.

use model::{Timestamp, iso8601};

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
        b'0'..=b'9' => iso8601(text)
            .map(|(time, _)| time)
            .or_else(|| leading_epoch(text)),
        b'[' if text.get(1).is_some_and(u8::is_ascii_digit) => {
            iso8601(text.get(1..)?).map(|(time, _)| time)
        }
        b'[' => {
            let end = memchr::memchr(b']', text.get(..16.min(text.len()))?)?;
            let rest = text.get(end + 1..)?;
            let blanks = rest.iter().take_while(|byte| matches!(byte, b'\t' | b' '));
            iso8601(rest.get(blanks.count()..)?).map(|(time, _)| time)
        }
        _ => None,
    }
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

fn digits(text: &[u8]) -> Option<i64> {
    text.iter().try_fold(0_i64, |value, byte| {
        byte.is_ascii_digit()
            .then(|| value.checked_mul(10)?.checked_add(i64::from(byte - b'0')))
            .flatten()
    })
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
            prop_assert_eq!(iso8601(moment.to_string().as_bytes()).map(|found| found.0), Some(moment));
        }
    }
}
