//! The fleet's promises: deterministic, in the order of time, as fast and as faulty as configured.

use std::collections::HashMap;

use super::*;

const START: Timestamp = Timestamp::from_millis(1_795_442_400_000);

fn fleet(seed: u64, minutes: i64) -> Fleet {
    Fleet::new(FleetConfig {
        seed,
        start: START,
        events_per_second: 400.0,
        end: Some(START.saturating_add_millis(minutes * 60_000)),
        bad_deployment: Some((
            START.saturating_add_millis(4 * 60_000),
            START.saturating_add_millis(8 * 60_000),
        )),
    })
}

#[test]
fn the_same_seed_gives_the_same_events_in_the_order_of_time() {
    let (left, right): (Vec<_>, Vec<_>) = (fleet(1, 2).collect(), fleet(1, 2).collect());
    assert!(left.len() > 30_000, "{}", left.len());
    assert!(
        left.iter()
            .zip(&right)
            .all(|(a, b)| a.message == b.message && a.event_time == b.event_time)
    );
    assert!(left.is_sorted_by_key(|event| event.event_time));
    assert_ne!(left[0].message, fleet(2, 2).next().unwrap().message);
}

#[test]
fn asking_piece_by_piece_gives_the_same_as_asking_at_once() {
    let whole: Vec<String> = fleet(1, 1).map(|event| event.message).collect();
    let mut fleet = fleet(1, 1);
    let mut pieces = Vec::new();
    for second in 0..300 {
        let until = START.saturating_add_millis(second * 1_000 + 333);
        while let Some(event) = fleet.next_until(until) {
            assert!(event.event_time <= until);
            pieces.push(event.message);
        }
    }
    assert_eq!(pieces, whole);
}

#[test]
fn the_rate_is_about_what_was_asked_for() {
    let events = fleet(3, 10).count() as f64 / 600.0;
    assert!((340.0..460.0).contains(&events), "{events} events a second");
}

#[test]
fn failures_are_as_frequent_as_promised() {
    let mut counts: HashMap<&str, u32> = HashMap::new();
    for event in fleet(1, 15) {
        for word in [
            "START RequestId",
            "Task timed out",
            "signal: killed",
            "Traceback",
            "\tat com.shop",
            "Invoke Error",
            "INIT_START",
        ] {
            if event.message.contains(word) {
                *counts.entry(word).or_default() += 1;
            }
        }
    }
    let starts = f64::from(counts["START RequestId"]);
    let timed_out = f64::from(counts["Task timed out"]) / starts;
    assert!((0.0015..0.0035).contains(&timed_out), "{timed_out}");
    let failed = ["Traceback", "\tat com.shop", "Invoke Error"]
        .iter()
        .map(|word| f64::from(counts[word]))
        .sum::<f64>();
    assert!((0.008..0.06).contains(&(failed / starts)), "{failed}");
    for word in [
        "signal: killed",
        "Traceback",
        "\tat com.shop",
        "Invoke Error",
        "INIT_START",
    ] {
        assert!(counts[word] > 10, "{word}: {}", counts[word]);
    }
}

#[test]
fn the_bad_version_fails_only_while_it_is_live() {
    let (begin, end) = (
        START.saturating_add_millis(4 * 60_000),
        START.saturating_add_millis(8 * 60_000),
    );
    let bad: Vec<FleetEvent> = fleet(1, 12)
        .filter(|event| {
            event
                .message
                .contains("Cannot read properties of undefined (reading 'id')")
        })
        .collect();
    assert!(bad.len() > 100, "{}", bad.len());
    for event in &bad {
        assert_eq!(event.function().name, "checkout-api");
        assert!(event.stream.contains("/[42]"));
        assert!(event.event_time >= begin && event.event_time < end.saturating_add_millis(15_000));
    }
}

#[test]
fn what_functions_of_json_style_write_is_json() {
    for event in fleet(1, 5).filter(|event| event.function().style == LogStyle::Json) {
        let value: serde_json::Value = serde_json::from_str(&event.message).unwrap();
        assert!(value.is_object(), "{}", event.message);
    }
}

#[test]
fn a_time_out_is_reported_before_it_is_said() {
    let events: Vec<FleetEvent> = fleet(1, 6).collect();
    let at = events
        .iter()
        .position(|event| event.message.contains("Task timed out"))
        .unwrap();
    let report = events[..at]
        .iter()
        .rfind(|event| event.stream == events[at].stream)
        .unwrap();
    assert!(report.message.starts_with("REPORT RequestId: "));
    assert!(report.message.contains("Status: timeout"));
    assert_eq!(report.event_time, events[at].event_time);
}

#[test]
fn the_data_set_is_json_lines_of_the_size_that_was_asked_for() {
    let mut file = Vec::new();
    let written = write_ndjson(&mut file, 2_000_000, 1).unwrap();
    assert_eq!(written.bytes, file.len() as u64);
    assert!((2_000_000..2_010_000).contains(&written.bytes));
    let text = String::from_utf8(file).unwrap();
    assert_eq!(text.lines().count() as u64, written.events);
    for line in text.lines() {
        let value: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        let names: Vec<&str> = value.keys().map(String::as_str).collect();
        assert_eq!(names, ["_time", "function", "stream", "level", "message"]);
        assert_eq!(value["_time"].as_str().unwrap().len(), 24);
    }
}
