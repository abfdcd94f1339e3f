//! Every operation on our files fails in turn: what was acknowledged is there all the same, once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow::array::AsArray;
use model::{EventBatch, EventSink, LogEvent, ManualClock, SinkError, TimeRange, Timestamp};
use storage::disk::{Disk, Watch};
use storage::{CompactConfig, RetentionConfig, Snapshot, Store, StoreConfig, Table};

use super::power::{Accident, Power};
use super::{NOW_MS, pulled};
use crate::{Ingest, IngestConfig};

const BATCHES: u128 = 4;
const BATCH_EVENTS: u128 = 3;
const OLD: &str = "old event ";

fn watched(power: &Arc<Power>) -> Disk {
    Disk::watched(Arc::clone(power) as Arc<dyn Watch>)
}

/// A node's data, opened on a disk; an error is the accident.
async fn open(disk: Disk, folder: &Path) -> Result<(Store, Ingest), String> {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW_MS)));
    open_at(disk, folder, clock).await
}

async fn open_at(
    disk: Disk,
    folder: &Path,
    clock: Arc<ManualClock>,
) -> Result<(Store, Ingest), String> {
    let store = Store::open_on(disk, StoreConfig::at(folder.join("data")), clock)
        .await
        .map_err(|error| error.to_string())?;
    let ingest = Ingest::start(store.clone(), IngestConfig::default())
        .await
        .map_err(|error| error.to_string())?;
    Ok((store, ingest))
}

/// How far a short life came.
#[derive(Debug, Default)]
struct Life {
    /// Batches that were acknowledged.
    acknowledged: u128,
    /// Whether retention has dropped what is old.
    has_dropped: bool,
    /// Whether all upkeep was done in the end.
    is_in_order: bool,
}

/// A short life: old events, some batches, two flushes, and upkeep. Stops at the first failure
/// of ingest, as a node does; upkeep that fails is tried again.
async fn live(disk: Disk, folder: &Path) -> Life {
    let mut life = Life::default();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW_MS)));
    let Ok((store, ingest)) = open_at(disk, folder, Arc::clone(&clock)).await else {
        return life;
    };
    let mut is_well = ingest.append(old_batch()).await.is_ok();
    for batch in 0..BATCHES {
        is_well = is_well && ingest.append(batch_of(batch)).await.is_ok();
        life.acknowledged += u128::from(is_well);
        is_well = is_well && (batch % 2 == 0 || ingest.flush().await.is_ok());
    }
    if is_well {
        clock.advance_nanos(2 * storage::WINDOW_NANOS);
        for _ in 0..3 {
            life.is_in_order = upkeep(&store, &mut life).await.is_ok();
        }
    }
    if life.is_in_order {
        assert_eq!(unknown_files(&store), Vec::<String>::new());
        let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
        assert_eq!(segments.len(), 1, "merged and dropped");
    }
    ingest.close().await;
    drop((store, ingest));
    life
}

async fn upkeep(store: &Store, life: &mut Life) -> storage::Result<()> {
    let retention = RetentionConfig {
        events: Some(Duration::from_secs(5 * 86_400)),
        ..RetentionConfig::default()
    };
    let running = Arc::new(AtomicBool::new(false));
    store.agree_with_catalog().await?;
    while store.compact(&CompactConfig::default(), &running).await? {}
    store.retain(&retention).await?;
    life.has_dropped = true;
    store.delete_unneeded(Duration::ZERO).await
}

/// Events that retention drops.
fn old_batch() -> EventBatch {
    let old = |number: i64| LogEvent {
        message: format!("{OLD}{number}"),
        event_time: Some(Timestamp::from_millis(NOW_MS - 10 * 86_400_000 + number)),
        ..LogEvent::default()
    };
    EventBatch {
        events: (0..3).map(old).collect(),
        ..EventBatch::default()
    }
}

fn batch_of(number: u128) -> EventBatch {
    pulled(number * BATCH_EVENTS..(number + 1) * BATCH_EVENTS)
}

/// How often each message is there, in memory and in segments, without those that retention may
/// have dropped.
fn messages(store: &Store) -> BTreeMap<String, usize> {
    let mut messages = all_messages(store);
    messages.retain(|message, _| !message.starts_with(OLD));
    messages
}

fn all_messages(store: &Store) -> BTreeMap<String, usize> {
    let Snapshot { segments, memory } = store.snapshot(Table::Events, TimeRange::ALL);
    let mut batches: Vec<_> = memory
        .iter()
        .flat_map(|piece| piece.batches.iter().cloned())
        .collect();
    for segment in segments {
        let file = std::fs::File::open(store.data_dir().join(segment.path.as_ref())).unwrap();
        let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
        batches.extend(reader.unwrap().build().unwrap().map(Result::unwrap));
    }
    let mut messages = BTreeMap::new();
    for batch in batches {
        let text = batch.column_by_name("message").unwrap();
        let text = arrow::compute::cast(text, &arrow::datatypes::DataType::Utf8View).unwrap();
        for message in text.as_string_view().iter().flatten() {
            *messages.entry(message.to_owned()).or_default() += 1;
        }
    }
    messages
}

fn expected(batches: u128) -> BTreeMap<String, usize> {
    let events = (0..batches).flat_map(|batch| batch_of(batch).events);
    events.map(|event| (event.message, 1)).collect()
}

/// After the accident: what was acknowledged is there, and sending the rest completes it.
async fn check_after(folder: &Path, life: &Life, what: &str) {
    let (store, ingest) = open(Disk::default(), folder).await.unwrap();
    let found = all_messages(&store);
    for message in expected(life.acknowledged).keys() {
        assert_eq!(found.get(message), Some(&1), "{what}: {message}");
    }
    for event in old_batch().events {
        let times = found.get(&event.message).copied().unwrap_or_default();
        assert!(
            times <= 1,
            "{what}: {} is there {times} times",
            event.message
        );
        assert!(
            times == 0 || !life.has_dropped,
            "{what}: {} is back",
            event.message
        );
    }
    for batch in life.acknowledged..BATCHES {
        ingest.append(batch_of(batch)).await.unwrap();
    }
    assert_eq!(messages(&store), expected(BATCHES), "{what}");
    ingest.shutdown().await.unwrap();
    assert_eq!(messages(&store), expected(BATCHES), "{what}, flushed");
    assert_eq!(unknown_files(&store), Vec::<String>::new(), "{what}");
}

/// Files that no row of the catalog names.
fn unknown_files(store: &Store) -> Vec<String> {
    let known: Vec<String> = Table::ALL
        .iter()
        .flat_map(|table| store.snapshot(*table, TimeRange::ALL).segments)
        .map(|segment| segment.path.to_string())
        .collect();
    let mut unknown = Vec::new();
    let mut folders = vec![store.data_dir().join("segments")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(store.data_dir()).unwrap();
            let name = name.to_string_lossy().into_owned();
            if !known.contains(&name) {
                unknown.push(name);
            }
        }
    }
    unknown
}

/// Runs the short life with an accident at the first, second … operation, until a life has none.
async fn in_turn(accident: Accident) {
    for nth in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let power = Arc::new(Power::new(nth, accident));
        let life = live(watched(&power), folder.path()).await;
        let Some(happened) = power.happened() else {
            assert_eq!(life.acknowledged, BATCHES);
            assert!(life.is_in_order);
            assert!(nth > 40, "only {nth} operations were seen");
            return;
        };
        if accident == Accident::PowerLoss {
            power.off();
        }
        let what = format!("{accident:?} at operation {nth}, {happened}");
        check_after(folder.path(), &life, &what).await;
    }
}

#[tokio::test]
async fn a_failing_operation_loses_nothing() {
    in_turn(Accident::Fails).await;
}

#[tokio::test]
async fn a_power_failure_loses_nothing() {
    in_turn(Accident::PowerLoss).await;
}

#[tokio::test]
async fn a_failed_fsync_is_final() {
    let folder = tempfile::tempdir().unwrap();
    let calm = Arc::new(Power::new(usize::MAX, Accident::Fails));
    let (_store, ingest) = open(watched(&calm), folder.path()).await.unwrap();
    ingest.append(batch_of(0)).await.unwrap();
    assert_eq!(ingest.failure(), None);
    // The next append is one write for the header, one for the payload, and the fsync.
    calm.strike_after(3);
    let error = ingest.append(batch_of(1)).await.unwrap_err().to_string();
    assert!(error.contains("cannot make durable"), "{error}");
    assert!(ingest.failed().await.contains("cannot make durable"));
    ingest.append(batch_of(2)).await.unwrap_err();
    ingest.flush().await.unwrap_err();
}

#[tokio::test]
async fn a_full_disk_refuses_and_goes_on_when_there_is_space() {
    for nth in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let power = Arc::new(Power::new(usize::MAX, Accident::DiskFull));
        let (store, ingest) = open(watched(&power), folder.path()).await.unwrap();
        power.strike_after(nth);
        for batch in 0..BATCHES {
            while let Err(refused) = ingest.append(batch_of(batch)).await {
                assert!(matches!(refused, SinkError::Busy(_)), "{refused}");
                assert!(refused.to_string().contains("full"), "{refused}");
            }
            while batch % 2 == 1 && ingest.flush().await.is_err() {
                assert_eq!(ingest.failure(), None, "a full disk is no failure");
                assert_eq!(messages(&store), expected(batch + 1), "searches go on");
            }
        }
        assert_eq!(messages(&store), expected(BATCHES), "full at {nth}");
        ingest.shutdown().await.unwrap();
        drop((store, ingest));
        let (store, _ingest) = open(Disk::default(), folder.path()).await.unwrap();
        assert_eq!(messages(&store), expected(BATCHES), "full at {nth}");
        if power.happened().is_none() {
            assert!(nth > 10, "only {nth} operations were seen");
            return;
        }
    }
}

#[tokio::test]
async fn a_disk_that_fills_up_while_segments_are_merged_harms_nobody() {
    for nth in 1.. {
        let folder = tempfile::tempdir().unwrap();
        let power = Arc::new(Power::new(usize::MAX, Accident::DiskFull));
        let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW_MS)));
        let (store, ingest) = open_at(watched(&power), folder.path(), Arc::clone(&clock))
            .await
            .unwrap();
        for batch in 0..BATCHES {
            ingest.append(batch_of(batch)).await.unwrap();
            ingest.flush().await.unwrap();
        }
        clock.advance_nanos(2 * storage::WINDOW_NANOS);
        power.strike_after(nth);
        let mut life = Life::default();
        let mut failures = 0;
        while let Err(error) = upkeep(&store, &mut life).await {
            assert!(error.is_disk_full(), "full at {nth}: {error}");
            assert_eq!(messages(&store), expected(BATCHES), "searches go on");
            failures += 1;
            assert!(failures < 10, "full at {nth}: {error}");
        }
        assert_eq!(messages(&store), expected(BATCHES), "full at {nth}");
        let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
        assert_eq!(segments.len(), 1, "merged when there was space");
        assert_eq!(unknown_files(&store), Vec::<String>::new());
        ingest.shutdown().await.unwrap();
        if power.happened().is_none() {
            assert!(nth > 5, "only {nth} operations were seen");
            return;
        }
    }
}

#[tokio::test]
async fn senders_wait_while_little_space_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let power = Arc::new(Power::new(usize::MAX, Accident::DiskFull));
    let (_store, ingest) = open(watched(&power), folder.path()).await.unwrap();
    power.leave_free(1_000);
    let refused = ingest.append(batch_of(0)).await.unwrap_err().to_string();
    assert!(refused.contains("1000 bytes are free"), "{refused}");
    power.leave_free(u64::MAX);
    ingest.append(batch_of(0)).await.unwrap();
}
