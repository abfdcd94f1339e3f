//! Access tokens of Google Cloud: of a service account's key, of a person's login, of the machine
//! that we run on, or given in the configuration.

use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use model::Timestamp;
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde_json::json;

use super::cached_token::CachedToken;
use super::refusal::Refusal;
use super::rest;
use super::secret::Secret;

const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform.read-only https://www.googleapis.com/auth/logging.read https://www.googleapis.com/auth/monitoring.read";
const METADATA_URL: &str =
    "http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token";
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";
/// The longest that Google lets an assertion live.
const ASSERTION_SECONDS: i64 = 3600;

/// What a key file says.
#[derive(Deserialize)]
struct KeyFile {
    r#type: String,
    #[serde(default)]
    client_email: String,
    #[serde(default)]
    private_key: String,
    #[serde(default)]
    private_key_id: String,
    #[serde(default)]
    token_uri: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
    #[serde(default)]
    refresh_token: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    #[serde(default)]
    expires_in: i64,
}

enum Kind {
    /// An emulator asks nobody who they are.
    Nobody,
    Given(Secret),
    ServiceAccount {
        email: String,
        key_id: String,
        key: Box<RsaKeyPair>,
        token_uri: String,
    },
    Person {
        form: Secret,
        token_uri: String,
    },
    Machine,
}

/// Gives the access token for calls.
pub(crate) struct GoogleCredentials {
    kind: Kind,
    client: Client,
    token: CachedToken,
}

impl std::fmt::Debug for GoogleCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("GoogleCredentials(***)")
    }
}

/// Where the credentials are to come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) access_token: Option<&'a Secret>,
    pub(crate) file: Option<&'a Path>,
    /// Whether the source reads an emulator: then it needs none.
    pub(crate) is_emulator: bool,
}

impl GoogleCredentials {
    /// Finds the credentials: those given, otherwise those that Google's tools use by default.
    ///
    /// # Errors
    /// If a key file cannot be read or its key cannot sign.
    pub(crate) fn find(origin: Origin<'_>, client: Client) -> Result<Self, Refusal> {
        let kind = match origin {
            Origin {
                access_token: Some(token),
                ..
            } => Kind::Given(token.clone()),
            Origin {
                file: Some(file), ..
            } => read(file)?,
            Origin {
                is_emulator: true, ..
            } => Kind::Nobody,
            _ => match default_file() {
                Some(file) => read(&file)?,
                None => Kind::Machine,
            },
        };
        Ok(GoogleCredentials {
            kind,
            client,
            token: CachedToken::default(),
        })
    }

    /// The token to call with; `None` if none is needed.
    ///
    /// # Errors
    /// If Google gives none.
    pub(crate) async fn token(&self, now: Timestamp) -> Result<Option<Secret>, Refusal> {
        match &self.kind {
            Kind::Nobody => return Ok(None),
            Kind::Given(token) => return Ok(Some(token.clone())),
            _ => {}
        }
        if let Some(token) = self.token.get(now) {
            return Ok(Some(token));
        }
        let answer = self.fetch(now).await?;
        let token = Secret::new(answer.access_token);
        self.token.put(&token, now, answer.expires_in);
        Ok(Some(token))
    }

    /// Forgets the token, because Google did not take it.
    pub(crate) fn forget(&self) {
        self.token.forget();
    }

    async fn fetch(&self, now: Timestamp) -> Result<TokenAnswer, Refusal> {
        let post = |uri: &str, form: String| {
            self.client
                .post(uri)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form)
        };
        let request = match &self.kind {
            Kind::ServiceAccount { token_uri, .. } => {
                let assertion = self.assertion(now)?;
                let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
                let form = rest::form(&[("grant_type", grant), ("assertion", &assertion)]);
                post(token_uri, form)
            }
            Kind::Person { form, token_uri } => post(token_uri, form.expose().to_owned()),
            _ => self
                .client
                .get(METADATA_URL)
                .header("Metadata-Flavor", "Google"),
        };
        let failed = |problem: &str| {
            Refusal::Other(format!(
                "no access token from Google: {problem}; set credentials_file, or the variable \
                 GOOGLE_APPLICATION_CREDENTIALS, to a service account's key file"
            ))
        };
        let answer = rest::send(request.timeout(Duration::from_secs(15))).await;
        let answer = answer.map_err(|refusal| failed(refusal.text()))?;
        if !answer.status.is_success() {
            let text = String::from_utf8_lossy(&answer.body);
            let text: String = text.chars().take(300).collect();
            return Err(failed(&format!("{}: {text}", answer.status)));
        }
        serde_json::from_slice(&answer.body).map_err(|error| failed(&error.to_string()))
    }

    /// What a service account signs to get a token.
    fn assertion(&self, now: Timestamp) -> Result<String, Refusal> {
        let Kind::ServiceAccount {
            email,
            key_id,
            key,
            token_uri,
        } = &self.kind
        else {
            return Ok(String::new());
        };
        let seconds = now.millis() / 1000;
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": key_id});
        let claims = json!({
            "iss": email, "scope": SCOPE, "aud": token_uri,
            "iat": seconds, "exp": seconds + ASSERTION_SECONDS,
        });
        let text = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", text(&header), text(&claims));
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(
            &RSA_PKCS1_SHA256,
            &SystemRandom::new(),
            signed.as_bytes(),
            &mut signature,
        )
        .map_err(|_| Refusal::Other("the service account's key cannot sign".to_owned()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// The file that Google's tools take when they are told nothing.
fn default_file() -> Option<PathBuf> {
    if let Some(file) = std::env::var_os("GOOGLE_APPLICATION_CREDENTIALS") {
        return Some(PathBuf::from(file)).filter(|file| !file.as_os_str().is_empty());
    }
    let home = PathBuf::from(std::env::var_os("HOME")?);
    let file = home.join(".config/gcloud/application_default_credentials.json");
    file.exists().then_some(file)
}

fn read(file: &Path) -> Result<Kind, Refusal> {
    let failed = |problem: String| {
        Refusal::Other(format!(
            "cannot use the credentials in {}: {problem}",
            file.display()
        ))
    };
    let text = std::fs::read_to_string(file).map_err(|error| failed(error.to_string()))?;
    kind(&text).map_err(failed)
}

/// Understands a key file.
fn kind(text: &str) -> Result<Kind, String> {
    // The parser's own words could quote the key.
    let file: KeyFile = serde_json::from_str(text)
        .map_err(|error| format!("it is no key file (line {})", error.line()))?;
    let token_uri = match file.token_uri.as_str() {
        "" => TOKEN_URI.to_owned(),
        uri => uri.to_owned(),
    };
    match file.r#type.as_str() {
        "service_account" => {
            let key = STANDARD
                .decode(
                    file.private_key
                        .lines()
                        .filter(|line| !line.starts_with("-----"))
                        .map(str::trim)
                        .collect::<String>(),
                )
                .map_err(|_| "its private_key is no PEM".to_owned())?;
            let key = RsaKeyPair::from_pkcs8(&key)
                .map_err(|_| "its private_key is no RSA key in PKCS #8".to_owned())?;
            Ok(Kind::ServiceAccount {
                email: file.client_email,
                key_id: file.private_key_id,
                key: Box::new(key),
                token_uri,
            })
        }
        "authorized_user" => Ok(Kind::Person {
            form: Secret::new(rest::form(&[
                ("grant_type", "refresh_token"),
                ("client_id", &file.client_id),
                ("client_secret", &file.client_secret),
                ("refresh_token", &file.refresh_token),
            ])),
            token_uri,
        }),
        other => Err(format!(
            "its type is `{other}`; service_account and authorized_user are understood"
        )),
    }
}

#[cfg(test)]
mod tests;
