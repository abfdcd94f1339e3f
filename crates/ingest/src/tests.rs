//! What was acknowledged is there, once, whatever happened in between.

mod accidents;
mod power;
mod rules;
mod versions;

use std::path::Path;
use std::sync::Arc;

use model::{
    Checkpoint, EventBatch, EventId, EventSink, LogEvent, ManualClock, Sample, Series, SinkError,
    TimeRange, Timestamp,
};
use storage::{Snapshot, Store, StoreConfig, Table};

use crate::{Ingest, IngestConfig};

const NOW_MS: i64 = 1_763_909_520_000;

async fn open_with(folder: &Path, config: IngestConfig) -> (Store, Ingest) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW_MS)));
    let store = Store::open(StoreConfig::at(folder), clock).await.unwrap();
    let ingest = Ingest::start(store.clone(), config).await.unwrap();
    (store, ingest)
}

async fn open(folder: &Path) -> (Store, Ingest) {
    open_with(folder, IngestConfig::default()).await
}

fn rows(snapshot: &Snapshot) -> u64 {
    let segments: u64 = snapshot.segments.iter().map(|segment| segment.rows).sum();
    segments
        + snapshot
            .memory
            .iter()
            .map(|piece| piece.rows as u64)
            .sum::<u64>()
}

fn events_in(store: &Store) -> u64 {
    rows(&store.snapshot(Table::Events, TimeRange::ALL))
}

fn event(id: u128) -> LogEvent {
    LogEvent {
        message: format!("event number {id} with a text that is long enough"),
        id: Some(EventId(id)),
        event_time: Some(Timestamp::from_millis(NOW_MS + id as i64)),
        ..LogEvent::default()
    }
}

fn pulled(ids: std::ops::Range<u128>) -> EventBatch {
    let next = ids.end;
    EventBatch {
        events: ids.map(event).collect(),
        origin: Some(("source".to_owned(), "group".to_owned())),
        checkpoint: Some(Checkpoint {
            source: "source".to_owned(),
            origin: "group".to_owned(),
            reread_from: Timestamp::from_millis(NOW_MS - 1_000),
            position: serde_json::json!({"next": next.to_string()}),
        }),
        ..EventBatch::default()
    }
}

#[tokio::test]
async fn a_restart_without_flush_keeps_everything() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open(folder.path()).await;
    let receipt = ingest.append(pulled(0..10)).await.unwrap();
    assert_eq!((receipt.stored, receipt.repeated), (10, 0));
    assert_eq!(events_in(&store), 10);
    ingest.close().await;
    drop((store, ingest));
    let (store, ingest) = open(folder.path()).await;
    assert_eq!(events_in(&store), 10);
    let receipt = ingest.append(pulled(5..15)).await.unwrap();
    assert_eq!((receipt.stored, receipt.repeated), (5, 5));
    let checkpoints = ingest.checkpoints("source").await.unwrap();
    assert_eq!(checkpoints[0].position["next"], "15");
    assert!(ingest.checkpoints("other").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_restart_after_flush_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open(folder.path()).await;
    ingest.append(pulled(0..10)).await.unwrap();
    ingest.flush().await.unwrap();
    ingest.append(pulled(10..12)).await.unwrap();
    let snapshot = store.snapshot(Table::Events, TimeRange::ALL);
    assert_eq!(snapshot.segments.len(), 1);
    assert_eq!(rows(&snapshot), 12);
    ingest.close().await;
    drop((store, ingest));
    for _ in 0..2 {
        let (store, ingest) = open(folder.path()).await;
        assert_eq!(events_in(&store), 12);
        let receipt = ingest.append(pulled(0..12)).await.unwrap();
        assert_eq!((receipt.stored, receipt.repeated), (0, 12));
        ingest.shutdown().await.unwrap();
        assert!(ingest.append(pulled(0..1)).await.is_err());
    }
}

#[tokio::test]
async fn a_snapshot_has_each_row_once_while_flushing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open(folder.path()).await;
    let ingest = Arc::new(ingest);
    let flushing = {
        let ingest = Arc::clone(&ingest);
        tokio::spawn(async move {
            for _ in 0..20 {
                ingest.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        })
    };
    for number in 0..100 {
        ingest.append(pulled(number..number + 1)).await.unwrap();
        assert_eq!(events_in(&store), number as u64 + 1);
    }
    flushing.await.unwrap();
    ingest.flush().await.unwrap();
    let snapshot = store.snapshot(Table::Events, TimeRange::ALL);
    assert!(snapshot.memory.is_empty());
    assert_eq!(rows(&snapshot), 100);
    assert_eq!(store.stats().events, 100);
}

#[tokio::test]
async fn thousands_of_small_appends_become_few_pieces() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open(folder.path()).await;
    let ingest = Arc::new(ingest);
    let appends: Vec<_> = (0..2_000)
        .map(|number| {
            let ingest = Arc::clone(&ingest);
            tokio::spawn(async move { ingest.append(pulled(number..number + 1)).await })
        })
        .collect();
    for append in appends {
        append.await.unwrap().unwrap();
    }
    let snapshot = store.snapshot(Table::Events, TimeRange::ALL);
    assert_eq!(rows(&snapshot), 2_000);
    assert!(snapshot.memory.len() <= 16, "{}", snapshot.memory.len());
}

#[tokio::test]
async fn a_repeated_key_is_acknowledged_and_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let batch = || EventBatch {
        events: vec![event(1), event(1)],
        idempotency_key: Some("key".to_owned()),
        ..EventBatch::default()
    };
    let (store, ingest) = open(folder.path()).await;
    // Without an origin, equal events are two events.
    assert_eq!(ingest.append(batch()).await.unwrap().stored, 2);
    assert_eq!(ingest.append(batch()).await.unwrap().repeated, 2);
    ingest.close().await;
    drop((store, ingest));
    let (store, ingest) = open(folder.path()).await;
    assert_eq!(ingest.append(batch()).await.unwrap().stored, 0);
    assert_eq!(events_in(&store), 2);
    ingest.shutdown().await.unwrap();
}

#[tokio::test]
async fn senders_are_asked_to_wait_when_memory_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let config = IngestConfig {
        memory_bytes_max: 1,
        ..IngestConfig::default()
    };
    let (_store, ingest) = open_with(folder.path(), config).await;
    ingest.append(pulled(0..1)).await.unwrap();
    let error = ingest.append(pulled(1..2)).await.unwrap_err();
    assert!(matches!(error, SinkError::Busy(_)), "{error}");
    ingest.flush().await.unwrap();
    ingest.append(pulled(1..2)).await.unwrap();
}

#[tokio::test]
async fn a_long_message_is_kept_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open(folder.path()).await;
    let message = "ä".repeat(2_500_000);
    let batch = EventBatch {
        events: vec![LogEvent {
            message: message.clone(),
            ..LogEvent::default()
        }],
        ..EventBatch::default()
    };
    assert_eq!(ingest.append(batch).await.unwrap().stored, 1);
    let snapshot = store.snapshot(Table::Events, TimeRange::ALL);
    assert_eq!(rows(&snapshot), 5);
    let batch = &snapshot.memory[0].batches[0];
    let texts = batch.column_by_name("message").unwrap();
    let texts = arrow::array::AsArray::as_string_view(texts);
    let whole: String = texts.iter().flatten().collect();
    assert!(whole == message);
}

#[tokio::test]
async fn events_land_in_the_window_of_their_time_with_their_invocations() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open(folder.path()).await;
    let id = "459921b5-681c-4a96-beb0-81e0aa586026";
    let line = |text: String, hours: i64| LogEvent {
        message: text,
        event_time: Some(Timestamp::from_millis(NOW_MS - hours * 3_600_000)),
        ..LogEvent::default()
    };
    let batch = EventBatch {
        events: vec![
            line(format!("START RequestId: {id} Version: 1"), 0),
            line(format!("REPORT RequestId: {id}\tDuration: 5 ms"), 0),
            line("late".to_owned(), 50),
        ],
        ..EventBatch::default()
    };
    ingest.append(batch).await.unwrap();
    ingest.flush().await.unwrap();
    let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
    assert_eq!(segments.len(), 2);
    for segment in &segments {
        assert_eq!(
            storage::window_start(segment.time_min),
            segment.window_start
        );
        assert!(store.data_dir().join(segment.path.as_ref()).is_file());
    }
    // What one batch tells of an invocation is one row.
    assert_eq!(rows(&store.snapshot(Table::Invocations, TimeRange::ALL)), 1);
    let recent = TimeRange::new(Timestamp::from_millis(NOW_MS - 1), Timestamp::MAX);
    assert_eq!(rows(&store.snapshot(Table::Events, recent)), 2);
    assert_eq!(
        store.newest_event_time(),
        Some(Timestamp::from_millis(NOW_MS))
    );
}

#[tokio::test]
async fn a_folder_belongs_to_one_process() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _ingest) = open(folder.path()).await;
    let second = Store::open(StoreConfig::at(folder.path()), store.clock()).await;
    let text = second.unwrap_err().to_string();
    assert!(text.contains("in use by another process"), "{text}");
}

#[tokio::test]
async fn samples_are_kept_with_their_checkpoint_and_sorted_by_series() {
    let folder = tempfile::tempdir().unwrap();
    let (store, ingest) = open(folder.path()).await;
    let sample = |function: &str, minute: i64, value: f64| Sample {
        series: Arc::new(Series {
            metric: "Errors".to_owned(),
            dimensions: [("FunctionName".to_owned(), function.to_owned())].into(),
        }),
        time: Some(Timestamp::from_millis(NOW_MS - minute * 60_000)),
        statistic: Some(Arc::from("sum")),
        value,
    };
    let batch = EventBatch {
        samples: vec![
            sample("b", 1, 1.0),
            sample("a", 1, 2.0),
            sample("b", 2, 3.0),
            // The same as the first: it replaces it.
            sample("b", 1, 4.0),
        ],
        ..pulled(0..1)
    };
    let receipt = ingest.append(batch).await.unwrap();
    assert_eq!((receipt.stored, receipt.repeated), (5, 0));
    let in_memory = rows(&store.snapshot(Table::Samples, TimeRange::ALL));
    assert_eq!(in_memory, 3);
    ingest.close().await;
    drop((store, ingest));
    let (store, ingest) = open(folder.path()).await;
    assert_eq!(
        rows(&store.snapshot(Table::Samples, TimeRange::ALL)),
        in_memory
    );
    let known = ingest.checkpoints("source").await.unwrap();
    assert_eq!(known.len(), 1);
    ingest.shutdown().await.unwrap();
    let segments = store.snapshot(Table::Samples, TimeRange::ALL).segments;
    assert_eq!(segments.len(), 1);
    assert_eq!(
        segments[0].time_min,
        Timestamp::from_millis(NOW_MS - 120_000)
    );
    assert_eq!(
        segments[0].time_max,
        Timestamp::from_millis(NOW_MS - 60_000)
    );
}
