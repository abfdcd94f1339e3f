//! The server as a client sees it, over the router.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use model::{Clock, ManualClock};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::config::{Nuisances, SimulatorConfig};

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);
const GROUP: &str = "/aws/lambda/checkout-api";

struct Cloud {
    clock: Arc<ManualClock>,
    service: Arc<Service>,
}

impl Cloud {
    fn new(nuisances: Nuisances, change: impl FnOnce(&mut SimulatorConfig)) -> Cloud {
        let clock = Arc::new(ManualClock::at(START));
        let mut config = SimulatorConfig::new(Arc::clone(&clock) as Arc<dyn Clock>);
        config.nuisances = nuisances;
        config.history_minutes = 5;
        change(&mut config);
        Cloud {
            clock,
            service: Arc::new(Service::new(config)),
        }
    }

    fn empty(nuisances: Nuisances) -> Cloud {
        Cloud::new(nuisances, |config| config.events_per_second = 0.0)
    }

    fn pass_ms(&self, millis: i64) {
        self.clock.advance_nanos(millis * 1_000_000);
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Value) {
        let response = router(Arc::clone(&self.service))
            .oneshot(request)
            .await
            .unwrap();
        assert!(response.headers().contains_key("x-amzn-requestid"));
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn call(&self, operation: &str, body: Value) -> (StatusCode, Value) {
        let request = Request::post("/")
            .header("x-amz-target", format!("Logs_20140328.{operation}"))
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AK/20261123/eu-west-1/logs/aws4_request, Signature=0",
            )
            .body(Body::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn ok(&self, operation: &str, body: Value) -> Value {
        let (status, answer) = self.call(operation, body).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        answer
    }

    async fn error(&self, operation: &str, body: Value) -> (String, String) {
        let (status, answer) = self.call(operation, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("__type"), text("message"))
    }

    async fn create(&self, group: &str, streams: &[&str]) {
        self.ok("CreateLogGroup", json!({"logGroupName": group}))
            .await;
        for stream in streams {
            self.ok(
                "CreateLogStream",
                json!({"logGroupName": group, "logStreamName": stream}),
            )
            .await;
        }
    }

    async fn put(&self, stream: &str, events: &[(i64, &str)]) {
        let events: Vec<Value> = events
            .iter()
            .map(|(after, text)| json!({"timestamp": START.millis() + after, "message": text}))
            .collect();
        self.ok(
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": stream, "logEvents": events}),
        )
        .await;
    }

    /// Reads all pages, and also says how many of them were empty.
    async fn all_pages(&self, mut request: Value) -> (Vec<Value>, usize) {
        let (mut events, mut empty) = (Vec::new(), 0);
        loop {
            let mut answer = self.ok("FilterLogEvents", request.clone()).await;
            let Value::Array(page) = answer["events"].take() else {
                panic!("no events")
            };
            empty += usize::from(page.is_empty());
            events.extend(page);
            match answer["nextToken"].take() {
                Value::Null => return (events, empty),
                token => request["nextToken"] = token,
            }
        }
    }
}

fn messages(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["message"].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn events_come_in_the_order_of_time_across_streams() {
    let cloud = Cloud::empty(Nuisances::none());
    cloud.create("g", &["a", "b"]).await;
    cloud
        .put("a", &[(0, "a0"), (2, "a2"), (2, "a2 again")])
        .await;
    cloud.put("b", &[(1, "b1"), (2, "b2")]).await;
    let (events, _) = cloud
        .all_pages(json!({"logGroupName": "g", "limit": 2}))
        .await;
    assert_eq!(messages(&events), ["a0", "b1", "a2", "a2 again", "b2"]);
    let ids: BTreeSet<&str> = events
        .iter()
        .map(|e| e["eventId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 5);
    assert!(ids.iter().all(|id| id.len() == 56));

    let newest = json!({"logGroupName": "g", "limit": 2, "startFromHead": false});
    let (events, _) = cloud.all_pages(newest).await;
    assert_eq!(messages(&events), ["b2", "a2 again", "a2", "b1", "a0"]);
}

#[tokio::test]
async fn the_end_is_inclusive_when_filtering_and_exclusive_when_getting() {
    let cloud = Cloud::empty(Nuisances::none());
    cloud.create("g", &["a"]).await;
    cloud
        .put("a", &[(0, "0"), (1, "1"), (2, "2"), (3, "3")])
        .await;
    let (from, to) = (START.millis() + 1, START.millis() + 2);
    let range = json!({"logGroupName": "g", "startTime": from, "endTime": to});
    assert_eq!(messages(&cloud.all_pages(range).await.0), ["1", "2"]);
    let range =
        json!({"logGroupName": "g", "logStreamName": "a", "startTime": from, "endTime": to});
    let answer = cloud.ok("GetLogEvents", range).await;
    assert_eq!(messages(answer["events"].as_array().unwrap()), ["1"]);
    assert_eq!(answer["events"][0].get("eventId"), None);
}

#[tokio::test]
async fn the_end_of_a_stream_is_the_token_that_was_sent() {
    let cloud = Cloud::empty(Nuisances::none());
    cloud.create("g", &["a"]).await;
    cloud.put("a", &[(0, "0"), (1, "1"), (2, "2")]).await;
    let mut request =
        json!({"logGroupName": "g", "logStreamName": "a", "limit": 2, "startFromHead": true});
    let mut seen = Vec::new();
    loop {
        let answer = cloud.ok("GetLogEvents", request.clone()).await;
        seen.push(messages(answer["events"].as_array().unwrap()).join(","));
        if answer["nextForwardToken"] == request["nextToken"] {
            break;
        }
        request["nextToken"] = answer["nextForwardToken"].clone();
    }
    assert_eq!(seen, ["0,1", "2", ""]);
    cloud.put("a", &[(5, "5")]).await;
    let answer = cloud.ok("GetLogEvents", request.clone()).await;
    assert_eq!(messages(answer["events"].as_array().unwrap()), ["5"]);

    let request = json!({"logGroupName": "g", "logStreamName": "a", "limit": 3});
    let answer = cloud.ok("GetLogEvents", request.clone()).await;
    assert_eq!(
        messages(answer["events"].as_array().unwrap()),
        ["1", "2", "5"]
    );
    let mut earlier = request;
    earlier["nextToken"] = answer["nextBackwardToken"].clone();
    let answer = cloud.ok("GetLogEvents", earlier.clone()).await;
    assert_eq!(messages(answer["events"].as_array().unwrap()), ["0"]);
}

#[tokio::test]
async fn a_page_holds_a_megabyte() {
    let cloud = Cloud::empty(Nuisances::none());
    cloud.create("g", &["a"]).await;
    let text = "x".repeat(300_000);
    for after in 0..5 {
        cloud.put("a", &[(after, &text)]).await;
    }
    let answer = cloud
        .ok("FilterLogEvents", json!({"logGroupName": "g"}))
        .await;
    assert_eq!(answer["events"].as_array().unwrap().len(), 3);
    assert_eq!(
        cloud.all_pages(json!({"logGroupName": "g"})).await.0.len(),
        5
    );
}

#[tokio::test]
async fn empty_pages_have_a_token_and_nothing_is_lost() {
    let cloud = Cloud::new(
        Nuisances {
            empty_pages: 0.6,
            ..Nuisances::none()
        },
        |config| config.events_per_second = 100.0,
    );
    cloud.pass_ms(10_000);
    let request = json!({"logGroupName": GROUP, "limit": 50});
    let (events, empty) = cloud.all_pages(request).await;
    assert!(empty > 0, "{} events", events.len());
    let ids: BTreeSet<&str> = events
        .iter()
        .map(|e| e["eventId"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), events.len());
    let counts = cloud
        .service
        .event_counts(START.saturating_add_millis(5_000));
    let before = events
        .iter()
        .filter(|e| e["timestamp"].as_i64().unwrap() < START.millis() + 5_000);
    assert_eq!(before.count() as u64, counts[GROUP]);
}

#[tokio::test]
async fn tokens_expire_and_fit_their_request_only() {
    let cloud = Cloud::new(
        Nuisances {
            token_lifetime_ms: 1_000,
            ..Nuisances::none()
        },
        |_| (),
    );
    let request = json!({"logGroupName": GROUP, "limit": 10});
    let answer = cloud.ok("FilterLogEvents", request).await;
    let next = |group: &str| json!({"logGroupName": group, "nextToken": answer["nextToken"]});
    cloud.ok("FilterLogEvents", next(GROUP)).await;
    let invalid = (
        "InvalidParameterException".to_owned(),
        "The specified nextToken is invalid.".to_owned(),
    );
    assert_eq!(
        cloud
            .error("FilterLogEvents", next("/aws/lambda/cart-api"))
            .await,
        invalid
    );
    cloud.pass_ms(1_001);
    assert_eq!(cloud.error("FilterLogEvents", next(GROUP)).await, invalid);
    let made_up = json!({"logGroupName": GROUP, "nextToken": "made-up"});
    assert_eq!(cloud.error("FilterLogEvents", made_up).await, invalid);
}

#[tokio::test]
async fn too_many_calls_in_a_second_are_refused() {
    let cloud = Cloud::new(
        Nuisances {
            throttle_per_second: Some(2),
            ..Nuisances::none()
        },
        |_| (),
    );
    let request = json!({"logGroupName": GROUP, "limit": 1});
    for _ in 0..2 {
        cloud.ok("FilterLogEvents", request.clone()).await;
    }
    let refused = cloud.error("FilterLogEvents", request.clone()).await;
    assert_eq!(
        refused,
        ("ThrottlingException".to_owned(), "Rate exceeded".to_owned())
    );
    cloud.pass_ms(1_000);
    cloud.ok("FilterLogEvents", request).await;
}

#[tokio::test]
async fn events_become_visible_after_a_delay_and_some_late() {
    let nuisances = Nuisances {
        late_fraction: 0.1,
        ingestion_delay_ms: 2_000,
        ..Nuisances::none()
    };
    let cloud = Cloud::new(nuisances, |config| config.silent_after_seconds = Some(60));
    cloud.pass_ms(60_000);
    let request = json!({"logGroupName": GROUP});
    let first = cloud.all_pages(request.clone()).await.0;
    let newest = first
        .iter()
        .map(|e| e["timestamp"].as_i64().unwrap())
        .max()
        .unwrap();
    assert!(newest < START.millis() + 60_000 - 1_000);
    cloud.pass_ms(600_000);
    let last = cloud.all_pages(request).await.0;
    let seen: BTreeSet<&str> = first
        .iter()
        .map(|e| e["eventId"].as_str().unwrap())
        .collect();
    let late = last.iter().filter(|event| {
        event["timestamp"].as_i64().unwrap() < newest
            && !seen.contains(event["eventId"].as_str().unwrap())
    });
    assert!(late.count() > 0);
    assert_eq!(
        last.len() as u64,
        cloud.service.event_counts(Timestamp::MAX)[GROUP]
    );
}

/// Operation and request, and the kind and the message of the error that they get.
#[rustfmt::skip]
fn wrong_requests() -> Vec<(&'static str, Value, &'static str, &'static str)> {
    vec![
        ("FilterLogEvents", json!({"logGroupName": "x"}),
            "ResourceNotFoundException", "The specified log group does not exist."),
        ("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "x"}),
            "ResourceNotFoundException", "The specified log stream does not exist."),
        ("FilterLogEvents", json!({"logGroupName": "g", "limit": 10001}),
            "InvalidParameterException", "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less than or equal to 10000"),
        ("DescribeLogStreams", json!({"logGroupName": "g", "logGroupIdentifier": "g"}),
            "ValidationException", "LogGroup name and LogGroup ARN are mutually exclusive parameters."),
        ("CreateLogGroup", json!({"logGroupName": "g"}),
            "ResourceAlreadyExistsException", "The specified log group already exists"),
        ("PutLogEvents", json!({"logGroupName": "g", "logStreamName": "a", "logEvents": [{"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a"}]}),
            "InvalidParameterException", "Log events in a single PutLogEvents request must be in chronological order."),
        ("DescribeLogGroups", json!({"logGroupNamePrefix": "g", "logGroupNamePattern": "g"}),
            "InvalidParameterException", "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."),
        ("StartQuery", json!({}), "UnknownOperationException", ""),
    ]
}

#[tokio::test]
async fn errors_have_the_shapes_of_the_real_service() {
    let cloud = Cloud::empty(Nuisances::none());
    cloud.create("g", &["a"]).await;
    for (operation, body, kind, message) in wrong_requests() {
        let error = cloud.error(operation, body).await;
        assert_eq!(error, (kind.to_owned(), message.to_owned()));
    }
    let unsigned = Request::post("/")
        .header("x-amz-target", "Logs_20140328.DescribeLogGroups")
        .body(Body::from("{}"))
        .unwrap();
    let (_, answer) = cloud.send(unsigned).await;
    assert_eq!(answer["__type"], "MissingAuthenticationTokenException");
}

#[tokio::test]
async fn groups_and_streams_are_described_in_pages() {
    let cloud = Cloud::new(Nuisances::none(), |_| ());
    let mut request = json!({"logGroupNamePrefix": "/aws/lambda/", "limit": 7});
    let mut names = Vec::new();
    loop {
        let answer = cloud.ok("DescribeLogGroups", request.clone()).await;
        for group in answer["logGroups"].as_array().unwrap() {
            names.push(group["logGroupName"].as_str().unwrap().to_owned());
            assert!(
                group["arn"]
                    .as_str()
                    .unwrap()
                    .starts_with("arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/")
            );
        }
        match &answer["nextToken"] {
            Value::Null => break,
            token => request["nextToken"] = token.clone(),
        }
    }
    assert_eq!(names.len(), 20);
    assert!(names.is_sorted());
    let request = json!({"logGroupIdentifier": format!("arn:aws:logs:eu-west-1:1:log-group:{GROUP}"), "orderBy": "LastEventTime", "descending": true, "limit": 2});
    let answer = cloud.ok("DescribeLogStreams", request).await;
    let stream = answer["logStreams"][0]["logStreamName"].as_str().unwrap();
    assert!(stream.starts_with("2026/11/23/[41]"), "{stream}");
}

#[tokio::test]
async fn events_outside_of_the_accepted_times_are_rejected_by_index() {
    let cloud = Cloud::empty(Nuisances::none());
    cloud.create("g", &["a"]).await;
    let old = START.millis() - 15 * 86_400_000;
    let events = json!([{"timestamp": old, "message": "old"}]);
    let answer = cloud
        .ok(
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": "a", "logEvents": events}),
        )
        .await;
    assert_eq!(
        answer["rejectedLogEventsInfo"],
        json!({"tooOldLogEventEndIndex": 1})
    );
    let new = START.millis() + 3 * 3_600_000;
    let events = json!([{"timestamp": START.millis(), "message": "now"}, {"timestamp": new, "message": "new"}]);
    let answer = cloud
        .ok(
            "PutLogEvents",
            json!({"logGroupName": "g", "logStreamName": "a", "logEvents": events}),
        )
        .await;
    assert_eq!(
        answer["rejectedLogEventsInfo"],
        json!({"tooNewLogEventStartIndex": 1})
    );
    assert_eq!(
        messages(&cloud.all_pages(json!({"logGroupName": "g"})).await.0),
        ["now"]
    );
}
