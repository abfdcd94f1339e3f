//! Entries as Google gives them, decoded.

use expect_test::{ExpectFile, expect_file};

use super::*;

fn config(more: &str) -> Config {
    toml::from_str(&format!(
        "name = 'prod'\nproject = 'shop-prod'\ncategory = 'gcp'\n{more}"
    ))
    .unwrap()
}

fn decode(page: &str, more: &str) -> Vec<LogEvent> {
    let page: Value = serde_json::from_str(page).unwrap();
    let mut decoder = Decoder::new(&config(more));
    let entries = page["entries"].as_array().unwrap();
    entries
        .iter()
        .map(|entry| decoder.decode(entry.clone()))
        .collect()
}

fn check(page: &str, expected: &ExpectFile) {
    expected.assert_debug_eq(&decode(page, ""));
}

#[test]
fn requests_and_lines_of_the_second_generation_share_their_request_id() {
    let page = include_str!("../fixtures/second_generation.json");
    check(
        page,
        &expect_file!["../fixtures/second_generation.expected"],
    );
    let events = decode(page, "");
    assert_eq!(events[0].request_id, events[1].request_id);
    assert_eq!(events[0].function.as_deref(), Some("sync_contacts"));
    // Two entries may have the same `insertId`.
    assert_ne!(events[1].id, events[2].id);
}

#[test]
fn lines_of_the_first_generation_belong_to_their_execution() {
    let page = include_str!("../fixtures/first_generation.json");
    check(page, &expect_file!["../fixtures/first_generation.expected"]);
    let events = decode(page, "fields = { account = 'prod', team = 'shop' }");
    assert_eq!(events[0].request_id.as_deref(), Some("1m9qyyh5qcbv"));
    assert_eq!(events[0].account.as_deref(), Some("prod"));
    assert_eq!(events[2].request_id, None);
}

#[test]
fn hostile_entries_become_events_all_the_same() {
    let page = include_str!("../fixtures/hostile.json");
    check(page, &expect_file!["../fixtures/hostile.expected"]);
}

#[test]
fn lateness_is_known_for_lines_and_not_for_requests() {
    let page: Value =
        serde_json::from_str(include_str!("../fixtures/second_generation.json")).unwrap();
    assert_eq!(lateness_ms(&page["entries"][0]), None);
    assert_eq!(lateness_ms(&page["entries"][1]), Some(200));
    assert_eq!(lateness_ms(&json!(7)), None);
}
