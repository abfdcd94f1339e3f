//! Time ranges as Sumo Logic's API writes them: two boundaries, each relative, an epoch, ISO
//! 8601 or a name; or one name for both.

use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use model::{TimeRange, Timestamp};
use serde::Deserialize;

use crate::error::{ApiError, Result};

/// A time range; what `to` leaves out is the present.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type")]
pub(crate) enum TimeRangeBody {
    /// From a boundary to a boundary.
    #[serde(rename = "BeginBoundedTimeRange")]
    Bounded {
        /// The start.
        from: Boundary,
        /// The end, not included.
        to: Option<Boundary>,
    },
    /// A whole `today`, `yesterday`, `previous_week` or `previous_month`, in UTC.
    #[serde(rename = "CompleteLiteralTimeRange", rename_all = "camelCase")]
    Named {
        /// The name.
        range_name: String,
    },
}

/// One end of a range.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(tag = "type")]
pub(crate) enum Boundary {
    /// A distance from the present.
    #[serde(rename = "RelativeTimeRangeBoundary", rename_all = "camelCase")]
    Relative {
        /// Such as `-15m` or `-1d12h`.
        relative_time: String,
    },
    /// Milliseconds since the epoch.
    #[serde(rename = "EpochTimeRangeBoundary", rename_all = "camelCase")]
    Epoch {
        /// The moment.
        epoch_millis: i64,
    },
    /// ISO 8601.
    #[serde(rename = "Iso8601TimeRangeBoundary", rename_all = "camelCase")]
    Iso8601 {
        /// The moment.
        iso8601_time: String,
    },
    /// The start of `today`, `yesterday`, `week` or `month` in UTC, or `now`.
    #[serde(rename = "LiteralTimeRangeBoundary", rename_all = "camelCase")]
    Literal {
        /// The name.
        range_name: String,
    },
}

impl TimeRangeBody {
    /// The range that is meant at `now`.
    pub(crate) fn resolve(&self, now: Timestamp) -> Result<TimeRange> {
        let (start, end) = match self {
            TimeRangeBody::Bounded { from, to } => {
                let end = to.as_ref().map_or(Ok(now), |to| to.resolve(now))?;
                (from.resolve(now)?, end)
            }
            TimeRangeBody::Named { range_name } => complete(range_name, now)?,
        };
        if end <= start {
            return Err(wrong("`timeRange` ends before it begins"));
        }
        Ok(TimeRange::new(start, end))
    }
}

impl Boundary {
    fn resolve(&self, now: Timestamp) -> Result<Timestamp> {
        match self {
            Boundary::Epoch { epoch_millis } => Ok(Timestamp::from_millis(*epoch_millis)),
            Boundary::Relative { relative_time } => relative_ms(relative_time)
                .map(|distance| now.saturating_add_millis(distance))
                .ok_or_else(|| {
                    wrong(format!(
                        "`relativeTime` is `{relative_time}`; write for example `-15m`"
                    ))
                }),
            Boundary::Iso8601 { iso8601_time } => iso8601_time
                .parse::<jiff::Timestamp>()
                .map(|moment| Timestamp::from_millis(moment.as_millisecond()))
                .map_err(|_| wrong(format!("`iso8601Time` `{iso8601_time}` is not ISO 8601"))),
            Boundary::Literal { range_name } if range_name == "now" => Ok(now),
            Boundary::Literal { range_name } => complete(range_name, now).map(|(start, _)| start),
        }
    }
}

fn wrong(message: impl Into<String>) -> ApiError {
    ApiError::bad("timerange:invalid", message)
}

/// `-15m`, `-1d12h`: numbers with the units w, d, h, m, s after one sign, in milliseconds.
fn relative_ms(text: &str) -> Option<i64> {
    let (sign, mut rest) = match text.trim().strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.trim()),
    };
    let mut total = 0_i64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let unit = after.chars().next()?;
        let unit_ms = match unit {
            'w' => 604_800_000,
            'd' => 86_400_000,
            'h' => 3_600_000,
            'm' => 60_000,
            's' => 1_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<i64>().ok()?.checked_mul(unit_ms)?)?;
        rest = after.strip_prefix(unit)?;
    }
    (!text.trim_matches(['-', ' ']).is_empty()).then_some(sign * total)
}

/// The named range around or before `now`, in UTC.
fn complete(name: &str, now: Timestamp) -> Result<(Timestamp, Timestamp)> {
    let unclear = |_| wrong(format!("`{name}` cannot be worked out"));
    let now = jiff::Timestamp::from_millisecond(now.millis()).map_err(unclear)?;
    let today = now
        .to_zoned(TimeZone::UTC)
        .start_of_day()
        .map_err(unclear)?;
    let weekday = i64::from(today.weekday().to_monday_zero_offset());
    let month = today.first_of_month().map_err(unclear)?;
    let (start, end): (Zoned, Zoned) = match name {
        "today" => (today.clone(), &today + 1.day()),
        "yesterday" => (&today - 1.day(), today.clone()),
        "week" => (&today - weekday.days(), &today + (7 - weekday).days()),
        "previous_week" => (&today - (7 + weekday).days(), &today - weekday.days()),
        "month" => (month.clone(), &month + 1.month()),
        "previous_month" => (&month - 1.month(), month.clone()),
        _ => {
            return Err(wrong(format!(
                "`rangeName` is `{name}`; known are today, yesterday, week, previous_week, month \
                 and previous_month"
            )));
        }
    };
    let moment = |at: &Zoned| Timestamp::from_millis(at.timestamp().as_millisecond());
    Ok((moment(&start), moment(&end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(json: &str) -> String {
        // A Sunday.
        let now = Timestamp::from_millis(1_763_909_520_000);
        let body: TimeRangeBody = serde_json::from_str(json).unwrap();
        match body.resolve(now) {
            Ok(range) => format!("{} {}", range.start, range.end),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn every_form_is_read() {
        let now = "2025-11-23T14:52:00Z";
        for (json, expected) in [
            (
                r#"{"type":"BeginBoundedTimeRange","from":{"type":"RelativeTimeRangeBoundary","relativeTime":"-1d1h"}}"#,
                format!("2025-11-22T13:52:00Z {now}"),
            ),
            (
                r#"{"type":"BeginBoundedTimeRange","from":{"type":"EpochTimeRangeBoundary","epochMillis":0},"to":{"type":"Iso8601TimeRangeBoundary","iso8601Time":"2025-01-01T00:00:00+01:00"}}"#,
                "1970-01-01T00:00:00Z 2024-12-31T23:00:00Z".to_owned(),
            ),
            (
                r#"{"type":"BeginBoundedTimeRange","from":{"type":"LiteralTimeRangeBoundary","rangeName":"week"},"to":null}"#,
                format!("2025-11-17T00:00:00Z {now}"),
            ),
            (
                r#"{"type":"CompleteLiteralTimeRange","rangeName":"previous_month"}"#,
                "2025-10-01T00:00:00Z 2025-11-01T00:00:00Z".to_owned(),
            ),
        ] {
            assert_eq!(resolved(json), expected, "{json}");
        }
        for wrong in ["15", "-", "-5x", "--5m", ""] {
            assert_eq!(relative_ms(wrong), None, "{wrong}");
        }
    }
}
