//! Times as people type them: `-15m`, `now`, `2026-11-23T14:00:00Z`, epoch milliseconds.

use anyhow::{Result, bail};
use jiff::tz::TimeZone;

const UNITS_MS: &[(&str, i64)] = &[
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// Returns the moment that `text` names, in milliseconds since the epoch. Times without a zone
/// are UTC.
///
/// # Errors
/// If `text` is none of the forms; the message lists them.
pub(crate) fn parse(text: &str, now_ms: i64) -> Result<i64> {
    let text = text.trim();
    if text == "now" {
        return Ok(now_ms);
    }
    if let Some(length) = text.strip_prefix('-').and_then(duration_ms) {
        return Ok(now_ms - length);
    }
    if let Ok(epoch_ms) = text.parse::<i64>() {
        return Ok(epoch_ms);
    }
    if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        return Ok(moment.as_millisecond());
    }
    if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        return Ok(civil.to_zoned(TimeZone::UTC)?.timestamp().as_millisecond());
    }
    bail!(
        "cannot read the time `{text}`; write -15m, now, 2026-11-23T14:00:00Z, \
         2026-11-23 14:00 or milliseconds since 1970"
    )
}

/// `15m`, `1h30m`: a sum of numbers with units.
fn duration_ms(text: &str) -> Option<i64> {
    let mut total = 0_i64;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at_checked(digits)?;
        let letters = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (unit, tail) = after.split_at_checked(letters)?;
        let (_, unit_ms) = UNITS_MS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(*unit_ms)?)?;
        rest = tail;
    }
    (total > 0).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_763_909_520_000;

    #[test]
    fn every_form_is_read() {
        for (text, expected) in [
            ("now", NOW_MS),
            ("-15m", NOW_MS - 900_000),
            ("-1h30m", NOW_MS - 5_400_000),
            ("2025-11-23T14:52:00Z", NOW_MS),
            ("2025-11-23 14:52", NOW_MS),
            ("2025-11-23T15:52:00+01:00", NOW_MS),
            ("1763909520000", NOW_MS),
        ] {
            assert_eq!(parse(text, NOW_MS).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_the_forms() {
        for text in ["yesterday", "-15x", "-", ""] {
            let message = parse(text, NOW_MS).unwrap_err().to_string();
            assert!(message.contains("write -15m"), "{message}");
        }
    }
}
