//! What an answer of Azure Resource Manager means that is none, and which right is missing. Pure.

use std::time::Duration;

use reqwest::StatusCode;
use serde_json::Value;

use crate::support::refusal::Refusal;
use crate::support::rest::Answer;

/// So much of a message is told.
const MESSAGE_CHARS_MAX: usize = 300;
/// The longest wait that a message can ask for, in seconds: quotas are of an hour.
const WAIT_SECONDS_MAX: u64 = 3600;

/// Says what the answer means.
pub(super) fn refusal(answer: &Answer, subscription: &str) -> Refusal {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    // Azure Monitor itself answers without the member `error`.
    let error = body.get("error").unwrap_or(&body);
    let told = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let message: String = told("message").chars().take(MESSAGE_CHARS_MAX).collect();
    let mut text = format!("{} {}: {message}", answer.status.as_u16(), told("code"));
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => Refusal::Throttled {
            wait: answer.retry_after().or_else(|| wait_in(&message)),
            text,
        },
        StatusCode::NOT_FOUND => Refusal::Missing(text),
        StatusCode::FORBIDDEN => {
            text.push_str(&format!(
                "; give the identity the role `Monitoring Reader` on the subscription \
                 {subscription}"
            ));
            Refusal::Other(text)
        }
        _ => Refusal::Other(text),
    }
}

/// `… Please try again after '309' seconds.`
/// (<https://github.com/elastic/integrations/issues/8575>)
fn wait_in(message: &str) -> Option<Duration> {
    let (_, rest) = message.split_once("try again after '")?;
    let (seconds, _) = rest.split_once('\'')?;
    let seconds: u64 = seconds.parse().ok()?;
    Some(Duration::from_secs(seconds.min(WAIT_SECONDS_MAX)))
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderMap;

    use super::*;

    fn refused(status: u16, body: &'static str) -> Refusal {
        let answer = Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers: HeaderMap::new(),
            body: body.into(),
        };
        refusal(&answer, "s-1")
    }

    #[test]
    fn a_full_quota_says_how_long_to_wait() {
        let body = r#"{"error":{"code":"ResourceRequestsThrottled","message":"Number of requests for subscription 's-1' and operation 'GET/SUBSCRIPTIONS/' exceeded the backend storage limit. Please try again after '309' seconds."}}"#;
        let Refusal::Throttled { wait, text } = refused(429, body) else {
            panic!("429 throttles");
        };
        assert_eq!(wait, Some(Duration::from_secs(309)));
        assert!(
            text.starts_with("429 ResourceRequestsThrottled: Number of"),
            "{text}"
        );
        let without = refused(429, "<html>");
        assert!(matches!(without, Refusal::Throttled { wait: None, .. }));
        let endless = wait_in("try again after '99999999' seconds");
        assert_eq!(endless, Some(Duration::from_secs(3600)));
    }

    #[test]
    fn a_missing_right_and_other_refusals_are_told() {
        let denied = r#"{"error":{"code":"AuthorizationFailed","message":"no"}}"#;
        assert_eq!(
            refused(403, denied).text(),
            "403 AuthorizationFailed: no; give the identity the role `Monitoring Reader` on the \
             subscription s-1"
        );
        let metric = r#"{"code":"BadRequest","message":"Failed to find metric configuration"}"#;
        assert_eq!(
            refused(400, metric),
            Refusal::Other("400 BadRequest: Failed to find metric configuration".to_owned())
        );
        let gone = r#"{"error":{"code":"ResourceNotFound","message":"gone"}}"#;
        assert_eq!(
            refused(404, gone),
            Refusal::Missing("404 ResourceNotFound: gone".to_owned())
        );
    }
}
