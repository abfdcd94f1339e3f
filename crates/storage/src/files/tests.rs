//! What the store must do wherever segments rest: one suite, on the local disk and on object
//! stores. The clouds' own are tried from outside by `tests/python/object_stores.py`.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow::array::{
    ArrayRef, RecordBatch, StringViewArray, TimestampNanosecondArray, new_null_array,
};
use model::{Clock, ManualClock, TimeRange, Timestamp};
use object_store::ObjectStoreExt as _;

use super::*;
use crate::{
    CompactConfig, Inspection, MemorySegment, Pending, SegmentReader, Store, StoreConfig, Table,
    WINDOW_NANOS,
};

/// Enough for a text index.
const ROWS: usize = 9_000;

fn config(folder: &Path, url: Option<&str>) -> StoreConfig {
    StoreConfig {
        url: url.map(str::to_owned),
        ..StoreConfig::at(folder)
    }
}

async fn open(config: &StoreConfig) -> Store {
    let clock = ManualClock::at(Timestamp::from_nanos(100 * WINDOW_NANOS));
    Store::open(config.clone(), Arc::new(clock) as Arc<dyn Clock>)
        .await
        .unwrap()
}

fn events(from: usize, count: usize) -> RecordBatch {
    let schema = Table::Events.schema();
    let times = || {
        let times = (from..from + count).map(|number| number as i64);
        Arc::new(TimestampNanosecondArray::from_iter_values(times).with_timezone("UTC")) as ArrayRef
    };
    let columns = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "event_time" | "receipt_time" => times(),
            "message" => {
                let texts =
                    (from..from + count).map(|number| format!("event number {number} of all"));
                Arc::new(StringViewArray::from_iter_values(texts)) as ArrayRef
            }
            _ => new_null_array(field.data_type(), count),
        });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

async fn flush(store: &Store, frame: u64, batch: RecordBatch) {
    let piece = MemorySegment::new(Table::Events, vec![batch]).unwrap();
    let pending = Pending {
        frame,
        pieces: piece.into_iter().collect(),
        ..Pending::default()
    };
    store.publish(pending).unwrap();
    let sealed = store.seal().unwrap();
    store.write(&sealed).await.unwrap();
}

/// Reads every byte of every segment as the query engine does, in pieces; returns how many.
async fn read_all(store: &Store) -> u64 {
    let objects = store.object_store();
    let mut bytes = 0;
    for segment in store.snapshot(Table::Events, TimeRange::ALL).segments {
        let middle = segment.bytes / 2;
        let ranges = [middle..segment.bytes, 0..10, 5..middle];
        let parts = objects.get_ranges(&segment.path, &ranges).await.unwrap();
        let whole = objects.get(&segment.path).await.unwrap();
        let whole = whole.bytes().await.unwrap();
        assert_eq!(whole.len() as u64, segment.bytes);
        for (part, range) in parts.iter().zip(ranges) {
            assert_eq!(*part, whole.slice(range.start as usize..range.end as usize));
        }
        store.fetch_index(&segment).await.unwrap();
        let index = store.data_dir().join(segment.index_path().as_ref());
        assert_eq!(index.is_file(), segment.index_bytes != Some(0));
        bytes += segment.bytes;
    }
    bytes
}

async fn compact(store: &Store) {
    let config = CompactConfig {
        settle: Duration::ZERO,
        ..CompactConfig::default()
    };
    let running = Arc::new(AtomicBool::new(false));
    while store.compact(&config, &running).await.unwrap() {}
}

/// A life of a store: flushed, read, merged, opened again with nothing but the catalog, erased.
async fn conforms(url: Option<&str>) {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), url);
    let store = open(&config).await;
    flush(&store, 1, events(0, ROWS)).await;
    flush(&store, 2, events(ROWS, 100)).await;
    assert!(read_all(&store).await > 0);
    drop(store);
    if url.is_some() {
        lose_the_local_disk(folder.path());
    }
    let store = open(&config).await;
    let bytes = read_all(&store).await;
    assert!(bytes > 0);
    if url.is_some() {
        lose_the_local_disk(folder.path());
    }
    compact(&store).await;
    let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
    assert_eq!(segments.len(), 1);
    assert_eq!(segments[0].rows as usize, ROWS + 100);
    let inspection = Inspection::of(&config).await.unwrap();
    assert_eq!(inspection.verify(&segments[0]).await.unwrap(), None);
    let erasure: crate::Erasure = Arc::new(|batch| {
        Ok((0..batch.num_rows())
            .map(|row| Some(row % 2 == 0))
            .collect())
    });
    let erased = store.erase(TimeRange::ALL, &erasure).await.unwrap();
    assert!(erased.events > 0);
    drop(segments);
    store.delete_unneeded(Duration::ZERO).await.unwrap();
    let segments = store.snapshot(Table::Events, TimeRange::ALL).segments;
    let rows: usize = {
        store.fetch(&segments).await.unwrap();
        let read = SegmentReader::open(store.data_dir(), &segments[0]).unwrap();
        read.map(|batch| batch.unwrap().num_rows()).sum()
    };
    assert_eq!(
        (rows + erased.events as usize, segments.len()),
        (ROWS + 100, 1)
    );
    if let Some(url) = url {
        let remote = Remote::at(url, &std::collections::BTreeMap::new()).unwrap();
        let left = remote.list("segments").await.unwrap();
        let id = &segments[0].id;
        assert!(
            !left.is_empty() && left.iter().all(|path| path.as_ref().contains(id)),
            "{left:?}"
        );
    }
}

/// All copies go, as with a new machine.
fn lose_the_local_disk(folder: &Path) {
    for name in ["segments", "cache"] {
        if folder.join(name).is_dir() {
            fs::remove_dir_all(folder.join(name)).unwrap();
        }
    }
}

#[tokio::test]
async fn the_local_disk_conforms() {
    conforms(None).await;
}

#[tokio::test]
async fn an_object_store_conforms() {
    conforms(Some("memory://conforming/with/a/prefix")).await;
}

#[tokio::test]
async fn copies_are_bounded_and_a_damaged_one_is_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), Some("memory://bounded"));
    config.cache_bytes_max = 1;
    let store = open(&config).await;
    flush(&store, 1, events(0, ROWS)).await;
    let bytes = read_all(&store).await;
    let segment = Arc::clone(&store.snapshot(Table::Events, TimeRange::ALL).segments[0]);
    let path = store.data_dir().join(segment.path.as_ref());
    assert!(!path.exists(), "one byte is no room for a copy");
    drop(store);
    config.cache_bytes_max = 1 << 30;
    let store = open(&config).await;
    store.fetch(std::slice::from_ref(&segment)).await.unwrap();
    let mut content = fs::read(&path).unwrap();
    content[7] ^= 1;
    fs::write(&path, content).unwrap();
    assert_eq!(read_all(&store).await, bytes);
    let block = store.data_dir().join("cache").join(&segment.id).join("0");
    let mut content = fs::read(&block).unwrap();
    content[9] ^= 1;
    fs::write(&block, content).unwrap();
    assert_eq!(read_all(&store).await, bytes);
}

#[tokio::test]
async fn a_damaged_object_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path(), Some("memory://damaged/x"));
    config.cache_bytes_max = 1;
    let store = open(&config).await;
    flush(&store, 1, events(0, 10)).await;
    let segment = Arc::clone(&store.snapshot(Table::Events, TimeRange::ALL).segments[0]);
    let bucket = testing::bucket("damaged");
    let place = ObjectPath::from(format!("x/{}", segment.path));
    let content = bucket.get(&place).await.unwrap().bytes().await.unwrap();
    let mut content = content.to_vec();
    content[20] ^= 4;
    bucket.put(&place, content.into()).await.unwrap();
    let read = store.object_store().get_range(&segment.path, 0..50).await;
    let error = read.unwrap_err().to_string();
    assert!(
        error.contains(&segment.id) && error.contains("memory://damaged/x"),
        "{error}"
    );
    let inspection = Inspection::of(&config).await.unwrap();
    let complaint = inspection.verify(&segment).await.unwrap();
    assert!(complaint.is_some_and(|complaint| complaint.contains("not those")));
}

#[tokio::test]
async fn another_catalog_does_not_touch_the_segments() {
    let url = Some("memory://owned");
    let (mine, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(&config(mine.path(), url)).await;
    flush(&store, 1, events(0, 10)).await;
    let clock = ManualClock::at(Timestamp::from_nanos(0));
    let refused = Store::open(config(other.path(), url), Arc::new(clock) as Arc<dyn Clock>).await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("another catalog"), "{error}");
    drop(store);
    let store = open(&config(mine.path(), url)).await;
    assert!(read_all(&store).await > 0);
}

#[tokio::test]
async fn what_no_catalog_row_names_is_deleted_there_too() {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), Some("memory://orphans/p"));
    let store = open(&config).await;
    flush(&store, 1, events(0, 10)).await;
    let bucket = testing::bucket("orphans");
    let orphan = format!("p/segments/events/{}.parquet", "0".repeat(32));
    let others = "p/segments/events/readme.txt";
    for path in [orphan.as_str(), others] {
        bucket
            .put(&ObjectPath::from(path), "x".into())
            .await
            .unwrap();
    }
    drop(store);
    let store = open(&config).await;
    bucket.get(&ObjectPath::from(orphan)).await.unwrap_err();
    bucket.get(&ObjectPath::from(others)).await.unwrap();
    assert!(read_all(&store).await > 0);
}

#[test]
fn an_address_that_is_not_understood_is_refused() {
    let none = std::collections::BTreeMap::new();
    for (url, what) in [
        ("bucket", "://"),
        ("s3:///prefix", "names no bucket"),
        ("ftp://bucket", "is not known"),
    ] {
        let error = Remote::at(url, &none).unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let options = [("regoin".to_owned(), crate::config::Secret::new("x"))].into();
    let error = Remote::at("s3://bucket", &options).unwrap_err().to_string();
    assert!(error.contains("no option `regoin`"), "{error}");
}
