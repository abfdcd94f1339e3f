//! The whole collector against a small server that answers like CloudWatch on a bad day.

mod fake;

use std::collections::BTreeSet;

use model::{EventBatch, EventSink, SinkError};

use self::fake::{Fake, MINUTE_MS};
use super::plan::{Metric, Plan};
use super::*;
use crate::testing::MemorySink;
use crate::{SourceConfig, Sources};

const LAMBDA: &str = "AWS/Lambda";

fn config(more: &str) -> Config {
    toml::from_str(&format!(
        "name = 'prod'\nregion = 'eu-west-1'\npoll_interval = '10ms'\nquota_share = 1.0\n\
         category = 'aws/metrics'\nfields = {{ account = 'prod' }}\n{more}",
    ))
    .unwrap()
}

fn start(fake: &Fake, endpoint_url: &str, sink: &Arc<MemorySink>, more: &str) -> Sources {
    let mut config = config(more);
    config.endpoint_url = Some(endpoint_url.to_owned());
    let sink: Arc<dyn EventSink> = Arc::<MemorySink>::clone(sink);
    let clock: Arc<dyn model::Clock> = Arc::<model::ManualClock>::clone(&fake.clock);
    let configs = vec![SourceConfig::AwsCloudwatchMetrics(config)];
    Sources::start(configs, sink, clock).unwrap()
}

/// The sums that a reader of the sink sees: what came later replaces what came before.
fn sums(batches: &[EventBatch]) -> BTreeMap<(String, String, i64), f64> {
    let samples = batches.iter().flat_map(|batch| &batch.samples);
    let sums = samples.filter(|sample| sample.statistic.as_deref() == Some("sum"));
    sums.map(|sample| {
        let function = sample.series.dimensions["FunctionName"].clone();
        let minute = sample.time.unwrap().millis() / MINUTE_MS;
        let key = (sample.series.metric.clone(), function, minute);
        (key, sample.value)
    })
    .collect()
}

/// Puts two counts of three functions for the minutes before the present one.
fn put_history(fake: &Fake, minutes: i64) {
    for function in ["cart", "checkout", "search"] {
        for minute in fake.minute() - minutes..fake.minute() {
            let value = (minute % 100) as f64;
            fake.put((LAMBDA, "Invocations", function), minute, value);
            fake.put((LAMBDA, "Errors", function), minute, value / 10.0);
        }
    }
}

async fn wait_for_truth(fake: &Fake, sink: &MemorySink) {
    let truth = fake.truth(fake.minute() - 2);
    sink.wait_until(|batches| sums(batches) == truth).await;
}

#[tokio::test]
async fn sums_are_the_truth_after_corrections_in_spite_of_pages_throttling_and_faults() {
    let fake = Fake::new();
    put_history(&fake, 170);
    let sink = Arc::new(MemorySink::default());
    let sources = start(&fake, &fake.serve().await, &sink, "");
    wait_for_truth(&fake, &sink).await;
    // Invocations of 15 minutes ago have just failed; two minutes more are over.
    fake.put((LAMBDA, "Errors", "cart"), fake.minute() - 15, 99.0);
    fake.pass(2);
    put_history(&fake, 2);
    wait_for_truth(&fake, &sink).await;
    let status = &sources.status()[0];
    assert!(status.throttles_total > 0);
    assert!(status.cost_usd_per_month.is_some_and(|cost| cost > 0.0));
    sources.shutdown().await;
    let batches = sink.batches();
    let sample = &batches[0].samples[0];
    let dimension = |name: &str| sample.series.dimensions[name].as_str();
    assert_eq!(dimension("account"), "prod");
    assert_eq!(dimension("region"), "eu-west-1");
    assert_eq!(dimension("namespace"), LAMBDA);
    assert_eq!(dimension("_sourceCategory"), "aws/metrics");
    assert_eq!(dimension("_source"), "prod");
}

#[tokio::test]
async fn a_restart_loses_and_doubles_nothing() {
    let fake = Fake::new();
    put_history(&fake, 60);
    let sink = Arc::new(MemorySink::default());
    sink.refuse_next(SinkError::Failed("disk".to_owned()));
    let endpoint_url = fake.serve().await;
    for _ in 0..4 {
        let sources = start(&fake, &endpoint_url, &sink, "");
        wait_for_truth(&fake, &sink).await;
        // Dropped with what is in hand.
        drop(sources);
        fake.pass(7);
        put_history(&fake, 7);
        fake.put((LAMBDA, "Errors", "search"), fake.minute() - 12, 77.0);
    }
    let sources = start(&fake, &endpoint_url, &sink, "");
    wait_for_truth(&fake, &sink).await;
    sources.shutdown().await;
}

#[tokio::test]
async fn a_namespace_that_always_fails_does_not_stop_another() {
    let fake = Fake::new();
    put_history(&fake, 10);
    let sink = Arc::new(MemorySink::default());
    let namespaces = "namespaces = ['Forbidden', 'AWS/Lambda']";
    let sources = start(&fake, &fake.serve().await, &sink, namespaces);
    wait_for_truth(&fake, &sink).await;
    fake.pass(1);
    put_history(&fake, 1);
    wait_for_truth(&fake, &sink).await;
    // A fault of the moment may stand there instead, until the next call.
    let refusal = refusal(&sources, "Forbidden").await;
    assert!(refusal.contains("cloudwatch:ListMetrics"), "{refusal}");
    let origins = sources.status()[0].origins.clone();
    sources.shutdown().await;
    let lambda = origins.iter().find(|origin| origin.name == LAMBDA);
    assert!(lambda.unwrap().final_until.is_some());
}

/// Waits until an origin says that access to it is denied.
async fn refusal(sources: &Sources, name: &str) -> String {
    loop {
        let origins = &sources.status()[0].origins;
        let origin = origins.iter().find(|origin| origin.name == name);
        match origin.and_then(|origin| origin.last_error.clone()) {
            Some(error) if error.contains("AccessDenied") => return error,
            _ => tokio::task::yield_now().await,
        }
    }
}

#[tokio::test]
async fn the_first_minutes_of_a_new_function_are_found_when_it_is_listed() {
    let fake = Fake::new();
    put_history(&fake, 5);
    let sink = Arc::new(MemorySink::default());
    let more = "correction = '3m'";
    let sources = start(&fake, &fake.serve().await, &sink, more);
    wait_for_truth(&fake, &sink).await;
    // It runs for a quarter of an hour before AWS lists it.
    let first = fake.minute();
    for _ in 0..16 {
        fake.pass(1);
        put_history(&fake, 1);
    }
    wait_for_truth(&fake, &sink).await;
    for minute in first..fake.minute() {
        fake.put((LAMBDA, "Invocations", "new"), minute, 5.0);
    }
    fake.pass(5);
    put_history(&fake, 5);
    wait_for_truth(&fake, &sink).await;
    sources.shutdown().await;
}

#[tokio::test]
async fn what_ran_while_the_node_was_down_is_found_though_it_is_silent_since() {
    let fake = Fake::new();
    put_history(&fake, 5);
    let sink = Arc::new(MemorySink::default());
    let endpoint_url = fake.serve().await;
    let sources = start(&fake, &endpoint_url, &sink, "");
    wait_for_truth(&fake, &sink).await;
    sources.shutdown().await;
    fake.pass(60);
    fake.put((LAMBDA, "Invocations", "nightly"), fake.minute() - 1, 3.0);
    fake.pass(9 * 60);
    put_history(&fake, 5);
    let sources = start(&fake, &endpoint_url, &sink, "");
    wait_for_truth(&fake, &sink).await;
    sources.shutdown().await;
}

#[tokio::test]
async fn only_metrics_and_dimensions_that_are_wanted_are_asked_for() {
    let fake = Fake::new();
    put_history(&fake, 5);
    let sink = Arc::new(MemorySink::default());
    let more = "metrics = ['Errors']\ndimensions = ['FunctionName']";
    let endpoint_url = fake.serve().await;
    let sources = start(&fake, &endpoint_url, &sink, more);
    let mut truth = fake.truth(fake.minute() - 2);
    truth.retain(|(metric, _, _), _| metric == "Errors");
    sink.wait_until(|batches| sums(batches) == truth).await;
    sources.shutdown().await;
    let other = Arc::new(MemorySink::default());
    let sources = start(&fake, &endpoint_url, &other, "dimensions = []");
    other.wait_for_checkpoint(|_| true).await;
    sources.shutdown().await;
    assert!(sums(&other.batches()).is_empty());
}

#[test]
fn the_statistics_of_a_metric_stay_in_one_call_and_cost_as_much_as_one() {
    let metric = |number: usize| Metric {
        name: "Duration".to_owned(),
        dimensions: BTreeMap::from([("FunctionName".to_owned(), format!("f{number}"))]),
    };
    let metrics: BTreeSet<Metric> = (0..203).map(metric).collect();
    let plan = Plan::new(&config(""), LAMBDA, &metrics);
    let sizes: Vec<usize> = plan.calls.iter().map(Vec::len).collect();
    assert_eq!(sizes, [500, 500, 15]);
    assert!((plan.usd(1_000.0) - 203.0 * 0.01).abs() < 1e-9);
}

#[test]
fn days_are_read_less_often_and_further_back_than_minutes() {
    let config = config("");
    assert_eq!(config.poll_interval(DAY), DAYS_POLL_INTERVAL);
    assert_eq!(config.settings(DAY).correction, DAY_COMES_WITHIN);
    assert_eq!(
        config.settings(presets::MINUTE).correction,
        config.correction
    );
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    for (extra, setting) in [
        ("namespaces = []", "namespaces"),
        ("namespaces = ['AWS/SQS', 'AWS/SQS']", "namespaces"),
        ("quota_share = 1.5", "quota_share"),
        ("poll_interval = '0s'", "poll_interval"),
    ] {
        let config: Config = toml::from_str(&format!("name = 'a'\nregion = 'r'\n{extra}")).unwrap();
        let wrong = crate::source::check(&config).unwrap_err();
        assert_eq!(wrong.setting, setting, "{wrong:?}");
    }
}
