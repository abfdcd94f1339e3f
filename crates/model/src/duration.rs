//! Durations in the configuration are text: `"5s"`, `"2m"`, `"1h 30m"`, `"14d"`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Reads a duration such as `5s`.
///
/// # Errors
/// The mistake in words.
pub fn parse(text: &str) -> Result<Duration, String> {
    let with_days = text
        .strip_suffix('d')
        .and_then(|days| days.trim().parse::<u64>().ok());
    if let Some(days) = with_days {
        return Ok(Duration::from_secs(days.saturating_mul(86_400)));
    }
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|signed| Duration::try_from(signed).ok())
        .ok_or_else(|| {
            format!("`{text}` is not a duration; write it like \"5s\", \"2m\" or \"1h\"")
        })
}

/// For `#[serde(deserialize_with)]`.
///
/// # Errors
/// If it is not a text, or not a duration.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).map_err(D::Error::custom)
}

/// For `#[serde(serialize_with)]`.
///
/// # Errors
/// If the serializer takes no text.
pub fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&format!("{}ms", duration.as_millis()))
}

/// The duration in nanoseconds, held inside what a [`crate::Timestamp`] can move by.
pub fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The duration in milliseconds, held inside what a [`crate::Timestamp`] can move by.
pub fn millis(duration: Duration) -> i64 {
    nanos(duration) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_durations() {
        assert_eq!(parse("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(parse("20ms"), Ok(Duration::from_millis(20)));
        assert_eq!(parse("1h 30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse("14d"), Ok(Duration::from_secs(14 * 86_400)));
        assert!(parse("5").is_err());
        assert!(parse("-5s").is_err());
    }
}
