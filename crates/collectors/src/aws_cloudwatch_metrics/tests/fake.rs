//! A small server that answers like CloudWatch on a bad day.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_cbor::data::Type;
use aws_smithy_cbor::{Decoder, Encoder};
use aws_smithy_types::DateTime;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use model::{Clock, ManualClock};
use serde_json::{Map, Value};

use super::*;

/// Samples and metrics a page: few, so that there are many pages.
const PAGE_SAMPLES: usize = 40;
const PAGE_METRICS: usize = 3;
pub(super) const MINUTE_MS: i64 = 60_000;

/// A namespace, a metric, and a function.
type Key = (&'static str, &'static str, &'static str);

/// Metrics in memory. Some calls are throttled, some fail, and the namespace `Forbidden` may not
/// be listed.
pub(super) struct Fake {
    pub(super) clock: Arc<ManualClock>,
    /// Values by minute since the epoch.
    samples: Mutex<BTreeMap<Key, BTreeMap<i64, f64>>>,
    calls: AtomicUsize,
}

impl Fake {
    pub(super) fn new() -> Arc<Fake> {
        let at = crate::testing::FixedClock.now();
        Arc::new(Fake {
            clock: Arc::new(ManualClock::at(at)),
            samples: Mutex::default(),
            calls: AtomicUsize::new(0),
        })
    }

    /// The minute that is not over yet.
    pub(super) fn minute(&self) -> i64 {
        self.clock.now().millis() / MINUTE_MS
    }

    pub(super) fn pass(&self, minutes: i64) {
        self.clock.advance_nanos(minutes * MINUTE_MS * 1_000_000);
    }

    pub(super) fn put(&self, key: Key, minute: i64, value: f64) {
        let mut samples = self.samples.lock().unwrap();
        samples.entry(key).or_default().insert(minute, value);
    }

    /// Every value up to and without a minute, by metric, function and minute.
    pub(super) fn truth(&self, end: i64) -> BTreeMap<(String, String, i64), f64> {
        let samples = self.samples.lock().unwrap();
        let all = samples.iter().flat_map(|((_, metric, function), values)| {
            let values = values.range(..end);
            values.map(|(minute, value)| {
                ((metric.to_string(), function.to_string(), *minute), *value)
            })
        });
        all.collect()
    }

    pub(super) async fn serve(self: &Arc<Self>) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let path = "/service/GraniteServiceVersion20100801/operation/{operation}";
        let app = Router::new()
            .route(path, post(answer))
            .with_state(Arc::clone(self));
        tokio::spawn(async move { axum::serve(listener, app).await });
        format!("http://{address}")
    }

    fn list(&self, request: &Value) -> Response {
        let namespace = request["Namespace"].as_str().unwrap();
        if namespace == "Forbidden" {
            return refuse(403, "AccessDenied", "not authorized");
        }
        let since = match request["RecentlyActive"].as_str() {
            Some("PT3H") => self.minute() - 180,
            _ => self.minute() - 14 * 24 * 60,
        };
        let samples = self.samples.lock().unwrap();
        let listed = samples.iter().filter(|((space, _, _), values)| {
            *space == namespace && values.range(since..).next().is_some()
        });
        let listed: Vec<&Key> = listed.map(|(key, _)| key).collect();
        let begin = place(request);
        let end = listed.len().min(begin + PAGE_METRICS);
        let mut body = Encoder::new(Vec::new());
        body.begin_map().str("Metrics").array(end - begin);
        for (namespace, metric, function) in &listed[begin..end] {
            body.map(3).str("Namespace").str(namespace);
            body.str("MetricName").str(metric);
            body.str("Dimensions").array(1).map(2);
            body.str("Name").str("FunctionName");
            body.str("Value").str(function);
        }
        finished(body, (end < listed.len()).then_some(end))
    }

    fn data(&self, request: &Value) -> Response {
        let millis = |name: &str| (request[name].as_f64().unwrap() * 1_000.0) as i64;
        let minutes = millis("StartTime") / MINUTE_MS..millis("EndTime") / MINUTE_MS;
        assert!(minutes.end < self.minute(), "only minutes that are over");
        let samples = self.samples.lock().unwrap();
        let (mut skip, mut room) = (place(request), PAGE_SAMPLES);
        let (mut end, mut is_last) = (skip, true);
        let queries = request["MetricDataQueries"].as_array().unwrap();
        assert!(queries.len() <= 500);
        let mut body = Encoder::new(Vec::new());
        body.begin_map()
            .str("MetricDataResults")
            .array(queries.len());
        for query in queries {
            let asked = &query["MetricStat"]["Metric"];
            let function = asked["Dimensions"][0]["Value"].as_str().unwrap();
            let found = samples.iter().find(|((namespace, metric, of), _)| {
                asked["Namespace"] == *namespace
                    && asked["MetricName"] == *metric
                    && function == *of
            });
            let values = found.map(|(_, values)| values.range(minutes.clone()));
            let values: Vec<_> = values.into_iter().flatten().collect();
            let begin = skip.min(values.len());
            skip -= begin;
            let page = &values[begin..values.len().min(begin + room)];
            room -= page.len();
            end += page.len();
            let is_complete = begin + page.len() == values.len();
            is_last &= is_complete;
            body.map(4).str("Id").str(query["Id"].as_str().unwrap());
            let status = if is_complete {
                "Complete"
            } else {
                "PartialData"
            };
            body.str("StatusCode").str(status);
            body.str("Timestamps").array(page.len());
            for (minute, _) in page {
                body.timestamp(&DateTime::from_millis(**minute * MINUTE_MS));
            }
            body.str("Values").array(page.len());
            for (_, value) in page {
                body.double(**value);
            }
        }
        finished(body, (!is_last).then_some(end))
    }
}

fn place(request: &Value) -> usize {
    let token = request["NextToken"].as_str();
    token.map_or(0, |token| token.parse().unwrap())
}

fn finished(mut body: Encoder, next: Option<usize>) -> Response {
    if let Some(next) = next {
        body.str("NextToken").str(&next.to_string());
    }
    body.end();
    body.into_writer().into_response()
}

fn refuse(status: u16, code: &str, message: &str) -> Response {
    let mut body = Encoder::new(Vec::new());
    body.map(2).str("__type").str(code);
    body.str("message").str(message);
    (StatusCode::from_u16(status).unwrap(), body.into_writer()).into_response()
}

async fn answer(
    State(fake): State<Arc<Fake>>,
    Path(operation): Path<String>,
    body: Bytes,
) -> Response {
    let call = fake.calls.fetch_add(1, Ordering::SeqCst);
    match call {
        1 | 6 => return refuse(400, "ThrottlingException", "Rate exceeded"),
        2 | 9 => return refuse(503, "ServiceUnavailable", "try again"),
        _ => {}
    }
    let request = read(&mut Decoder::new(&body));
    match operation.as_str() {
        "ListMetrics" => fake.list(&request),
        "GetMetricData" => fake.data(&request),
        other => panic!("unexpected call {other}"),
    }
}

/// What the client writes, as JSON; times are seconds since the epoch.
fn read(body: &mut Decoder<'_>) -> Value {
    match body.datatype().unwrap() {
        Type::Bool => body.boolean().unwrap().into(),
        Type::String => body.string().unwrap().into(),
        Type::Tag => body.timestamp().unwrap().as_secs_f64().into(),
        Type::Array => {
            let length = body.list().unwrap().unwrap();
            (0..length).map(|_| read(body)).collect()
        }
        Type::MapIndef => {
            body.map().unwrap();
            let mut members = Map::new();
            while body.datatype().unwrap() != Type::Break {
                members.insert(body.string().unwrap(), read(body));
            }
            body.skip().unwrap();
            members.into()
        }
        _ => body.long().unwrap().into(),
    }
}
