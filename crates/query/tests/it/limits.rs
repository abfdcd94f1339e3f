//! Limits answer in words.

use std::time::Duration;

use jiff::tz::TimeZone;
use model::{EventBatch, LogEvent, TimeRange, Timestamp};
use query::{Language, SearchConfig, SearchRequest, Searches};

use crate::golden::{self, ZERO_MS};

/// More text than the little memory below can group.
const EVENTS: usize = 20_000;

/// Asks a store with `events` one after the other, and returns the errors and the number of rows.
async fn ask(events: Vec<LogEvent>, config: SearchConfig, queries: &[&str]) -> Vec<(String, u64)> {
    let batch = EventBatch {
        events,
        ..EventBatch::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = golden::node(folder.path(), batch).await;
    let searches = Searches::new(store, config).unwrap();
    let mut answers = Vec::new();
    for query in queries {
        let request = SearchRequest {
            query: (*query).to_owned(),
            filters: Vec::new(),
            range: TimeRange::new(
                Timestamp::from_millis(ZERO_MS),
                Timestamp::from_millis(ZERO_MS + 1),
            ),
            time_zone: TimeZone::UTC,
            by_receipt_time: false,
            auto_parse: false,
            language: Language::Log,
            histogram_by_level: false,
        };
        let id = searches.start(request).await.unwrap();
        let mut news = searches.subscribe(&id).unwrap();
        let finished = news.wait_for(|status| status.state.is_final());
        let status = tokio::time::timeout(Duration::from_secs(60), finished).await;
        let status = status.unwrap().unwrap();
        answers.push((status.errors.join("; "), status.record_count));
    }
    ingest.close().await;
    answers
}

fn event(message: String) -> LogEvent {
    LogEvent {
        event_time: Some(Timestamp::from_millis(ZERO_MS)),
        message,
        ..LogEvent::default()
    }
}

#[tokio::test]
async fn a_query_that_needs_too_much_memory_is_told_so() {
    let events = (0..EVENTS).map(|number| event(format!("{number:->200}")));
    let mut config = SearchConfig::default();
    config.engine.memory_bytes_max = 1 << 20;
    config.engine.spill_bytes_max = 0;
    let answers = ask(events.collect(), config, &["* | count by _raw"]).await;
    let told = "the query needs more memory than queries may use together";
    assert!(answers[0].0.starts_with(told), "{answers:?}");
}

#[tokio::test]
async fn a_limit_beyond_all_rows_takes_no_room_for_them() {
    let events = (0..3).map(|number| event(format!("n={number}")));
    let queries = [
        "* | timeslice 2 buckets as t | count by t | sort t asc | limit 11Pi",
        "* | parse \"n=*\" as n | max(n) by _raw | sort by _max | limit 11Pi",
        "* | count by _raw | sort by _raw | limit 11Pi",
        "* | top 11Pi _raw",
    ];
    let answers = ask(events.collect(), SearchConfig::default(), &queries).await;
    let rows = [1, 3, 3, 3].map(|count| (String::new(), count));
    assert_eq!(answers, rows);
}
