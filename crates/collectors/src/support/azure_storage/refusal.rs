//! What an answer of Azure storage means that is none, and which right is missing. Pure.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes>

use reqwest::StatusCode;

use super::Service;
use crate::support::refusal::Refusal;
use crate::support::rest::Answer;

/// So much of a message is told.
const MESSAGE_CHARS_MAX: usize = 300;

/// Says what the answer means to a call that `way` of authorisation was used for.
pub(super) fn refusal(service: Service, way: Way, answer: &Answer) -> Refusal {
    let body = String::from_utf8_lossy(&answer.body);
    let code = answer
        .header("x-ms-error-code")
        .map(str::to_owned)
        .or_else(|| code_of(&body))
        .unwrap_or_default();
    let status = answer.status.as_u16();
    let mut text = format!("{status} {code}: {}", message_of(&body));
    if let Some(advice) = advice(service, way, answer.status, &code) {
        text.push_str("; ");
        text.push_str(&advice);
    }
    match (answer.status, code.as_str()) {
        (StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE, _)
        | (_, "ServerBusy") => Refusal::Throttled {
            text,
            wait: answer.retry_after(),
        },
        (StatusCode::NOT_FOUND, _) => Refusal::Missing(text),
        _ => Refusal::Other(text),
    }
}

/// How the refused call was authorised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Key,
    Sas,
    Token,
}

/// What to do about a refusal.
fn advice(service: Service, way: Way, status: StatusCode, code: &str) -> Option<String> {
    let role = service.role();
    let sas = service.sas();
    let advice = match (code, way) {
        ("KeyBasedAuthenticationNotPermitted", _) => format!(
            "the account takes no keys: set tenant_id, client_id and client_secret of an \
             application with the role `{role}`"
        ),
        ("AuthenticationFailed", Way::Key) => {
            "check account_key, the account's name and this machine's clock".to_owned()
        }
        ("AuthenticationFailed", Way::Sas) => format!(
            "check that sas_token is not over and belongs to this account; it must allow {sas}"
        ),
        (_, Way::Sas) if status == StatusCode::FORBIDDEN => {
            format!("sas_token must allow {sas}, from this machine's address")
        }
        ("AuthorizationFailure", _) => format!(
            "the account's firewall may not let this machine in, or the role `{role}` is missing"
        ),
        (_, Way::Token) if matches!(status, StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED) => {
            format!("give the identity the role `{role}` on the storage account")
        }
        _ => return None,
    };
    Some(advice)
}

/// `<Error><Code>…</Code>` of blobs, `{"odata.error":{"code":"…"` of tables.
fn code_of(body: &str) -> Option<String> {
    between(body, "<Code>", "</Code>").or_else(|| of_table(body, "/odata.error/code"))
}

fn message_of(body: &str) -> String {
    let message = between(body, "<Message>", "</Message>")
        .or_else(|| of_table(body, "/odata.error/message/value"))
        .unwrap_or_default();
    // Behind the first line are the request's id and time.
    let first = message.lines().next().unwrap_or_default();
    first.chars().take(MESSAGE_CHARS_MAX).collect()
}

fn between(body: &str, begin: &str, end: &str) -> Option<String> {
    let (_, rest) = body.split_once(begin)?;
    Some(rest.split_once(end)?.0.to_owned())
}

fn of_table(body: &str, pointer: &str) -> Option<String> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    Some(body.pointer(pointer)?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    fn answer(status: u16, code: Option<&'static str>, body: &'static str) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(code) = code {
            headers.insert("x-ms-error-code", HeaderValue::from_static(code));
        }
        Answer {
            status: StatusCode::from_u16(status).unwrap(),
            headers,
            body: body.into(),
        }
    }

    const MISMATCH: &str = "<?xml version=\"1.0\"?><Error><Code>AuthorizationPermissionMismatch\
        </Code><Message>This request is not authorized to perform this operation using this \
        permission.\nRequestId:1</Message></Error>";

    #[test]
    fn a_missing_right_is_named() {
        let missing = |service, way| {
            let refusal = refusal(service, way, &answer(403, None, MISMATCH));
            refusal.text().to_owned()
        };
        assert_eq!(
            missing(Service::Blob, Way::Token),
            "403 AuthorizationPermissionMismatch: This request is not authorized to perform this \
             operation using this permission.; give the identity the role `Storage Blob Data \
             Reader` on the storage account"
        );
        let table = missing(Service::Table, Way::Sas);
        assert!(
            table.ends_with(
                "sas_token must allow ss=t, srt=sco, sp=rl, from this machine's address"
            )
        );
    }

    #[test]
    fn bodies_of_tables_are_json() {
        let body = r#"{"odata.error":{"code":"TableNotFound","message":{"lang":"en-US","value":"The table specified does not exist.\nRequestId:x"}}}"#;
        let gone = refusal(Service::Table, Way::Key, &answer(404, None, body));
        let text = "404 TableNotFound: The table specified does not exist.".to_owned();
        assert_eq!(gone, Refusal::Missing(text));
    }

    #[test]
    fn a_busy_service_throttles_and_a_wrong_key_is_told() {
        let busy = refusal(
            Service::Table,
            Way::Key,
            &answer(503, Some("ServerBusy"), "<"),
        );
        assert!(matches!(busy, Refusal::Throttled { .. }));
        let wrong = refusal(
            Service::Blob,
            Way::Key,
            &answer(403, Some("AuthenticationFailed"), ""),
        );
        assert!(wrong.text().contains("check account_key"), "{wrong:?}");
        let odd = refusal(
            Service::Blob,
            Way::Key,
            &answer(500, None, "{\"odata.error\":7}"),
        );
        assert_eq!(odd, Refusal::Other("500 : ".to_owned()));
    }
}
