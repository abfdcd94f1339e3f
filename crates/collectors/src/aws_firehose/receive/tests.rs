//! Deliveries and the answers to them; what comes twice; deliveries that are broken.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use expect_test::{Expect, expect, expect_file};
use model::{EventSink, SinkError};
use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::aws_cloudwatch_logs::{Decoder, Group, RawEvent};
use crate::otlp::messages::any_value::Value as Any;
use crate::otlp::messages::{
    AnyValue, KeyValue, KeyValueList, Metric, Quantile, Resource, Summaries, SummaryPoint,
};
use crate::testing::{Bench, FixedClock, gzip, request, shown};

const TIMEOUT: &str = include_str!("../fixtures/timeout.json");
const METRICS: &str = include_str!("../fixtures/metric_stream.ndjson");
const CONTROL: &str = r#"{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1700000000000,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}"#;
const CONFIG: &str = r#"
[[sources]]
name = "firehose"
collector = "aws_firehose"
access_key = "t0ken"
category = "aws"
fields = { team = "a" }
"#;
/// The same log groups are pulled, too, from where nobody answers.
const PULLED: &str = r#"
also_pulled_by = "prod"
[[sources]]
name = "prod"
collector = "aws_cloudwatch_logs"
region = "eu-west-1"
endpoint_url = "http://127.0.0.1:1"
category = "pulled"
"#;
const ARN: &str =
    "arn:aws:logs:eu-west-1:601427279990:log-group:/aws/lambda/storms-cloudwatch-event";

fn body(id: &str, records: &[&[u8]]) -> Vec<u8> {
    let records: Vec<Value> = records
        .iter()
        .map(|record| json!({"data": STANDARD.encode(record)}))
        .collect();
    json!({"requestId": id, "timestamp": 1_763_909_520_000_i64, "records": records})
        .to_string()
        .into_bytes()
}

fn delivery(id: &str, body: Vec<u8>, more: &[(&str, &str)]) -> Request {
    let mut headers = vec![
        ("content-type", "application/json"),
        (PROTOCOL_VERSION, "1.0"),
        (REQUEST_ID, id),
        (
            SOURCE_ARN,
            "arn:aws:firehose:eu-west-1:601427279990:deliverystream/logs",
        ),
        (
            COMMON_ATTRIBUTES,
            r#"{"commonAttributes":{"stage":"prod","team":"theirs"}}"#,
        ),
    ];
    if !more.iter().any(|(name, _)| *name == ACCESS_KEY) {
        headers.push((ACCESS_KEY, "t0ken"));
    }
    headers.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    headers.extend(more);
    request("/receiver/v1/firehose", &headers, body)
}

async fn deliver(bench: &Bench, id: &str, records: &[&[u8]]) -> (StatusCode, String) {
    let (status, _, text) = bench.send(delivery(id, body(id, records), &[])).await;
    (status, text)
}

#[tokio::test]
async fn events_of_log_groups_are_those_that_would_be_pulled() {
    let bench = Bench::new(CONFIG);
    let (status, text) = deliver(&bench, "r-1", &[&gzip(TIMEOUT.as_bytes())]).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(text, r#"{"requestId":"r-1","timestamp":1763909520000}"#);
    let batch = &bench.sink.batches()[0];
    assert_eq!(batch.origin, Some(("firehose".to_owned(), ARN.to_owned())));
    expect_file!["../fixtures/timeout.expected"].assert_debug_eq(&batch.events);
}

#[tokio::test]
async fn what_is_sent_again_is_stored_once() {
    let bench = Bench::new(CONFIG);
    let records: &[&[u8]] = &[&gzip(TIMEOUT.as_bytes()), b"a plain line"];
    for id in ["r-1", "r-1"] {
        assert_eq!(deliver(&bench, id, records).await.0, StatusCode::OK);
    }
    assert_eq!(bench.sink.messages().len(), 5);
    // CloudWatch Logs sends the same events once more, in another delivery.
    assert_eq!(
        deliver(&bench, "r-2", &records[..1]).await.0,
        StatusCode::OK
    );
    assert_eq!(bench.sink.messages().len(), 5);
    let status = &bench.sources.status()[0];
    assert_eq!(status.events_repeated_total, 4);
}

#[tokio::test]
async fn what_comes_both_ways_is_stored_once() {
    let bench = Bench::new(&format!("{CONFIG}{PULLED}"));
    deliver(&bench, "r-1", &[&gzip(TIMEOUT.as_bytes())]).await;
    let pushed = bench.sink.batches().remove(0);
    assert!(
        pushed.checkpoint.is_none(),
        "the puller moves its own checkpoint"
    );
    let config =
        toml::from_str("name = 'prod'\nregion = 'eu-west-1'\ncategory = 'pulled'").unwrap();
    let group = Group {
        arn: ARN.to_owned(),
        name: "/aws/lambda/storms-cloudwatch-event".to_owned(),
        created_ms: 0,
    };
    let mut decoder = Decoder::new(&config, &group);
    let sent: Value = serde_json::from_str(TIMEOUT).unwrap();
    let pulled = sent["logEvents"].as_array().unwrap().iter().map(|event| {
        decoder.decode(RawEvent {
            log_stream_name: sent["logStream"].as_str().unwrap().to_owned(),
            timestamp: event["timestamp"].as_i64().unwrap(),
            message: event["message"].as_str().unwrap().to_owned(),
            ingestion_time: Some(FixedClock.now().millis()),
            event_id: Some(event["id"].as_str().unwrap().to_owned()),
        })
    });
    let pulled = EventBatch {
        events: pulled.collect(),
        origin: Some(("prod".to_owned(), ARN.to_owned())),
        ..EventBatch::default()
    };
    assert_eq!(pulled.events, pushed.events);
    let receipt = bench.sink.append(pulled).await.unwrap();
    assert_eq!((receipt.stored, receipt.repeated), (0, 4));
}

#[tokio::test]
async fn a_source_that_is_not_there_cannot_pull() {
    let error = Bench::try_new(&format!("{CONFIG}also_pulled_by = 'prod'"))
        .err()
        .unwrap();
    expect!["source `firehose`: also_pulled_by names no aws_cloudwatch_logs source: `prod`"]
        .assert_eq(&error.to_string());
}

#[tokio::test]
async fn records_are_told_apart_by_their_form() {
    let bench = Bench::new(CONFIG);
    let twice = [gzip(TIMEOUT.as_bytes()), gzip(CONTROL.as_bytes())].concat();
    let other = r#"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"/ecs/web","logStream":"i-1","subscriptionFilters":[],"logEvents":[{"id":"7","timestamp":1,"message":"m","extractedFields":{"a":"b"}}]}"#;
    let records: &[&[u8]] = &[
        &twice,
        CONTROL.as_bytes(),
        other.as_bytes(),
        b"{\"own\":1}\n\nplain \xff\n",
        METRICS.as_bytes(),
    ];
    let (status, headers, _) = bench
        .send(delivery(
            "r-1",
            gzip(&body("r-1", records)),
            &[("content-encoding", "gzip")],
        ))
        .await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(headers[CONTENT_TYPE], "application/json");
    let batches = bench.sink.batches();
    let messages = |index: usize| {
        batches[index]
            .events
            .iter()
            .map(|event| event.message.as_str())
    };
    assert_eq!(batches.len(), 3);
    assert_eq!(messages(0).collect::<Vec<_>>(), ["m"]);
    assert_eq!(messages(1).count(), 4);
    assert_eq!(
        messages(2).collect::<Vec<_>>(),
        ["{\"own\":1}", "plain \u{fffd}"]
    );
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(
        batches[2].events[0].fields,
        [pair("stage", "prod"), pair("team", "a")]
    );
    expect_file!["../fixtures/metric_stream.expected"].assert_eq(&shown(&batches[2].samples));
}

#[tokio::test]
async fn metric_streams_say_the_same_in_both_forms() {
    let bench = Bench::new(CONFIG);
    let line = METRICS.lines().next().unwrap();
    let json: Value = serde_json::from_str(line).unwrap();
    deliver(
        &bench,
        "r-1",
        &[
            line.as_bytes(),
            &[export_request(&json), export_request(&json)].concat(),
        ],
    )
    .await;
    let samples = bench.sink.batches().remove(0).samples;
    let (from_json, from_export) = samples.split_at(samples.len() / 3);
    let (first, second) = from_export.split_at(from_json.len());
    assert!(!from_json.is_empty());
    assert_eq!(from_json, first);
    assert_eq!(first, second);
}

/// Statistics as a metric stream writes them in OpenTelemetry 1.0.
fn export_request(json: &Value) -> Vec<u8> {
    let any = |value| Some(AnyValue { value: Some(value) });
    let pair = |key: &str, text: &Value| KeyValue {
        key: key.to_owned(),
        value: any(Any::Text(text.as_str().unwrap().to_owned())),
    };
    let dimensions = json["dimensions"].as_object().unwrap();
    let dimensions = KeyValueList {
        values: dimensions
            .iter()
            .map(|(name, value)| pair(name, value))
            .collect(),
    };
    let value = |name: &str| json["value"][name].as_f64().unwrap();
    let start = json["timestamp"].as_u64().unwrap() * 1_000_000;
    let point = SummaryPoint {
        attributes: vec![
            pair("Namespace", &json["namespace"]),
            pair("MetricName", &json["metric_name"]),
            KeyValue {
                key: "Dimensions".to_owned(),
                value: any(Any::Map(dimensions)),
            },
        ],
        start_time_unix_nano: start,
        time_unix_nano: start + 60_000_000_000,
        count: value("count") as u64,
        sum: value("sum"),
        quantile_values: vec![
            Quantile {
                quantile: 0.0,
                value: value("min"),
            },
            Quantile {
                quantile: 1.0,
                value: value("max"),
            },
        ],
        flags: 0,
    };
    let metric = Metric {
        name: "amazonaws.com/AWS/EC2/DiskWriteOps".to_owned(),
        unit: json["unit"].as_str().unwrap().to_owned(),
        summary: Some(Summaries {
            data_points: vec![point],
        }),
        ..Metric::default()
    };
    let resource = Resource {
        attributes: vec![
            pair("cloud.provider", &Value::from("aws")),
            pair("cloud.account.id", &json["account_id"]),
            pair("cloud.region", &json["region"]),
        ],
    };
    let scope = wrapped(0x12, &metric.encode_to_vec());
    let group = [
        wrapped(0x0a, &resource.encode_to_vec()),
        wrapped(0x12, &scope),
    ]
    .concat();
    let request = wrapped(0x0a, &group);
    let mut record = Vec::new();
    prost::encoding::encode_varint(request.len() as u64, &mut record);
    record.extend(request);
    record
}

fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut field = vec![tag];
    prost::encoding::encode_varint(content.len() as u64, &mut field);
    field.extend(content);
    field
}

#[tokio::test]
async fn every_refusal_has_the_form_that_firehose_wants() {
    let bench = Bench::new(CONFIG);
    let plain = body("r-1", &[b"x"]);
    let refused = async |more: &[(&str, &str)], body: Vec<u8>, expected: Expect| {
        let (status, _, text) = bench.send(delivery("r-1", body, more)).await;
        expected.assert_eq(&format!("{} {text}", status.as_u16()));
    };
    refused(&[(ACCESS_KEY, "wrong")], plain.clone(), expect![[r#"401 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"unknown access key; give the destination the access_key of a configured `aws_firehose` source"}"#]]).await;
    refused(&[(ACCESS_KEY, "")], plain.clone(), expect![[r#"401 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"unknown access key; give the destination the access_key of a configured `aws_firehose` source"}"#]]).await;
    refused(&[(REQUEST_ID, "")], plain.clone(), expect![[r#"400 {"requestId":"","timestamp":1763909520000,"errorMessage":"the header X-Amz-Firehose-Request-Id is missing"}"#]]).await;
    refused(&[(REQUEST_ID, "r-2")], plain.clone(), expect![[r#"400 {"requestId":"r-2","timestamp":1763909520000,"errorMessage":"requestId in the body is not that of the header X-Amz-Firehose-Request-Id"}"#]]).await;
    refused(&[(PROTOCOL_VERSION, "2.0")], plain.clone(), expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"the protocol version 2.0 is not known; the only one is 1.0"}"#]]).await;
    refused(&[(COMMON_ATTRIBUTES, "{")], plain.clone(), expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"X-Amz-Firehose-Common-Attributes is not understood: EOF while parsing an object at line 1 column 1"}"#]]).await;
    refused(
        &[],
        b"{\"requestId\":\"r-1\",\"records\":7}".to_vec(),
        expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"the body is no delivery: invalid type: integer `7`, expected a sequence at line 1 column 30"}"#]],
    )
    .await;
    refused(
        &[],
        b"{\"requestId\":\"r-1\",\"records\":[{\"data\":\"*\"}]}".to_vec(),
        expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"record 1: the data is not base64: Invalid symbol 42, offset 0."}"#]],
    )
    .await;
    let cut = gzip(TIMEOUT.as_bytes());
    refused(&[], body("r-1", &[b"x", &cut[..cut.len() - 9]]), expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"record 2: the body is not valid gzip: incomplete deflate stream"}"#]]).await;
    let huge = TIMEOUT.replace("1591714943146", "99999999999999999999");
    refused(&[], body("r-1", &[huge.as_bytes()]), expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"record 1: it is not what AWS sends of a log group: invalid type: floating point `1e+20`, expected i64 at line 12 column 39"}"#]]).await;
    let bomb = gzip(&vec![b'x'; 65 << 20]);
    refused(&[], body("r-1", &[&bomb, &bomb]), expect![[r#"413 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"record 2: all records together are larger than REQUEST_BYTES_MAX, 134217728 bytes uncompressed"}"#]]).await;
    let export = export_request(&serde_json::from_str(METRICS.lines().next().unwrap()).unwrap());
    refused(
        &[],
        body("r-1", &[&[&export[..40], b"\xff"].concat()]),
        expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"record 1: a record of a metric stream is cut off"}"#]],
    )
    .await;
    let deep = format!("{{\"logEvents\":{}", "[".repeat(100_000));
    refused(&[], body("r-1", &[deep.as_bytes()]), expect![[r#"400 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"record 1: it is not what AWS sends of a log group: invalid type: sequence, expected a string at line 1 column 15"}"#]]).await;
    let many = "{},".repeat(500_001);
    refused(&[], many.into_bytes(), expect![[r#"413 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"the delivery has more than FIREHOSE_RECORDS_MAX = 500000 records"}"#]]).await;
    assert!(bench.sink.batches().is_empty());
    // Of the five refusals for headers only one came after the body was read.
    let letters = bench.sink.dead_letters();
    assert_eq!(
        (letters.len(), letters[0].metadata.source.as_str()),
        (9, "firehose")
    );
    bench
        .sink
        .refuse_next(SinkError::Busy("the buffer is full".to_owned()));
    refused(&[], plain.clone(), expect![[r#"429 {"requestId":"r-1","timestamp":1763909520000,"errorMessage":"cannot take more events now: the buffer is full; try again in a moment"}"#]]).await;
    assert_eq!(deliver(&bench, "r-1", &[b"x"]).await.0, StatusCode::OK);
    assert_eq!(bench.sources.status()[0].errors_total, 13);
}

#[test]
fn more_events_than_a_delivery_may_have_are_refused() {
    let events = r#"{"id":"","timestamp":0,"message":""},"#.repeat(500_001);
    let sent = format!(
        r#"{{"messageType":"DATA_MESSAGE","logGroup":"/g","logEvents":[{}]}}"#,
        events.trim_end_matches(',')
    );
    let refused = decoded_of(&[sent.as_bytes()]).unwrap_err();
    assert!(
        refused.problem.starts_with("record 1: "),
        "{}",
        refused.problem
    );
}

fn decoded_of(records: &[&[u8]]) -> Result<Decoded, Refused> {
    let config: Config = toml::from_str("name = 's'\naccess_key = 'k'").unwrap();
    Delivery::read(&body("r-1", records))?.decode(&Surroundings {
        config: &config,
        pulled_by: None,
        fields: BTreeMap::new(),
        place: Place::of(""),
        now: FixedClock.now(),
    })
}

proptest! {
    #[test]
    fn no_change_of_a_delivery_makes_it_panic(
        place in 0_usize..2_000,
        bytes in prop::collection::vec(any::<u8>(), 0..8),
        cut in 0_usize..400,
        which in 0_usize..3,
        is_packed in any::<bool>(),
    ) {
        let line: Value = serde_json::from_str(METRICS.lines().next().unwrap()).unwrap();
        let mut record = match which {
            0 => TIMEOUT.as_bytes().to_vec(),
            1 => METRICS.as_bytes().to_vec(),
            _ => export_request(&line),
        };
        if is_packed {
            record = gzip(&record);
        }
        let place = place.min(record.len());
        let end = (place + bytes.len()).min(record.len());
        record.splice(place..end, bytes);
        record.truncate(record.len().saturating_sub(cut));
        if let Ok(found) = decoded_of(&[&record]) {
            prop_assert!(found.samples.iter().all(|sample| sample.value.is_finite()));
        }
    }
}
