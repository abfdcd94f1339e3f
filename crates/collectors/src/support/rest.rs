//! Calls to the REST interfaces of clouds: one client for all, with time limits and a limit for
//! what is read of an answer.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use model::limits::ANSWER_BYTES_MAX;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Client, RequestBuilder, StatusCode, redirect};

use super::refusal::Refusal;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two pieces of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// What a cloud answered, whatever the status says.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The value of a header, if it is text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the cloud asks to wait before the next call.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let seconds = self.header(RETRY_AFTER.as_str())?.parse().ok()?;
        Some(Duration::from_secs(seconds))
    }
}

/// A client that follows no redirections: a signed request fits one address only.
///
/// # Errors
/// If the machine's certificates cannot be read.
pub(crate) fn client() -> Result<Client, Refusal> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .redirect(redirect::Policy::none())
        .build()
        .map_err(|error| Refusal::Other(in_full(&error)))
}

/// Sends a request and reads the answer.
///
/// # Errors
/// [`Refusal::Other`] if there is no answer, or more of one than [`ANSWER_BYTES_MAX`].
pub(crate) async fn send(request: RequestBuilder) -> Result<Answer, Refusal> {
    let failed = |error: reqwest::Error| Refusal::Other(in_full(&error.without_url()));
    let mut response = request.send().await.map_err(failed)?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut body = BytesMut::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(Refusal::Other(format!(
                "the answer is larger than ANSWER_BYTES_MAX, {ANSWER_BYTES_MAX} bytes"
            )));
        }
        body.extend_from_slice(&piece);
    }
    Ok(Answer {
        status,
        headers,
        body: body.freeze(),
    })
}

/// Percent-encodes everything but letters, digits and `-._~`.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// The body of a form.
pub(crate) fn form(pairs: &[(&str, &str)]) -> String {
    let pairs = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// An error with its causes in one line.
fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_percent_encoded() {
        let form = form(&[("grant_type", "urn:a b"), ("ä", "-._~")]);
        assert_eq!(form, "grant_type=urn%3Aa%20b&%C3%A4=-._~");
    }
}
