//! The simulated Resource Manager, called as a client calls it.

use model::{Clock, ManualClock};

use super::*;
use crate::config::{Nuisances, SimulatorConfig};

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);
const SUBSCRIPTION: &str = "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11";

fn service(nuisances: Nuisances) -> (Service, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START));
    let config = SimulatorConfig {
        azure_events_per_second: 20.0,
        history_minutes: 5,
        nuisances,
        ..SimulatorConfig::new(Arc::<ManualClock>::clone(&clock) as Arc<dyn Clock>)
    };
    (Service::new(config), clock)
}

fn query(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

#[test]
fn resources_come_in_pages_and_have_definitions() {
    let (service, _) = service(Nuisances::none());
    let path = format!("/subscriptions/{SUBSCRIPTION}/resources");
    let sites = query(&[("$filter", "resourceType eq 'Microsoft.Web/sites'")]);
    let page = service.manage(("h:1", &path), &sites).unwrap();
    assert_eq!(page["value"].as_array().unwrap().len(), 2);
    assert_eq!(page["value"][0]["location"], "westeurope");
    let link = page["nextLink"].as_str().unwrap();
    assert!(link.starts_with(&format!("http://h:1{path}?")), "{link}");
    let rest = query(&[("$skiptoken", "2")]);
    let rest = service.manage(("h:1", &path), &rest).unwrap();
    assert_eq!(rest["value"].as_array().unwrap().len(), 1);
    assert_eq!(rest.get("nextLink"), None);
    let id = rest["value"][0]["id"].as_str().unwrap();
    let path = format!("{id}/providers/Microsoft.Insights/metricDefinitions");
    let definitions = service.manage(("h", &path), &query(&[])).unwrap();
    assert!(definitions["value"].as_array().unwrap().len() > 20);
    let other = service.manage(("h", "/subscriptions/x/resources"), &query(&[]));
    assert_eq!(other.unwrap_err().status, StatusCode::NOT_FOUND);
}

#[test]
fn the_values_of_the_minutes_add_up_to_the_truth() {
    let (service, clock) = service(Nuisances::none());
    clock.advance_nanos(60_000_000_000);
    let until = clock.now();
    let truth = service.metric_totals(until);
    assert_eq!(truth.len(), 4);
    let path = format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/shop/providers/Microsoft.Web/sites/\
         shop-orders/providers/Microsoft.Insights/metrics"
    );
    let ask = |names: &str| {
        let timespan = format!("{}/{until}", until.saturating_add_millis(-10 * 60_000));
        let asked = query(&[
            ("metricnames", names),
            ("timespan", &timespan),
            ("interval", "PT1M"),
            ("aggregation", "Total,Count"),
        ]);
        service.manage(("h", &path), &asked)
    };
    let answer = ask("FunctionExecutionCount,Requests,Threads").unwrap();
    let data = answer["value"][0]["timeseries"][0]["data"]
        .as_array()
        .unwrap();
    assert_eq!(data.len(), 10);
    // There was nothing yet, which is not zero.
    assert!(data[0].get("total").is_none());
    let total: f64 = data
        .iter()
        .filter_map(|grain| grain["total"].as_f64())
        .sum();
    assert!(total > 100.0);
    assert_eq!(total, truth["shop-orders"]["FunctionExecutionCount"]);
    assert_eq!(answer["value"][2]["timeseries"], json!([]));
    assert_eq!(ask("Nonsense").unwrap_err().status, StatusCode::BAD_REQUEST);
}

#[test]
fn a_full_quota_says_how_long_to_wait() {
    let (service, _) = service(Nuisances {
        throttle_per_second: Some(1),
        ..Nuisances::none()
    });
    let path = format!("/subscriptions/{SUBSCRIPTION}/resources");
    let ask = || service.manage(("h", &path), &query(&[]));
    assert!((0..60).all(|_| ask().is_ok()));
    let refused = ask().unwrap_err();
    assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS);
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(
        message.ends_with("try again after '61' seconds."),
        "{message}"
    );
}
