//! Tokens of Microsoft Entra, from a small server that answers as it does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;

use super::*;

fn credentials(text: &str) -> AzureCredentials {
    toml::from_str(text).unwrap()
}

async fn token(State(calls): State<Arc<AtomicUsize>>, form: String) -> (StatusCode, String) {
    if !form.contains("client_secret=s%26cret") {
        let body = r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"}"#;
        return (StatusCode::UNAUTHORIZED, body.to_owned());
    }
    assert_eq!(
        form,
        "grant_type=client_credentials&client_id=app&client_secret=s%26cret&\
         scope=https%3A%2F%2Fstorage.azure.com%2F.default"
    );
    let call = calls.fetch_add(1, Ordering::SeqCst);
    let body = format!(r#"{{"token_type":"Bearer","expires_in":3599,"access_token":"t{call}"}}"#);
    (StatusCode::OK, body)
}

async fn entra(secret: &str) -> Entra {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/tenant-1/oauth2/v2.0/token", post(token))
        .with_state(Arc::new(AtomicUsize::new(0)));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let given = credentials(&format!(
        "tenant_id = 'tenant-1'\nclient_id = 'app'\nclient_secret = '{secret}'\n\
         authority_url = 'http://{address}/'"
    ));
    assert_eq!(given.problem(), None);
    match Identity::find(&given, false, rest::client().unwrap()) {
        Identity::Entra(entra) => entra,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_token_is_kept_until_shortly_before_its_end() {
    let entra = entra("s&cret").await;
    let at = |seconds: i64| Timestamp::from_millis(1_763_909_520_000 + seconds * 1000);
    for (seconds, expected) in [(0, "t0"), (3_400, "t0"), (3_500, "t1")] {
        assert_eq!(entra.token(at(seconds)).await.unwrap().expose(), expected);
    }
    entra.forget();
    assert_eq!(entra.token(at(3_501)).await.unwrap().expose(), "t2");
}

#[tokio::test]
async fn a_refused_secret_is_told_and_not_shown() {
    let refused = entra("hunter2").await;
    let refusal = refused.token(Timestamp::MIN).await.unwrap_err();
    assert_eq!(
        refusal.text(),
        "no access token from Microsoft Entra: 401 Unauthorized: AADSTS7000215: Invalid client \
         secret provided.; check tenant_id, client_id and client_secret"
    );
    assert!(!format!("{refused:?}").contains("hunter2"));
}

#[test]
fn credentials_that_cannot_work_are_named() {
    for (text, word) in [
        ("account_key = 'a2V5'\nsas_token = 'sig=1'", "several kinds"),
        ("account_key = 'no key'", "account_key"),
        ("account_key = ''", "account_key"),
        ("sas_token = 'sv=2021'", "sas_token"),
        ("client_secret = 's'\nclient_id = 'c'", "client_secret"),
        ("tenant_id = 't'", "tenant_id"),
    ] {
        let problem = credentials(text).problem().unwrap();
        assert!(problem.contains(word), "{problem}");
    }
    assert_eq!(credentials("client_id = 'c'").problem(), None);
    assert_eq!(credentials("sas_token = '?sv=1&sig=2'").problem(), None);
}

#[test]
fn machines_tell_the_end_in_their_own_ways() {
    let now = Timestamp::from_millis(1_000_000);
    let seconds = |text: &str| seconds(&serde_json::from_str(text).unwrap(), now);
    assert_eq!(seconds(r#"{"expires_in":"86399"}"#), 86_399);
    assert_eq!(seconds(r#"{"expires_on":"1500"}"#), 500);
    assert_eq!(seconds(r#"{"expires_in":[]}"#), TOKEN_SECONDS);
}
