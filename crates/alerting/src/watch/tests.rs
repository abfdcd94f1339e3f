//! Rounds over a real store, on a clock that is moved by hand, with receivers that listen.

use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use axum::Json;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use ingest::{Ingest, IngestConfig};
use model::{Clock as _, EventBatch, EventSink as _, LogEvent, ManualClock, TimeRange};
use serde_json::{Value, json};
use storage::catalog::MessageState;
use storage::{Store, StoreConfig};

use super::*;
use crate::{Alerting, AlertingConfig, ChannelConfig, Labels, Matcher, Mute};

mod audience;

const START_MS: i64 = 1_763_909_520_000;
const MINUTE_NANOS: i64 = 60_000_000_000;

const MONITOR: &str = "name = \"Errors\"\nquery = \"level=ERROR | count by function\"\nvalue = \"_count\"\n\
    group_by = [\"function\"]\nwindow = \"1m\"\nevery = \"1m\"\ndelay = \"0s\"\n\
    critical = { above = 2 }\nmissing = { means = \"zero\" }\n";

/// A receiver that answers as it is told and remembers what it got.
struct Receiver {
    url: String,
    status: Arc<AtomicU16>,
    got: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Receiver {
    async fn start() -> Receiver {
        let status = Arc::new(AtomicU16::new(200));
        let got: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let (told, kept) = (Arc::clone(&status), Arc::clone(&got));
        let answer = async move |headers: HeaderMap, Json(body): Json<Value>| {
            let key = headers["idempotency-key"].to_str().unwrap().to_owned();
            lock(&kept).push((key, body));
            StatusCode::from_u16(told.load(Ordering::SeqCst)).unwrap()
        };
        let router = Router::new().route("/", post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Receiver { url, status, got }
    }

    fn keys(&self) -> Vec<String> {
        lock(&self.got).iter().map(|(key, _)| key.clone()).collect()
    }

    /// What was received: status and number of alerts.
    fn told(&self) -> Vec<String> {
        let got = lock(&self.got);
        got.iter()
            .map(|(_, body)| {
                let alerts = body["alerts"].as_array().unwrap().len();
                format!("{} {alerts}", body["status"].as_str().unwrap())
            })
            .collect()
    }
}

/// A node without a network: store, ingest and alerting.
struct Node {
    clock: Arc<ManualClock>,
    ingest: Ingest,
    alerting: Alerting,
}

impl Node {
    async fn start(folder: &Path, receiver: &Receiver, at_ms: i64) -> Node {
        Node::start_with(folder, &[("hook", receiver)], at_ms, "channels = ['hook']").await
    }

    /// With these receivers by their channels' names, and these settings of `[alerting]`.
    async fn start_with(
        folder: &Path,
        receivers: &[(&str, &Receiver)],
        at_ms: i64,
        settings: &str,
    ) -> Node {
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(at_ms)));
        let store = Store::open(
            StoreConfig::at(folder.join("data")),
            Arc::<ManualClock>::clone(&clock),
        )
        .await;
        let store = store.unwrap();
        let ingest = Ingest::start(store.clone(), IngestConfig::default())
            .await
            .unwrap();
        let monitors = folder.join("monitors");
        std::fs::create_dir_all(monitors.join("app")).unwrap();
        std::fs::write(monitors.join("app/errors.monitor.toml"), MONITOR).unwrap();
        let config = AlertingConfig {
            monitors: vec![monitors],
            ..toml::from_str(settings).unwrap()
        };
        let channel = |(name, receiver): &(&str, &Receiver)| -> ChannelConfig {
            let url = &receiver.url;
            let text = format!("name='{name}'\nkind='webhook'\nurl='{url}'\nallow_private=true");
            toml::from_str(&text).unwrap()
        };
        let channels = receivers.iter().map(channel).collect();
        let alerting = Alerting::prepare(config, channels, store, "http://node".to_owned())
            .await
            .unwrap();
        Node {
            clock,
            ingest,
            alerting,
        }
    }

    /// Errors that lie in the next window.
    async fn log(&self, function: &str, errors: usize) {
        let event = |number: usize| LogEvent {
            event_time: Some(
                self.clock
                    .now()
                    .saturating_add_millis(1_000 + number as i64),
            ),
            message: format!("ERROR number {number} of {function}"),
            function: Some(function.into()),
            level: Some(model::Level::Error),
            ..LogEvent::default()
        };
        let events = (0..errors).map(event).collect();
        self.ingest
            .append(EventBatch {
                events,
                ..EventBatch::default()
            })
            .await
            .unwrap();
    }

    /// A minute passes, and what is due is evaluated.
    async fn minute(&self) {
        self.clock.advance_nanos(MINUTE_NANOS);
        self.alerting
            .watcher()
            .round(self.clock.now())
            .await
            .unwrap();
    }

    /// A second passes, and what is due is sent.
    async fn deliver(&self) {
        self.clock.advance_nanos(1_000_000_000);
        self.alerting.outbox().work().await.unwrap();
    }

    async fn stop(self) {
        self.ingest.close().await;
    }
}

#[tokio::test]
async fn an_alert_is_told_with_its_lines_and_told_when_it_is_over() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    node.minute().await;
    node.log("pay", 3).await;
    node.log("ship", 1).await;
    node.minute().await;
    node.deliver().await;
    assert_eq!(receiver.told(), ["firing 1"]);
    let body = lock(&receiver.got)[0].1.clone();
    let ext = &body["alerts"][0]["ext"];
    assert_eq!(body["alerts"][0]["labels"]["function"], "pay");
    assert_eq!(ext["value"], 3.0);
    assert_eq!(ext["samples"].as_array().unwrap().len(), 3);
    assert!(
        ext["samples"][0]["text"]
            .as_str()
            .unwrap()
            .contains("of pay")
    );
    assert!(
        ext["search_url"]
            .as_str()
            .unwrap()
            .contains("is=function%3Apay"),
        "{ext}"
    );
    node.minute().await;
    node.deliver().await;
    assert_eq!(receiver.told(), ["firing 1", "resolved 1"]);
    let id = ext["alert_id"].as_str().unwrap();
    let (alert, history) = node.alerting.alert(id).await.unwrap();
    assert!(!alert.is_open);
    let kinds: Vec<&str> = history
        .iter()
        .map(|entry| entry.what["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["fired", "sent", "resolved", "sent"]);
    node.stop().await;
}

#[tokio::test]
async fn a_restart_neither_loses_nor_repeats() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    node.minute().await;
    node.log("pay", 3).await;
    node.minute().await;
    // The node ends before anything is sent.
    let now_ms = node.clock.now().millis();
    node.stop().await;
    let node = Node::start(folder.path(), &receiver, now_ms).await;
    assert_eq!(
        node.alerting
            .watcher()
            .round(node.clock.now())
            .await
            .unwrap(),
        0,
        "nothing is evaluated twice"
    );
    receiver.status.store(503, Ordering::SeqCst);
    node.deliver().await;
    // Received, but the answer is lost with the node: it is sent again under the same key.
    let now_ms = node.clock.now().millis();
    node.stop().await;
    receiver.status.store(200, Ordering::SeqCst);
    let node = Node::start(folder.path(), &receiver, now_ms + 60_000).await;
    node.deliver().await;
    node.deliver().await;
    let keys = receiver.keys();
    assert_eq!(keys.len(), 2, "{keys:?}");
    assert_eq!(keys[0], keys[1]);
    node.stop().await;
}

#[tokio::test]
async fn what_is_refused_is_given_up_where_it_can_be_seen() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    receiver.status.store(400, Ordering::SeqCst);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    node.minute().await;
    node.log("pay", 3).await;
    node.minute().await;
    node.deliver().await;
    node.deliver().await;
    assert_eq!(receiver.keys().len(), 1, "it is not tried again");
    let messages = node.alerting.messages(10).await.unwrap();
    assert_eq!(messages[0].state, MessageState::GivenUp);
    assert!(
        messages[0].outcome.contains("400"),
        "{}",
        messages[0].outcome
    );
    node.stop().await;
}

#[tokio::test]
async fn later_news_wait_for_earlier_ones() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    receiver.status.store(500, Ordering::SeqCst);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    node.minute().await;
    node.log("pay", 3).await;
    node.minute().await;
    node.deliver().await;
    node.minute().await;
    receiver.status.store(200, Ordering::SeqCst);
    node.clock.advance_nanos(MINUTE_NANOS / 2);
    node.deliver().await;
    assert_eq!(receiver.told(), ["firing 1", "firing 1", "resolved 1"]);
    node.stop().await;
}

#[tokio::test]
async fn what_is_muted_is_told_when_the_mute_is_over() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    node.minute().await;
    let matcher = Matcher {
        name: "function".to_owned(),
        value: "pay".to_owned(),
        is_regex: false,
        is_equal: true,
    };
    let mute = Mute {
        id: String::new(),
        matchers: vec![matcher],
        starts_at: START_MS,
        ends_at: START_MS + 200_000,
        created_by: "ann".to_owned(),
        comment: "deployment".to_owned(),
    };
    node.alerting.create_mute(mute).await.unwrap();
    node.log("pay", 3).await;
    node.minute().await;
    node.log("pay", 3).await;
    node.minute().await;
    node.deliver().await;
    assert_eq!(receiver.told(), [""; 0]);
    let alerts = node.alerting.alerts(Timestamp::MIN).await.unwrap();
    assert!(
        alerts.len() == 1 && alerts[0].is_open && alerts[0].is_muted,
        "the alert is there"
    );
    node.log("pay", 3).await;
    node.minute().await;
    node.deliver().await;
    assert_eq!(receiver.told(), ["firing 1"]);
    node.stop().await;
}

#[tokio::test]
async fn an_acknowledged_alert_is_not_told_again_but_its_end_is() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    let repeating = format!("{MONITOR}notify = {{ repeat = \"1m\" }}\n");
    let monitor = content::Monitor::parse(&repeating).unwrap();
    let made = node.alerting.create_monitor(monitor).await.unwrap();
    node.minute().await;
    for _ in 0..2 {
        node.log("pay", 3).await;
        node.minute().await;
    }
    node.deliver().await;
    let alerts = node
        .alerting
        .alerts_of(&made.watched.id, Timestamp::MIN)
        .await
        .unwrap();
    node.alerting
        .acknowledge(&alerts[0].news.id, "ann".to_owned(), "on it".to_owned())
        .await
        .unwrap();
    let before = receiver.keys().len();
    node.log("pay", 3).await;
    node.minute().await;
    node.deliver().await;
    assert_eq!(receiver.keys().len(), before, "nobody is told again");
    node.minute().await;
    node.deliver().await;
    assert_eq!(
        receiver.keys().len(),
        before + 2,
        "both monitors tell the end"
    );
    node.alerting
        .delete_monitor(&made.watched.id)
        .await
        .unwrap();
    assert!(node.alerting.monitor(&made.watched.id).is_err());
    node.stop().await;
}

#[tokio::test]
async fn a_query_that_breaks_is_visible_and_stops_no_other() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    let broken =
        MONITOR.replace("value = \"_count\"", "value = \"_cuont\"") + "error_after = \"1m\"\n";
    let made = node
        .alerting
        .create_monitor(content::Monitor::parse(&broken).unwrap())
        .await
        .unwrap();
    node.minute().await;
    for _ in 0..3 {
        node.log("pay", 3).await;
        node.minute().await;
    }
    let view = node.alerting.monitor(&made.watched.id).unwrap();
    let problem = view.state.problems.values().next().unwrap();
    assert!(
        problem.text.contains("did you mean `_count`?"),
        "{}",
        problem.text
    );
    node.deliver().await;
    assert_eq!(
        receiver.told(),
        ["firing 1", "firing 1"],
        "the good one fires, the broken one says so"
    );
    node.stop().await;
}

#[tokio::test]
async fn a_monitor_would_have_done_what_it_did() {
    let (folder, receiver) = (tempfile::tempdir().unwrap(), Receiver::start().await);
    let node = Node::start(folder.path(), &receiver, START_MS).await;
    node.minute().await;
    node.log("pay", 3).await;
    node.minute().await;
    node.minute().await;
    let monitor = content::Monitor::parse(MONITOR).unwrap();
    let range = TimeRange::new(Timestamp::from_millis(START_MS), node.clock.now());
    let replay = node.alerting.replay(&monitor, range, None).await.unwrap();
    let kinds: Vec<ChangeKind> = replay.changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Fired, ChangeKind::Resolved]);
    assert_eq!(replay.notifications, 2);
    assert_eq!(
        replay.groups[0].labels,
        Labels::from([("function".to_owned(), "pay".to_owned())])
    );
    assert_eq!(
        replay.groups[0]
            .values
            .iter()
            .flatten()
            .copied()
            .fold(0.0, f64::max),
        3.0
    );
    assert_eq!(json!(replay)["stepMs"], 60_000);
    node.stop().await;
}

#[test]
fn monitors_with_the_same_query_and_window_ask_one_question() {
    let one = content::Monitor::parse(MONITOR).unwrap();
    let other = content::Monitor {
        critical: None,
        warning: one.critical,
        ..one.clone()
    };
    let longer = content::Monitor {
        window: content::Period::minutes(2),
        ..one.clone()
    };
    let at = Timestamp::from_millis(START_MS);
    let key = |monitor: &content::Monitor| Question::new(monitor, at).key();
    assert_eq!(key(&one), key(&other));
    assert_ne!(key(&one), key(&longer));
}
