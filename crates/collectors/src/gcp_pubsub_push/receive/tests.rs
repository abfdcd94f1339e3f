//! Pushes and the events in them; what comes twice; pushes that are broken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expect_test::{Expect, expect, expect_file};
use model::SinkError;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Bench, request};

const CONFIG: &str = r#"
[[sources]]
name = "sink"
collector = "gcp_pubsub_push"
token = "t0ken"
category = "gcp"
fields = { team = "a" }
"#;
const PATH: &str = "/receiver/v1/pubsub/t0ken";
/// What the puller reads of both generations.
const PAGES: [&str; 2] = [
    include_str!("../../gcp_cloud_logging/fixtures/first_generation.json"),
    include_str!("../../gcp_cloud_logging/fixtures/second_generation.json"),
];

fn entries() -> Vec<Value> {
    let entries = |page: &str| {
        let page: Value = serde_json::from_str(page).unwrap();
        page["entries"].as_array().unwrap().clone()
    };
    PAGES.into_iter().flat_map(entries).collect()
}

fn envelope(id: &str, data: &[u8]) -> String {
    json!({
        "message": {
            "attributes": {"logging.googleapis.com/timestamp": "2026-11-23T14:52:00Z"},
            "data": STANDARD.encode(data),
            "messageId": id,
            "publishTime": "2026-11-23T14:52:01Z",
        },
        "subscription": "projects/shop-prod/subscriptions/nephoscope",
    })
    .to_string()
}

#[tokio::test]
async fn pushed_entries_are_the_events_that_would_be_pulled() {
    let bench = Bench::new(CONFIG);
    for entry in entries() {
        let (status, _, text) = bench
            .send(request(
                PATH,
                &[],
                envelope("1", entry.to_string().as_bytes()),
            ))
            .await;
        assert_eq!((status, text.as_str()), (StatusCode::NO_CONTENT, ""));
    }
    let events: Vec<_> = bench
        .sink
        .batches()
        .into_iter()
        .flat_map(|batch| batch.events)
        .collect();
    expect_file!["../fixtures/pushed.expected"].assert_debug_eq(&events);
}

#[tokio::test]
async fn an_entry_is_stored_once_however_often_and_in_whatever_message_it_comes() {
    let bench = Bench::new(CONFIG);
    let entry = entries().remove(0).to_string();
    for body in [
        envelope("1", entry.as_bytes()),
        envelope("2", entry.as_bytes()),
        entry,
    ] {
        let (status, _, _) = bench.send(request(PATH, &[], body)).await;
        assert_eq!(status, StatusCode::NO_CONTENT);
    }
    assert_eq!(bench.sink.messages().len(), 1);
    assert_eq!(bench.sources.status()[0].events_repeated_total, 2);
    for _ in 0..2 {
        bench
            .send(request(PATH, &[], envelope("3", b"plain text")))
            .await;
    }
    assert_eq!(bench.sink.messages()[1..], ["plain text", "plain text"]);
}

async fn refused_by(bench: &Bench, path: &str, body: String, expected: &Expect) {
    let (status, _, text) = bench.send(request(path, &[], body)).await;
    expected.assert_eq(&format!("{} {text}", status.as_u16()));
}

#[tokio::test]
async fn broken_pushes_are_refused_with_a_reason() {
    let bench = Bench::new(CONFIG);
    let refused = async |path: &str, body: String, expected: Expect| {
        let (status, _, text) = bench.send(request(path, &[], body)).await;
        expected.assert_eq(&format!("{} {text}", status.as_u16()));
    };
    refused(
        "/receiver/v1/pubsub/wrong",
        envelope("1", b"x"),
        expect![[r#"
        401 unknown token; use the token of a configured source
    "#]],
    )
    .await;
    refused(
        PATH,
        envelope("1", b"x").get(..60).unwrap().to_owned(),
        expect![[r#"
        400 the body is not JSON: Pub/Sub pushes an envelope
    "#]],
    )
    .await;
    refused(
        PATH,
        r#"{"message":{},"subscription":"s"}"#.to_owned(),
        expect![[r#"
            400 the message has no data, or data that is no text
        "#]],
    )
    .await;
    refused(
        PATH,
        r#"{"message":{"data":7},"subscription":"s"}"#.to_owned(),
        expect![[r#"
            400 the message has no data, or data that is no text
        "#]],
    )
    .await;
    refused(
        PATH,
        r#"{"message":{"data":"*"},"subscription":"s"}"#.to_owned(),
        expect![[r#"
            400 the data of the message is not base64: Invalid symbol 42, offset 0.
        "#]],
    )
    .await;
    refused(
        PATH,
        r#"{"message":[1],"subscription":"s"}"#.to_owned(),
        expect![[r#"
            400 the message has no data, or data that is no text
        "#]],
    )
    .await;
    assert!(bench.sink.batches().is_empty());
    assert_eq!(bench.sources.status()[0].errors_total, 5);
}

#[tokio::test]
async fn a_push_that_is_too_much_is_refused_with_a_reason() {
    let bench = Bench::new(CONFIG);
    let refused = async |path: &str, body: String, expected: Expect| {
        refused_by(&bench, path, body, &expected).await;
    };
    refused(
        PATH,
        envelope("1", "[".repeat(100_000).as_bytes()),
        expect![[r#"
            400 the message is nested more deeply than JSON_DEPTH_MAX = 128
        "#]],
    )
    .await;
    refused(PATH, " ".repeat((16 << 20) + 1), expect![[r#"
        413 the body is larger than PUBSUB_REQUEST_BYTES_MAX, 16777216 bytes (16 MiB) uncompressed; nothing of it was stored; send smaller requests
    "#]]).await;
    assert!(bench.sink.batches().is_empty());
    bench
        .sink
        .refuse_next(SinkError::Busy("the buffer is full".to_owned()));
    refused(
        PATH,
        envelope("1", b"x"),
        expect![[r#"
        429 cannot take more events now: the buffer is full; try again in a moment
    "#]],
    )
    .await;
    assert_eq!(bench.sources.status()[0].errors_total, 3);
}

proptest! {
    #[test]
    fn no_change_of_a_push_makes_it_panic(
        which in 0_usize..4,
        place in 0_usize..2_000,
        bytes in prop::collection::vec(any::<u8>(), 0..8),
        is_inside in any::<bool>(),
    ) {
        let entries = entries();
        let mut body = entries[which % entries.len()].to_string().into_bytes();
        if !is_inside {
            body = envelope("1", &body).into_bytes();
        }
        let place = place.min(body.len());
        let end = (place + bytes.len()).min(body.len());
        body.splice(place..end, bytes);
        if is_inside {
            body = envelope("1", &body).into_bytes();
        }
        // Accepted or refused, but never a panic.
        drop(entry(&body));
    }
}
