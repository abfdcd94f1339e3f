//! Who asks Azure: an identity of Microsoft Entra (an application with a secret, or the machine
//! that we run on); a storage account also by its key or a shared access signature.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::support::cached_token::CachedToken;
use crate::support::refusal::Refusal;
use crate::support::rest;
use crate::support::secret::Secret;

/// What tokens for storage accounts are good for.
const STORAGE: &str = "https://storage.azure.com/";
const AUTHORITY_URL: &str = "https://login.microsoftonline.com";
/// <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>
const METADATA_URL: &str = "http://169.254.169.254/metadata/identity/oauth2/token";
/// The account key that every emulator has; it is no secret.
/// <https://learn.microsoft.com/azure/storage/common/storage-use-azurite>
const EMULATOR_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const TIMEOUT: Duration = Duration::from_secs(15);
/// A token whose answer does not say how long it is good is good for so long, in seconds.
const TOKEN_SECONDS: i64 = 300;

/// The setting `credentials` of sources that read from Azure.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureCredentials {
    /// A key of the storage account, as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_key: Option<Secret>,
    /// A shared access signature: the text behind the `?`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sas_token: Option<Secret>,
    /// The Entra tenant of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The application; without a secret, the managed identity that the machine has several of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// A secret of the application.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<Secret>,
    /// Another address than that of the public cloud's Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_url: Option<String>,
}

impl AzureCredentials {
    /// The same where only Microsoft Entra is asked for a token.
    pub(crate) fn problem_for_entra(&self) -> Option<&'static str> {
        if self.account_key.is_some() || self.sas_token.is_some() {
            return Some(
                "have an account_key or a sas_token, which open storage accounts only; give \
                 tenant_id, client_id and client_secret, or nothing for a managed identity",
            );
        }
        self.problem()
    }

    /// Returns what is wrong with them and what to do, if anything is.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let ways = [
            self.account_key.is_some(),
            self.sas_token.is_some(),
            self.client_secret.is_some(),
        ];
        if ways.iter().filter(|is_given| **is_given).count() > 1 {
            return Some("are of several kinds; give one of account_key, sas_token, client_secret");
        }
        let is_key = |key: &Secret| {
            let key = STANDARD.decode(key.expose().trim());
            key.is_ok_and(|key| !key.is_empty())
        };
        if !self.account_key.as_ref().is_none_or(is_key) {
            return Some("have an account_key that is no base64; copy it as the portal shows it");
        }
        let is_signed = |token: &Secret| token.expose().contains("sig=");
        if !self.sas_token.as_ref().is_none_or(is_signed) {
            return Some("have a sas_token without `sig=`; copy all that stands behind the `?`");
        }
        if self.client_secret.is_some() && (self.tenant_id.is_none() || self.client_id.is_none()) {
            return Some("have a client_secret; tenant_id and client_id belong to it");
        }
        if self.tenant_id.is_some() && self.client_secret.is_none() {
            return Some("have a tenant_id; client_id and client_secret belong to it");
        }
        None
    }
}

/// How calls are authorised.
#[derive(Debug)]
pub(super) enum Identity {
    Key(Secret),
    Sas(Secret),
    Entra(Entra),
}

impl Identity {
    /// Those given; otherwise, for an emulator its key, and for Azure what the environment says
    /// or the identity of the machine.
    pub(super) fn find(given: &AzureCredentials, is_emulator: bool, client: Client) -> Identity {
        if let Some(key) = &given.account_key {
            return Identity::Key(key.clone());
        }
        if let Some(token) = &given.sas_token {
            let token = token.expose().trim().trim_start_matches('?');
            return Identity::Sas(Secret::new(token));
        }
        if let Some(application) = Entra::application(given, STORAGE, client.clone()) {
            return Identity::Entra(application);
        }
        if is_emulator {
            return Identity::Key(Secret::new(EMULATOR_KEY));
        }
        Identity::Entra(Entra::machine(given, STORAGE, client))
    }
}

impl AzureCredentials {
    fn application(&self) -> Option<(String, String, Secret)> {
        Some((
            self.tenant_id.clone()?,
            self.client_id.clone()?,
            self.client_secret.clone()?,
        ))
    }
}

/// An identity of Microsoft Entra, and its last access token.
#[derive(Debug)]
pub(crate) struct Entra {
    kind: Kind,
    /// What the tokens are good for.
    resource: String,
    client: Client,
    token: CachedToken,
}

#[derive(Debug)]
enum Kind {
    /// <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>
    Application { url: String, form: Secret },
    Machine {
        client_id: Option<String>,
        app: Option<(String, Secret)>,
    },
}

impl Entra {
    /// The application that is given or that the environment names, if there is one.
    pub(crate) fn application(
        given: &AzureCredentials,
        resource: &str,
        client: Client,
    ) -> Option<Entra> {
        let (tenant, client_id, secret) = given.application().or_else(|| {
            let tenant = variable("AZURE_TENANT_ID")?;
            let secret = Secret::new(variable("AZURE_CLIENT_SECRET")?);
            Some((tenant, variable("AZURE_CLIENT_ID")?, secret))
        })?;
        let authority = given.authority_url.clone();
        let authority = authority
            .or_else(|| variable("AZURE_AUTHORITY_HOST"))
            .unwrap_or_else(|| AUTHORITY_URL.to_owned());
        let url = format!(
            "{}/{}/oauth2/v2.0/token",
            authority.trim_end_matches('/'),
            rest::encode(&tenant)
        );
        let form = Secret::new(rest::form(&[
            ("grant_type", "client_credentials"),
            ("client_id", &client_id),
            ("client_secret", secret.expose()),
            ("scope", &format!("{resource}.default")),
        ]));
        Some(Entra::of(Kind::Application { url, form }, resource, client))
    }

    /// The managed identity of the machine.
    pub(crate) fn machine(given: &AzureCredentials, resource: &str, client: Client) -> Entra {
        let kind = Kind::Machine {
            client_id: given.client_id.clone(),
            // Web apps and functions have an address of their own.
            app: variable("IDENTITY_ENDPOINT").zip(variable("IDENTITY_HEADER").map(Secret::new)),
        };
        Entra::of(kind, resource, client)
    }

    fn of(kind: Kind, resource: &str, client: Client) -> Entra {
        Entra {
            kind,
            resource: resource.to_owned(),
            client,
            token: CachedToken::default(),
        }
    }

    /// The token to call with.
    ///
    /// # Errors
    /// If Entra gives none.
    pub(crate) async fn token(&self, now: Timestamp) -> Result<Secret, Refusal> {
        if let Some(token) = self.token.get(now) {
            return Ok(token);
        }
        let failed = |problem: &str| {
            let advice = match self.kind {
                Kind::Application { .. } => "check tenant_id, client_id and client_secret",
                Kind::Machine { .. } => {
                    "give the machine a managed identity, or set `credentials`, such as an \
                     application's client_secret"
                }
            };
            Refusal::Other(format!(
                "no access token from Microsoft Entra: {problem}; {advice}"
            ))
        };
        let answer = rest::send(self.request().timeout(TIMEOUT)).await;
        let answer = answer.map_err(|refusal| failed(refusal.text()))?;
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if !answer.status.is_success() {
            let text = body.get("error_description").or(body.get("error"));
            let text = text.and_then(Value::as_str).unwrap_or_default();
            let first = text.lines().next().unwrap_or_default();
            let first: String = first.chars().take(300).collect();
            return Err(failed(&format!("{}: {first}", answer.status)));
        }
        let token = body.get("access_token").and_then(Value::as_str);
        let token = Secret::new(token.ok_or_else(|| failed("the answer holds none"))?);
        self.token.put(&token, now, seconds(&body, now));
        Ok(token)
    }

    /// Forgets the token, because Azure did not take it.
    pub(crate) fn forget(&self) {
        self.token.forget();
    }

    fn request(&self) -> RequestBuilder {
        match &self.kind {
            Kind::Application { url, form } => self
                .client
                .post(url)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.expose().to_owned()),
            Kind::Machine { client_id, app } => {
                let version = if app.is_some() {
                    "2019-08-01"
                } else {
                    "2018-02-01"
                };
                let mut query = vec![
                    ("api-version", version),
                    ("resource", self.resource.as_str()),
                ];
                if let Some(client_id) = client_id {
                    query.push(("client_id", client_id));
                }
                let query = rest::form(&query);
                match app {
                    Some((url, header)) => self
                        .client
                        .get(format!("{url}?{query}"))
                        .header("X-IDENTITY-HEADER", header.expose()),
                    None => self
                        .client
                        .get(format!("{METADATA_URL}?{query}"))
                        .header("Metadata", "true"),
                }
            }
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// How long the token is good: Entra gives a number, machines a text or the moment of the end.
fn seconds(answer: &Value, now: Timestamp) -> i64 {
    let number = |name: &str| {
        let value = answer.get(name)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    };
    number("expires_in")
        .or_else(|| Some(number("expires_on")? - now.millis() / 1000))
        .unwrap_or(TOKEN_SECONDS)
}

#[cfg(test)]
mod tests;
