//! The simulated Cloud Logging, called as a client calls it.

use model::{Clock, ManualClock, Timestamp};
use serde_json::json;

use super::*;
use crate::config::{Nuisances, SimulatorConfig};

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);

fn service(nuisances: Nuisances, events_per_second: f64) -> (Service, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START));
    let config = SimulatorConfig {
        google_events_per_second: events_per_second,
        history_minutes: 5,
        nuisances,
        ..SimulatorConfig::new(Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>)
    };
    (Service::new(config), clock)
}

/// All pages of a request, and how many of them were empty.
fn list(service: &Service, filter: &str, order: &str) -> (Vec<Value>, usize) {
    let mut body = json!({
        "resourceNames": ["projects/shop-prod"], "filter": filter, "orderBy": order, "pageSize": 400,
    });
    let (mut entries, mut empty_pages) = (Vec::new(), 0);
    loop {
        let page = service.call("entries:list", &body).unwrap();
        match page["entries"].as_array() {
            Some(page) => entries.extend(page.iter().cloned()),
            None => empty_pages += 1,
        }
        match page.get("nextPageToken") {
            Some(token) => body["pageToken"] = token.clone(),
            None => return (entries, empty_pages),
        }
    }
}

#[test]
fn every_entry_is_listed_once_in_the_order_of_time_also_backwards() {
    let nuisances = Nuisances {
        empty_pages: 0.4,
        insert_id_reuse: 0.3,
        ..Nuisances::none()
    };
    let (service, clock) = service(nuisances, 20.0);
    clock.advance_nanos(120_000_000_000);
    let (entries, empty_pages) = list(&service, "", "timestamp asc");
    let total: u64 = service.entry_counts().values().sum();
    assert!(
        entries.len() > 4_000 && empty_pages > 0,
        "{}",
        entries.len()
    );
    // What is under way is counted, and not visible yet.
    assert!(total >= entries.len() as u64 && total < entries.len() as u64 + 200);
    assert!(entries.is_sorted_by_key(|entry| entry["timestamp"].as_str().map(service::parse)));
    let (mut backward, _) = list(&service, "", "timestamp desc");
    backward.reverse();
    assert_eq!(entries, backward);
}

#[test]
fn requests_bear_their_begin_and_share_the_trace_of_their_lines() {
    let (service, _) = service(Nuisances::none(), 20.0);
    let filter =
        r#"logName:"requests" AND httpRequest.status=200 AND timestamp<"2026-11-23T13:58:00Z""#;
    let (requests, _) = list(&service, filter, "");
    assert!(requests.len() > 50, "{}", requests.len());
    for request in requests.iter().take(20) {
        let time = |name: &str| service::parse(request[name].as_str().unwrap());
        assert!(time("receiveTimestamp") > time("timestamp"));
        let trace = request["trace"].as_str().unwrap();
        let (lines, _) = list(
            &service,
            &format!("trace=\"{trace}\" AND logName:stdout"),
            "",
        );
        assert!(!lines.is_empty());
        assert_eq!(
            lines[0]["labels"]["instanceId"],
            request["labels"]["instanceId"]
        );
    }
}

#[test]
fn a_token_is_good_for_its_request_and_its_time_only() {
    let nuisances = Nuisances {
        token_lifetime_ms: 5_000,
        ..Nuisances::none()
    };
    let (service, clock) = service(nuisances, 20.0);
    let body = json!({"resourceNames": ["projects/shop-prod"]});
    let page = service.call("entries:list", &body).unwrap();
    assert_eq!(page["entries"].as_array().unwrap().len(), 50);
    let mut next = body.clone();
    next["pageToken"] = page["nextPageToken"].clone();
    assert!(service.call("entries:list", &next).is_ok());
    let mut other = next.clone();
    other["filter"] = json!("severity=ERROR");
    assert_eq!(
        service.call("entries:list", &other).unwrap_err(),
        GoogleError::bad_token()
    );
    clock.advance_nanos(6_000_000_000);
    assert!(service.call("entries:list", &next).is_err());
}

#[test]
fn reads_beyond_the_quota_are_refused_until_the_minute_ends() {
    let (service, clock) = service(Nuisances::default(), 0.0);
    let body = json!({"resourceNames": ["projects/shop-prod"]});
    let read = || service.call("entries:list", &body);
    assert!((0..60).all(|_| read().is_ok()));
    assert_eq!(read().unwrap_err().status(), StatusCode::TOO_MANY_REQUESTS);
    clock.advance_nanos(60_000_000_000);
    assert!(read().is_ok());
}

#[test]
fn what_clients_write_is_listed_with_the_defaults_of_the_request() {
    let (service, clock) = service(Nuisances::none(), 0.0);
    let write = json!({
        "logName": "projects/shop-prod/logs/run.googleapis.com%2Fstdout",
        "resource": {"type": "cloud_run_revision", "labels": {"service_name": "a"}},
        "labels": {"all": "1"},
        "entries": [
            {"textPayload": "late", "timestamp": "2026-11-23T13:01:00Z", "labels": {"own": "2"}},
            {"jsonPayload": {"a": 1}, "insertId": "x"},
        ],
    });
    service.call("entries:write", &write).unwrap();
    let (entries, _) = list(&service, "", "");
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[0]["labels"], json!({"all": "1", "own": "2"}));
    assert_eq!(entries[0]["receiveTimestamp"], entries[1]["timestamp"]);
    assert_eq!(entries[1]["insertId"], "x");
    clock.advance_nanos(1);
    for (change, value) in [
        ("entries", json!([])),
        ("entries", json!([{"timestamp": "2026-11-25T14:00:00Z"}])),
        ("entries", json!([{"timestamp": "soon"}])),
        ("resource", json!(null)),
        ("logName", json!(7)),
    ] {
        let mut wrong = write.clone();
        wrong[change] = value;
        assert!(service.call("entries:write", &wrong).is_err(), "{change}");
    }
    assert!(service.call("entries:copy", &json!({})).is_err());
}
