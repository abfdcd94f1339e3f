//! The server as a client sees it, over the router.

use std::collections::BTreeMap;

use aws_smithy_types::DateTime;
use axum::body::Body;
use axum::http::Request;
use http_body_util::BodyExt as _;
use model::{Clock, ManualClock, Timestamp};
use serde_json::Value;
use tower::ServiceExt as _;

use super::meters::METRICS;
use super::*;
use crate::aws::router;
use crate::config::{Nuisances, SimulatorConfig};

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);
const HISTORY_MINUTES: u32 = 10;

struct Cloud {
    clock: Arc<ManualClock>,
    service: Arc<Service>,
}

impl Cloud {
    fn new(nuisances: Nuisances) -> Cloud {
        let clock = Arc::new(ManualClock::at(START));
        let mut config = SimulatorConfig::new(Arc::clone(&clock) as Arc<dyn Clock>);
        config.nuisances = nuisances;
        config.history_minutes = HISTORY_MINUTES;
        let service = Arc::new(Service::new(config));
        Cloud { clock, service }
    }

    async fn call(&self, operation: &str, body: Encoder) -> (StatusCode, Value) {
        let request = Request::post(PATH.replace("{operation}", operation))
            .header("smithy-protocol", "rpc-v2-cbor")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AK/20261123/eu-west-1/monitoring/aws4_request",
            )
            .body(Body::from(body.into_writer()))
            .unwrap();
        let routes = router(Arc::clone(&self.service));
        let response = routes.oneshot(request).await.unwrap();
        assert_eq!(response.headers()["smithy-protocol"], "rpc-v2-cbor");
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, cbor::read(&body).unwrap())
    }

    /// Sums of a metric of a function over the history, by minute, from all pages.
    async fn sums(&self, metric: &str, function: &str) -> BTreeMap<i64, f64> {
        let mut sums = BTreeMap::new();
        let mut token: Option<String> = None;
        loop {
            let body = query(metric, function, token.as_deref());
            let (status, answer) = self.call("GetMetricData", body).await;
            assert_eq!(status, StatusCode::OK, "{answer}");
            let result = &answer["MetricDataResults"][0];
            assert_eq!(result["Id"], "q0");
            let times = result["Timestamps"].as_array().unwrap().iter();
            let values = result["Values"].as_array().unwrap();
            for (time, value) in times.zip(values) {
                let minute = time.as_f64().unwrap() as i64;
                assert_eq!(sums.insert(minute, value.as_f64().unwrap()), None);
            }
            token = answer["NextToken"].as_str().map(str::to_owned);
            let is_complete = result["StatusCode"] == "Complete";
            assert_eq!(is_complete, token.is_none(), "{answer}");
            if token.is_none() {
                return sums;
            }
        }
    }
}

fn query(metric: &str, function: &str, token: Option<&str>) -> Encoder {
    let mut body = Encoder::new(Vec::new());
    body.begin_map().str("MetricDataQueries").array(1).map(2);
    body.str("Id").str("q0").str("MetricStat").map(3);
    body.str("Period").integer(60).str("Stat").str("Sum");
    body.str("Metric").map(3);
    body.str("Namespace").str(NAMESPACE);
    body.str("MetricName").str(metric);
    body.str("Dimensions").array(1).map(2);
    body.str("Name")
        .str(FUNCTION_NAME)
        .str("Value")
        .str(function);
    let at = |minutes: i64| DateTime::from_millis(START.millis() + minutes * 60_000);
    body.str("StartTime")
        .timestamp(&at(-i64::from(HISTORY_MINUTES)));
    body.str("EndTime").timestamp(&at(0));
    if let Some(token) = token {
        body.str("NextToken").str(token);
    }
    body.end();
    body
}

#[tokio::test]
async fn every_function_is_listed_with_its_metrics() {
    let cloud = Cloud::new(Nuisances::none());
    let mut body = Encoder::new(Vec::new());
    body.map(1).str("RecentlyActive").str("PT3H");
    let (status, answer) = cloud.call("ListMetrics", body).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    let metrics = answer["Metrics"].as_array().unwrap();
    for name in METRICS {
        let of = metrics.iter().filter(|metric| metric["MetricName"] == name);
        assert!(of.count() >= 2, "{name} of a function and of all");
    }
    let is_checkout = |metric: &&Value| metric["Dimensions"][0]["Value"] == "checkout-api";
    assert_eq!(
        metrics.iter().filter(is_checkout).count(),
        METRICS.len() - 1
    );
}

#[tokio::test]
async fn sums_are_incomplete_at_first_and_become_the_truth() {
    let nuisances = Nuisances {
        throttle_per_second: Some(0),
        unavailable_fraction: 0.0,
        ..Nuisances::all()
    };
    let cloud = Cloud::new(nuisances);
    let truth = cloud.service.metric_sums(START);
    let expected = truth["checkout-api"]["Invocations"];
    assert!(expected > 100.0, "{expected}");
    let total = |sums: BTreeMap<i64, f64>| sums.values().sum::<f64>();
    let first = total(cloud.sums("Invocations", "checkout-api").await);
    assert!(0.0 < first && first < expected, "{first} of {expected}");
    cloud.clock.advance_nanos(30 * 60_000 * 1_000_000);
    for metric in ["Invocations", "Errors", "Throttles"] {
        let last = total(cloud.sums(metric, "checkout-api").await);
        assert_eq!(last, truth["checkout-api"][metric], "{metric}");
    }
}

#[tokio::test]
async fn what_cannot_be_answered_is_refused_in_the_form_of_the_protocol() {
    let cloud = Cloud::new(Nuisances {
        throttle_per_second: Some(1),
        ..Nuisances::none()
    });
    let mut broken = Encoder::new(Vec::new());
    broken.map(1).str("StartTime");
    let (status, answer) = cloud.call("GetMetricData", broken).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["__type"], "SerializationException");
    let (_, answer) = cloud
        .call("GetMetricData", query("Errors", "a", None))
        .await;
    assert_eq!(answer["__type"], "ThrottlingException");
}
