//! Rules work before anything is written: what a node without them finds later has been through
//! them.

use std::sync::Arc;

use arrow::array::AsArray;
use model::{EventBatch, EventSink, LogEvent, SourceMetadata, TimeRange};
use storage::Table;

use super::{open, open_with};
use crate::{Budget, IngestConfig, Route, Rules};

const ID: &str = "459921b5-681c-4a96-beb0-81e0aa586026";

fn batch(messages: &[String]) -> EventBatch {
    let metadata = Arc::new(SourceMetadata {
        source: "shop".to_owned(),
        ..SourceMetadata::default()
    });
    let event = |message: &String| LogEvent {
        message: message.clone(),
        metadata: Arc::clone(&metadata),
        ..LogEvent::default()
    };
    EventBatch {
        events: messages.iter().map(event).collect(),
        ..EventBatch::default()
    }
}

fn config() -> IngestConfig {
    let rules = Rules {
        extraction: serde_json::from_value(serde_json::json!([
            {"name": "card", "parse": "card=* ", "as": ["card"]},
        ]))
        .unwrap(),
        redaction: serde_json::from_value(serde_json::json!([
            {"name": "cards", "regex": r"\b\d{16}\b"},
        ]))
        .unwrap(),
        budgets: vec![Budget {
            source: "shop".to_owned(),
            bytes_per_day: 200,
        }],
    };
    let audit = Route {
        partition: "audit".to_owned(),
        condition: serde_json::from_value(serde_json::json!({"level": "error"})).unwrap(),
    };
    IngestConfig {
        rules,
        routes: vec![audit],
        ..IngestConfig::default()
    }
}

#[tokio::test]
async fn secrets_do_not_reach_the_log_nor_the_evidence() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open_with(folder.path(), config()).await;
    let messages = [
        "paid with card=4111111111111111 today".to_owned(),
        format!("RequestId: {ID} Error: no 4111111111111111\nRuntime.ExitError"),
        "x".repeat(150),
    ];
    let receipt = ingest.append(batch(&messages)).await.unwrap();
    assert_eq!(receipt.stored, 2, "the third is beyond the budget");
    ingest.close().await;
    drop((store, ingest));
    // A node without rules shows what the log holds.
    let (store, ingest) = open(folder.path()).await;
    for table in Table::ALL {
        for piece in store.snapshot(table, TimeRange::ALL).memory {
            for batch in &piece.batches {
                let text = arrow::util::pretty::pretty_format_batches(std::slice::from_ref(batch));
                let text = text.unwrap().to_string();
                assert!(!text.contains("4111"), "{text}");
                assert!(
                    table != Table::Invocations || text.contains("no ***"),
                    "{text}"
                );
            }
        }
    }
    let events = store.snapshot(Table::Events, TimeRange::ALL).memory;
    let fields = events[0].batches[0].column_by_name("fields").unwrap();
    assert_eq!(fields.as_string_view().value(0), r#"{"card":"***"}"#);
    ingest.shutdown().await.unwrap();
}

#[tokio::test]
async fn partitions_have_segments_of_their_own_and_late_events_windows_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open_with(folder.path(), config()).await;
    let mut batch = batch(&["all is well".to_owned(), "[ERROR] broken".to_owned()]);
    let late = LogEvent {
        event_time: Some(
            store
                .clock()
                .now()
                .saturating_add_nanos(-9 * storage::WINDOW_NANOS),
        ),
        ..batch.events[1].clone()
    };
    batch.events.push(late);
    ingest.append(batch).await.unwrap();
    ingest.flush().await.unwrap();
    let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
    let mut found: Vec<(&str, u64)> = segments
        .iter()
        .map(|segment| (segment.partition.as_str(), segment.rows))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("audit", 1), ("audit", 1), ("default", 1)]);
    for segment in &segments {
        assert_eq!(
            storage::window_start(segment.time_max),
            segment.window_start
        );
    }
    ingest.shutdown().await.unwrap();
}
