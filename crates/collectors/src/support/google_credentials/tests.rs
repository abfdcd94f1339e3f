//! The assertion of a service account against the public half of its key, and a token endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use axum::Router;
use axum::routing::post;

use super::*;

const NOW: Timestamp = Timestamp::from_millis(1_763_909_520_000);

#[tokio::test]
async fn a_service_account_signs_for_its_token_and_asks_once_while_that_is_good() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let public = pair.public_key().as_ref().to_vec();
    let der: Pkcs8V1Der<'_> = pair.as_der().unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(der.as_ref())
    );
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let answer = move |body: String| async move {
        let (_, assertion) = body.split_once("&assertion=").unwrap();
        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public)
            .verify(
                signed.as_bytes(),
                &URL_SAFE_NO_PAD.decode(signature).unwrap(),
            )
            .unwrap();
        let claims = signed.split_once('.').unwrap().1;
        let claims: serde_json::Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["iss"], "reader@demo.iam.gserviceaccount.com");
        assert_eq!(claims["exp"], NOW.millis() / 1000 + ASSERTION_SECONDS);
        let number = counted.fetch_add(1, Ordering::SeqCst);
        json!({"access_token": format!("t{number}"), "expires_in": 3600}).to_string()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/token", post(answer));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let file = json!({
        "type": "service_account", "client_email": "reader@demo.iam.gserviceaccount.com",
        "private_key_id": "k1", "private_key": pem,
        "token_uri": format!("http://{address}/token"),
    });
    let credentials = GoogleCredentials {
        kind: kind(&file.to_string()).unwrap(),
        client: rest::client().unwrap(),
        token: CachedToken::default(),
    };
    let token = |at: Timestamp| {
        let credentials = &credentials;
        async move { credentials.token(at).await.unwrap().unwrap() }
    };
    assert_eq!(token(NOW).await.expose(), "t0");
    assert_eq!(
        token(NOW.saturating_add_millis(3_400_000)).await.expose(),
        "t0"
    );
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(!format!("{credentials:?}").contains("t0"));
}

#[test]
fn files_that_are_no_keys_are_refused_without_quoting_them() {
    for (text, problem) in [
        ("{\"type\": \"hunter2", "no key file"),
        (
            "{\"type\":\"service_account\",\"private_key\":\"hunter2!\"}",
            "no PEM",
        ),
        (
            "{\"type\":\"service_account\",\"private_key\":\"aGk=\"}",
            "no RSA key",
        ),
        ("{\"type\":\"external_account\"}", "`external_account`"),
    ] {
        let refused = kind(text).err().unwrap();
        assert!(refused.contains(problem), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
