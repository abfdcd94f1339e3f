//! HTTP Basic with access id and access key.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::error::ApiError;

/// One pair of credentials, as the configuration gives it.
#[derive(Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// The access id: the user name.
    pub id: String,
    /// The access key: the password.
    pub key: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey")
            .field("id", &self.id)
            .field("key", &"***")
            .finish()
    }
}

/// What `Authorization` must say; empty if nobody is asked.
#[derive(Clone)]
pub(crate) struct Keys(Arc<[Vec<u8>]>);

impl Keys {
    pub(crate) fn new(keys: &[AccessKey]) -> Self {
        Keys(
            keys.iter()
                .map(|key| format!("{}:{}", key.id, key.key).into_bytes())
                .collect(),
        )
    }

    fn admit(&self, headers: &HeaderMap) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let Some(given) = headers.get(AUTHORIZATION).and_then(credentials) else {
            return false;
        };
        // Every key is compared, in a time that does not depend on what is equal.
        self.0
            .iter()
            .fold(false, |found, key| found | is_equal(key, &given))
    }
}

fn credentials(header: &HeaderValue) -> Option<Vec<u8>> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    STANDARD.decode(encoded.trim()).ok()
}

fn is_equal(expected: &[u8], given: &[u8]) -> bool {
    let mut difference = expected.len() ^ given.len();
    for (place, byte) in expected.iter().enumerate() {
        let other = given.get(place).copied().unwrap_or(!byte);
        difference |= usize::from(std::hint::black_box(byte ^ other));
    }
    difference == 0
}

/// Lets a request pass if its credentials are known.
pub(crate) async fn require(State(keys): State<Keys>, request: Request, next: Next) -> Response {
    if keys.admit(request.headers()) {
        return next.run(request).await;
    }
    let mut response = ApiError::unauthorized().into_response();
    response.headers_mut().insert(
        WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"Nephoscope access id and key\""),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_secret_is_equal() {
        assert!(is_equal(b"id:key", b"id:key"));
        assert!(!is_equal(b"id:key", b"id:ke"));
        assert!(!is_equal(b"id:key", b"id:key2"));
        assert!(!is_equal(b"id:key", b"id:kez"));
    }
}
