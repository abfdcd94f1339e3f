//! Lines as they stand in blobs, decoded.

use expect_test::{ExpectFile, expect_file};

use super::*;

fn config(more: &str) -> Config {
    toml::from_str(&format!(
        "name = 'prod'\naccount = 'shoplogs'\ncategory = 'azure'\n{more}"
    ))
    .unwrap()
}

fn decode(blob: &[u8], more: &str) -> (Vec<LogEvent>, u64) {
    let mut decoder = Decoder::new(&config(more));
    let mut events = Vec::new();
    let mut offset = 0;
    for line in blob.split_inclusive(|byte| *byte == b'\n') {
        let place = Place {
            blob: "insights-logs-functionapplogs/r/PT1H.json",
            offset,
            read_at: Timestamp::from_millis(1_763_909_520_000),
        };
        decoder.decode(line, place, &mut events);
        offset += line.len() as u64;
    }
    (events, decoder.take_unreadable())
}

fn check(blob: &[u8], expected: &ExpectFile) {
    expected.assert_debug_eq(&decode(blob, "").0);
}

#[test]
fn lines_of_windows_hosts_hold_an_object_of_javascript() {
    let blob = include_bytes!("../fixtures/windows.json");
    check(blob, &expect_file!["../fixtures/windows.expected"]);
    let (events, unreadable) = decode(blob, "fields = { account = 'prod', team = 'shop' }");
    assert_eq!(unreadable, 0);
    assert_eq!(events[0].account.as_deref(), Some("prod"));
    assert_eq!(events[0].fields[0], ("team".to_owned(), "shop".to_owned()));
    let executed = |event: &&LogEvent| event.message.starts_with("Executed ");
    let executed = events.iter().find(executed).unwrap();
    assert!(
        executed
            .message
            .contains(executed.request_id.as_deref().unwrap())
    );
    assert_eq!(executed.function.as_deref(), Some("HttpTrigger"));
}

#[test]
fn lines_of_linux_hosts_hold_it_in_a_text_and_american_times() {
    let blob = include_bytes!("../fixtures/linux.json");
    check(blob, &expect_file!["../fixtures/linux.expected"]);
    let (events, unreadable) = decode(blob, "");
    assert_eq!((events.len(), unreadable), (5, 0));
    let time = events[0].event_time.unwrap().to_string();
    assert_eq!(time, "2025-05-28T01:15:14Z");
}

#[test]
fn other_categories_stay_the_structured_events_that_they_are() {
    let blob = include_bytes!("../fixtures/other_categories.json");
    check(blob, &expect_file!["../fixtures/other_categories.expected"]);
    let (events, _) = decode(blob, "");
    assert_eq!(events[2].metadata.name, "SignInLogs");
    assert!(events[2].message.starts_with(r#"{"time":"2026-01-12"#));
}

#[test]
fn hostile_lines_become_events_all_the_same() {
    let blob = include_bytes!("../fixtures/hostile.json");
    check(blob, &expect_file!["../fixtures/hostile.expected"]);
    let (events, unreadable) = decode(blob, "");
    assert_eq!((events.len(), unreadable), (18, 7));
}

#[test]
fn equal_lines_are_different_events_and_long_ones_have_parts_with_ids() {
    let (events, _) = decode(b"a\na\n", "");
    assert_ne!(events[0].id, events[1].id);
    let long = "x".repeat(3 << 20);
    let (events, _) = decode(long.as_bytes(), "");
    let (again, _) = decode(long.as_bytes(), "");
    let ids = |events: &[LogEvent]| events.iter().map(|event| event.id).collect::<Vec<_>>();
    assert_eq!(events.len(), 3);
    assert_eq!(ids(&events), ids(&again));
    assert!(events[0].id.is_some() && events[0].id != events[1].id);
}
