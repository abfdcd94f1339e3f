//! Time series as Google gives them, decoded.

use expect_test::{ExpectFile, expect_file};
use serde_json::json;

use super::*;
use crate::testing::shown;

fn decoder(more: &str) -> Decoder {
    let config: Config = toml::from_str(&format!(
        "name = 'metrics'\nproject = 'shop-prod'\ncategory = 'gcp'\n{more}"
    ))
    .unwrap();
    Decoder::new(&config)
}

fn check(page: &str, expected: &ExpectFile) -> Samples {
    let samples = decoder("").page(page.as_bytes()).unwrap();
    expected.assert_eq(&shown(&samples.samples));
    samples
}

#[test]
fn counts_histograms_and_gauges_of_functions_become_samples() {
    let page = include_str!("../fixtures/functions.json");
    let samples = check(page, &expect_file!["../fixtures/functions.expected"]);
    assert_eq!(samples.next_token.as_deref(), Some("CiQ"));
    assert_eq!(samples.missing, None);
    let decoder = decoder("fields = { account = 'prod', team = 'shop' }");
    let samples = decoder.page(page.as_bytes()).unwrap().samples;
    let dimensions = &samples[0].series.dimensions;
    assert_eq!(dimensions["account"], "prod");
    assert_eq!(dimensions["project_id"], "shop-prod");
    assert_eq!(dimensions["team"], "shop");
}

#[test]
fn what_google_leaves_out_is_told_and_what_is_no_number_is_no_sample() {
    let page = include_str!("../fixtures/run.json");
    let samples = check(page, &expect_file!["../fixtures/run.expected"]);
    assert_eq!(
        samples.missing.as_deref(),
        Some("Google left out time series: some series took too long, europe-west9")
    );
}

#[test]
fn series_that_cannot_be_understood_do_not_hide_the_others() {
    let series = |kind: &str, point: Value| {
        json!({"timeSeries": [{
            "metric": {"type": "a.b/c"}, "metricKind": kind, "points": [point],
        }]})
    };
    let at = |start: &str, end: &str| json!({"startTime": start, "endTime": end});
    let (early, late) = ("2025-11-23T14:50:00Z", "2025-11-23T14:51:00Z");
    let one = json!({"int64Value": "1"});
    let good = json!({
        "metric": {"type": "a.b/c"}, "metricKind": "GAUGE",
        "points": [{"interval": {"endTime": late}, "value": one}],
    });
    for (page, reason) in [
        (json!({"timeSeries": [7]}), "no time series"),
        (
            series("RATE", json!({"interval": at(early, late), "value": one})),
            "a.b/c is of the unknown kind `RATE`",
        ),
        (
            series(
                "DELTA",
                json!({"interval": {"endTime": late}, "value": one}),
            ),
            "a period without a start",
        ),
        (
            series("DELTA", json!({"interval": at(late, early), "value": one})),
            "a period from 2025-11-23T14:51:00Z to",
        ),
        (
            series(
                "GAUGE",
                json!({"interval": {"endTime": "soon"}, "value": one}),
            ),
            "the time `soon`",
        ),
        (
            series(
                "GAUGE",
                json!({"interval": {"endTime": late}, "value": {"int64Value": "many"}}),
            ),
            "`many` for a number",
        ),
        (
            series("GAUGE", json!({"interval": {"endTime": late}, "value": {}})),
            "no time series",
        ),
    ] {
        let mut page = page;
        let all = page["timeSeries"].as_array_mut().unwrap();
        all.push(good.clone());
        let read = decoder("").page(page.to_string().as_bytes()).unwrap();
        // What cannot be understood does not hide the others.
        assert_eq!(read.samples.len(), 1, "{reason}");
        let [letter] = read.unreadable.as_slice() else {
            panic!("{:?}", read.unreadable);
        };
        assert!(letter.problem.contains(reason), "{letter:?}");
    }
    for page in ["<html>", "[1]", "{\"timeSeries\": 7}"] {
        let problem = decoder("").page(page.as_bytes()).unwrap_err();
        assert!(problem.contains("no page of time series"), "{problem}");
    }
    assert_eq!(decoder("").page(b"{}").unwrap(), Samples::default());
}

#[test]
fn descriptors_say_how_often_and_how_late_a_metric_is_measured() {
    let page = json!({
        "metricDescriptors": [
            {"type": "a.b/c", "valueType": "INT64",
                "metadata": {"samplePeriod": "60s", "ingestDelay": "210.5s"}},
            {"type": "a.b/d", "valueType": "DOUBLE", "metadata": {"samplePeriod": "soon"}},
            {"type": "a.b/text", "valueType": "STRING"},
            {"valueType": "INT64"},
        ],
        "nextPageToken": "t",
    });
    let (found, token) = descriptors(page.to_string().as_bytes()).unwrap();
    assert_eq!(
        found,
        [
            Descriptor {
                metric_type: "a.b/c".to_owned(),
                sample_period: Some(Duration::from_secs(60)),
                ingest_delay: Some(Duration::from_millis(210_500)),
            },
            Descriptor {
                metric_type: "a.b/d".to_owned(),
                sample_period: None,
                ingest_delay: None,
            }
        ]
    );
    assert_eq!(token.as_deref(), Some("t"));
    assert_eq!(descriptors(b"{}").unwrap(), (Vec::new(), None));
    assert!(descriptors(b"[").is_err());
}
