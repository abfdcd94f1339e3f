//! Batches and the events in them; batches that are broken.

use expect_test::{Expect, expect, expect_file};
use model::SinkError;
use proptest::prelude::*;

use super::*;
use crate::testing::{Bench, request};

const BATCH: &str = include_str!("../fixtures/batch.json");
const CONFIG: &str = r#"
[[sources]]
name = "extension"
collector = "aws_lambda_telemetry"
token = "t0ken"
fields = { account = "prod" }
"#;
const PATH: &str = "/receiver/v1/lambda/t0ken?function=pay&region=eu-west-1&account=1&log_stream=2026/11/30/[$LATEST]b249";

#[tokio::test]
async fn records_become_events() {
    let bench = Bench::new(CONFIG);
    let (status, _, text) = bench.send(request(PATH, &[], BATCH)).await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, ""));
    let lines: String = bench.sink.batches()[0]
        .events
        .iter()
        .map(|event| {
            let time = event.event_time.unwrap();
            format!(
                "{time} {:?} {:?} {}\n",
                event.request_id, event.fields, event.message
            )
        })
        .collect();
    expect_file!["../fixtures/batch.expected"].assert_eq(&lines);
    let event = &bench.sink.batches()[0].events[0];
    assert_eq!(event.function.as_deref(), Some("pay"));
    assert_eq!(event.account.as_deref(), Some("prod"));
    assert_eq!(event.version.as_deref(), Some("$LATEST"));
    assert_eq!(event.metadata.host, "/aws/lambda/pay");
}

#[tokio::test]
async fn a_line_belongs_to_the_invocation_that_runs() {
    let bench = Bench::new(CONFIG);
    let record = |kind: &str, record: &str| {
        format!(r#"{{"time":"2026-11-30T12:00:00Z","type":"{kind}","record":{record}}}"#)
    };
    let batch = [
        record(
            "platform.initStart",
            r#"{"functionName":"named","functionVersion":"7"}"#,
        ),
        record("function", "\"before\""),
        record("platform.start", r#"{"requestId":"r-1"}"#),
        record("function", r#"{"level":"INFO"}"#),
        record("platform.runtimeDone", r#"{"requestId":"r-1"}"#),
        record("function", "\"after\""),
    ];
    let body = format!("[{}]", batch.join(","));
    bench
        .send(request("/receiver/v1/lambda/t0ken", &[], body))
        .await;
    let events = bench.sink.batches().remove(0).events;
    let ids: Vec<_> = events
        .iter()
        .map(|event| event.request_id.as_deref())
        .collect();
    assert_eq!(
        ids,
        [None, None, Some("r-1"), Some("r-1"), Some("r-1"), None]
    );
    assert_eq!(events[1].function.as_deref(), Some("named"));
    assert_eq!(events[3].message, r#"{"level":"INFO"}"#);
}

#[tokio::test]
async fn broken_batches_are_refused_with_a_reason() {
    let bench = Bench::new(CONFIG);
    let refused = async |path: &str, body: &str, expected: Expect| {
        let (status, _, text) = bench.send(request(path, &[], body.to_owned())).await;
        expected.assert_eq(&format!("{} {text}", status.as_u16()));
    };
    refused(
        "/receiver/v1/lambda/wrong",
        BATCH,
        expect![[r#"
        401 unknown token; use the token of a configured source
    "#]],
    )
    .await;
    refused(PATH, BATCH.get(..700).unwrap(), expect![[r#"
        400 the body is no batch of the Telemetry API: EOF while parsing a string at line 7 column 149
    "#]]).await;
    refused(PATH, "{}", expect![[r#"
        400 the body is no batch of the Telemetry API: invalid type: map, expected a sequence at line 1 column 0
    "#]]).await;
    refused(
        PATH,
        r#"[{"time":"soon","type":"function","record":"x"}]"#,
        expect![[r#"
            400 the time `soon` is not understood: failed to parse four digit integer as year: invalid digit, expected 0-9 but got s
        "#]],
    )
    .await;
    refused(
        PATH,
        r#"[{"time":7,"type":"function","record":"x"}]"#,
        expect![[r#"
            400 the body is no batch of the Telemetry API: invalid type: integer `7`, expected a string at line 1 column 10
        "#]],
    )
    .await;
    refused(
        PATH,
        &"[".repeat(100_000),
        expect![[r#"
        400 the batch is nested more deeply than JSON_DEPTH_MAX = 128
    "#]],
    )
    .await;
    refused(
        PATH,
        &format!("[{}1]", "1,".repeat(2_000_001)),
        expect![[r#"
        413 the batch has more than TELEMETRY_VALUES_MAX = 2000000 values; nothing of it was stored
    "#]],
    )
    .await;
    assert!(bench.sink.batches().is_empty());
    bench
        .sink
        .refuse_next(SinkError::Busy("the buffer is full".to_owned()));
    refused(
        PATH,
        BATCH,
        expect![[r#"
        429 cannot take more events now: the buffer is full; try again in a moment
    "#]],
    )
    .await;
    assert_eq!(bench.sources.status()[0].errors_total, 7);
}

proptest! {
    #[test]
    fn no_change_of_a_batch_makes_it_panic(
        place in 0_usize..5_000,
        bytes in prop::collection::vec(any::<u8>(), 0..8),
        cut in 0_usize..100,
    ) {
        let mut batch = BATCH.as_bytes().to_vec();
        let place = place.min(batch.len());
        let end = (place + bytes.len()).min(batch.len());
        batch.splice(place..end, bytes);
        batch.truncate(batch.len().saturating_sub(cut / 20));
        // Accepted or refused, but never a panic.
        drop(decode(&batch, model::LogEvent::default()));
    }
}
