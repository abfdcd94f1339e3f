//! Stores that earlier versions have written open for ever, with all their rows.
//!
//! `store_v1` is the folder of a node of the first version that was killed: 62 events of two
//! windows, evidence of one invocation and two samples in segments of format 1, and one event in
//! the log. `store_v2` is one of the time before checksums: 8,300 events in a segment of format 2
//! with a text index, and one event in the log.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arrow::array::{AsArray, RecordBatch};
use model::{ManualClock, TimeRange, Timestamp};
use storage::{CompactConfig, SegmentReader, Store, StoreConfig, Table};

use super::open;
use crate::{Ingest, IngestConfig};

/// A time when the segment of `store_v2`, written on a day of 2026, is no longer young.
const AFTER_STORE_V2_MS: i64 = 1_800_000_000_000;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All rows of a table, from memory and segments.
fn rows(store: &Store, table: Table) -> Vec<RecordBatch> {
    let snapshot = store.snapshot(table, TimeRange::ALL);
    let memory = snapshot
        .memory
        .iter()
        .flat_map(|piece| piece.batches.clone());
    let segments = snapshot.segments.iter().flat_map(|segment| {
        SegmentReader::open(store.data_dir(), segment)
            .unwrap()
            .map(Result::unwrap)
    });
    segments.chain(memory).collect()
}

fn texts(batches: &[RecordBatch], column: &str) -> Vec<String> {
    let mut texts: Vec<String> = batches
        .iter()
        .flat_map(|batch| {
            let column = batch.column_by_name(column).unwrap().as_string_view();
            column
                .iter()
                .flatten()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .collect();
    texts.sort();
    texts
}

fn check(store: &Store) {
    let events = rows(store, Table::Events);
    let mut expected: Vec<String> = (0..60)
        .map(|number| format!("event {number} of the first version"))
        .collect();
    expected.push("still in the log".to_owned());
    let mut messages = texts(&events, "message");
    messages.retain(|message| !message.contains("RequestId"));
    expected.sort();
    assert_eq!(messages, expected);
    assert_eq!(texts(&events, "fields").len(), 60);
    assert_eq!(texts(&events, "function").len(), 63);
    let samples = rows(store, Table::Samples);
    assert_eq!(texts(&samples, "metric"), ["cluster.cpu", "cluster.cpu"]);
    let invocations = rows(store, Table::Invocations);
    let found = texts(&invocations, "status");
    assert_eq!(found, ["ok"]);
}

#[tokio::test]
async fn a_store_of_the_first_version_opens_and_is_merged() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/store_v1");
    copy(&kept, folder.path());
    let (store, ingest) = open(folder.path()).await;
    check(&store);
    ingest.flush().await.unwrap();
    check(&store);
    let config = CompactConfig {
        settle: std::time::Duration::ZERO,
        ..CompactConfig::default()
    };
    let running = Arc::new(AtomicBool::new(false));
    while store.compact(&config, &running).await.unwrap() {}
    check(&store);
    ingest.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_store_without_checksums_opens_and_gets_them_when_it_is_merged() {
    let folder = tempfile::tempdir().unwrap();
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/store_v2");
    copy(&kept, folder.path());
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(AFTER_STORE_V2_MS)));
    let store = Store::open(StoreConfig::at(folder.path()), clock).await;
    let store = store.unwrap();
    let ingest = Ingest::start(store.clone(), IngestConfig::default());
    let ingest = ingest.await.unwrap();
    let mut expected: Vec<String> = (0..8_300)
        .map(|number| format!("event {number} of the second version"))
        .collect();
    expected.push("still in the second version's log".to_owned());
    expected.sort();
    let messages = || texts(&rows(&store, Table::Events), "message");
    assert_eq!(messages(), expected);
    let segments = || store.snapshot(Table::Events, TimeRange::ALL).segments;
    assert_eq!(segments()[0].checksums, None);
    assert_eq!(segments()[0].index_bytes, Some(2_731), "it was measured");
    ingest.flush().await.unwrap();
    let config = CompactConfig {
        settle: std::time::Duration::ZERO,
        ..CompactConfig::default()
    };
    let running = Arc::new(AtomicBool::new(false));
    while store.compact(&config, &running).await.unwrap() {}
    assert_eq!(segments().len(), 1, "{:#?}", segments());
    assert!(segments()[0].checksums.is_some());
    assert_eq!(messages(), expected);
    ingest.shutdown().await.unwrap();
}
