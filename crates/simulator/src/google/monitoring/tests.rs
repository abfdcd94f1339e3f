//! The simulated Cloud Monitoring, called as a client calls it.

use std::sync::Arc;

use model::{Clock, ManualClock};
use serde_json::{Value, json};

use super::*;
use crate::config::{Nuisances, SimulatorConfig};
use crate::google::Service;
use crate::google::error::GoogleError;

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);
const COUNT: &str = "metric.type = \"cloudfunctions.googleapis.com/function/execution_count\"";

fn service(nuisances: Nuisances) -> (Service, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START));
    let config = SimulatorConfig {
        google_events_per_second: 20.0,
        history_minutes: 10,
        nuisances,
        ..SimulatorConfig::new(Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>)
    };
    (Service::new(config), clock)
}

fn ask(service: &Service, list: &str, pairs: &[(&str, &str)]) -> Result<Value, GoogleError> {
    let pairs = pairs.iter();
    let query = pairs.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    service.metrics(("shop-prod", list), &query.collect())
}

/// All points of a metric in the history, by pages of this size; and how often series were missing.
fn series(service: &Service, filter: &str, size: &str) -> (Vec<Value>, usize) {
    let (start, end) = (START.saturating_add_millis(-600_000), START);
    let (start, end) = (start.to_string(), end.to_string());
    let (mut all, mut missing, mut token) = (Vec::new(), 0, String::new());
    loop {
        let page = ask(
            service,
            "timeSeries",
            &[
                ("filter", filter),
                ("interval.startTime", &start),
                ("interval.endTime", &end),
                ("pageSize", size),
                ("pageToken", &token),
            ],
        )
        .unwrap();
        missing += usize::from(page.get("executionErrors").is_some());
        let series = page["timeSeries"].as_array();
        all.extend(series.into_iter().flatten().cloned());
        match page["nextPageToken"].as_str() {
            Some(next) => token = next.to_owned(),
            None => return (all, missing),
        }
    }
}

fn count(series: &[Value]) -> u64 {
    let points = series
        .iter()
        .flat_map(|one| one["points"].as_array().unwrap());
    let counts = points.map(|point| point["value"]["int64Value"].as_str().unwrap());
    counts.map(|count| count.parse::<u64>().unwrap()).sum()
}

#[test]
fn every_page_size_gives_the_same_points_the_newest_first() {
    let (service, _) = service(Nuisances {
        empty_pages: 0.3,
        ..Nuisances::none()
    });
    let (whole, missing) = series(&service, COUNT, "");
    let (pages, _) = series(&service, COUNT, "7");
    assert!(pages.len() > whole.len() && missing == 0);
    let executions = service.execution_counts(START);
    let total: u64 = executions.values().flat_map(BTreeMap::values).sum();
    assert!(total > 500, "{total}");
    assert_eq!((count(&whole), count(&pages)), (total, total));
    for one in &whole {
        let points = one["points"].as_array().unwrap();
        assert!(points.is_sorted_by(|left, right| {
            left["interval"]["endTime"].as_str() > right["interval"]["endTime"].as_str()
        }));
        assert_eq!(one["resource"]["type"], "cloud_function");
    }
}

#[test]
fn pages_that_lack_series_say_so() {
    let (service, _) = service(Nuisances {
        missing_series: 0.5,
        ..Nuisances::none()
    });
    let (whole, missing) = series(&service, COUNT, "5");
    let total: u64 = service
        .execution_counts(START)
        .values()
        .flat_map(BTreeMap::values)
        .sum();
    assert!(missing > 0 && count(&whole) < total);
}

#[test]
fn what_google_does_not_take_is_refused() {
    let (service, _) = service(Nuisances::none());
    let end = START.to_string();
    for filter in [
        "",
        "resource.type = \"cloud_function\"",
        "metric.type = \"a/b\"",
    ] {
        let refused = ask(
            &service,
            "timeSeries",
            &[("filter", filter), ("interval.endTime", &end)],
        );
        assert!(refused.is_err(), "{filter}");
    }
    assert!(ask(&service, "timeSeries", &[("filter", COUNT)]).is_err());
    let other = [
        ("filter", COUNT),
        ("interval.endTime", &end),
        ("pageToken", "x"),
    ];
    let refused = ask(&service, "timeSeries", &other);
    assert_eq!(refused.unwrap_err(), GoogleError::bad_token());
    assert!(ask(&service, "groups", &[]).is_err());
    let all = ask(&service, "metricDescriptors", &[]).unwrap();
    assert_eq!(all["metricDescriptors"].as_array().unwrap().len(), 7);
    let starts = "metric.type = starts_with(\"run.googleapis.com/\")";
    let run = ask(&service, "metricDescriptors", &[("filter", starts)]).unwrap();
    let run = run["metricDescriptors"].as_array().unwrap();
    assert_eq!(run.len(), 3);
    assert_eq!(
        run[0]["metadata"],
        json!({
            "launchStage": "GA", "samplePeriod": "60s", "ingestDelay": "240s",
        })
    );
}
