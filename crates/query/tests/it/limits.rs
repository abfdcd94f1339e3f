//! Limits answer in words.

use std::time::Duration;

use jiff::tz::TimeZone;
use model::{EventBatch, LogEvent, TimeRange, Timestamp};
use query::{Language, SearchConfig, SearchRequest, Searches};

use crate::golden::{self, ZERO_MS};

/// More text than the little memory below can group.
const EVENTS: usize = 20_000;

#[tokio::test]
async fn a_query_that_needs_too_much_memory_is_told_so() {
    let events = (0..EVENTS).map(|number| LogEvent {
        event_time: Some(Timestamp::from_millis(ZERO_MS)),
        message: format!("{number:->200}"),
        ..LogEvent::default()
    });
    let batch = EventBatch {
        events: events.collect(),
        ..EventBatch::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = golden::node(folder.path(), batch).await;
    let mut config = SearchConfig::default();
    config.engine.memory_bytes_max = 1 << 20;
    config.engine.spill_bytes_max = 0;
    let searches = Searches::new(store, config).unwrap();
    let request = SearchRequest {
        query: "* | count by _raw".to_owned(),
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
    let errors = status.unwrap().unwrap().errors.clone();
    ingest.close().await;
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(
        errors[0].starts_with("the query needs more memory than queries may use together"),
        "{errors:?}"
    );
}
