//! The simulated storage account, called as a client calls it.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use axum::http::{Request as HttpRequest, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use model::{Clock, ManualClock, Timestamp};
use serde_json::Value;
use tower::ServiceExt as _;

use super::auth::{Account, authorization};
use super::request::Request;
use super::*;
use crate::config::{Nuisances, SimulatorConfig};

/// A quarter to three, so that the hour ends while the tests look.
const START: Timestamp = Timestamp::from_millis(1_795_445_100_000);
const CONTAINER: &str = "/shoplogs/insights-logs-functionapplogs";

struct Cloud {
    service: Arc<Service>,
    clock: Arc<ManualClock>,
    account: Account,
}

struct Found {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Found {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    /// The texts of all elements of this name.
    fn elements(&self, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        let parts = self.text().split(open.as_str()).skip(1);
        parts
            .map(|part| part.split(close.as_str()).next().unwrap().to_owned())
            .collect()
    }
}

impl Cloud {
    fn new(nuisances: Nuisances) -> Cloud {
        let clock = Arc::new(ManualClock::at(START));
        let config = SimulatorConfig {
            azure_events_per_second: 40.0,
            history_minutes: 10,
            silent_after_seconds: Some(1_200),
            nuisances,
            ..SimulatorConfig::new(Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>)
        };
        Cloud {
            account: Account::new(&config.storage_account, &config.storage_key),
            service: Arc::new(Service::new(config)),
            clock,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn advance_seconds(&self, seconds: i64) {
        self.clock.advance_nanos(seconds * 1_000_000_000);
    }

    /// A signed request.
    async fn call(&self, kind: Kind, scheme: &str, path: &str, headers: &[(&str, &str)]) -> Found {
        let request = self.signed(self.now(), kind, scheme, path, headers);
        self.send(kind, request).await
    }

    fn signed(
        &self,
        date: Timestamp,
        kind: Kind,
        scheme: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> HttpRequest<Body> {
        let mut request = HttpRequest::builder()
            .uri(path)
            .header("host", "127.0.0.1:1")
            .header("accept", "application/json;odata=minimalmetadata")
            .header("x-ms-date", times::header(date));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let signed = Request::new(
            kind,
            (request.method(), request.uri()),
            request.headers(),
            "shoplogs",
        );
        let signature = authorization(&self.account, &signed.unwrap(), scheme);
        let signature = signature.parse().unwrap();
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, signature);
        request
    }

    async fn send(&self, kind: Kind, request: HttpRequest<Body>) -> Found {
        let service = Arc::clone(&self.service);
        let response: Response<Body> = router(service, kind).oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        Found {
            status: parts.status,
            headers: parts.headers,
            body: body.collect().await.unwrap().to_bytes().to_vec(),
        }
    }

    async fn blob(&self, path: &str, headers: &[(&str, &str)]) -> Found {
        self.call(Kind::Blob, "SharedKey", path, headers).await
    }

    async fn table(&self, path: &str) -> Found {
        self.call(Kind::Table, "SharedKey", path, &[]).await
    }

    /// The names of all blobs, by pages.
    async fn names(&self, query: &str) -> Vec<String> {
        let (mut names, mut marker) = (Vec::new(), String::new());
        loop {
            let path = format!("{CONTAINER}?restype=container&comp=list{query}&marker={marker}");
            let page = self.blob(&path, &[]).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.text());
            names.extend(page.elements("Name"));
            match page.elements("NextMarker").pop() {
                Some(next) => marker = next,
                None => return names,
            }
        }
    }

    /// All rows that a filter lets through, and how many pages they came in.
    async fn rows(&self, table: &str, filter: &str, more: &str) -> (Vec<Value>, usize) {
        let filter = filter.replace(' ', "%20").replace('\'', "%27");
        let (mut rows, mut next, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let path = format!("/shoplogs/{table}()?$filter={filter}{more}{next}");
            let page = self.table(&path).await;
            assert_eq!(page.status, StatusCode::OK, "{}", page.text());
            rows.extend(page.json()["value"].as_array().unwrap().iter().cloned());
            pages += 1;
            let partition = page.header("x-ms-continuation-nextpartitionkey");
            if partition.is_empty() {
                return (rows, pages);
            }
            let row = page.header("x-ms-continuation-nextrowkey");
            next = format!("&NextPartitionKey={partition}&NextRowKey={row}");
        }
    }
}

#[tokio::test]
async fn who_has_not_the_key_reads_nothing() {
    let cloud = Cloud::new(Nuisances::none());
    let path = format!("{CONTAINER}?restype=container&comp=list");
    assert_eq!(cloud.blob(&path, &[]).await.status, StatusCode::OK);
    let request = HttpRequest::get(&path).body(Body::empty()).unwrap();
    let found = cloud.send(Kind::Blob, request).await;
    assert_eq!(found.status, StatusCode::UNAUTHORIZED);
    assert_eq!(found.elements("Code"), ["NoAuthenticationInformation"]);

    let date = times::header(cloud.now());
    let forged = "SharedKey shoplogs:AAAA".to_owned();
    let request = HttpRequest::get(&path)
        .header("x-ms-date", date)
        .header("authorization", forged)
        .body(Body::empty());
    let found = cloud.send(Kind::Blob, request.unwrap()).await;
    assert_eq!(found.status, StatusCode::FORBIDDEN);
    assert_eq!(found.elements("Code"), ["AuthenticationFailed"]);
    let detail = found.elements("AuthenticationErrorDetail");
    assert!(
        detail[0].contains("following string to sign: 'GET\n"),
        "{detail:?}"
    );

    // What was signed a while ago is not taken any more.
    let old = cloud.now().saturating_add_millis(-16 * 60_000);
    let found = cloud
        .send(
            Kind::Blob,
            cloud.signed(old, Kind::Blob, "SharedKey", &path, &[]),
        )
        .await;
    assert_eq!(found.elements("Code"), ["AuthenticationFailed"]);
}

#[tokio::test]
async fn blobs_are_listed_by_pages_prefixes_and_delimiters() {
    let cloud = Cloud::new(Nuisances {
        empty_pages: 0.4,
        ..Nuisances::none()
    });
    let names = cloud.names("").await;
    assert_eq!(names.len(), 3);
    assert!(
        names.is_sorted()
            && names
                .iter()
                .all(|name| name.ends_with("/h=14/m=00/PT1H.json"))
    );
    assert_eq!(cloud.names("&maxresults=1").await, names);
    let apps = cloud.names("&delimiter=/y%3D&maxresults=2").await;
    let expected: Vec<String> = names
        .iter()
        .map(|name| name.split_once("2026").unwrap().0.to_owned())
        .collect();
    assert_eq!(apps, expected);
    let one = cloud
        .names(&format!("&prefix={}", apps[1].replace('=', "%3D")))
        .await;
    assert_eq!(one, names[1..2]);
    let containers = cloud.blob("/shoplogs?comp=list", &[]).await;
    assert_eq!(
        containers.elements("Name"),
        ["insights-logs-functionapplogs"]
    );
    let none = cloud
        .blob("/shoplogs/none?restype=container&comp=list", &[])
        .await;
    assert_eq!(none.elements("Code"), ["ContainerNotFound"]);
    let path = format!("{CONTAINER}?restype=container&comp=list&maxresults=0");
    assert_eq!(cloud.blob(&path, &[]).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_blob_is_read_on_where_it_grows() {
    let cloud = Cloud::new(Nuisances {
        half_lines: 0.3,
        ..Nuisances::none()
    });
    let name = cloud.names("").await[2].clone();
    let path = format!("{CONTAINER}/{}", name.replace('=', "%3D"));
    let whole = cloud.blob(&path, &[]).await;
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.header("x-ms-blob-type"), "AppendBlob");
    let (etag, length) = (whole.header("etag").to_owned(), whole.body.len());
    let rest = format!("bytes={length}-");
    let read = |range: &'static str, condition: &'static str, etag: &str| {
        let etag = etag.to_owned();
        let (cloud, path) = (&cloud, &path);
        async move {
            let headers = [("x-ms-range", range), (condition, etag.as_str())];
            cloud.blob(path, &headers).await
        }
    };
    let part = read("bytes=3-7", "if-match", &etag).await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.body, whole.body[3..8]);
    assert_eq!(part.header("content-range"), format!("bytes 3-7/{length}"));
    let nothing = cloud.blob(&path, &[("x-ms-range", &rest)]).await;
    assert_eq!(nothing.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(nothing.header("x-ms-error-code"), "InvalidRange");
    let same = read("bytes=0-", "if-none-match", &etag).await;
    assert_eq!(
        (same.status, same.body.len()),
        (StatusCode::NOT_MODIFIED, 0)
    );

    cloud.advance_seconds(30);
    let changed = read("bytes=0-", "if-match", &etag).await;
    assert_eq!(changed.status, StatusCode::PRECONDITION_FAILED);
    let more = cloud.blob(&path, &[("range", &rest)]).await;
    assert_eq!(more.status, StatusCode::PARTIAL_CONTENT);
    let again = cloud.blob(&path, &[]).await;
    assert_eq!(again.body, [whole.body, more.body].concat());
    let missing = cloud.blob(&format!("{path}x"), &[]).await;
    assert_eq!(missing.elements("Code"), ["BlobNotFound"]);
    let wrong = cloud.blob(&path, &[("x-ms-range", "bytes=-5")]).await;
    assert_eq!(wrong.elements("Code"), ["InvalidHeaderValue"]);
}

#[tokio::test]
async fn every_line_is_there_in_the_end_and_the_hour_after_has_its_own_blobs() {
    let nuisances = Nuisances {
        empty_pages: 0.0,
        throttle_per_second: Some(0),
        unavailable_fraction: 0.0,
        ..Nuisances::all()
    };
    let cloud = Cloud::new(nuisances);
    cloud.advance_seconds(1_200 + 300);
    let mut lines: BTreeMap<String, u64> = BTreeMap::new();
    let names = cloud.names("").await;
    assert_eq!(names.len(), 6);
    for name in names {
        let path = format!("{CONTAINER}/{}", name.replace('=', "%3D"));
        let blob = cloud.blob(&path, &[]).await;
        let text = blob.text();
        assert!(text.ends_with("}\r\n"), "{name}");
        let app = name.split('/').nth(8).unwrap().to_lowercase();
        *lines.entry(app).or_default() += text.lines().count() as u64;
        for line in text.lines() {
            assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
            assert!(line.contains("\"FunctionAppLogs\""), "{line}");
        }
    }
    let mut counts = cloud.service.counts();
    assert!(counts.remove("billing-legacy").unwrap() > 1_000);
    assert_eq!(lines, counts);
    assert!(lines.values().sum::<u64>() > 40_000, "{lines:?}");
}

#[tokio::test]
async fn a_row_changes_when_its_execution_has_ended() {
    let cloud = Cloud::new(Nuisances::none());
    let mut running = BTreeSet::new();
    let table = "AzureWebJobsHostLogs202611";
    for _ in 0..40 {
        cloud.advance_seconds(30);
        let filter = "PartitionKey eq 'I' and FunctionInstanceHeartbeatExpiry gt datetime'2026-11-23T00:00:00Z'";
        let (rows, _) = cloud.rows(table, filter, "").await;
        let rows = rows.iter().filter(|row| row.get("EndTime").is_none());
        running.extend(rows.map(|row| row["RowKey"].as_str().unwrap().to_owned()));
    }
    assert!(!running.is_empty());
    cloud.advance_seconds(300);
    let mut ended = 0;
    for id in &running {
        let path = format!("/shoplogs/{table}(PartitionKey=%27I%27,RowKey=%27{id}%27)");
        let row = cloud.call(Kind::Table, "SharedKeyLite", &path, &[]).await;
        let row = row.json();
        assert_eq!(row["StartTime@odata.type"], "Edm.DateTime");
        // What a row once had stays there.
        assert!(
            row.get("FunctionInstanceHeartbeatExpiry").is_some(),
            "{row}"
        );
        ended += usize::from(row.get("EndTime").is_some());
    }
    // All but those whose process was killed.
    assert!(
        ended > 0 && ended + 2 >= running.len(),
        "{ended} of {}",
        running.len()
    );
}

#[tokio::test]
async fn rows_are_found_by_function_newest_first_and_by_pages() {
    let cloud = Cloud::new(Nuisances::none());
    cloud.advance_seconds(1_500);
    let tables = cloud
        .table("/shoplogs/Tables?$filter=TableName%20ge%20%27AzureWebJobsHostLogs%27%20and%20TableName%20lt%20%27AzureWebJobsHostLogt%27")
        .await
        .json();
    let names: Vec<&str> = tables["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| table["TableName"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["AzureWebJobsHostLogs202611", "AzureWebJobsHostLogscommon"]
    );
    let (definitions, _) = cloud
        .rows("AzureWebJobsHostLogscommon", "PartitionKey eq 'FD2'", "")
        .await;
    let ids: Vec<&str> = definitions
        .iter()
        .map(|row| row["RowKey"].as_str().unwrap())
        .collect();
    assert_eq!(ids[2], "billing:2Dlegacy-post:2Dinvoice");
    let mut executions = 0;
    for id in ids {
        let filter = format!("PartitionKey eq 'R2' and RowKey ge '{id}-' and RowKey lt '{id}.'");
        let more = "&$top=100&$select=StartTime,FunctionInstanceId,HasError,None";
        let (rows, pages) = cloud
            .rows("AzureWebJobsHostLogs202611", &filter, more)
            .await;
        assert!(pages > rows.len() / 100, "{pages}");
        let starts: Vec<&str> = rows
            .iter()
            .map(|row| row["StartTime"].as_str().unwrap())
            .collect();
        assert!(starts.is_sorted_by(|newer, older| newer >= older));
        assert!(
            rows.iter()
                .all(|row| row["None"].is_null() && row.get("FunctionName").is_none())
        );
        executions += rows.len() as u64;
    }
    // The row of one whose process was killed before it was first written is missing.
    let counted = cloud.service.counts()["billing-legacy"];
    assert!(
        executions <= counted && executions + 20 > counted,
        "{executions} of {counted}"
    );
}

#[tokio::test]
async fn busy_and_broken_servers_say_so_in_the_form_of_their_service() {
    let cloud = Cloud::new(Nuisances {
        throttle_per_second: Some(1),
        unavailable_fraction: 1.0,
        ..Nuisances::none()
    });
    let broken = cloud.table("/shoplogs/Tables").await;
    assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(broken.json()["odata.error"]["code"], "InternalError");
    let busy = cloud.table("/shoplogs/Tables").await;
    assert_eq!(busy.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.header("x-ms-error-code"), "ServerBusy");
    assert_eq!(
        cloud.blob("/shoplogs?comp=list", &[]).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    let busy = cloud.blob("/shoplogs?comp=list", &[]).await;
    assert_eq!(busy.elements("Code"), ["ServerBusy"]);
}
