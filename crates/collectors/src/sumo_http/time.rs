//! Reads a time that a sender wrote: RFC 3339, the same without a zone (UTC), or an epoch
//! number in seconds, milliseconds, microseconds or nanoseconds, told apart by size.

use model::Timestamp;

/// Returns the moment that `text` names.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if let Some((moment, length)) = model::iso8601(text.as_bytes())
        && length == text.len()
    {
        return Some(moment);
    }
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.' || byte == b'-')
        && let Some(moment) = epoch(text)
    {
        return Some(moment);
    }
    let moment = match text.parse::<jiff::Timestamp>() {
        Ok(moment) => moment,
        Err(_) => {
            let local: jiff::civil::DateTime = text.parse().ok()?;
            local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
        }
    };
    i64::try_from(moment.as_nanosecond())
        .ok()
        .map(Timestamp::from_nanos)
}

fn epoch(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?;
    let nanos_each: i64 = match number.unsigned_abs() {
        0..100_000_000_000 => 1_000_000_000,
        100_000_000_000..100_000_000_000_000 => 1_000_000,
        100_000_000_000_000..100_000_000_000_000_000 => 1_000,
        _ => 1,
    };
    let mut nanos = number.checked_mul(nanos_each)?;
    let mut digit_nanos = nanos_each;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        digit_nanos /= 10;
        let part = i64::from(digit - b'0') * digit_nanos;
        nanos = if whole.starts_with('-') {
            nanos.checked_sub(part)?
        } else {
            nanos.checked_add(part)?
        };
    }
    Some(Timestamp::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_names_the_same_moment() {
        let expected = Timestamp::from_millis(1_763_909_520_123);
        for text in [
            "2025-11-23T14:52:00.123Z",
            "2025-11-23T15:52:00.123+01:00",
            "2025-11-23 14:52:00.123",
            "1763909520123",
            "1763909520.123",
            "1763909520123000",
            "1763909520123000000",
        ] {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        assert_eq!(
            parse("1763909520").map(Timestamp::millis),
            Some(1_763_909_520_000)
        );
    }

    #[test]
    fn other_texts_name_none() {
        for text in ["", "soon", "12:30", "1.2.3", "-", "99999999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
