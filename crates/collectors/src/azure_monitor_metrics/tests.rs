//! The whole collector: against the simulated Azure on a bad day, and against a small server that
//! refuses what it is told to.

use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::Router;
use axum::extract::{Json, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use model::{Clock, EventSink, ManualClock, Timestamp};
use serde_json::json;
use simulator::{Nuisances, Simulator, SimulatorConfig};

use super::*;
use crate::testing::{FixedClock, MemorySink};
use crate::{SourceConfig, Sources};

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);
const MINUTE_MS: i64 = 60_000;
const SUBSCRIPTION: &str = "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11";

fn start(endpoint: &str, more: &str, sink: &Arc<MemorySink>, clock: Arc<dyn Clock>) -> Sources {
    let config: Config = toml::from_str(&format!(
        "name = 'metrics'\nsubscription = '{SUBSCRIPTION}'\nendpoint_url = '{endpoint}'\n\
         poll_interval = '10ms'\ncredentials = {{ tenant_id = 't', client_id = 'c', \
         client_secret = 's', authority_url = '{endpoint}' }}\n{more}"
    ))
    .unwrap();
    // The real quota would make the test wait for minutes.
    let quotas = crate::sources::Quotas::default();
    let quota = [Some(config.endpoint_url()), Some(SUBSCRIPTION)];
    quotas.azure_metrics.0.get(&quota, || Quota {
        calls: TokenBucket::new(10_000.0),
        definitions: TokenBucket::new(10_000.0),
    });
    let sink: Arc<dyn EventSink> = Arc::<MemorySink>::clone(sink);
    let source = SourceConfig::AzureMonitorMetrics(config);
    Sources::start_within(vec![source], sink, clock, &quotas).unwrap()
}

/// What the minutes of a metric sum up to before `until`, by resource.
fn sums(sink: &MemorySink, metric: &str, until: Timestamp) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for sample in sink.latest_samples() {
        let is_wanted = sample.series.metric == metric
            && sample.statistic.as_deref() == Some("sum")
            && sample.time.unwrap() < until;
        if is_wanted {
            let name = sample.series.dimensions["resource_name"].clone();
            *sums.entry(name).or_default() += sample.value;
        }
    }
    sums
}

/// Waits until every resource is final up to a moment.
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
        google_events_per_second: 0.0,
        azure_events_per_second: 10.0,
        history_minutes: 10,
        nuisances: Nuisances {
            counted_late: 0.3,
            counted_late_ms_max: 540_000,
            unavailable_fraction: 0.02,
            ..Nuisances::none()
        },
        ..SimulatorConfig::new(Arc::clone(&ticking))
    })
    .await
    .unwrap();
    let endpoint = simulator.azure_management_endpoint();
    let sink = Arc::new(MemorySink::default());
    let mut sources = start(&endpoint, "", &sink, Arc::clone(&ticking));
    let mut until = START;
    for minute in 0..20 {
        if minute == 9 {
            sources.shutdown().await;
            sources = start(&endpoint, "", &sink, Arc::clone(&ticking));
        }
        clock.advance_nanos(MINUTE_MS * 1_000_000);
        // Three minutes of delay and fifteen in which Azure corrects.
        until = clock.now().saturating_add_millis(-18 * MINUTE_MS);
        wait_until_final(&sources, 3, until).await;
    }
    sources.shutdown().await;
    let mut truth = simulator.azure_metric_totals(until);
    // It is of another subscription.
    assert!(truth.remove("lab-insights").is_some());
    for metric in [
        "FunctionExecutionCount",
        "FunctionExecutionUnits",
        "Requests",
        "Http5xx",
    ] {
        let of_metric = truth.iter();
        let of_metric =
            of_metric.filter_map(|(app, totals)| Some((app.clone(), *totals.get(metric)?)));
        let of_metric: BTreeMap<String, f64> = of_metric.collect();
        assert_eq!(of_metric.len(), 3);
        assert_eq!(sums(&sink, metric, until), of_metric, "{metric}");
    }
    assert!(truth["shop-orders"]["FunctionExecutionCount"] > 100.0);
    simulator.shutdown().await;
}

/// Two caches, a type of which it is not known which metrics it has.
#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<String>>,
    refuses_everybody: bool,
}

impl Fake {
    fn answer(&self, uri: &Uri) -> Response {
        if self.refuses_everybody {
            return refuse(StatusCode::FORBIDDEN, "AuthorizationFailed");
        }
        let path = uri.path();
        self.asked.lock().unwrap().push(uri.to_string());
        let id = |name: &str| format!("/subscriptions/s/resourceGroups/g/providers/a.b/c/{name}");
        if path.ends_with("/resources") {
            let resource = |name: &str| json!({"id": id(name), "name": name, "type": "a.b/c"});
            return Json(json!({"value": [resource("bad"), resource("good")]})).into_response();
        }
        if path.starts_with(&id("bad")) {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Broken");
        }
        if path.ends_with("/metricDefinitions") {
            let definition = |name: &str| {
                json!({"name": {"value": name},
                "metricAvailabilities": [{"timeGrain": "PT1M"}]})
            };
            return Json(json!({"value": [definition("Hits"), definition("Load")]}))
                .into_response();
        }
        Json(
            json!({"value": [{"name": {"value": "Hits"}, "timeseries": [{"data":
            [{"timeStamp": "2025-11-23T14:45:00Z", "total": 5, "average": null}]}]}]}),
        )
        .into_response()
    }
}

fn refuse(status: StatusCode, code: &str) -> Response {
    let error = json!({"error": {"code": code, "message": "no"}});
    (status, Json(error)).into_response()
}

async fn serve(fake: &Arc<Fake>) -> String {
    async fn answer(State(fake): State<Arc<Fake>>, uri: Uri) -> Response {
        match uri.path().ends_with("/token") {
            true => Json(json!({"access_token": "t", "expires_in": 3599})).into_response(),
            false => fake.answer(&uri),
        }
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(answer).with_state(Arc::clone(fake));
    tokio::spawn(async move { axum::serve(listener, app).await });
    format!("http://{address}")
}

#[tokio::test]
async fn a_resource_that_fails_does_not_stop_the_others_which_are_asked_for_their_metrics() {
    let fake = Arc::new(Fake::default());
    let sink = Arc::new(MemorySink::default());
    let more = "resource_types = ['a.b/c']\nmetrics = ['Hits']\nstart = '10m'";
    let sources = start(&serve(&fake).await, more, &sink, Arc::new(FixedClock));
    sink.wait_for(1).await;
    let problem = loop {
        let bad = sources.status()[0].origins[0].clone();
        if let Some(problem) = bad.last_error {
            assert_eq!(bad.name, "bad");
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(problem, "500 Broken: no");
    sources.shutdown().await;
    let samples = sink.latest_samples();
    assert_eq!(samples.len(), 1);
    assert_eq!(samples[0].series.dimensions["resource_name"], "good");
    let asked = fake.asked.lock().unwrap();
    let of_good = |what: &str| {
        let calls = asked.iter();
        let calls = calls.filter(|call| call.contains("/good/") && call.contains(what));
        calls.cloned().collect::<Vec<_>>()
    };
    assert_eq!(of_good("metricDefinitions").len(), 1);
    assert!(of_good("/metrics?")[0].contains("metricnames=Hits&"));
}

#[tokio::test]
async fn a_missing_role_is_named_and_the_source_goes_on_trying() {
    let fake = Arc::new(Fake {
        refuses_everybody: true,
        ..Fake::default()
    });
    let sink = Arc::new(MemorySink::default());
    let sources = start(&serve(&fake).await, "", &sink, Arc::new(FixedClock));
    let problem = loop {
        if let Some(problem) = sources.status()[0].last_error.clone() {
            break problem;
        }
        tokio::task::yield_now().await;
    };
    assert!(problem.contains("role `Monitoring Reader`"), "{problem}");
    sources.shutdown().await;
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (extra, setting) in [
        ("subscription = ''", "subscription"),
        ("subscription = 'a/b'", "subscription"),
        ("subscription = 's'\nresource_types = []", "resource_types"),
        (
            "subscription = 's'\nresource_types = [\"a/b'\"]",
            "resource_types",
        ),
        ("subscription = 's'\nmetrics = ['a,b']", "metrics"),
        (
            "subscription = 's'\ncredentials = { account_key = 'a2V5' }",
            "credentials have an account_key or a sas_token, which open storage accounts only",
        ),
        (
            "subscription = 's'\ncredentials = { sas_token = 'sig=x' }",
            "credentials",
        ),
        (
            "subscription = 's'\ncredentials = { client_secret = 'x' }",
            "credentials",
        ),
        ("subscription = 's'\nquota_share = 0.0", "quota_share"),
        ("subscription = 's'\npoll_interval = '0s'", "poll_interval"),
    ] {
        let config: Config = toml::from_str(&format!("name = 'a'\n{extra}")).unwrap();
        let error = SourceConfig::AzureMonitorMetrics(config).validate();
        let error = error.unwrap_err().to_string();
        assert!(error.contains(setting), "{error}");
    }
}
