//! Shared Key: who holds the account's key may read
//! (<https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>).

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;

use super::error::AzureError;
use super::request::{Kind, Request};
use super::times;

/// A request may be so old, or so far ahead.
const AGE_MS_MAX: u64 = 15 * 60_000;
/// What is signed in front of the canonical headers of a request for blobs, besides the method.
const SIGNED_HEADERS: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// The storage account.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) name: String,
    key: hmac::Key,
}

impl Account {
    /// The account with this key in Base64; one that is none opens nothing.
    pub(super) fn new(name: &str, key: &str) -> Account {
        let key = STANDARD.decode(key).unwrap_or_default();
        Account {
            name: name.to_owned(),
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
        }
    }

    /// Checks who sends the request, and when.
    pub(super) fn check(&self, request: &Request<'_>, now: Timestamp) -> Result<(), AzureError> {
        let authorization = request.header("authorization");
        if authorization.is_empty() {
            return Err(AzureError::anonymous());
        }
        check_date(request, now)?;
        let (scheme, account, signature) = authorization
            .split_once(' ')
            .and_then(|(scheme, rest)| {
                let (account, signature) = rest.split_once(':')?;
                Some((scheme, account, signature))
            })
            .ok_or_else(|| AzureError::unauthenticated("The header is not well formed."))?;
        if account != self.name {
            return Err(AzureError::unauthenticated(
                "The account is not the one of the request's address.",
            ));
        }
        let text = match (request.kind, scheme) {
            (Kind::Blob, "SharedKey") => self.blob_text(request),
            (Kind::Table, "SharedKey") => self.table_text(request),
            (Kind::Table, "SharedKeyLite") => self.table_text_lite(request),
            _ => return Err(AzureError::unauthenticated("The scheme is not supported.")),
        };
        let tag = STANDARD.decode(signature).unwrap_or_default();
        hmac::verify(&self.key, text.as_bytes(), &tag).map_err(|_| {
            AzureError::unauthenticated(format!(
                "The MAC signature found in the HTTP request '{signature}' is not the same as any \
                 computed signature. Server used following string to sign: '{text}'."
            ))
        })
    }

    fn blob_text(&self, request: &Request<'_>) -> String {
        let mut text = format!("{}\n", request.method);
        let has_own_date = !request.header("x-ms-date").is_empty();
        for name in SIGNED_HEADERS {
            let value = match (name, request.header(name)) {
                ("content-length", "0") => "",
                ("date", _) if has_own_date => "",
                (_, value) => value,
            };
            text.push_str(value);
            text.push('\n');
        }
        let mut headers: Vec<(&str, &str)> = request
            .headers
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("x-ms-"))
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default().trim()))
            .collect();
        headers.sort_unstable();
        for (name, value) in headers {
            text.push_str(&format!("{name}:{value}\n"));
        }
        text.push_str(&format!("/{}{}", self.name, request.raw_path));
        let mut parameters: Vec<(String, &str)> = request
            .parameters
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.as_str()))
            .collect();
        parameters.sort_unstable();
        for (name, value) in parameters {
            text.push_str(&format!("\n{name}:{value}"));
        }
        text
    }

    fn table_text(&self, request: &Request<'_>) -> String {
        format!(
            "{}\n{}\n{}\n{}",
            request.method,
            request.header("content-md5"),
            request.header("content-type"),
            self.table_text_lite(request)
        )
    }

    fn table_text_lite(&self, request: &Request<'_>) -> String {
        let comp = request
            .parameter("comp")
            .map_or_else(String::new, |comp| format!("?comp={comp}"));
        let path = request.raw_path;
        format!("{}\n/{}{path}{comp}", request.date(), self.name)
    }
}

fn check_date(request: &Request<'_>, now: Timestamp) -> Result<(), AzureError> {
    let date = times::parse_header(request.date()).ok_or_else(|| {
        AzureError::unauthenticated("The Date header in the request is missing or incorrect.")
    })?;
    match date.millis().abs_diff(now.millis()) {
        0..=AGE_MS_MAX => Ok(()),
        _ => Err(AzureError::unauthenticated(format!(
            "Request date header too old: '{}'",
            request.date()
        ))),
    }
}

/// Signs a request, for the tests.
#[cfg(test)]
pub(super) fn authorization(account: &Account, request: &Request<'_>, scheme: &str) -> String {
    let text = match (request.kind, scheme) {
        (Kind::Blob, _) => account.blob_text(request),
        (Kind::Table, "SharedKey") => account.table_text(request),
        (Kind::Table, _) => account.table_text_lite(request),
    };
    let signature = STANDARD.encode(hmac::sign(&account.key, text.as_bytes()));
    format!("{scheme} {}:{signature}", account.name)
}
