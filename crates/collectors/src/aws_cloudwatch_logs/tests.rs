//! The whole collector against a small server that answers like AWS on a bad day.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::{Clock, EventSink, SinkError};
use serde_json::{Value, json};

use super::*;
use crate::testing::{FixedClock, MemorySink};
use crate::{SourceConfig, Sources};

/// Events a page: small, so that windows have many pages.
const PAGE_EVENTS: usize = 7;

/// Log groups in memory. Every other page is empty, two calls are throttled, and each
/// page token is refused once.
#[derive(Default)]
struct Fake {
    groups: Mutex<BTreeMap<String, Vec<Value>>>,
    calls: AtomicUsize,
    bad_tokens: Mutex<std::collections::HashSet<String>>,
    is_kind: bool,
    /// How much older than two minutes the groups are, in milliseconds.
    further_age_ms: i64,
    /// How often an event was served that came late.
    late_served: tokio::sync::watch::Sender<usize>,
}

impl Fake {
    fn put(&self, group: &str, count: usize) {
        let now_ms = FixedClock.now().millis();
        let mut groups = self.groups.lock().unwrap();
        let events = groups.entry(group.to_owned()).or_default();
        for _ in 0..count {
            let number = events.len();
            // Four events a millisecond.
            let timestamp = now_ms - 60_000 + (number / 4) as i64;
            events.push(json!({
                "logStreamName": format!("2026/11/23/[$LATEST]{:04}", number % 3),
                "timestamp": timestamp,
                "message": format!("{group} {number}"),
                "ingestionTime": timestamp + 1200,
                "eventId": format!("{group}{number:056}"),
            }));
        }
    }

    /// Puts one event that was accepted at another time than it bears.
    fn put_one(&self, group: &str, message: &str, timestamp: i64, ingestion_time: i64) {
        let mut groups = self.groups.lock().unwrap();
        groups.entry(group.to_owned()).or_default().push(json!({
            "logStreamName": "2026/11/23/[$LATEST]0000",
            "timestamp": timestamp,
            "message": message,
            "ingestionTime": ingestion_time,
            "eventId": message,
        }));
    }

    fn describe(&self, body: &Value) -> Response {
        let prefix = body["logGroupNamePrefix"].as_str().unwrap_or_default();
        let after = body["nextToken"].as_str().unwrap_or_default();
        let groups = self.groups.lock().unwrap();
        let names: Vec<&String> = groups
            .keys()
            .filter(|name| name.starts_with(prefix) && name.as_str() > after)
            .collect();
        let page: Vec<Value> = names
            .iter()
            .take(2)
            .map(|name| {
                json!({
                    "logGroupName": name,
                    "creationTime": FixedClock.now().millis() - 120_000 - self.further_age_ms,
                    "arn": format!("arn:aws:logs:us-east-1:1:log-group:{name}:*"),
                })
            })
            .collect();
        let token = (names.len() > 2).then(|| names[1].clone());
        Json(json!({"logGroups": page, "nextToken": token})).into_response()
    }

    fn filter(&self, body: &Value) -> Response {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        if !self.is_kind && matches!(call, 2 | 5) {
            return refuse("ThrottlingException", "Rate exceeded");
        }
        let group = body["logGroupName"].as_str().unwrap();
        let Some(events) = self.groups.lock().unwrap().get(group).cloned() else {
            return refuse(
                "ResourceNotFoundException",
                "The specified log group does not exist.",
            );
        };
        let token = body["nextToken"].as_str().unwrap_or("0-full");
        if !self.is_kind
            && body["nextToken"].is_string()
            && self
                .bad_tokens
                .lock()
                .unwrap()
                .insert(format!("{group}{token}"))
        {
            return refuse(
                "InvalidParameterException",
                "The specified nextToken is invalid.",
            );
        }
        let (offset, kind) = token.split_once('-').unwrap();
        let offset: usize = offset.parse().unwrap();
        if kind == "empty" {
            return Json(json!({"events": [], "nextToken": format!("{offset}-full")}))
                .into_response();
        }
        let start = body["startTime"].as_i64().unwrap();
        let end = body["endTime"].as_i64().unwrap_or(i64::MAX);
        let inside: Vec<Value> = events
            .into_iter()
            .filter(|event| (start..=end).contains(&event["timestamp"].as_i64().unwrap()))
            .collect();
        let next = offset + PAGE_EVENTS;
        let token = (next < inside.len()).then(|| format!("{next}-empty"));
        let page: Vec<&Value> = inside.iter().skip(offset).take(PAGE_EVENTS).collect();
        let late = page
            .iter()
            .filter(|event| event["message"] == "late")
            .count();
        self.late_served.send_modify(|served| *served += late);
        Json(json!({"events": page, "nextToken": token})).into_response()
    }
}

fn refuse(code: &str, message: &str) -> Response {
    (
        StatusCode::BAD_REQUEST,
        Json(json!({"__type": code, "message": message})),
    )
        .into_response()
}

async fn answer(State(fake): State<Arc<Fake>>, headers: HeaderMap, body: String) -> Response {
    let body: Value = serde_json::from_str(&body).unwrap();
    match headers["x-amz-target"].to_str().unwrap() {
        "Logs_20140328.DescribeLogGroups" => fake.describe(&body),
        "Logs_20140328.FilterLogEvents" => fake.filter(&body),
        other => panic!("unexpected call {other}"),
    }
}

async fn serve(fake: &Arc<Fake>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/", post(answer))
        .with_state(Arc::clone(fake));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn start(endpoint_url: &str, sink: &Arc<MemorySink>) -> Sources {
    start_with(endpoint_url, sink, Arc::new(FixedClock), "")
}

fn start_with(
    endpoint_url: &str,
    sink: &Arc<MemorySink>,
    clock: Arc<dyn Clock>,
    more: &str,
) -> Sources {
    let mut config: Config = toml::from_str(&format!(
        "name = 'prod'\nregion = 'us-east-1'\npoll_interval = '10ms'\n\
         discovery_interval = '20ms'\nquota_share = 1.0\n{more}",
    ))
    .unwrap();
    config.endpoint_url = Some(endpoint_url.to_owned());
    let sink: Arc<dyn EventSink> = Arc::<MemorySink>::clone(sink);
    Sources::start(vec![SourceConfig::AwsCloudwatchLogs(config)], sink, clock).unwrap()
}

fn expected(groups: &[(&str, usize)]) -> Vec<String> {
    let mut messages: Vec<String> = groups
        .iter()
        .flat_map(|(group, count)| (0..*count).map(move |number| format!("{group} {number}")))
        .collect();
    messages.sort();
    messages
}

fn sorted(sink: &MemorySink) -> Vec<String> {
    let mut messages = sink.messages();
    messages.sort();
    messages
}

#[tokio::test]
async fn every_event_arrives_once_in_spite_of_empty_pages_throttling_and_bad_tokens() {
    let fake = Arc::new(Fake::default());
    fake.put("/aws/lambda/a", 20);
    fake.put("/aws/lambda/b", 8);
    fake.put("/aws/lambda/c", 1);
    fake.put("/other", 5);
    let sink = Arc::new(MemorySink::default());
    let sources = start(&serve(&fake).await, &sink);
    sink.wait_for(29).await;
    let status = &sources.status()[0];
    assert!(status.throttles_total > 0);
    sources.shutdown().await;
    assert_eq!(
        sorted(&sink),
        expected(&[
            ("/aws/lambda/a", 20),
            ("/aws/lambda/b", 8),
            ("/aws/lambda/c", 1)
        ])
    );
    assert_eq!(sources.status()[0].state, crate::SourceState::Stopped);
}

#[tokio::test]
async fn groups_and_events_that_appear_later_are_found_also_after_a_restart() {
    let fake = Arc::new(Fake {
        is_kind: true,
        ..Fake::default()
    });
    fake.put("/aws/lambda/a", 3);
    let sink = Arc::new(MemorySink::default());
    let endpoint_url = serve(&fake).await;
    let sources = start(&endpoint_url, &sink);
    sink.wait_for(3).await;
    fake.put("/aws/lambda/new", 9);
    fake.put("/aws/lambda/a", 1);
    sink.wait_for(13).await;
    sources.shutdown().await;
    fake.put("/aws/lambda/a", 2);
    let sources = start(&endpoint_url, &sink);
    sink.wait_for(15).await;
    sources.shutdown().await;
    assert_eq!(
        sorted(&sink),
        expected(&[("/aws/lambda/a", 6), ("/aws/lambda/new", 9)])
    );
}

#[tokio::test]
async fn the_checkpoint_moves_only_with_the_last_page_of_a_window() {
    let fake = Arc::new(Fake {
        is_kind: true,
        ..Fake::default()
    });
    fake.put("/aws/lambda/a", 3 * PAGE_EVENTS);
    let sink = Arc::new(MemorySink::default());
    let sources = start(&serve(&fake).await, &sink);
    sink.wait_for(3 * PAGE_EVENTS).await;
    sources.shutdown().await;
    let has_checkpoint: Vec<bool> = sink
        .batches()
        .iter()
        .take(3)
        .map(|batch| batch.checkpoint.is_some())
        .collect();
    assert_eq!(has_checkpoint, [false, false, true]);
    let batch = &sink.batches()[2];
    let checkpoint = batch.checkpoint.as_ref().unwrap();
    assert_eq!(batch.origin.as_ref().unwrap().1, checkpoint.origin);
    let low_ms = checkpoint.position["low_ms"].as_i64().unwrap();
    assert!(
        low_ms < FixedClock.now().millis() - 14 * 86_400_000,
        "a young group is read whole"
    );
    assert!(checkpoint.reread_from.millis() <= low_ms - 2 * 3_600_000);
}

#[tokio::test]
async fn an_event_that_comes_hours_late_is_found_by_deep_sweeps_and_stored_once() {
    const GROUP: &str = "/aws/lambda/old";
    const HOUR_MS: i64 = 3_600_000;
    let fake = Arc::new(Fake {
        is_kind: true,
        further_age_ms: 72 * HOUR_MS,
        ..Fake::default()
    });
    let begin = FixedClock.now();
    let clock = Arc::new(model::ManualClock::at(begin));
    let at_ms = |hours: i64| begin.millis() + hours * HOUR_MS;
    let go_to = |hours: i64| {
        let now = begin.saturating_add_millis(hours * HOUR_MS);
        clock.advance_nanos(now.nanos() - clock.now().nanos());
    };
    fake.put_one(GROUP, "first", at_ms(0) - 1_000, at_ms(0));
    let sink = Arc::new(MemorySink::default());
    let sources = start_with(
        &serve(&fake).await,
        &sink,
        Arc::<model::ManualClock>::clone(&clock),
        "deep_sweep_interval = '2h'",
    );
    sink.wait_for(1).await;
    go_to(10);
    let swept = |checkpoint: &model::Checkpoint| {
        checkpoint.position["deep_swept_ms"] == clock.now().millis()
    };
    sink.wait_for_checkpoint(swept).await;
    // Later than any sweep before has looked for.
    fake.put_one(GROUP, "late", at_ms(5), at_ms(10));
    go_to(24);
    sink.wait_for(2).await;
    let mut late_served = fake.late_served.subscribe();
    go_to(26);
    late_served.wait_for(|served| *served >= 2).await.unwrap();
    fake.put_one(GROUP, "last", at_ms(26), at_ms(26));
    sink.wait_for(3).await;
    sources.shutdown().await;
    assert_eq!(sorted(&sink), ["first", "last", "late"]);
}

#[tokio::test]
async fn a_busy_sink_gets_the_same_batch_again() {
    let fake = Arc::new(Fake {
        is_kind: true,
        ..Fake::default()
    });
    fake.put("/aws/lambda/a", 5);
    let sink = Arc::new(MemorySink::default());
    sink.refuse_next(SinkError::Busy("full".to_owned()));
    sink.refuse_next(SinkError::Busy("full".to_owned()));
    let sources = start(&serve(&fake).await, &sink);
    sink.wait_for(5).await;
    sources.shutdown().await;
    assert_eq!(sorted(&sink), expected(&[("/aws/lambda/a", 5)]));
}

#[tokio::test]
async fn a_failed_sink_makes_the_source_start_again() {
    let fake = Arc::new(Fake {
        is_kind: true,
        ..Fake::default()
    });
    fake.put("/aws/lambda/a", 5);
    let sink = Arc::new(MemorySink::default());
    sink.refuse_next(SinkError::Failed("disk".to_owned()));
    let sources = start(&serve(&fake).await, &sink);
    sink.wait_for(5).await;
    let status = &sources.status()[0];
    assert!(status.last_error.as_deref().unwrap().contains("disk"));
    sources.shutdown().await;
    assert_eq!(sorted(&sink), expected(&[("/aws/lambda/a", 5)]));
}

#[test]
fn the_budget_leaves_room_and_is_shared_by_account_and_region() {
    let config = |extra: &str| -> Config {
        toml::from_str(&format!("name = 'a'\nregion = 'eu-central-1'\n{extra}")).unwrap()
    };
    let quotas = Quotas::default();
    let first = quotas.budget(&config(""));
    assert!((first.filter_log_events.per_second() - 2.0).abs() < 1e-9);
    assert!(Arc::ptr_eq(
        &first,
        &quotas.budget(&config("category = 'x'"))
    ));
    assert!(!Arc::ptr_eq(
        &first,
        &quotas.budget(&config("profile = 'other'"))
    ));
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (extra, setting) in [
        ("log_group_prefixes = []", "log_group_prefixes"),
        ("quota_share = 1.5", "quota_share"),
        ("sweep_depth = '1m'", "sweep_depth"),
        ("deep_sweep_depth = '1h'", "deep_sweep_depth"),
        ("poll_interval = '0s'", "poll_interval"),
    ] {
        let config: Config = toml::from_str(&format!("name = 'a'\nregion = 'r'\n{extra}")).unwrap();
        let error = SourceConfig::AwsCloudwatchLogs(config)
            .validate()
            .unwrap_err()
            .to_string();
        assert!(error.contains(setting), "{error}");
    }
    let error = toml::from_str::<Config>("name = 'a'\nregion = 'r'\nstart = 'soon'").unwrap_err();
    assert!(error.to_string().contains("14d"), "{error}");
}
