//! The whole collector against a small server that answers like Azure on a bad day.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::EventSink;

use super::*;
use crate::testing::{FixedClock, MemorySink};
use crate::{SourceConfig, SourceState, Sources};

const RESOURCE: &str =
    "resourceId=/SUBSCRIPTIONS/1/RESOURCEGROUPS/RG/PROVIDERS/MICROSOFT.WEB/SITES/SHOP";

/// Blobs in memory. Every page of a list holds two names and is followed by an empty one, and some
/// calls fail.
#[derive(Default)]
struct Fake {
    /// Content and version.
    blobs: Mutex<BTreeMap<String, (Vec<u8>, usize)>>,
    calls: AtomicUsize,
    refuses_everybody: bool,
}

/// The name of the blob of an hour of the day that the clock stands in.
fn name(hour: u8) -> String {
    format!("{RESOURCE}/y=2025/m=11/d=23/h={hour:02}/m=00/PT1H.json")
}

impl Fake {
    fn change(&self, hour: u8, change: impl FnOnce(&mut Vec<u8>)) {
        let mut blobs = self.blobs.lock().unwrap();
        let (content, version) = blobs.entry(name(hour)).or_default();
        change(content);
        *version += 1;
    }

    fn append(&self, hour: u8, text: &str) {
        self.change(hour, |content| content.extend_from_slice(text.as_bytes()));
    }

    fn refusal(&self) -> Option<Response> {
        if self.refuses_everybody {
            let body =
                "<Error><Code>AuthorizationPermissionMismatch</Code><Message>no</Message></Error>";
            return Some((StatusCode::FORBIDDEN, body).into_response());
        }
        let is_busy = self.calls.fetch_add(1, Ordering::SeqCst) % 7 == 3;
        let busy = || {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "<Error><Code>ServerBusy</Code></Error>",
            )
        };
        is_busy.then(|| busy().into_response())
    }
}

async fn containers(Query(query): Query<BTreeMap<String, String>>) -> String {
    assert_eq!(query["prefix"], "insights-logs-");
    "<EnumerationResults><Containers><Container><Name>insights-logs-a</Name></Container>\
     </Containers><NextMarker /></EnumerationResults>"
        .to_owned()
}

async fn list(
    State(fake): State<Arc<Fake>>,
    Path(container): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    if let Some(header) = headers.get("authorization") {
        assert!(header.to_str().unwrap().starts_with("SharedKey shoplogs:"));
    }
    assert_eq!(container, "insights-logs-a");
    if let Some(refusal) = fake.refusal() {
        return refusal;
    }
    let blobs = fake.blobs.lock().unwrap();
    let begin = query.get("prefix").map_or("", String::as_str);
    let mut elements: Vec<String> = Vec::new();
    for (name, (content, version)) in blobs.iter().filter(|(name, _)| name.starts_with(begin)) {
        let element = match query
            .get("delimiter")
            .and_then(|delimiter| name.split_once(delimiter.as_str()))
        {
            Some((resource, _)) => format!("<BlobPrefix><Name>{resource}/y=</Name></BlobPrefix>"),
            None => format!(
                "<Blob><Name>{name}</Name><Properties><Etag>{version}</Etag>\
                 <Content-Length>{}</Content-Length></Properties></Blob>",
                content.len()
            ),
        };
        if !elements.contains(&element) {
            elements.push(element);
        }
    }
    let (from, is_empty) = match query.get("marker") {
        Some(marker) => {
            let (from, kind) = marker.split_once('-').unwrap();
            (from.parse().unwrap(), kind == "empty")
        }
        None => (0, false),
    };
    let page: String = elements
        .iter()
        .skip(from)
        .take(if is_empty { 0 } else { 2 })
        .cloned()
        .collect();
    let next = match (is_empty, from + 2 < elements.len()) {
        (true, _) => format!("{from}-full"),
        (false, true) => format!("{}-empty", from + 2),
        (false, false) => String::new(),
    };
    format!("<EnumerationResults><Blobs>{page}</Blobs><NextMarker>{next}</NextMarker></EnumerationResults>")
        .into_response()
}

async fn read(
    State(fake): State<Arc<Fake>>,
    Path((_, blob)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = fake.refusal() {
        return refusal;
    }
    let range = headers["x-ms-range"]
        .to_str()
        .unwrap()
        .strip_prefix("bytes=")
        .unwrap()
        .to_owned();
    let (first, last) = range.split_once('-').unwrap();
    let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
    let blobs = fake.blobs.lock().unwrap();
    let (content, _) = &blobs[&blob];
    match content.get(first..(last + 1).min(content.len())) {
        Some(bytes) if !bytes.is_empty() => {
            (StatusCode::PARTIAL_CONTENT, bytes.to_vec()).into_response()
        }
        _ => (
            StatusCode::RANGE_NOT_SATISFIABLE,
            "<Error><Code>InvalidRange</Code></Error>",
        )
            .into_response(),
    }
}

async fn serve(fake: &Arc<Fake>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/shoplogs/", get(containers))
        .route("/shoplogs/{container}", get(list))
        .route("/shoplogs/{container}/{*blob}", get(read))
        .with_state(Arc::clone(fake));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/shoplogs")
}

fn start(endpoint: &str, sink: &Arc<MemorySink>, more: &str) -> Sources {
    let config: Config = toml::from_str(&format!(
        "name = 'prod'\naccount = 'shoplogs'\nendpoint_url = '{endpoint}'\n\
         containers = ['insights-logs-*']\npoll_interval = '10ms'\n{more}"
    ))
    .unwrap();
    let sink: Arc<dyn EventSink> = Arc::<MemorySink>::clone(sink);
    let source = SourceConfig::AzureBlobStorage(config);
    Sources::start(vec![source], sink, Arc::new(FixedClock)).unwrap()
}

fn lines(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| format!("line {number}\r\n")).collect()
}

fn sorted(sink: &MemorySink) -> Vec<String> {
    let mut messages = sink.messages();
    messages.sort_by_key(|message| (message.len(), message.clone()));
    messages
}

fn expected(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("line {number}")).collect()
}

#[tokio::test]
async fn every_line_arrives_once_while_blobs_grow_and_sources_start_again() {
    let fake = Arc::new(Fake::default());
    // Days ago, hours ago, and now.
    let old = name(1).replace("d=23", "d=19");
    fake.blobs
        .lock()
        .unwrap()
        .insert(old, (lines(0..10).into_bytes(), 1));
    fake.append(2, &lines(10..20));
    fake.append(13, &lines(20..30));
    fake.append(14, &lines(30..40));
    fake.append(14, "line 4");
    let endpoint = serve(&fake).await;
    let sink = Arc::new(MemorySink::default());
    let sources = start(&endpoint, &sink, "");
    sink.wait_for(40).await;
    fake.append(14, "0\r\nline 41\r\n");
    fake.append(13, &lines(42..50));
    sink.wait_for(50).await;
    let status = sources.status();
    assert_eq!(status[0].events_repeated_total, 0);
    sources.shutdown().await;
    fake.append(14, &lines(50..60));
    fake.append(2, &lines(60..65));
    let sources = start(&endpoint, &sink, "");
    sink.wait_for(65).await;
    assert_eq!(sources.status()[0].events_repeated_total, 0);
    sources.shutdown().await;
    assert_eq!(sorted(&sink), expected(65));
}

#[tokio::test]
async fn a_blob_that_is_written_anew_is_noticed_and_its_old_lines_are_not_repeated() {
    let fake = Arc::new(Fake::default());
    fake.append(14, &lines(0..30));
    let endpoint = serve(&fake).await;
    let sink = Arc::new(MemorySink::default());
    let sources = start(&endpoint, &sink, "");
    sink.wait_for(30).await;
    // As after a failover to another region: the last lines never got there.
    fake.change(14, |content| {
        content.truncate(lines(0..20).len());
        content.extend_from_slice(lines(30..35).as_bytes());
    });
    sink.wait_for(35).await;
    let status = sources.status();
    let problem = status[0].last_error.clone().unwrap();
    assert!(problem.contains("was written anew"), "{problem}");
    sources.shutdown().await;
    assert_eq!(sorted(&sink), expected(35));
}

#[tokio::test]
async fn now_passes_over_what_is_there() {
    let fake = Arc::new(Fake::default());
    fake.append(9, "old\n");
    fake.append(14, "old, too\nhal");
    let endpoint = serve(&fake).await;
    let sink = Arc::new(MemorySink::default());
    let sources = start(&endpoint, &sink, "start = 'now'");
    let is_read = || {
        sources.status()[0]
            .origins
            .iter()
            .any(|origin| origin.final_until.is_some())
    };
    while !is_read() {
        tokio::task::yield_now().await;
    }
    fake.append(14, "f\nnew\n");
    sink.wait_for(2).await;
    sources.shutdown().await;
    assert_eq!(sink.messages(), ["half", "new"]);
}

#[tokio::test]
async fn a_missing_role_is_named_and_the_source_goes_on_trying() {
    let fake = Arc::new(Fake {
        refuses_everybody: true,
        ..Fake::default()
    });
    let endpoint = serve(&fake).await;
    let sink = Arc::new(MemorySink::default());
    let sources = start(
        &endpoint,
        &sink,
        "credentials = { sas_token = '?sv=1&sig=hunter2' }",
    );
    let problem = loop {
        if let Some(problem) = sources.status()[0].last_error.clone() {
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert!(problem.contains("sp=rl"), "{problem}");
    assert!(problem.contains("insights-logs-"), "{problem}");
    assert!(!problem.contains("hunter2"), "{problem}");
    assert_ne!(sources.status()[0].state, SourceState::Stopped);
    sources.shutdown().await;
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (extra, setting) in [
        ("account = 'Shop'", "account"),
        ("account = 'shop'\ncontainers = []", "containers"),
        ("account = 'shop'\ncontainers = ['*']", "containers"),
        ("account = 'shop'\ncontainers = ['a/b']", "containers"),
        (
            "account = 'shop'\ncredentials = { account_key = '?' }",
            "credentials",
        ),
        ("account = 'shop'\nsweep_depth = '1s'", "sweep_depth"),
        ("account = 'shop'\npoll_interval = '0s'", "poll_interval"),
    ] {
        let config: Config = toml::from_str(&format!("name = 'a'\n{extra}")).unwrap();
        let error = SourceConfig::AzureBlobStorage(config)
            .validate()
            .unwrap_err()
            .to_string();
        assert!(error.contains(setting), "{error}");
    }
}
