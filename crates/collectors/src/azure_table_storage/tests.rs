//! The whole collector against a small server that answers like Azure on a bad day.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::{Clock, EventSink};
use serde_json::{Map, Value, json};

use super::*;
use crate::testing::{FixedClock, MemorySink};
use crate::{SourceConfig, SourceState, Sources};

const FUNCTION_ID: &str = "my:2Dhost-hello";
/// Ticks of .NET's last moment less those of 1970.
const INVERTED_EPOCH: i64 = 3_155_378_975_999_999_999 - 621_355_968_000_000_000;
/// Rows a page: small, so that windows have many pages.
const PAGE_ROWS: usize = 3;

type Rows = BTreeMap<(String, String, String), Map<String, Value>>;

/// Rows in memory, by table and keys. Every page is followed by an empty one, and some calls fail.
#[derive(Default)]
struct Fake {
    rows: Mutex<Rows>,
    calls: AtomicUsize,
    /// Full rows that were asked for.
    full_rows: AtomicUsize,
    refuses_everybody: bool,
}

impl Fake {
    fn put(&self, table: &str, partition: &str, row: &str, columns: Value) {
        let Value::Object(columns) = columns else {
            panic!("columns are an object");
        };
        let key = (table.to_owned(), partition.to_owned(), row.to_owned());
        let mut rows = self.rows.lock().unwrap();
        let columns_there = rows.entry(key).or_default();
        columns_there.insert("RowKey".to_owned(), json!(row));
        columns_there.extend(columns);
    }

    /// Writes what a host knows of an invocation that began so long ago: the row by time, the full
    /// one, or both.
    fn invocation(&self, number: usize, ago_ms: i64, more: &Value, full: Option<&Value>) {
        let start_ms = FixedClock.now().millis() - ago_ms;
        let start = jiff::Timestamp::from_millisecond(start_ms).unwrap();
        let table = format!("AzureWebJobsHostLogs{}", start.strftime("%Y%m"));
        let inverted = INVERTED_EPOCH - start_ms * 10_000;
        let id = format!("459921b5-681c-4a96-beb0-{number:012}");
        let key = format!("{FUNCTION_ID}-{inverted:020}-{}", number as i64 - 7);
        let mut index = json!({"FunctionInstanceId": id, "StartTime": start.to_string()});
        merge(&mut index, more);
        self.put(&table, "R2", &key, index);
        if let Some(full) = full {
            let mut columns =
                json!({"StartTime": start.to_string(), "LogOutput": format!("output {number}")});
            merge(&mut columns, full);
            self.put(&table, "I", &id, columns);
        }
    }

    fn define(&self) {
        self.put(
            "AzureWebJobsHostLogscommon",
            "FD2",
            FUNCTION_ID,
            json!({"OriginalName": "hello"}),
        );
    }

    fn refusal(&self) -> Option<Response> {
        if self.refuses_everybody {
            let body = r#"{"odata.error":{"code":"AuthorizationPermissionMismatch","message":{"value":"no"}}}"#;
            return Some((StatusCode::FORBIDDEN, body).into_response());
        }
        let is_busy = self.calls.fetch_add(1, Ordering::SeqCst) % 11 == 5;
        is_busy.then(|| (StatusCode::SERVICE_UNAVAILABLE, "busy").into_response())
    }
}

fn merge(columns: &mut Value, more: &Value) {
    let more = more.as_object().unwrap().clone();
    columns.as_object_mut().unwrap().extend(more);
}

/// The texts in quotes.
fn quoted(text: &str) -> Vec<String> {
    let texts = text.split('\'').skip(1).step_by(2);
    texts.map(str::to_owned).collect()
}

async fn answer(
    State(fake): State<Arc<Fake>>,
    Path(path): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    assert!(
        headers["authorization"]
            .to_str()
            .unwrap()
            .starts_with("SharedKey shophost:")
    );
    assert_eq!(headers["accept"], "application/json;odata=minimalmetadata");
    if let Some(refusal) = fake.refusal() {
        return refusal;
    }
    let rows = fake.rows.lock().unwrap();
    if path == "Tables" {
        assert!(query["$filter"].contains("TableName ge 'AzureWebJobsHostLogs'"));
        let mut tables: Vec<&String> = rows.keys().map(|(table, _, _)| table).collect();
        tables.dedup();
        let tables: Vec<Value> = tables
            .into_iter()
            .map(|table| json!({"TableName": table}))
            .collect();
        return axum::Json(json!({"value": tables})).into_response();
    }
    let (table, key) = path.split_once('(').unwrap();
    if !rows.keys().any(|(other, _, _)| other == table) {
        let body = r#"{"odata.error":{"code":"TableNotFound","message":{"value":"gone"}}}"#;
        return (StatusCode::NOT_FOUND, body).into_response();
    }
    if key != ")" {
        fake.full_rows.fetch_add(1, Ordering::SeqCst);
        let keys = quoted(key);
        let row = rows.get(&(table.to_owned(), keys[0].clone(), keys[1].clone()));
        return match row {
            Some(row) => axum::Json(row).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    page(&rows, table, &quoted(&query["$filter"]), &query)
}

/// One page of the rows of a table, with the headers that ask for the next.
fn page(rows: &Rows, table: &str, wanted: &[String], query: &BTreeMap<String, String>) -> Response {
    let is_inside = |partition: &String, row: &String| {
        *partition == wanted[0]
            && wanted.get(1).is_none_or(|least| row >= least)
            && wanted.get(2).is_none_or(|beyond| row < beyond)
    };
    let from = query.get("NextRowKey");
    let is_empty = query
        .get("NextPartitionKey")
        .is_some_and(|key| key == "empty");
    let inside: Vec<(&String, &Map<String, Value>)> = rows
        .iter()
        .filter(|((other, partition, row), _)| other == table && is_inside(partition, row))
        .map(|((_, _, row), columns)| (row, columns))
        .filter(|(row, _)| from.is_none_or(|from| *row >= from))
        .collect();
    let page: Vec<&Map<String, Value>> = inside
        .iter()
        .take(if is_empty { 0 } else { PAGE_ROWS })
        .map(|(_, columns)| *columns)
        .collect();
    let next = if is_empty {
        from.map(|row| ("full", row.clone()))
    } else {
        inside
            .get(PAGE_ROWS)
            .map(|(row, _)| ("empty", (*row).clone()))
    };
    let mut answer = axum::Json(json!({"value": page})).into_response();
    if let Some((partition, row)) = next {
        let headers = answer.headers_mut();
        headers.insert(
            "x-ms-continuation-NextPartitionKey",
            partition.parse().unwrap(),
        );
        headers.insert("x-ms-continuation-NextRowKey", row.parse().unwrap());
    }
    answer
}

async fn serve(fake: &Arc<Fake>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/shophost/{*path}", get(answer))
        .with_state(Arc::clone(fake));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}/shophost")
}

fn start(endpoint: &str, sink: &Arc<MemorySink>) -> Sources {
    let config: Config = toml::from_str(&format!(
        "name = 'prod'\naccount = 'shophost'\nendpoint_url = '{endpoint}'\npoll_interval = '10ms'"
    ))
    .unwrap();
    let sink: Arc<dyn EventSink> = Arc::<MemorySink>::clone(sink);
    let source = SourceConfig::AzureTableStorage(config);
    Sources::start(vec![source], sink, Arc::new(FixedClock)).unwrap()
}

/// The numbers of the invocations that were handed over, in order.
fn numbers(sink: &MemorySink) -> Vec<usize> {
    let messages = sink.messages();
    let number = |message: &String| {
        let row: Value = serde_json::from_str(message).unwrap();
        let id = row["FunctionInstanceId"].as_str().unwrap();
        id.rsplit('-').next().unwrap().parse().unwrap()
    };
    let mut numbers: Vec<usize> = messages.iter().map(number).collect();
    numbers.sort_unstable();
    numbers
}

fn end() -> Value {
    json!({"EndTime": "2025-11-23T14:51:59.0000000Z"})
}

#[tokio::test]
async fn every_invocation_is_one_event_when_it_is_over() {
    let fake = Arc::new(Fake::default());
    fake.define();
    const DAY_MS: i64 = 86_400_000;
    // Of two months, the older in history.
    for number in 0..10 {
        fake.invocation(number, 30 * DAY_MS + number as i64, &end(), Some(&end()));
    }
    for number in 10..20 {
        fake.invocation(number, 60_000 + number as i64, &end(), Some(&end()));
    }
    let running = json!({"FunctionInstanceHeartbeatExpiry": "2025-11-23T14:54:00Z"});
    for number in 20..30 {
        fake.invocation(number, 90_000, &running, Some(&running));
    }
    // Its host has been silent for an hour.
    let abandoned = json!({"FunctionInstanceHeartbeatExpiry": "2025-11-23T13:50:00Z"});
    fake.invocation(30, 3_700_000, &abandoned, Some(&abandoned));
    let endpoint = serve(&fake).await;
    let sink = Arc::new(MemorySink::default());
    let sources = start(&endpoint, &sink);
    sink.wait_for(21).await;
    // The row by time tells the end, the full one does not yet.
    fake.invocation(20, 90_000, &end(), None);
    for number in 21..30 {
        fake.invocation(number, 90_000, &end(), Some(&end()));
    }
    sink.wait_for(30).await;
    assert!(!numbers(&sink).contains(&20));
    fake.invocation(20, 90_000, &json!({}), Some(&end()));
    sink.wait_for(31).await;
    assert_eq!(sources.status()[0].events_repeated_total, 0);
    sources.shutdown().await;
    // After a start everything in the window is read again, and nothing is new.
    let sources = start(&endpoint, &sink);
    fake.invocation(31, 1_000, &end(), Some(&end()));
    sink.wait_for(32).await;
    sources.shutdown().await;
    assert_eq!(numbers(&sink), (0..32).collect::<Vec<_>>());
    let output = |message: &String| message.contains("output 20");
    assert!(sink.messages().iter().any(output));
}

#[tokio::test]
async fn full_rows_are_fetched_once() {
    let fake = Arc::new(Fake::default());
    fake.define();
    for number in 0..20 {
        fake.invocation(number, 60_000, &end(), Some(&end()));
    }
    let endpoint = serve(&fake).await;
    let sink = Arc::new(MemorySink::default());
    let sources = start(&endpoint, &sink);
    sink.wait_for(20).await;
    let fetched = fake.full_rows.load(Ordering::SeqCst);
    for number in 20..24 {
        fake.invocation(number, 30_000, &end(), Some(&end()));
        sink.wait_for(number + 1).await;
    }
    sources.shutdown().await;
    let fetched = fake.full_rows.load(Ordering::SeqCst) - fetched;
    // Each of the new ones, and those whose page was refused in the middle once more.
    assert!(fetched <= 8, "{fetched} full rows for 4 new invocations");
}

#[tokio::test]
async fn a_missing_role_is_named_and_the_source_goes_on_trying() {
    let fake = Arc::new(Fake {
        refuses_everybody: true,
        ..Fake::default()
    });
    let endpoint = serve(&fake).await;
    let sink = Arc::new(MemorySink::default());
    let sources = start(&endpoint, &sink);
    let problem = loop {
        if let Some(problem) = sources.status()[0].last_error.clone() {
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        problem.contains("list the tables of the storage account `shophost`"),
        "{problem}"
    );
    assert_ne!(sources.status()[0].state, SourceState::Stopped);
    sources.shutdown().await;
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (extra, setting) in [
        ("account = 'Shop'", "account"),
        ("account = 'shop'\ntable_prefix = 'a-b'", "table_prefix"),
        (
            "account = 'shop'\ncredentials = { tenant_id = 't' }",
            "credentials",
        ),
        ("account = 'shop'\nsweep_depth = '1s'", "sweep_depth"),
        ("account = 'shop'\npoll_interval = '0s'", "poll_interval"),
    ] {
        let config: Config = toml::from_str(&format!("name = 'a'\n{extra}")).unwrap();
        let error = SourceConfig::AzureTableStorage(config)
            .validate()
            .unwrap_err()
            .to_string();
        assert!(error.contains(setting), "{error}");
    }
}
