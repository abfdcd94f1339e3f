//! Rows as Azure gives them, decoded.

use expect_test::{ExpectFile, expect_file};

use super::*;

const NOW_MS: i64 = 1_763_909_520_000;

fn config(more: &str) -> Config {
    toml::from_str(&format!(
        "name = 'prod'\naccount = 'shophost'\ncategory = 'azure'\n{more}"
    ))
    .unwrap()
}

/// Pairs of a row by time and its full row, or `null`.
fn decode(rows: &str, more: &str) -> Vec<LogEvent> {
    let function = Definition {
        id: "my:2Dhost-nightly:2Dreport".to_owned(),
        name: "nightly-report".to_owned(),
    };
    let mut decoder = Decoder::new(&config(more), &function);
    let pairs: Vec<(Row, Option<Row>)> = serde_json::from_str(rows).unwrap();
    let decode = |(index, full)| {
        let mut invocation = Invocation::of(index);
        if let Some(full) = full {
            invocation.complete(full);
        }
        decoder.decode(invocation)
    };
    pairs.into_iter().map(decode).collect()
}

fn check(rows: &str, expected: &ExpectFile) {
    expected.assert_debug_eq(&decode(rows, ""));
}

#[test]
fn invocations_that_ended_failed_or_were_abandoned() {
    let rows = include_str!("../fixtures/invocations.json");
    check(rows, &expect_file!["../fixtures/invocations.expected"]);
    let events = decode(rows, "fields = { account = 'prod' }");
    assert_eq!(events[0].account.as_deref(), Some("prod"));
    let levels: Vec<Option<Level>> = events.iter().map(|event| event.level).collect();
    let (info, error) = (Some(Level::Info), Some(Level::Error));
    assert_eq!(levels, [info, error, error, error]);
}

#[test]
fn hostile_rows_become_events_all_the_same() {
    let rows = include_str!("../fixtures/hostile.json");
    check(rows, &expect_file!["../fixtures/hostile.expected"]);
}

#[test]
fn an_invocation_runs_until_its_end_or_its_host_is_silent() {
    let state = |more: &str| {
        let row = format!(r#"{{"StartTime":"2025-11-23T14:00:00Z"{more}}}"#);
        Invocation::of(serde_json::from_str(&row).unwrap()).state(NOW_MS, 300_000)
    };
    let heartbeat = |minute: u8| {
        format!(r#","FunctionInstanceHeartbeatExpiry":"2025-11-23T14:{minute}:00.0000000Z""#)
    };
    assert_eq!(state(&heartbeat(47)), State::Running);
    assert_eq!(state(&heartbeat(46)), State::Abandoned);
    assert_eq!(state(""), State::Abandoned);
    assert_eq!(state(r#","EndTime":"2025-11-23T14:00:01Z""#), State::Ended);
    assert_eq!(state(r#","EndTime":7"#), State::Abandoned);
}

#[test]
fn messages_are_cut_at_their_limit() {
    let row = serde_json::json!({"LogOutput": "ä".repeat(MESSAGE_BYTES_MAX)});
    let events = decode(&serde_json::json!([[row, Value::Null]]).to_string(), "");
    assert!(events[0].message.len() <= MESSAGE_BYTES_MAX);
    assert!(events[0].message.len() > MESSAGE_BYTES_MAX - 4);
}
