//! What an answer of Google means that is none, and which right is missing. Pure.

use std::time::Duration;

use model::Timestamp;
use reqwest::StatusCode;
use serde::Deserialize;

use super::backoff;
use super::refusal::Refusal;
use super::rest::Answer;

const MINUTE_MS: i64 = 60_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ErrorAnswer {
    error: GoogleError,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct GoogleError {
    message: String,
    status: String,
}

/// A call that was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'a> {
    /// Whether it asked for another page than the first.
    pub(crate) is_later_page: bool,
    /// What the account needs for it, such as `the permission a.b.list on projects/p`.
    pub(crate) right: &'a str,
    pub(crate) now: Timestamp,
}

/// Says what the answer means to the call.
pub(crate) fn refusal(call: Refused<'_>, answer: &Answer) -> Refusal {
    let error: ErrorAnswer = serde_json::from_slice(&answer.body).unwrap_or_default();
    let GoogleError { message, status } = error.error;
    let text = format!("{} {status}: {message}", answer.status.as_u16());
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => Refusal::Throttled {
            text,
            wait: answer
                .retry_after()
                .or_else(|| Some(until_next_minute(call.now))),
        },
        StatusCode::BAD_REQUEST if call.is_later_page && speaks_of_token(&message) => {
            Refusal::BadToken(text)
        }
        StatusCode::FORBIDDEN => {
            Refusal::Other(format!("{text}; the account needs {}", call.right))
        }
        StatusCode::NOT_FOUND => Refusal::Missing(text),
        _ => Refusal::Other(text),
    }
}

fn speaks_of_token(message: &str) -> bool {
    let message = message.to_lowercase();
    ["page_token", "pagetoken", "page token"]
        .iter()
        .any(|name| message.contains(name))
}

/// Google's quotas begin anew with the minute, and it does not say how long to wait. All that
/// wait must not come back at once.
fn until_next_minute(now: Timestamp) -> Duration {
    let left_ms = MINUTE_MS - now.millis().rem_euclid(MINUTE_MS);
    let jitter_ms = backoff::seed() % 2_000;
    Duration::from_millis(left_ms.unsigned_abs() + jitter_ms)
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn refused(status: u16, is_later_page: bool, message: &str) -> Refusal {
        let body = format!("{{\"error\":{{\"message\":\"{message}\",\"status\":\"S\"}}}}");
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        let call = Refused {
            is_later_page,
            right: "the permission a.b",
            now: Timestamp::from_millis(1_763_909_520_000 + 58_500),
        };
        refusal(call, &answer)
    }

    #[test]
    fn the_wait_ends_soon_after_the_minute_does() {
        let Refusal::Throttled {
            wait: Some(wait), ..
        } = refused(429, false, "too many")
        else {
            panic!("429 throttles");
        };
        assert!(wait >= Duration::from_millis(1_500) && wait < Duration::from_millis(3_500));
    }

    #[test]
    fn a_missing_right_and_a_token_that_is_over_are_told_from_other_refusals() {
        let other = |text: &str| Refusal::Other(text.to_owned());
        assert_eq!(
            refused(403, false, "no"),
            other("403 S: no; the account needs the permission a.b")
        );
        let over = "page_token doesn't match";
        assert_eq!(
            refused(400, true, over),
            Refusal::BadToken(format!("400 S: {over}"))
        );
        assert_eq!(refused(400, false, over), other(&format!("400 S: {over}")));
        assert_eq!(refused(503, true, "later"), other("503 S: later"));
        assert_eq!(
            refused(404, true, "gone"),
            Refusal::Missing("404 S: gone".to_owned())
        );
    }
}
