//! Sources that are added, changed, paused and removed while the node runs.

use std::sync::Mutex as StdMutex;

use async_trait::async_trait;
use axum::Router;
use axum::extract::{Json, State};
use axum::http::StatusCode;
use axum::http::header::RETRY_AFTER;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

use super::*;
use crate::support::token_bucket::TokenBucket;
use crate::testing::{Bench, FixedClock, MemorySink, request};

/// Keeps sources in memory.
#[derive(Debug, Default)]
struct MemoryBook(StdMutex<Vec<KeptSource>>);

#[async_trait]
impl SourceBook for MemoryBook {
    async fn all(&self) -> std::result::Result<Vec<KeptSource>, String> {
        Ok(self.0.lock().unwrap().clone())
    }

    async fn put(&self, source: &KeptSource) -> std::result::Result<(), String> {
        self.remove(&source.name).await?;
        self.0.lock().unwrap().push(source.clone());
        Ok(())
    }

    async fn remove(&self, name: &str) -> std::result::Result<(), String> {
        self.0.lock().unwrap().retain(|kept| kept.name != name);
        Ok(())
    }
}

fn sent(value: Value) -> Sent {
    serde_json::from_value(value).unwrap()
}

fn push(name: &str, token: &str) -> Sent {
    sent(json!({"collector": "sumo_http", "name": name, "token": token}))
}

fn file(text: &str) -> Vec<SourceConfig> {
    #[derive(serde::Deserialize)]
    struct File {
        #[serde(default)]
        sources: Vec<SourceConfig>,
    }
    toml::from_str::<File>(text).unwrap().sources
}

async fn open(text: &str, book: &Arc<MemoryBook>) -> Bench {
    let sink = Arc::new(MemorySink::default());
    let events: Arc<dyn EventSink> = Arc::<MemorySink>::clone(&sink);
    let book: Arc<dyn SourceBook> = Arc::<MemoryBook>::clone(book);
    let opened = Sources::open(file(text), book, events, Arc::new(FixedClock));
    Bench {
        sink,
        sources: opened.await.unwrap(),
    }
}

async fn post_to(bench: &Bench, token: &str) -> (StatusCode, Option<String>, String) {
    let path = format!("/receiver/v1/http/{token}");
    let (status, headers, body) = bench.send(request(&path, &[], "hello")).await;
    let wait = headers.get(RETRY_AFTER);
    let wait = wait.map(|wait| wait.to_str().unwrap().to_owned());
    (status, wait, body)
}

const FILE: &str = "[[sources]]\nname='f'\ncollector='sumo_http'\ntoken='of-file'\n";

#[tokio::test]
async fn a_pushed_source_comes_changes_and_goes() {
    let bench = open(FILE, &Arc::default()).await;
    assert_eq!(post_to(&bench, "t1").await.0, StatusCode::UNAUTHORIZED);
    let added = bench.sources.create(push("p", "t1")).await.unwrap();
    assert!(!added.status.is_fixed);
    assert_eq!(added.config["token"], "***");
    assert_eq!(post_to(&bench, "t1").await.0, StatusCode::OK);
    let changed = bench.sources.replace("p", push("p", "t2")).await;
    changed.unwrap();
    assert_eq!(post_to(&bench, "t1").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(post_to(&bench, "t2").await.0, StatusCode::OK);
    let same = bench.sources.replace("p", push("p", "***")).await;
    same.unwrap();
    assert_eq!(post_to(&bench, "t2").await.0, StatusCode::OK);
    bench.sources.remove("p").await.unwrap();
    assert_eq!(post_to(&bench, "t2").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(post_to(&bench, "of-file").await.0, StatusCode::OK);
    assert_eq!(bench.sources.status().len(), 1);
}

#[tokio::test]
async fn a_paused_pushed_source_asks_its_senders_to_wait() {
    let bench = open(FILE, &Arc::default()).await;
    let paused = bench.sources.pause("f").await.unwrap();
    assert_eq!(paused.status.state, SourceState::Paused);
    let (status, wait, body) = post_to(&bench, "of-file").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(wait.as_deref(), Some("30"));
    assert!(body.contains("source `f` is paused"), "{body}");
    assert!(bench.sink.messages().is_empty());
    bench.sources.resume("f").await.unwrap();
    assert_eq!(post_to(&bench, "of-file").await.0, StatusCode::OK);
    assert_eq!(bench.sink.messages(), ["hello"]);
}

#[tokio::test]
async fn changes_that_cannot_be_are_refused_with_their_reason_and_change_nothing() {
    let book = Arc::new(MemoryBook::default());
    let bench = open(FILE, &book).await;
    let puller = json!({"collector": "aws_cloudwatch_logs", "name": "puller", "region": "r",
        "endpoint_url": "http://127.0.0.1:1"});
    bench.sources.create(sent(puller)).await.unwrap();
    let firehose = json!({"collector": "aws_firehose", "name": "fh", "access_key": "k",
        "also_pulled_by": "puller"});
    bench.sources.create(sent(firehose)).await.unwrap();
    let before = book.all().await.unwrap();
    let sources = &bench.sources;
    let refusals = [
        (sources.create(push("f", "t")).await.err(), "two sources"),
        (sources.create(push("x", "of-file")).await.err(), "token"),
        (sources.create(push("x", "")).await.err(), "visible ASCII"),
        (
            sources.replace("f", push("f", "t")).await.err(),
            "in the configuration file",
        ),
        (
            sources.replace("x", push("x", "t")).await.err(),
            "no source is named `x`",
        ),
        (
            sources.replace("fh", push("g", "t")).await.err(),
            "stays so",
        ),
        (
            sources.replace("puller", push("puller", "t")).await.err(),
            "also_pulled_by",
        ),
        (sources.remove("f").await.err(), "in the configuration file"),
        (sources.remove("puller").await.err(), "source `fh` names it"),
        (sources.pause("x").await.err(), "no source is named `x`"),
    ];
    for (error, part) in refusals {
        let error = error.map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(part), "{part}: {error}");
    }
    assert_eq!(book.all().await.unwrap(), before);
    assert_eq!(sources.status().len(), 3);
    sources.remove("fh").await.unwrap();
    sources.remove("puller").await.unwrap();
}

#[tokio::test]
async fn what_was_changed_is_there_after_a_restart() {
    let book = Arc::new(MemoryBook::default());
    {
        let bench = open(FILE, &book).await;
        bench.sources.create(push("a", "t1")).await.unwrap();
        bench.sources.create(push("b", "t2")).await.unwrap();
        bench.sources.pause("a").await.unwrap();
        bench.sources.pause("f").await.unwrap();
        bench.sources.remove("b").await.unwrap();
    }
    let bench = open(FILE, &book).await;
    for token in ["t1", "of-file"] {
        let (status, ..) = post_to(&bench, token).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{token}");
    }
    assert_eq!(post_to(&bench, "t2").await.0, StatusCode::UNAUTHORIZED);
    bench.sources.resume("a").await.unwrap();
    assert_eq!(post_to(&bench, "t1").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_kept_source_that_cannot_be_used_says_why_and_can_be_changed_or_removed() {
    let book = Arc::new(MemoryBook::default());
    let kept = |name: &str, config: &str| KeptSource {
        name: name.to_owned(),
        config: config.to_owned(),
        is_paused: false,
    };
    let clashing = r#"{"collector":"sumo_http","name":"f","token":"t"}"#;
    let unknown = r#"{"collector":"sumo_http","name":"old","token":"t","gone":1}"#;
    book.put(&kept("f", clashing)).await.unwrap();
    book.put(&kept("old", unknown)).await.unwrap();
    let bench = open(FILE, &book).await;
    let status = bench.sources.status();
    let states: Vec<_> = status.iter().map(|source| source.state).collect();
    let expected = [
        SourceState::Running,
        SourceState::Failed,
        SourceState::Failed,
    ];
    assert_eq!(states, expected);
    let problem = |place: usize| status[place].last_error.clone().unwrap();
    assert!(
        problem(1).contains("two sources are named `f`"),
        "{}",
        problem(1)
    );
    assert!(problem(2).contains("`gone`"), "{}", problem(2));
    bench.sources.remove("f").await.unwrap();
    bench
        .sources
        .replace("old", push("old", "t"))
        .await
        .unwrap();
    assert_eq!(post_to(&bench, "t").await.0, StatusCode::OK);
    assert_eq!(bench.sources.status().len(), 2);
}

/// Google with entries in memory, all of one time.
#[derive(Debug, Default)]
struct Google {
    entries: StdMutex<usize>,
    refuses_everybody: bool,
}

async fn answer(State(google): State<Arc<Google>>, body: String) -> Response {
    if google.refuses_everybody {
        let error = json!({"error": {"code": 403, "message": "no", "status": "PERMISSION_DENIED"}});
        return (StatusCode::FORBIDDEN, Json(error)).into_response();
    }
    // The windows of a clock that stands still hold all entries or none.
    if body.contains("receiveTimestamp<") {
        return Json(json!({})).into_response();
    }
    let time = FixedClock.now().saturating_add_millis(-60_000).to_string();
    let entry = |number| {
        json!({"insertId": format!("id-{number}"), "logName": "projects/p/logs/l",
            "timestamp": time, "receiveTimestamp": time,
            "textPayload": format!("entry {number}")})
    };
    let entries: Vec<Value> = (0..*google.entries.lock().unwrap()).map(entry).collect();
    Json(json!({"entries": entries})).into_response()
}

/// Starts Google, and returns the settings of a source that reads it within these quotas.
async fn google(google: &Arc<Google>, quotas: &Quotas) -> Sent {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().route("/v2/{call}", post(answer));
    let app = app.with_state(Arc::clone(google));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let endpoint_url = format!("http://{address}");
    // The real quota would make the test wait for minutes.
    let config = json!({"collector": "gcp_cloud_logging", "name": "g", "project": "p",
        "endpoint_url": endpoint_url, "access_token": "t0ken", "poll_interval": "10ms"});
    let SourceConfig::GcpCloudLogging(parsed) = serde_json::from_value(config.clone()).unwrap()
    else {
        panic!("it is a source of Google");
    };
    quotas.gcp.widen(&parsed, TokenBucket::new(10_000.0));
    sent(config)
}

fn bench(quotas: &Quotas) -> Bench {
    let sink = Arc::new(MemorySink::default());
    let events: Arc<dyn EventSink> = Arc::<MemorySink>::clone(&sink);
    let started = Sources::start_within(Vec::new(), events, Arc::new(FixedClock), quotas);
    Bench {
        sink,
        sources: started.unwrap(),
    }
}

#[tokio::test]
async fn no_entry_is_lost_or_repeated_while_its_source_is_changed_and_paused() {
    let (cloud, quotas) = (Arc::new(Google::default()), Quotas::default());
    let settings = google(&cloud, &quotas).await;
    let bench = bench(&quotas);
    bench.sources.create(settings.clone()).await.unwrap();
    for round in 1..=10 {
        *cloud.entries.lock().unwrap() = round * 10;
        let mut changed = settings.clone();
        changed.insert("category".to_owned(), json!(format!("round {round}")));
        bench.sources.replace("g", changed).await.unwrap();
        bench.sources.pause("g").await.unwrap();
        let stored = bench.sink.messages().len();
        *cloud.entries.lock().unwrap() += 5;
        assert_eq!(bench.sink.messages().len(), stored, "a paused source reads");
        bench.sources.resume("g").await.unwrap();
        bench.sink.wait_for(round * 10 + 5).await;
    }
    bench.sources.remove("g").await.unwrap();
    let mut messages = bench.sink.messages();
    messages.sort();
    let mut expected: Vec<String> = (0..105).map(|number| format!("entry {number}")).collect();
    expected.sort();
    assert_eq!(messages, expected);
}

#[tokio::test]
async fn a_trial_shows_what_there_is_and_stores_nothing() {
    let cloud = Arc::new(Google {
        entries: StdMutex::new(7),
        ..Google::default()
    });
    let quotas = Quotas::default();
    let settings = google(&cloud, &quotas).await;
    let bench = bench(&quotas);
    let found = bench.sources.test(settings).await.unwrap();
    assert_eq!(found.problem, None);
    assert_eq!((found.events, found.samples), (7, 0));
    assert_eq!(found.messages, ["entry 0", "entry 1", "entry 2"]);
    assert_eq!(found.origins, ["projects/p"]);
    assert!(bench.sink.messages().is_empty());
    assert!(bench.sources.status().is_empty());
}

#[tokio::test]
async fn a_trial_names_the_missing_permission_or_the_address() {
    let cloud = Arc::new(Google {
        refuses_everybody: true,
        ..Google::default()
    });
    let quotas = Quotas::default();
    let settings = google(&cloud, &quotas).await;
    let bench = bench(&quotas);
    let problem = bench.sources.test(settings).await.unwrap().problem;
    let problem = problem.unwrap_or_default();
    assert!(problem.contains("logging.logEntries.list"), "{problem}");
    let pushed = bench.sources.test(push("p", "t")).await.unwrap();
    assert_eq!(pushed.address, Some("/receiver/v1/http/<token>"));
}
