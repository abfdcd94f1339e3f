//! The whole collector against a small server that answers like Google on a bad day.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::{Clock, EventSink};
use serde_json::{Value, json};

use super::*;
use crate::testing::{FixedClock, MemorySink};
use crate::{SourceConfig, SourceState, Sources};

/// Entries a page: small, so that windows have many pages.
const PAGE_ENTRIES: usize = 7;

/// Entries in memory. Every other page is empty, each page token is refused once, and the first
/// calls fail in several ways.
#[derive(Default)]
struct Fake {
    entries: Mutex<Vec<Value>>,
    calls: AtomicUsize,
    filters: Mutex<HashSet<String>>,
    bad_tokens: Mutex<HashSet<String>>,
    refuses_everybody: bool,
}

impl Fake {
    fn put(&self, count: usize) {
        let now = FixedClock.now();
        let mut entries = self.entries.lock().unwrap();
        for _ in 0..count {
            let number = entries.len();
            // Two entries share each time, and all of them three ids.
            let time = now.saturating_add_millis(-60_000 + (number / 2) as i64);
            let time = jiff::Timestamp::from_millisecond(time.millis()).unwrap();
            entries.push(json!({
                "insertId": format!("id-{}", number % 3),
                "logName": format!("projects/p/logs/log-{}", number % 2),
                "timestamp": time.to_string(),
                "receiveTimestamp": time.to_string(),
                "textPayload": format!("entry {number}"),
            }));
        }
    }

    fn list(&self, body: &Value) -> Response {
        if self.refuses_everybody {
            return refuse(StatusCode::FORBIDDEN, "PERMISSION_DENIED", "no");
        }
        if self.calls.fetch_add(1, Ordering::SeqCst) == 1 {
            return refuse(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "later");
        }
        assert_eq!(body["resourceNames"], json!(["projects/p"]));
        assert_eq!(body["pageSize"], 1000);
        let filter = body["filter"].as_str().unwrap().to_owned();
        self.filters.lock().unwrap().insert(filter.clone());
        let token = body["pageToken"].as_str().unwrap_or("0-full").to_owned();
        let is_new = self.bad_tokens.lock().unwrap().insert(token.clone());
        if body["pageToken"].is_string() && is_new {
            let message = "page_token doesn't match arguments from the request";
            return refuse(StatusCode::BAD_REQUEST, "INVALID_ARGUMENT", message);
        }
        let (offset, kind) = token.split_once('-').unwrap();
        let offset: usize = offset.parse().unwrap();
        if kind == "empty" {
            return Json(json!({"nextPageToken": format!("{offset}-full")})).into_response();
        }
        // The windows of a clock that stands still hold all entries or none.
        let entries = self.entries.lock().unwrap();
        let is_history = filter.contains("receiveTimestamp<");
        let inside: Vec<&Value> = entries.iter().filter(|_| !is_history).collect();
        let next = offset + PAGE_ENTRIES;
        let token = (next < inside.len()).then(|| format!("{next}-empty"));
        let page: Vec<&Value> = inside.into_iter().skip(offset).take(PAGE_ENTRIES).collect();
        Json(json!({"entries": page, "nextPageToken": token})).into_response()
    }
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response {
    let error = json!({"error": {"code": status.as_u16(), "message": message, "status": kind}});
    (status, Json(error)).into_response()
}

async fn answer(State(fake): State<Arc<Fake>>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(headers["authorization"], "Bearer t0ken");
    fake.list(&serde_json::from_str(&body).unwrap())
}

async fn start(fake: &Arc<Fake>, sink: &Arc<MemorySink>) -> Sources {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/v2/{call}", post(answer))
        .with_state(Arc::clone(fake));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let config: Config = toml::from_str(&format!(
        "name = 'prod'\nproject = 'p'\nendpoint_url = 'http://{address}'\npoll_interval = '10ms'\n\
         access_token = 't0ken'\nsettle = '5m'\n"
    ))
    .unwrap();
    // The real quota would make the test wait for minutes.
    let quotas = crate::sources::Quotas::default();
    let quota = [Some(config.endpoint_url()), Some("p")];
    quotas.gcp.0.get(&quota, || TokenBucket::new(10_000.0));
    let sink: Arc<dyn EventSink> = Arc::<MemorySink>::clone(sink);
    let source = SourceConfig::GcpCloudLogging(config);
    Sources::start_within(vec![source], sink, Arc::new(FixedClock), &quotas).unwrap()
}

#[tokio::test]
async fn every_entry_arrives_once_in_spite_of_empty_pages_refused_tokens_and_equal_ids() {
    let fake = Arc::new(Fake::default());
    fake.put(40);
    let sink = Arc::new(MemorySink::default());
    let sources = start(&fake, &sink).await;
    sink.wait_for(40).await;
    fake.put(5);
    sink.wait_for(45).await;
    sources.shutdown().await;
    let mut messages = sink.messages();
    messages.sort();
    let mut expected: Vec<String> = (0..45).map(|number| format!("entry {number}")).collect();
    expected.sort();
    assert_eq!(messages, expected);
    let filters = fake.filters.lock().unwrap();
    assert!(
        filters
            .iter()
            .all(|filter| filter.starts_with(&format!("({FILTER})")))
    );
}

#[tokio::test]
async fn a_missing_permission_is_named_and_the_source_goes_on_trying() {
    let fake = Arc::new(Fake {
        refuses_everybody: true,
        ..Fake::default()
    });
    let sink = Arc::new(MemorySink::default());
    let sources = start(&fake, &sink).await;
    let problem = loop {
        if let Some(problem) = sources.status()[0].last_error.clone() {
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert!(problem.contains("logging.logEntries.list"), "{problem}");
    assert_ne!(sources.status()[0].state, SourceState::Stopped);
    sources.shutdown().await;
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (extra, setting) in [
        ("project = ''", "project"),
        ("project = 'projects/p'", "project"),
        ("project = 'p'\nfilter = ' '", "filter"),
        ("project = 'p'\nquota_share = 0.0", "quota_share"),
        ("project = 'p'\nsweep_depth = '1s'", "sweep_depth"),
        ("project = 'p'\npoll_interval = '0s'", "poll_interval"),
    ] {
        let config: Config = toml::from_str(&format!("name = 'a'\n{extra}")).unwrap();
        let wrong = crate::source::check(&config).unwrap_err();
        assert_eq!(wrong.setting, setting, "{wrong:?}");
    }
}
