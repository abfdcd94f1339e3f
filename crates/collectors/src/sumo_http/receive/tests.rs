//! The receiver's answers, against an in-memory sink.

use std::io::Write;

use axum::body::Body;
use axum::http::Method;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::SinkError;

use super::*;
use crate::testing::{Bench, request};

const CONFIG: &str = r#"
[[sources]]
name = "push"
collector = "sumo_http"
token = "t0ken"
category = "given"
[[sources]]
name = "ndjson"
collector = "sumo_http"
token = "bench"
format = "ndjson"
time_field = "_time"
message_field = "message"
"#;

fn bench() -> Bench {
    Bench::new(CONFIG)
}

async fn post(
    bench: &Bench,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> (StatusCode, String) {
    let (status, _, text) = bench
        .send(request("/receiver/v1/http/t0ken", headers, body))
        .await;
    (status, text)
}

#[tokio::test]
async fn a_body_of_too_many_lines_is_refused_before_they_are_events() {
    let bench = bench();
    let (status, text) = post(&bench, &[], "\n".repeat(REQUEST_LINES_MAX + 1)).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text.contains("REQUEST_LINES_MAX = 1000000"), "{text}");
    let (status, _) = post(&bench, &[], "\n".repeat(REQUEST_LINES_MAX)).await;
    assert_eq!(status, StatusCode::OK);
    assert!(bench.sink.batches().is_empty());
}

#[tokio::test]
async fn lines_are_stored_with_the_metadata_of_the_headers() {
    let bench = bench();
    let headers = [
        ("x-sumo-host", "h"),
        ("x-sumo-category", ""),
        ("x-sumo-fields", "a=1"),
    ];
    assert_eq!(
        post(&bench, &headers, "\none\ntwo\n").await.0,
        StatusCode::OK
    );
    let batches = bench.sink.batches();
    assert_eq!(batches.len(), 1);
    let event = &batches[0].events[1];
    assert_eq!(event.message, "two");
    assert_eq!(
        (
            event.metadata.host.as_str(),
            event.metadata.category.as_str()
        ),
        ("h", "given")
    );
    assert_eq!(event.metadata.source, "push");
    assert_eq!(event.fields, [("a".to_owned(), "1".to_owned())]);
    assert_eq!(bench.sources.status()[0].events_total, 2);
}

#[tokio::test]
async fn the_token_can_stand_in_a_header_and_must_be_known() {
    let bench = bench();
    let by_header = request("/receiver/v1/http", &[("x-sumo-token", "t0ken")], "x");
    assert_eq!(bench.send(by_header).await.0, StatusCode::OK);
    for (path, headers) in [
        ("/receiver/v1/http/wrong", &[] as &[_]),
        ("/receiver/v1/http", &[("x-sumo-token", "wrong")]),
        ("/receiver/v1/http", &[]),
    ] {
        let (status, _, _) = bench.send(request(path, headers, "x")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(bench.sink.batches().len(), 1);
}

#[tokio::test]
async fn compressed_bodies_are_read_and_broken_ones_refused() {
    let bench = bench();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"a\nb\n").unwrap();
    let body = encoder.finish().unwrap();
    assert_eq!(
        post(&bench, &[("content-encoding", "gzip")], body.clone())
            .await
            .0,
        StatusCode::OK
    );
    assert_eq!(bench.sink.batches()[0].events.len(), 2);
    let cut = body[..body.len() - 6].to_vec();
    let (status, text) = post(&bench, &[("content-encoding", "gzip")], cut).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("not valid gzip"), "{text}");
    let (status, _) = post(&bench, &[("content-encoding", "br")], "x").await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(bench.sink.batches().len(), 1);
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_whole_and_the_limit_named() {
    let bench = bench();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let megabyte = vec![b'\n'; 1 << 20];
    for _ in 0..129 {
        encoder.write_all(&megabyte).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let (status, text) = post(&bench, &[("content-encoding", "gzip")], bomb).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(
        text.contains("REQUEST_BYTES_MAX") && text.contains("128 MiB"),
        "{text}"
    );
    let chunks = (0..129).map(move |_| Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 1 << 20])));
    let body = Body::from_stream(futures::stream::iter(chunks));
    let (status, text) = post(&bench, &[], body).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(text.contains("134217728 bytes"), "{text}");
    assert!(bench.sink.batches().is_empty());
}

#[tokio::test]
async fn a_busy_sink_is_told_as_429_and_a_failed_one_as_503() {
    let bench = bench();
    bench
        .sink
        .refuse_next(SinkError::Busy("the buffer is full".to_owned()));
    let (status, headers, text) = bench
        .send(request("/receiver/v1/http/t0ken", &[], "x"))
        .await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
    assert!(headers.contains_key(RETRY_AFTER) && text.contains("the buffer is full"));
    bench
        .sink
        .refuse_next(SinkError::Failed("no space".to_owned()));
    assert_eq!(
        post(&bench, &[], "x").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(post(&bench, &[], "x").await.0, StatusCode::OK);
}

#[tokio::test]
async fn metrics_are_stored_with_the_dimensions_of_the_headers() {
    let bench = bench();
    let headers = [
        ("content-type", "application/vnd.sumologic.prometheus"),
        ("x-sumo-category", "prod/web"),
        ("x-sumo-dimensions", "cluster=a, zone = b"),
        ("x-sumo-metadata", "team=x"),
    ];
    let body = "up{zone=\"own\"} 1 1763909520\ndown 0\n";
    assert_eq!(post(&bench, &headers, body).await.0, StatusCode::OK);
    let batches = bench.sink.batches();
    let sample = &batches[0].samples[0];
    let dimensions: Vec<String> = sample
        .series
        .dimensions
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(
        dimensions.join(" "),
        "_collector=sumo_http _source=push _sourceCategory=prod/web cluster=a team=x zone=own"
    );
    assert_eq!(batches[0].samples.len(), 2);
    assert_eq!(bench.sources.status()[0].events_total, 2);
}

#[tokio::test]
async fn a_request_of_metrics_with_a_wrong_line_is_refused_whole() {
    let bench = bench();
    let headers = [(
        "content-type",
        "application/vnd.sumologic.graphite; charset=utf8",
    )];
    let (status, text) = post(&bench, &headers, "a.b 1 1763909520\na.b one 1763909520\n").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("line 2 has no number in `one`"), "{text}");
    assert!(bench.sink.batches().is_empty());
}

#[tokio::test]
async fn browsers_may_ask_first() {
    let bench = bench();
    let mut asking = request(
        "/receiver/v1/http/t0ken",
        &[
            ("origin", "https://a.example"),
            ("access-control-request-headers", "x-sumo-name"),
        ],
        Body::empty(),
    );
    *asking.method_mut() = Method::OPTIONS;
    let (status, headers, _) = bench.send(asking).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*");
    assert_eq!(headers[ACCESS_CONTROL_ALLOW_HEADERS], "x-sumo-name");
}

#[tokio::test]
async fn ndjson_keys_become_fields_and_a_key_makes_a_request_repeatable() {
    let bench = bench();
    let body = "{\"_time\":1763909520123,\"message\":\"hi\",\"function\":\"pay\",\"n\":1}\n";
    let post = request("/receiver/v1/http/bench", &[("idempotency-key", "7")], body);
    assert_eq!(bench.send(post).await.0, StatusCode::OK);
    let batch = &bench.sink.batches()[0];
    assert_eq!(batch.idempotency_key.as_deref(), Some("ndjson\u{0}7"));
    let event = &batch.events[0];
    assert_eq!(
        (event.message.as_str(), event.function.as_deref()),
        ("hi", Some("pay"))
    );
    assert_eq!(event.fields, [("n".to_owned(), "1".to_owned())]);
}

#[tokio::test]
async fn tokens_and_names_must_differ() {
    let start = |second: &str| Bench::try_new(&format!("{CONFIG}{second}")).err();
    let error = start("[[sources]]\nname='push'\ncollector='sumo_http'\ntoken='x'").unwrap();
    assert!(matches!(error, CollectorsError::NameTwice(name) if name == "push"));
    let error = start("[[sources]]\nname='x'\ncollector='sumo_http'\ntoken='bench'").unwrap();
    assert!(matches!(error, CollectorsError::TokenTwice(name) if name == "x"));
}
