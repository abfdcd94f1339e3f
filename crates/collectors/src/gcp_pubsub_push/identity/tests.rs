//! Tokens signed with a key that a server on loopback publishes, and tokens that are not good.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use axum::http::header::AUTHORIZATION;
use axum::{Router, routing::get};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_763_909_520_000);
const ACCOUNT: &str = "push@shop-prod.iam.gserviceaccount.com";

/// The public half as it is published. The modulus stands at a fixed place in the key's DER.
fn published(id: &str, key: &RsaKeyPair) -> Value {
    let modulus = key.public_key().as_ref().get(9..265).unwrap().to_vec();
    let modulus = URL_SAFE_NO_PAD.encode(modulus);
    json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": modulus, "e": "AQAB"})
}

fn claims() -> Value {
    json!({
        "iss": "https://accounts.google.com", "aud": "nephoscope", "email": ACCOUNT,
        "email_verified": true, "iat": NOW.millis() / 1000, "exp": NOW.millis() / 1000 + 3600,
    })
}

fn signed(id: &str, key: &RsaKeyPair, claims: &Value) -> HeaderMap {
    let header = json!({"alg": "RS256", "kid": id, "typ": "JWT"});
    let [header, claims] = [&header, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
    let text = format!("{header}.{claims}");
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        text.as_bytes(),
        &mut signature,
    )
    .unwrap();
    let token = format!("Bearer {text}.{}", URL_SAFE_NO_PAD.encode(signature));
    HeaderMap::from_iter([(AUTHORIZATION, token.parse().unwrap())])
}

/// Publishes keys, and counts how often they are asked for.
async fn publish(keys: Value) -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let answer = move || async move {
        counted.fetch_add(1, Ordering::SeqCst);
        json!({"keys": [keys]}).to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/certs", get(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    (format!("http://{address}/certs"), asked)
}

fn identity(keys: &str) -> Identity {
    Identity::new(&IdentityConfig {
        service_account: ACCOUNT.to_owned(),
        audience: "nephoscope".to_owned(),
        keys: keys.to_owned(),
    })
    .unwrap()
}

#[tokio::test]
async fn a_push_of_the_service_account_is_let_in_and_keys_are_asked_for_once() {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let (url, asked) = publish(published("k1", &key)).await;
    let identity = identity(&url);
    for _ in 0..3 {
        let checked = identity.check(&signed("k1", &key, &claims()), NOW).await;
        assert!(checked.is_ok(), "{checked:?}");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let later = NOW.saturating_add_millis(KEYS_KEPT_MS);
    assert!(
        identity
            .check(&signed("k1", &key, &claims()), later)
            .await
            .is_ok()
    );
    assert_eq!(asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn other_pushes_are_refused_with_the_reason() {
    let [key, other] = [(); 2].map(|()| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    let (url, asked) = publish(published("k1", &key)).await;
    let identity = identity(&url);
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signed("k1", &key, &claims)
    };
    let expired = json!(NOW.millis() / 1000 - LEEWAY_SECONDS - 1);
    let mut unsigned = signed("k1", &key, &claims());
    let token = unsigned[AUTHORIZATION].to_str().unwrap();
    let token = token.rsplit_once('.').unwrap().0.to_owned() + ".";
    unsigned.insert(AUTHORIZATION, token.parse().unwrap());
    for (headers, status, reason) in [
        (HeaderMap::new(), 401, "does not say who sends it"),
        (signed("k1", &other, &claims()), 401, "InvalidSignature"),
        (signed("k2", &other, &claims()), 401, "not Google's"),
        (unsigned, 401, "InvalidSignature"),
        (with("aud", json!("another")), 401, "InvalidAudience"),
        (
            with("iss", json!("https://evil.example")),
            401,
            "InvalidIssuer",
        ),
        (with("exp", expired), 401, "expired"),
        (with("email", json!("a@b.example")), 403, "`a@b.example`"),
        (with("email_verified", json!(false)), 403, ACCOUNT),
    ] {
        let refused = identity.check(&headers, NOW).await.unwrap_err();
        assert_eq!(refused.status.as_u16(), status, "{reason}");
        assert!(refused.problem.contains(reason), "{refused:?}");
    }
    // An unknown key's name makes us ask, but not each time.
    assert!(
        identity
            .check(&signed("k3", &other, &claims()), NOW)
            .await
            .is_err()
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn while_google_cannot_be_asked_pushes_may_come_again() {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/certs", listener.local_addr().unwrap());
    drop(listener);
    let checked = identity(&url)
        .check(&signed("k1", &key, &claims()), NOW)
        .await;
    let refused = checked.unwrap_err();
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.retry_after.is_some(), "{refused:?}");
    assert!(refused.problem.contains(&url), "{refused:?}");
}
