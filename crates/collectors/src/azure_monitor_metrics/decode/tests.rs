//! Azure's answers, decoded.

use expect_test::{ExpectFile, expect_file};
use serde_json::{Value, json};

use super::*;
use crate::testing::shown;

const SPAN: Span = Span {
    start_ms: 1_763_909_280_000,
    end_ms: 1_763_909_460_000,
};

fn decoder(more: &str) -> Decoder {
    let config: Config = toml::from_str(&format!(
        "name = 'metrics'\nsubscription = '2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11'\n\
         category = 'azure'\n{more}"
    ))
    .unwrap();
    let resource = Described {
        id: "/subscriptions/2f6c/RESOURCEGROUPS/shop/providers/Microsoft.Web/sites/shop-orders"
            .to_owned(),
        name: "shop-orders".to_owned(),
        resource_type: "Microsoft.Web/sites".to_owned(),
        location: "westeurope".to_owned(),
    };
    Decoder::new(&config, &resource)
}

fn check(answer: &str, expected: &ExpectFile) {
    let samples = decoder("").samples(answer.as_bytes(), SPAN).unwrap();
    assert_eq!(
        (&samples.unreadable, &samples.missing),
        (&Vec::new(), &None)
    );
    expected.assert_eq(&shown(&samples.samples));
}

#[test]
fn what_was_not_measured_is_no_sample_and_zero_is_one() {
    let answer = include_str!("../fixtures/sites.json");
    check(answer, &expect_file!["../fixtures/sites.expected"]);
    let decoder = decoder("fields = { account = 'prod', team = 'shop' }");
    let samples = decoder.samples(answer.as_bytes(), SPAN).unwrap();
    let dimensions = &samples.samples[0].series.dimensions;
    assert_eq!(
        (dimensions["account"].as_str(), dimensions["team"].as_str()),
        ("prod", "shop")
    );
}

#[test]
fn dimensions_of_a_metric_stand_beside_those_of_its_resource() {
    let answer = include_str!("../fixtures/storage.json");
    check(answer, &expect_file!["../fixtures/storage.expected"]);
}

#[test]
fn metrics_that_cannot_be_understood_do_not_hide_the_others() {
    let metric =
        |data: Value| json!({"name": {"value": "Requests"}, "timeseries": [{"data": [data]}]});
    let read = |metrics: Value| {
        let answer = json!({"value": metrics}).to_string();
        decoder("").samples(answer.as_bytes(), SPAN).unwrap()
    };
    let good = metric(json!({"timeStamp": "2025-11-23T14:48:00Z", "total": 1}));
    for (bad, reason) in [
        (json!({"unit": "Count"}), "a metric without a name"),
        (metric(json!({"total": 1})), "no metric"),
        (
            metric(json!({"timeStamp": "soon", "total": 1})),
            "Requests has the time `soon`",
        ),
        (
            metric(json!({"timeStamp": "2025-11-23T14:48:00Z", "total": "many"})),
            "no metric",
        ),
        (json!("later"), "no metric"),
    ] {
        let read = read(json!([bad, good]));
        assert_eq!(read.samples.len(), 1, "{reason}");
        let [letter] = read.unreadable.as_slice() else {
            panic!("{:?}", read.unreadable);
        };
        assert!(letter.problem.contains(reason), "{letter:?}");
    }
    let failed =
        json!({"name": {"value": "Requests"}, "errorCode": "Throttled", "errorMessage": "later"});
    let read = read(json!([failed, good]));
    assert_eq!(read.samples.len(), 1);
    let missing = read.missing.unwrap();
    assert_eq!(missing, "Azure could not tell Requests: Throttled later");
    let problem = decoder("").samples(b"\"later\"", SPAN).unwrap_err();
    assert!(problem.contains("no list of metrics"), "{problem}");
    assert_eq!(
        decoder("").samples(b"{}", SPAN).unwrap(),
        Samples::default()
    );
}

#[test]
fn lists_of_resources_and_of_definitions_are_understood() {
    let page = json!({
        "value": [{"id": "/subscriptions/s/resourceGroups/shop/providers/a/b/c", "name": "c",
            "type": "a/b", "kind": "functionapp", "location": "westeurope"}],
        "nextLink": "https://management.azure.com/subscriptions/s/resources?$skiptoken=x",
    });
    let (found, next) = resources(page.to_string().as_bytes()).unwrap();
    assert_eq!(found[0].resource_group(), "shop");
    assert!(next.unwrap().ends_with("=x"));
    assert_eq!(resources(b"{\"value\":[]}").unwrap(), (Vec::new(), None));
    assert!(resources(b"[").is_err());
    let list = json!({"value": [
        {"name": {"value": "Hits"}, "metricAvailabilities":
            [{"timeGrain": "PT1H"}, {"timeGrain": "PT1M"}]},
        {"name": {"value": "Size"}, "metricAvailabilities": [{"timeGrain": "PT1H"}]},
    ]});
    assert_eq!(definitions(list.to_string().as_bytes()).unwrap(), ["Hits"]);
    assert!(definitions(b"7").is_err());
    assert_eq!(Described::default().resource_group(), "");
}
