//! Who pushes: Pub/Sub signs every push with a token of the subscription's service account
//! (<https://cloud.google.com/pubsub/docs/authenticate-push-subscriptions>).

use axum::http::{HeaderMap, StatusCode};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use model::Timestamp;
use reqwest::Client;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::support::receive::{Refused, bearer};
use crate::support::refusal::Refusal;
use crate::support::rest;

/// Google's keys, as JSON Web Keys (<https://accounts.google.com/.well-known/openid-configuration>).
const KEYS_URL: &str = "https://www.googleapis.com/oauth2/v3/certs";
/// How Google calls itself in tokens.
const ISSUERS: [&str; 2] = ["https://accounts.google.com", "accounts.google.com"];
/// How far Google's clock and ours may be apart.
const LEEWAY_SECONDS: i64 = 60;
/// Keys are fetched again after this time: those that Google has withdrawn are not good any more.
const KEYS_KEPT_MS: i64 = 3_600_000;
/// And not sooner than after this time, whatever keys tokens name.
const KEYS_ASKED_EVERY_MS: i64 = 10_000;

/// `identity`: as whom a subscription pushes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentityConfig {
    /// The e-mail address of its service account.
    pub service_account: String,
    /// The audience that the subscription puts into its tokens; if it names none, Google takes the
    /// whole address to which it pushes.
    pub audience: String,
    /// Where the keys are that its tokens are signed with; Google's, if left out.
    #[serde(default = "google", skip_serializing_if = "is_google")]
    pub keys: String,
}

fn google() -> String {
    KEYS_URL.to_owned()
}

fn is_google(keys: &str) -> bool {
    keys == KEYS_URL
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    email: String,
    #[serde(default)]
    email_verified: bool,
    exp: i64,
}

/// Asks whoever pushes who they are.
pub(super) struct Identity {
    config: IdentityConfig,
    validation: Validation,
    client: Client,
    keys: Mutex<Keys>,
}

/// Google's keys as they were when they were asked for last.
#[derive(Default)]
struct Keys {
    set: Option<JwkSet>,
    asked: Option<Timestamp>,
    /// Why they could not be had the last time.
    problem: Option<String>,
}

impl Identity {
    /// # Errors
    /// If the machine's certificates cannot be read.
    pub(super) fn new(config: &IdentityConfig) -> Result<Identity, Refusal> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[&config.audience]);
        validation.set_issuer(&ISSUERS);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        // By the node's clock, below.
        validation.validate_exp = false;
        Ok(Identity {
            config: config.clone(),
            validation,
            client: rest::client()?,
            keys: Mutex::default(),
        })
    }

    /// Whether the push is of the service account.
    ///
    /// # Errors
    /// If it is not, or the keys cannot be had that would tell.
    pub(super) async fn check(&self, headers: &HeaderMap, now: Timestamp) -> Result<(), Refused> {
        let token = bearer(headers).ok_or_else(|| {
            nobody(
                "the push does not say who sends it; let the subscription authenticate its pushes",
            )
        })?;
        let bad = |error| nobody(format!("the token of the push is not good: {error}"));
        let key_id = decode_header(&token).map_err(bad)?.kid;
        let key_id = key_id.ok_or_else(|| nobody("the token of the push names no key"))?;
        let key = self.key(&key_id, now).await?;
        let claims: Claims = decode(&token, &key, &self.validation).map_err(bad)?.claims;
        if claims.exp.saturating_add(LEEWAY_SECONDS) < now.millis() / 1000 {
            return Err(nobody("the token of the push has expired"));
        }
        let account = &self.config.service_account;
        if claims.email != *account || !claims.email_verified {
            return Err(Refused::new(
                StatusCode::FORBIDDEN,
                format!(
                    "the push is of `{}` and not of the service account `{account}`",
                    claims.email
                ),
            ));
        }
        Ok(())
    }

    /// The key of this id. One call asks for all that wait.
    async fn key(&self, id: &str, now: Timestamp) -> Result<DecodingKey, Refused> {
        let mut keys = self.keys.lock().await;
        let is_known = keys.set.as_ref().is_some_and(|set| set.find(id).is_some());
        let age_ms = keys.asked.map(|asked| now.millis() - asked.millis());
        let kept_ms = match is_known {
            true => KEYS_KEPT_MS,
            false => KEYS_ASKED_EVERY_MS,
        };
        if age_ms.is_none_or(|age_ms| age_ms >= kept_ms) {
            keys.asked = Some(now);
            match self.fetch().await {
                Ok(set) => (keys.set, keys.problem) = (Some(set), None),
                Err(problem) => keys.problem = Some(problem),
            }
        }
        let key = keys.set.as_ref().and_then(|set| set.find(id));
        let key = key.ok_or_else(|| match &keys.problem {
            Some(problem) => Refused::new(StatusCode::SERVICE_UNAVAILABLE, problem),
            None => nobody("the token of the push is signed with a key that is not Google's"),
        })?;
        DecodingKey::from_jwk(key)
            .map_err(|error| nobody(format!("cannot use the key of the push's token: {error}")))
    }

    async fn fetch(&self) -> Result<JwkSet, String> {
        let url = &self.config.keys;
        let failed = |problem: &str| {
            format!(
                "cannot ask {url} for the keys of tokens: {problem}; nothing of the push was stored"
            )
        };
        let answer = rest::send(self.client.get(url)).await;
        let answer = answer.map_err(|refusal| failed(refusal.text()))?;
        if !answer.status.is_success() {
            return Err(failed(&format!("it answers {}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|error| failed(&error.to_string()))
    }
}

fn nobody(problem: impl Into<String>) -> Refused {
    Refused::new(StatusCode::UNAUTHORIZED, problem)
}

#[cfg(test)]
mod tests;
