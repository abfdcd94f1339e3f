//! Requests and the answers to them, in both encodings; requests that are broken.

use axum::http::header::CONTENT_ENCODING;
use expect_test::{Expect, expect, expect_file};
use model::{LogEvent, SinkError};
use proptest::prelude::*;
use serde::de::DeserializeOwned;

use super::super::messages::{LogRecord, Metric, Resource, Scope};
use super::super::request::Visit;
use super::*;
use crate::testing::{Bench, gzip, request, shown};

const LOGS: &[u8] = include_bytes!("../fixtures/logs.json");
const METRICS: &[u8] = include_bytes!("../fixtures/metrics.json");
const CONFIG: &str = r#"
[[sources]]
name = "telemetry"
collector = "otlp"
token = "t0ken"
category = "otel"
fields = { team = "a", account = "prod" }
"#;
const JSON: (&str, &str) = ("content-type", "application/json");
const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const TOKEN: (&str, &str) = ("authorization", "Bearer t0ken");

fn template() -> Template {
    #[derive(serde::Deserialize)]
    struct File {
        sources: Vec<toml::Table>,
    }
    let mut file: File = toml::from_str(CONFIG).unwrap();
    let mut table = file.sources.remove(0);
    table.remove("collector");
    Template::new(&table.try_into().unwrap())
}

fn decoded_by(
    encoding: Encoding,
    signal: Signal,
    body: &[u8],
) -> Result<(EventBatch, Option<Partial>), Refused> {
    decode(&template(), encoding, signal, Bytes::copy_from_slice(body))
}

/// What is in a request, to write it in the other encoding.
#[derive(Clone, PartialEq, Message)]
struct Group {
    #[prost(bytes = "bytes", tag = "1")]
    head: Bytes,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    items: Vec<Bytes>,
}

#[derive(Clone, PartialEq, Message)]
struct Whole {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    groups: Vec<Bytes>,
}

#[derive(Default)]
struct Recorder(Vec<(Resource, Vec<Group>)>);

impl<T: Message> Visit<T> for Recorder {
    fn resource(&mut self, resource: Resource) -> Result<(), Refused> {
        self.0.push((resource, Vec::new()));
        Ok(())
    }
    fn scope(&mut self, scope: Scope) -> Result<(), Refused> {
        let group = Group {
            head: scope.encode_to_vec().into(),
            items: Vec::new(),
        };
        self.0.last_mut().unwrap().1.push(group);
        Ok(())
    }
    fn item(&mut self, item: T) -> Result<(), Refused> {
        let scopes = &mut self.0.last_mut().unwrap().1;
        scopes
            .last_mut()
            .unwrap()
            .items
            .push(item.encode_to_vec().into());
        Ok(())
    }
}

fn as_protobuf<T: Message + Default + DeserializeOwned>(json: &'static [u8]) -> Vec<u8> {
    let mut recorder = Recorder::default();
    read::<T, _>(Encoding::Json, Bytes::from_static(json), &mut recorder).unwrap();
    let groups = recorder.0.into_iter().map(|(resource, scopes)| {
        let group = Group {
            head: resource.encode_to_vec().into(),
            items: scopes
                .iter()
                .map(|scope| scope.encode_to_vec().into())
                .collect(),
        };
        group.encode_to_vec().into()
    });
    Whole {
        groups: groups.collect(),
    }
    .encode_to_vec()
}

#[test]
fn log_records_become_events_by_the_semantic_conventions() {
    let (batch, partial) = decoded_by(Encoding::Json, Signal::Logs, LOGS).unwrap();
    expect_file!["../fixtures/logs.expected"].assert_debug_eq(&(batch.events, partial));
}

#[test]
fn metrics_become_samples() {
    let (batch, partial) = decoded_by(Encoding::Json, Signal::Metrics, METRICS).unwrap();
    let partial = partial.unwrap();
    let told = format!(
        "{}{}: {}\n",
        shown(&batch.samples),
        partial.rejected,
        partial.error_message
    );
    expect_file!["../fixtures/metrics.expected"].assert_eq(&told);
}

#[test]
fn both_encodings_say_the_same() {
    let logs = as_protobuf::<LogRecord>(LOGS);
    let (json, told_json) = decoded_by(Encoding::Json, Signal::Logs, LOGS).unwrap();
    let (protobuf, told) = decoded_by(Encoding::Protobuf, Signal::Logs, &logs).unwrap();
    assert_eq!(json.events, protobuf.events);
    assert_eq!(told_json, told);
    let metrics = as_protobuf::<Metric>(METRICS);
    let (json, told_json) = decoded_by(Encoding::Json, Signal::Metrics, METRICS).unwrap();
    let (protobuf, told) = decoded_by(Encoding::Protobuf, Signal::Metrics, &metrics).unwrap();
    assert_eq!(json.samples, protobuf.samples);
    assert_eq!(told_json, told);
}

#[tokio::test]
async fn an_exporter_is_answered_in_its_own_encoding() {
    let bench = Bench::new(CONFIG);
    let one =
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"a"}}]}]}]}"#;
    let (status, headers, text) = bench
        .send(request("/v1/logs", &[JSON, TOKEN], &one[..]))
        .await;
    assert_eq!((status, text.as_str()), (StatusCode::OK, "{}"));
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    let (status, _, text) = bench.send(request("/v1/logs", &[JSON, TOKEN], LOGS)).await;
    assert_eq!(status, StatusCode::OK);
    expect![[r#"{"partialSuccess":{"rejectedLogRecords":"2","errorMessage":"not stored: 2 log records; the first: it has no body, no event name and no attributes"}}"#]].assert_eq(&text);
    let headers = [PROTOBUF, (CONTENT_ENCODING.as_str(), "gzip")];
    let body = gzip(&as_protobuf::<Metric>(METRICS));
    let path = "/receiver/v1/otlp/t0ken/v1/metrics";
    let (status, headers, body) = bench.send_for_bytes(request(path, &headers, body)).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], "application/x-protobuf");
    let answer = ExportAnswer::decode(body.as_slice()).unwrap();
    assert_eq!(answer.partial_success.unwrap().rejected, 6);
    let batches = bench.sink.batches();
    assert_eq!((batches[0].events.len(), batches[1].events.len()), (1, 5));
    assert!(!batches[2].samples.is_empty());
    let status = &bench.sources.status()[0];
    assert_eq!(status.errors_total, 2);
    assert!(
        status
            .last_error
            .as_ref()
            .unwrap()
            .contains("not stored: 6 data points")
    );
}

#[tokio::test]
async fn a_token_must_be_known_and_traces_are_not_taken() {
    let bench = Bench::new(CONFIG);
    let wrong = ("authorization", "Bearer wrong");
    let basic = ("authorization", "Basic t0ken");
    for headers in [&[PROTOBUF] as &[_], &[PROTOBUF, wrong], &[PROTOBUF, basic]] {
        let (status, _, body) = bench.send_for_bytes(request("/v1/logs", headers, "")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(Status::decode(body.as_slice()).unwrap().code, 16);
    }
    let (status, _, text) = bench
        .send(request("/v1/traces", &[JSON, TOKEN], "{}"))
        .await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    expect![[r#"{"code":12,"message":"traces are not stored here; export logs and metrics only (OTEL_TRACES_EXPORTER=none)"}"#]].assert_eq(&text);
    let plain = ("content-type", "text/plain");
    let (status, _, _) = bench
        .send_for_bytes(request("/v1/logs", &[plain, TOKEN], "x"))
        .await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn an_exporter_is_told_when_to_try_again() {
    let bench = Bench::new(CONFIG);
    for (refusal, expected) in [
        (
            SinkError::Busy("the buffer is full".to_owned()),
            StatusCode::TOO_MANY_REQUESTS,
        ),
        (
            SinkError::Failed("no space".to_owned()),
            StatusCode::SERVICE_UNAVAILABLE,
        ),
    ] {
        bench.sink.refuse_next(refusal);
        let (status, headers, _) = bench.send(request("/v1/logs", &[JSON, TOKEN], LOGS)).await;
        assert_eq!(status, expected);
        assert_eq!(headers[RETRY_AFTER], "1");
    }
    assert!(bench.sink.batches().is_empty());
}

fn refused(encoding: Encoding, signal: Signal, body: &[u8], expected: &Expect) {
    let refused = decoded_by(encoding, signal, body).unwrap_err();
    let told = format!("{} {}", refused.status.as_u16(), refused.problem);
    expected.assert_eq(&told);
}

#[test]
fn broken_requests_are_refused_with_a_reason() {
    use Encoding::{Json, Protobuf};
    let logs = as_protobuf::<LogRecord>(LOGS);
    refused(
        Protobuf,
        Signal::Logs,
        &logs[..logs.len() - 1],
        &expect![
            "400 the body is not an export request in Protocol Buffers: Request.groups: buffer underflow; nothing of it was stored"
        ],
    );
    refused(
        Protobuf,
        Signal::Logs,
        LOGS,
        &expect![
            "400 the body is not an export request in Protocol Buffers: failed to decode Protobuf message: unexpected end group tag; nothing of it was stored"
        ],
    );
    refused(
        Json,
        Signal::Logs,
        b"{\"resourceLogs\":[",
        &expect![
            "400 the body is not an export request in JSON: EOF while parsing a list at line 1 column 17; nothing of it was stored"
        ],
    );
    refused(
        Json,
        Signal::Logs,
        b"{\"resourceLogs\":7}",
        &expect![
            "400 the body is not an export request in JSON: invalid type: integer `7`, expected a sequence at line 1 column 17; nothing of it was stored"
        ],
    );
    refused(
        Json,
        Signal::Logs,
        br#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"traceId":"xyz"}]}]}]}"#,
        &expect![[
            r#"400 the body is not an export request in JSON: invalid value: string "xyz", expected pairs of hexadecimal digits at line 1 column 63; nothing of it was stored"#
        ]],
    );
    refused(
        Json,
        Signal::Metrics,
        br#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[{"asInt":"99999999999999999999"}]}}]}]}]}"#,
        &expect!["400 the body is not an export request in JSON: the integer 99999999999999999999 is out of range at line 1 column 104; nothing of it was stored"],
    );
}

#[test]
fn requests_that_are_too_much_are_refused_with_a_reason() {
    use Encoding::{Json, Protobuf};
    refused(
        Json,
        Signal::Logs,
        "[".repeat(100_000).as_bytes(),
        &expect![
            "400 the body is nested more deeply than JSON_DEPTH_MAX = 128; nothing of it was stored"
        ],
    );
    let many = format!("{{\"resourceLogs\":[{}{{}}]}}", "{},".repeat(1_000_000));
    refused(
        Json,
        Signal::Logs,
        many.as_bytes(),
        &expect![
            "413 the body has more than OTLP_JSON_OBJECTS_MAX = 1000000 opening braces; nothing of it was stored; send smaller requests"
        ],
    );
    // A value in a value in a value …
    let mut nested = Vec::new();
    for _ in 0..200 {
        let mut length = Vec::new();
        prost::encoding::encode_varint(nested.len() as u64, &mut length);
        nested = [&[0x0a_u8][..], &length, &nested].concat();
        let mut length = Vec::new();
        prost::encoding::encode_varint(nested.len() as u64, &mut length);
        nested = [&[0x2a_u8][..], &length, &nested].concat();
    }
    let record = wrapped(&[0x2a], &nested);
    refused(
        Protobuf,
        Signal::Logs,
        &in_request(&record, 1),
        &expect![
            "400 the body is not an export request in Protocol Buffers: LogRecord.body: recursion limit reached; nothing of it was stored"
        ],
    );
    refused(
        Protobuf,
        Signal::Logs,
        &in_request(&[], 500_001),
        &expect![
            "413 the request has more than OTLP_RECORDS_MAX = 500000 log records; nothing of it was stored; send smaller requests"
        ],
    );
    let large = wrapped(&[0x2a], &wrapped(&[0x0a], &vec![b'x'; 9 << 20]));
    refused(
        Protobuf,
        Signal::Logs,
        &in_request(&large, 1),
        &expect![
            "413 a resource, scope, log record or metric is larger than OTLP_PART_BYTES_MAX, 8388608 bytes; nothing of the request was stored"
        ],
    );
}

#[test]
fn attributes_of_a_resource_are_not_repeated_without_end() {
    let attribute = [
        wrapped(&[0x0a], b"a"),
        wrapped(&[0x12], &wrapped(&[0x0a], &vec![b'x'; 1 << 20])),
    ];
    let resource = wrapped(&[0x0a], &wrapped(&[0x0a], &attribute.concat()));
    let record = wrapped(&[0x12], &wrapped(&[0x2a], &wrapped(&[0x0a], b"m")));
    let records = record.repeat(1_000);
    let body = wrapped(&[0x0a], &[resource, wrapped(&[0x12], &records)].concat());
    refused(
        Encoding::Protobuf,
        Signal::Logs,
        &body,
        &expect![
            "413 with the attributes of its resources the request takes more than OTLP_EXPANDED_BYTES_MAX = 536870912 bytes; nothing of it was stored; send smaller requests"
        ],
    );
}

#[test]
fn attributes_of_a_histogram_are_not_repeated_for_its_buckets_without_end() {
    let attribute = [
        wrapped(&[0x0a], b"a"),
        wrapped(&[0x12], &wrapped(&[0x0a], &vec![b'x'; 1 << 20])),
    ];
    let attribute = wrapped(&[0x4a], &attribute.concat());
    let point = [attribute, wrapped(&[0x32], &[0; 8 * 10_000])].concat();
    let metric = [
        wrapped(&[0x0a], b"m"),
        wrapped(&[0x4a], &wrapped(&[0x0a], &point)),
    ];
    let body = in_request(&metric.concat(), 1);
    refused(
        Encoding::Protobuf,
        Signal::Metrics,
        &body,
        &expect![
            "413 with the attributes of its resources the request takes more than OTLP_EXPANDED_BYTES_MAX = 536870912 bytes; nothing of it was stored; send smaller requests"
        ],
    );
}

/// A field of a message.
fn wrapped(tag: &[u8], content: &[u8]) -> Vec<u8> {
    let mut length = Vec::new();
    prost::encoding::encode_varint(content.len() as u64, &mut length);
    [tag, &length, content].concat()
}

/// A request with this record so many times.
fn in_request(record: &[u8], times: usize) -> Vec<u8> {
    let records = wrapped(&[0x12], record).repeat(times);
    wrapped(&[0x0a], &wrapped(&[0x12], &records))
}

proptest! {
    #[test]
    fn no_change_of_a_request_makes_it_panic(
        cut in 0_usize..4_000,
        place in 0_usize..4_000,
        bytes in prop::collection::vec(any::<u8>(), 0..8),
        is_json in any::<bool>(),
        is_metrics in any::<bool>(),
    ) {
        let (signal, json, protobuf) = if is_metrics {
            (Signal::Metrics, METRICS, as_protobuf::<Metric>(METRICS))
        } else {
            (Signal::Logs, LOGS, as_protobuf::<LogRecord>(LOGS))
        };
        let (encoding, mut body) = if is_json {
            (Encoding::Json, json.to_vec())
        } else {
            (Encoding::Protobuf, protobuf)
        };
        let place = place.min(body.len());
        let end = (place + bytes.len()).min(body.len());
        body.splice(place..end, bytes);
        body.truncate(body.len().saturating_sub(cut / 10));
        if let Ok((batch, _)) = decoded_by(encoding, signal, &body) {
            prop_assert!(batch.samples.iter().all(|sample| sample.value.is_finite()));
            prop_assert!(batch.events.iter().all(has_unique_fields));
        }
    }
}

fn has_unique_fields(event: &LogEvent) -> bool {
    let mut names: Vec<&String> = event.fields.iter().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.windows(2).all(|pair| pair[0] != pair[1])
}
