//! The whole collector: against the simulated Google on a bad day, and against a small server
//! that refuses what it is told to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::{Json, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use model::{Clock, EventSink, ManualClock, Timestamp};
use serde_json::{Value, json};
use simulator::{Nuisances, Simulator, SimulatorConfig};

use super::*;
use crate::testing::{FixedClock, MemorySink};
use crate::{SourceConfig, Sources};

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);
const MINUTE_MS: i64 = 60_000;

fn start(endpoint: &str, more: &str, sink: &Arc<MemorySink>, clock: Arc<dyn Clock>) -> Sources {
    let config: Config = toml::from_str(&format!(
        "name = 'metrics'\nproject = 'shop-prod'\nendpoint_url = '{endpoint}'\n\
         poll_interval = '10ms'\n{more}"
    ))
    .unwrap();
    // Our own quota would make the test wait for minutes.
    let quotas = crate::sources::Quotas::default();
    let quota = [Some(config.endpoint_url()), Some("shop-prod")];
    quotas
        .gcp_metrics
        .0
        .get(&quota, || TokenBucket::new(10_000.0));
    let sink: Arc<dyn EventSink> = Arc::<MemorySink>::clone(sink);
    let source = SourceConfig::GcpCloudMonitoring(config);
    Sources::start_within(vec![source], sink, clock, &quotas).unwrap()
}

/// What a statistic of a metric sums up to before `until`, by these two dimensions.
fn sums(
    sink: &MemorySink,
    (metric, statistic): (&str, &str),
    names: [&str; 2],
    until: Timestamp,
) -> BTreeMap<String, BTreeMap<String, u64>> {
    let mut sums: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
    for sample in sink.latest_samples() {
        let is_wanted = sample.series.metric == metric
            && sample.statistic.as_deref() == Some(statistic)
            && sample.time.unwrap() < until;
        if is_wanted {
            let [first, second] = names.map(|name| sample.series.dimensions[name].clone());
            *sums.entry(first).or_default().entry(second).or_default() += sample.value as u64;
        }
    }
    sums
}

/// Waits until every metric is final up to a moment.
async fn wait_until_final(sources: &Sources, count: usize, until: Timestamp) {
    loop {
        let origins = &sources.status()[0].origins;
        let is_final = |end: Option<i64>| end.is_some_and(|end| end >= until.millis());
        if origins.len() == count && origins.iter().all(|one| is_final(one.final_until)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn in_the_end_the_samples_are_what_the_fleet_did_also_across_a_restart() {
    let clock = Arc::new(ManualClock::at(START));
    let ticking: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
    let simulator = Simulator::start(SimulatorConfig {
        events_per_second: 0.0,
        azure_events_per_second: 0.0,
        google_events_per_second: 10.0,
        history_minutes: 10,
        nuisances: Nuisances {
            empty_pages: 0.3,
            counted_late: 0.3,
            counted_late_ms_max: 540_000,
            missing_series: 0.1,
            unavailable_fraction: 0.02,
            ..Nuisances::none()
        },
        ..SimulatorConfig::new(Arc::clone(&ticking))
    })
    .await
    .unwrap();
    let sink = Arc::new(MemorySink::default());
    let mut sources = start(
        &simulator.google_endpoint(),
        "",
        &sink,
        Arc::clone(&ticking),
    );
    let mut until = START;
    for minute in 0..16 {
        if minute == 7 {
            sources.shutdown().await;
            sources = start(
                &simulator.google_endpoint(),
                "",
                &sink,
                Arc::clone(&ticking),
            );
        }
        clock.advance_nanos(MINUTE_MS * 1_000_000);
        // Four minutes of delay and ten in which Google corrects.
        until = clock.now().saturating_add_millis(-14 * MINUTE_MS);
        wait_until_final(&sources, 7, until).await;
    }
    sources.shutdown().await;
    let truth = simulator.google_executions(until);
    let total: u64 = truth.values().flat_map(BTreeMap::values).sum();
    assert!(truth.len() == 6 && total > 500, "{truth:?}");
    let by_status = ["function_name", "status"];
    for counted in [
        ("function/execution_count", "sum"),
        ("function/execution_times", "samplecount"),
    ] {
        assert_eq!(sums(&sink, counted, by_status, until), truth, "{counted:?}");
    }
    let requests = ("request_count", "sum");
    let requests = sums(&sink, requests, ["service_name", "response_code"], until);
    assert_eq!(requests["geo-lookup"]["200"], truth["geo-lookup"]["ok"]);
    simulator.shutdown().await;
}

/// Two metrics in memory.
#[derive(Default)]
struct Fake {
    calls: AtomicUsize,
    /// So many answers about `good` lack a series.
    partial: usize,
    refuses_everybody: bool,
}

const TWO: &str = "metric_types = ['a.com/']\ncorrection = '1m'\nstart = '10m'";

impl Fake {
    fn answer(&self, list: &str, query: &BTreeMap<String, String>) -> Response {
        if self.refuses_everybody {
            return refuse(StatusCode::FORBIDDEN, "PERMISSION_DENIED");
        }
        if list == "metricDescriptors" {
            assert_eq!(query["filter"], "metric.type = starts_with(\"a.com/\")");
            let of = |name: &str| json!({"type": format!("a.com/{name}"), "valueType": "INT64"});
            return Json(json!({"metricDescriptors": [of("bad"), of("good")]})).into_response();
        }
        if query["filter"] == "metric.type = \"a.com/bad\"" {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL");
        }
        assert_eq!(query["filter"], "metric.type = \"a.com/good\"");
        let series = |name: &str| {
            json!({
                "metric": {"type": "a.com/good", "labels": {"name": name}}, "metricKind": "DELTA",
                "points": [{"interval": {"startTime": "2025-11-23T14:45:00Z",
                    "endTime": "2025-11-23T14:46:00Z"}, "value": {"int64Value": "5"}}],
            })
        };
        match self.calls.fetch_add(1, Ordering::SeqCst) < self.partial {
            true => Json(json!({
                "timeSeries": [series("one")], "executionErrors": [{"message": "too slow"}],
            })),
            false => Json(json!({"timeSeries": [series("one"), series("two")]})),
        }
        .into_response()
    }
}

fn refuse(status: StatusCode, kind: &str) -> Response {
    let error = json!({"error": {"code": status.as_u16(), "message": "no", "status": kind}});
    (status, Json(error)).into_response()
}

async fn serve(fake: &Arc<Fake>) -> String {
    async fn answer(
        State(fake): State<Arc<Fake>>,
        Path(list): Path<String>,
        Query(query): Query<BTreeMap<String, String>>,
    ) -> Response {
        fake.answer(&list, &query)
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new()
        .route("/v3/projects/shop-prod/{list}", get(answer))
        .with_state(Arc::clone(fake));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

fn read_to(position: &Value) -> i64 {
    position["read_to_ms"].as_i64().unwrap()
}

#[tokio::test]
async fn a_metric_that_fails_does_not_stop_the_others_and_is_shown() {
    let fake = Arc::new(Fake::default());
    let sink = Arc::new(MemorySink::default());
    let sources = start(&serve(&fake).await, TWO, &sink, Arc::new(FixedClock));
    sink.wait_for(2).await;
    let problem = loop {
        let bad = sources.status()[0].origins[0].clone();
        if let Some(problem) = bad.last_error {
            assert_eq!(bad.name, "a.com/bad");
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(problem, "500 INTERNAL: no");
    sources.shutdown().await;
    assert_eq!(sink.latest_samples().len(), 2);
}

#[tokio::test]
async fn what_is_there_is_handed_over_and_the_rest_is_read_before_the_checkpoint_moves() {
    let fake = Arc::new(Fake {
        partial: 2,
        ..Fake::default()
    });
    let sink = Arc::new(MemorySink::default());
    let sources = start(&serve(&fake).await, TWO, &sink, Arc::new(FixedClock));
    let closed_ms = FixedClock.now().millis() - 4 * MINUTE_MS;
    let is_closed = |checkpoint: &model::Checkpoint| read_to(&checkpoint.position) == closed_ms;
    sink.wait_for_checkpoint(is_closed).await;
    sources.shutdown().await;
    let batches = sink.batches();
    let names = |index: usize| -> Vec<&str> {
        let samples = batches[index].samples.iter();
        samples
            .map(|sample| sample.series.dimensions["name"].as_str())
            .collect()
    };
    // What was told is not told again, and the checkpoint comes with the last.
    assert_eq!((names(0), names(1)), (vec!["one"], vec!["two"]));
    assert!(batches[0].checkpoint.is_none() && batches[1].checkpoint.is_some());
}

#[tokio::test]
async fn a_missing_permission_is_named_and_the_source_goes_on_trying() {
    let fake = Arc::new(Fake {
        refuses_everybody: true,
        ..Fake::default()
    });
    let sink = Arc::new(MemorySink::default());
    let sources = start(&serve(&fake).await, TWO, &sink, Arc::new(FixedClock));
    let problem = loop {
        if let Some(problem) = sources.status()[0].last_error.clone() {
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert!(
        problem.contains("monitoring.metricDescriptors.list on projects/shop-prod")
            && problem.contains("roles/monitoring.viewer"),
        "{problem}"
    );
    sources.shutdown().await;
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (extra, setting) in [
        ("project = ''", "project"),
        ("project = 'projects/p'", "project"),
        ("project = 'p'\nmetric_types = ['lambda']", "metric_types"),
        ("project = 'p'\nmetric_types = []", "metric_types"),
        ("project = 'p'\nquota_share = 1.5", "quota_share"),
        ("project = 'p'\npoll_interval = '0s'", "poll_interval"),
    ] {
        let config: Config = toml::from_str(&format!("name = 'a'\n{extra}")).unwrap();
        let error = SourceConfig::GcpCloudMonitoring(config).validate();
        let error = error.unwrap_err().to_string();
        assert!(error.contains(setting), "{error}");
    }
}
