//! Reads moments that are written as ISO 8601, without patterns, because nearly every event bears
//! one.

use crate::Timestamp;

const NANOS_PER_SECOND: i64 = 1_000_000_000;

/// Reads ISO 8601 at the beginning of `text` (`T` or a blank between date and time, a fraction
/// after `.` or `,`, `Z`, an offset or nothing, which means UTC) and its length in bytes.
pub fn iso8601(text: &[u8]) -> Option<(Timestamp, usize)> {
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
        || !(1..=days_in(year, month)).contains(&day)
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

fn days_in(year: i64, month: i64) -> i64 {
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    days_from_civil(next_year, next_month, 1) - days_from_civil(year, month, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_are_not_in_the_calendar_are_no_moments() {
        for text in [
            "2026-02-29",
            "2026-04-31",
            "2100-02-29",
            "2026-00-10",
            "2026-13-10",
        ] {
            assert_eq!(
                iso8601(format!("{text}T00:00:00Z").as_bytes()),
                None,
                "{text}"
            );
        }
        let leap = iso8601(b"2028-02-29T00:00:00Z and more");
        assert_eq!(leap, Some((Timestamp::from_millis(1_835_395_200_000), 20)));
    }
}
