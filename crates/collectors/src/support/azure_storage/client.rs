//! Asks one service of a storage account.

use std::sync::Arc;

use model::Clock;
use reqwest::{Client, StatusCode, Url};

use super::Service;
use super::credentials::{AzureCredentials, Identity};
use super::refusal::{Way, refusal};
use super::sign::{Signed, authorization, date};
use crate::metrics;
use crate::support::refusal::Refusal;
use crate::support::rest::{self, Answer, encode, form};

/// The version of the interface; every service of the last years speaks it.
const VERSION: &str = "2021-12-02";

/// Which service is asked, and as whom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) service: Service,
    pub(crate) account: &'a str,
    pub(crate) endpoint_url: Option<&'a str>,
    pub(crate) credentials: &'a AzureCredentials,
    pub(crate) collector: &'static str,
}

/// The client of one service.
#[derive(Debug)]
pub(crate) struct StorageClient {
    client: Client,
    identity: Identity,
    clock: Arc<dyn Clock>,
    service: Service,
    account: String,
    base: String,
    collector: &'static str,
}

impl StorageClient {
    /// # Errors
    /// If the machine's certificates cannot be read.
    pub(crate) fn new(target: &Target<'_>, clock: Arc<dyn Clock>) -> Result<Self, Refusal> {
        let client = rest::client()?;
        let Target {
            service, account, ..
        } = *target;
        let given = target.endpoint_url.filter(|url| !url.is_empty());
        let base = given.map_or_else(
            || format!("https://{account}.{}.core.windows.net", service.host()),
            |url| url.trim_end_matches('/').to_owned(),
        );
        // Azure itself is never asked without TLS.
        let is_emulator = base.starts_with("http://");
        Ok(StorageClient {
            identity: Identity::find(target.credentials, is_emulator, client.clone()),
            client,
            clock,
            service,
            account: account.to_owned(),
            base,
            collector: target.collector,
        })
    }

    /// Asks for `path`, which is percent-encoded and begins with `/`. Answers with one of the
    /// statuses in `taken` are given back; all others are refusals.
    ///
    /// # Errors
    /// [`Refusal`] says what the service refused, and which right is missing.
    pub(crate) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
        headers: &[(&str, String)],
        taken: &[StatusCode],
    ) -> Result<Answer, Refusal> {
        metrics::request(self.collector);
        let now = self.clock.now();
        let mut url = Url::parse(&format!("{}{path}", self.base))
            .map_err(|error| Refusal::Other(format!("no address: {error}")))?;
        let mut text = form(query);
        let mut all = vec![
            ("x-ms-date", date(now)),
            ("x-ms-version", VERSION.to_owned()),
        ];
        all.extend_from_slice(headers);
        let (way, authorization) = match &self.identity {
            Identity::Key(key) => {
                let (ms, path): (Vec<_>, _) = (ms_headers(&all), url.path().to_owned());
                let signed = Signed {
                    service: self.service,
                    account: &self.account,
                    path: &path,
                    query,
                    headers: &ms,
                };
                let bad_key = || Refusal::Other("account_key is no base64".to_owned());
                let value = authorization(&signed, key.expose()).ok_or_else(bad_key)?;
                (Way::Key, Some(value))
            }
            Identity::Sas(token) => {
                if !text.is_empty() {
                    text.push('&');
                }
                text.push_str(token.expose());
                (Way::Sas, None)
            }
            Identity::Entra(entra) => {
                let token = entra.token(now).await?;
                (Way::Token, Some(format!("Bearer {}", token.expose())))
            }
        };
        url.set_query((!text.is_empty()).then_some(text.as_str()));
        let mut request = self.client.get(url);
        for (name, value) in &all {
            request = request.header(*name, value);
        }
        if let Some(value) = authorization {
            request = request.header("Authorization", value);
        }
        let answer = rest::send(request).await?;
        if taken.contains(&answer.status) {
            return Ok(answer);
        }
        if let (Identity::Entra(entra), StatusCode::UNAUTHORIZED) = (&self.identity, answer.status)
        {
            entra.forget();
        }
        Err(refusal(self.service, way, &answer))
    }
}

/// The headers that are signed.
fn ms_headers<'a>(headers: &[(&'a str, String)]) -> Vec<(&'a str, String)> {
    let signed = headers.iter().filter(|(name, _)| name.starts_with("x-ms-"));
    signed.cloned().collect()
}

/// Percent-encodes a path's segments.
pub(crate) fn encode_path(path: &str) -> String {
    let segments: Vec<String> = path.split('/').map(encode).collect();
    segments.join("/")
}
