//! Sends one message and says which kind of outcome it was.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, redirect};

use super::{Attempt, guard, smtp, topic};
use crate::channels::{HttpMessage, Outgoing};
use crate::notification::cut;
use crate::{AlertingError, Result};

/// How long a receiver may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How much of an answer is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 << 10;
/// How much of an answer is kept, in characters.
const ANSWER_CHARS_MAX: usize = 300;
/// The longest pause that a receiver may ask for.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);

/// Sends messages. Clones share connections.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    public: reqwest::Client,
    any: reqwest::Client,
}

impl Client {
    pub(crate) fn new() -> Result<Client> {
        // What redirects could lead anywhere: nothing follows them.
        let builder = || {
            reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(redirect::Policy::none())
                .user_agent("nephoscope")
        };
        // A proxy would resolve names itself, out of the guard's sight.
        let public = builder()
            .no_proxy()
            .dns_resolver(Arc::new(guard::PublicOnly))
            .build();
        Ok(Client {
            public: public.map_err(AlertingError::Client)?,
            any: builder().build().map_err(AlertingError::Client)?,
        })
    }

    /// Sends once.
    pub(crate) async fn send(&self, outgoing: &Outgoing, key: &str) -> Attempt {
        match outgoing {
            Outgoing::Http(message) => self.post(message, key).await,
            Outgoing::Topic(publication) => topic::publish(publication, key).await,
            Outgoing::Mail(mail) => match tokio::time::timeout(TIMEOUT * 3, smtp::send(mail)).await
            {
                Ok(attempt) => attempt,
                Err(_) => Attempt::Failed("the mail server takes too long".to_owned(), None),
            },
        }
    }

    async fn post(&self, message: &HttpMessage, key: &str) -> Attempt {
        let url = match reqwest::Url::parse(&message.url) {
            Ok(url) => url,
            Err(error) => return Attempt::Refused(format!("the address cannot be read: {error}")),
        };
        // Names go through the guard when they are resolved; addresses are not resolved.
        let host = url.host_str().unwrap_or_default().to_owned();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
        if !message.allows_private && address.is_ok_and(|address| !guard::is_public(address)) {
            return Attempt::Refused(guard::refusal(&host));
        }
        let client = if message.allows_private {
            &self.any
        } else {
            &self.public
        };
        let mut request = client
            .post(url)
            .header("Idempotency-Key", key)
            .json(&message.body);
        for (name, value) in &message.headers {
            request = request.header(name, value);
        }
        match request.send().await {
            Ok(response) => judge(response).await,
            Err(error) => {
                let why = without_url(error);
                match why.contains("is a private address") {
                    true => Attempt::Refused(why),
                    false => Attempt::Failed(why, None),
                }
            }
        }
    }
}

/// The causes of a failure in a line. The address stays out: it may be a secret.
fn without_url(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(one) = cause {
        text = format!("{text}: {one}");
        cause = one.source();
    }
    cut(&text, ANSWER_CHARS_MAX)
}

/// Which kind of outcome an answer is: what the receiver's side may heal is tried again.
async fn judge(response: Response) -> Attempt {
    let status = response.status();
    let pause = pause(response.headers());
    let text = format!("{status} {}", beginning(response).await);
    let text = cut(text.trim_end(), ANSWER_CHARS_MAX);
    match class(status) {
        Class::Sent => Attempt::Sent(text),
        Class::Failed => Attempt::Failed(text, pause),
        Class::Refused => Attempt::Refused(text),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Sent,
    Failed,
    Refused,
}

fn class(status: StatusCode) -> Class {
    match status {
        status if status.is_success() => Class::Sent,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Class::Failed,
        status if status.is_server_error() => Class::Failed,
        // A redirect is never followed, so asking again would not help.
        _ => Class::Refused,
    }
}

fn pause(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(PAUSE_MAX))
}

async fn beginning(response: Response) -> String {
    let mut stream = response.bytes_stream();
    let mut bytes = Vec::new();
    while let Some(Ok(chunk)) = stream.next().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() >= ANSWER_BYTES_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::http::HeaderMap as Headers;
    use axum::routing::post;
    use serde_json::json;

    use super::*;

    /// A receiver that answers with the status in its path.
    async fn receiver() -> String {
        let answer = async |path: axum::extract::Path<u16>, headers: Headers| {
            let status = StatusCode::from_u16(path.0).unwrap();
            let key = headers
                .get("idempotency-key")
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            (
                status,
                [
                    ("retry-after", "7"),
                    ("location", "http://169.254.169.254/"),
                ],
                key,
            )
        };
        let router = Router::new().route("/{status}", post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    async fn send(url: String, allows_private: bool) -> Attempt {
        let message = HttpMessage {
            url,
            headers: Vec::new(),
            body: json!({}),
            allows_private,
        };
        Client::new()
            .unwrap()
            .send(&Outgoing::Http(message), "the-key")
            .await
    }

    #[tokio::test]
    async fn answers_have_their_class() {
        let url = receiver().await;
        for (status, class) in [
            (200, "sent"),
            (202, "sent"),
            (429, "failed"),
            (408, "failed"),
            (500, "failed"),
            (503, "failed"),
            (400, "refused"),
            (401, "refused"),
            (404, "refused"),
            (302, "refused"),
        ] {
            let attempt = send(format!("{url}/{status}"), true).await;
            match (&attempt, class) {
                (Attempt::Sent(text), "sent") => assert!(text.contains("the-key"), "{text}"),
                (Attempt::Failed(_, pause), "failed") => {
                    assert_eq!(*pause, Some(Duration::from_secs(7)))
                }
                (Attempt::Refused(_), "refused") => {}
                _ => panic!("{status}: {attempt:?}"),
            }
        }
    }

    #[tokio::test]
    async fn private_addresses_and_names_are_refused_unless_allowed() {
        let url = receiver().await;
        let port = url.rsplit(':').next().unwrap();
        for host in [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "2130706433",
            "0x7f.1",
        ] {
            let attempt = send(format!("http://{host}:{port}/200"), false).await;
            assert!(
                matches!(&attempt, Attempt::Refused(why) if why.contains("private address")),
                "{host}: {attempt:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_receiver_that_is_away_may_come_back_and_its_address_is_not_told() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hunter2", listener.local_addr().unwrap());
        drop(listener);
        let attempt = send(url, true).await;
        assert!(
            matches!(&attempt, Attempt::Failed(why, None) if !why.contains("hunter2")),
            "{attempt:?}"
        );
    }
}
