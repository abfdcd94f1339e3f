//! Merged segments hold the rows of their inputs, once, and the inputs go when nobody needs them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use arrow::array::{
    ArrayRef, AsArray, Float64Array, Int8Array, RecordBatch, StringViewArray,
    TimestampNanosecondArray, new_null_array,
};
use arrow::datatypes::{Float64Type, TimestampNanosecondType};
use model::{Clock, ManualClock, TimeRange, Timestamp};
use proptest::prelude::*;

mod erase;
mod forms;

use super::testing::HOUR;
use super::*;
use crate::{
    Generation, MemorySegment, Pending, SegmentReader, Snapshot, StorageError, StoreConfig, Table,
};

const GRACE: Duration = Duration::from_secs(60);

struct Home {
    clock: Arc<ManualClock>,
    store: Store,
    frame: u64,
}

impl Home {
    async fn open(folder: &Path) -> Home {
        let clock = Arc::new(ManualClock::at(Timestamp::from_nanos(100 * HOUR)));
        let store = Store::open(
            StoreConfig::at(folder),
            Arc::clone(&clock) as Arc<dyn Clock>,
        )
        .await
        .unwrap();
        Home {
            clock,
            store,
            frame: 0,
        }
    }

    /// Rows become a segment of their own (or several, if keys differ).
    async fn flush(&mut self, table: Table, batch: RecordBatch) {
        self.frame += 1;
        let piece = MemorySegment::new(table, vec![batch]).unwrap();
        self.store
            .publish(Pending {
                frame: self.frame,
                pieces: piece.into_iter().collect(),
                ..Pending::default()
            })
            .unwrap();
        let sealed = self.store.seal().unwrap();
        self.store.write(&sealed).await.unwrap();
    }

    /// Merges all there is to merge, long after the last flush.
    async fn settle(&self) {
        self.clock.advance_nanos(HOUR);
        while self.compact().await.unwrap() {}
    }

    async fn compact(&self) -> Result<bool> {
        let running = Arc::new(AtomicBool::new(false));
        self.store
            .compact(&CompactConfig::default(), &running)
            .await
    }

    fn snapshot(&self, table: Table) -> Snapshot {
        self.store.snapshot(table, TimeRange::ALL)
    }

    /// All rows of all segments of `table`.
    fn read(&self, table: Table) -> Vec<RecordBatch> {
        let segments = self.snapshot(table).segments;
        let batches = segments
            .iter()
            .flat_map(|segment| SegmentReader::open(self.store.data_dir(), segment).unwrap());
        batches.map(Result::unwrap).collect()
    }

    fn files(&self, table: Table) -> usize {
        let folder = crate::segment::folder_of(self.store.data_dir(), table);
        std::fs::read_dir(folder).map_or(0, Iterator::count)
    }
}

/// Rows with some columns; the others are null, or empty where null is not allowed.
fn rows(table: Table, given: &[(&str, ArrayRef)]) -> RecordBatch {
    let count = given[0].1.len();
    let schema = table.schema();
    let columns = schema.fields().iter().map(|field| {
        let known = given.iter().find(|(name, _)| name == field.name());
        match known {
            Some((_, column)) => Arc::clone(column),
            None if field.is_nullable() => new_null_array(field.data_type(), count),
            None if field.name() == "receipt_time" => times(&vec![0; count]),
            None => texts(vec![Some(""); count]),
        }
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

fn times(nanos: &[i64]) -> ArrayRef {
    Arc::new(TimestampNanosecondArray::from(nanos.to_vec()).with_timezone("UTC"))
}

fn texts(values: Vec<Option<&str>>) -> ArrayRef {
    Arc::new(StringViewArray::from(values))
}

/// Events at these times, in these partitions; the message is made of both.
fn events(list: &[(i64, &str)]) -> RecordBatch {
    let at: Vec<i64> = list.iter().map(|(time, _)| *time).collect();
    let messages: Vec<String> = list
        .iter()
        .map(|(time, partition)| format!("{partition} {time}"))
        .collect();
    rows(
        Table::Events,
        &[
            ("event_time", times(&at)),
            (
                "message",
                texts(messages.iter().map(|text| Some(text.as_str())).collect()),
            ),
            (
                "partition",
                texts(list.iter().map(|(_, partition)| Some(*partition)).collect()),
            ),
        ],
    )
}

fn messages(batches: &[RecordBatch]) -> BTreeMap<String, usize> {
    let mut messages = BTreeMap::new();
    for batch in batches {
        let column = batch.column_by_name("message").unwrap();
        for message in column.as_string_view().iter().flatten() {
            *messages.entry(message.to_owned()).or_default() += 1;
        }
    }
    messages
}

fn column_times(batches: &[RecordBatch], name: &str) -> Vec<i64> {
    batches
        .iter()
        .flat_map(|batch| {
            let column = batch.column_by_name(name).unwrap();
            column
                .as_primitive::<TimestampNanosecondType>()
                .values()
                .to_vec()
        })
        .collect()
}

fn numbers(batches: &[RecordBatch], name: &str) -> Vec<Option<f64>> {
    batches
        .iter()
        .flat_map(|batch| {
            let column = batch.column_by_name(name).unwrap();
            column
                .as_primitive::<Float64Type>()
                .iter()
                .collect::<Vec<_>>()
        })
        .collect()
}

#[tokio::test]
async fn merged_events_are_all_there_once_in_order_and_apart_by_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    for flush in 0..5 {
        let list: Vec<(i64, &str)> = (0..40)
            .map(|event| {
                let partition = if event % 4 == 0 { "audit" } else { "default" };
                ((event * 7 + flush) * HOUR / 100, partition)
            })
            .collect();
        home.flush(Table::Events, events(&list)).await;
    }
    let before = messages(&home.read(Table::Events));
    assert_eq!(before.values().sum::<usize>(), 200);
    home.settle().await;
    let segments = home.snapshot(Table::Events).segments;
    assert_eq!(segments.len(), 6, "three windows, two partitions");
    for segment in &segments {
        assert_eq!(segment.generation, Generation::Settled);
        let reader = SegmentReader::open(home.store.data_dir(), segment).unwrap();
        let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
        let at = column_times(&batches, "event_time");
        assert!(at.is_sorted());
        assert_eq!(at.first().copied(), Some(segment.time_min.nanos()));
        assert_eq!(at.last().copied(), Some(segment.time_max.nanos()));
        assert_eq!(at.len() as u64, segment.rows);
        assert!(
            messages(&batches)
                .keys()
                .all(|text| text.starts_with(&segment.partition))
        );
    }
    assert_eq!(messages(&home.read(Table::Events)), before);
}

#[tokio::test]
async fn merged_lines_of_the_platform_stand_apart_as_in_what_is_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    for flush in 0..3 {
        let at: Vec<i64> = (0..4).map(|event| event * 10 + flush).collect();
        let lines = ["START RequestId: 1", "read", "END RequestId: 1", "written"];
        let given = [
            ("event_time", times(&at)),
            ("message", texts(lines.map(Some).to_vec())),
        ];
        home.flush(Table::Events, rows(Table::Events, &given)).await;
    }
    home.settle().await;
    let merged = home.read(Table::Events);
    let expected = [10, 11, 12, 30, 31, 32, 0, 1, 2, 20, 21, 22];
    assert_eq!(column_times(&merged, "event_time"), expected);
}

#[tokio::test]
async fn files_of_inputs_stay_for_the_grace_time_and_for_snapshots() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    for flush in 0..3 {
        home.flush(Table::Events, events(&[(flush, "default")]))
            .await;
    }
    let earlier = home.snapshot(Table::Events);
    home.settle().await;
    assert_eq!(home.snapshot(Table::Events).segments.len(), 1);
    home.store.delete_unneeded(GRACE).await.unwrap();
    assert_eq!(home.files(Table::Events), 4);
    home.clock.advance_nanos(61_000_000_000);
    home.store.delete_unneeded(GRACE).await.unwrap();
    assert_eq!(home.files(Table::Events), 4, "a snapshot holds them");
    drop(earlier);
    home.store.delete_unneeded(GRACE).await.unwrap();
    assert_eq!(home.files(Table::Events), 1);
    assert!(home.store.catalog().retired().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_start_deletes_what_was_replaced_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    for flush in 0..3 {
        home.flush(Table::Events, events(&[(flush, "default")]))
            .await;
    }
    home.settle().await;
    drop(home);
    let home = Home::open(folder.path()).await;
    assert_eq!(home.files(Table::Events), 1);
    assert_eq!(messages(&home.read(Table::Events)).len(), 3);
    assert!(home.store.catalog().retired().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_merge_that_is_stopped_has_no_effect() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    for flush in 0..3 {
        home.flush(Table::Events, events(&[(flush, "default")]))
            .await;
    }
    home.clock.advance_nanos(HOUR);
    let stopped = Arc::new(AtomicBool::new(true));
    let config = CompactConfig::default();
    assert!(!home.store.compact(&config, &stopped).await.unwrap());
    assert_eq!(home.snapshot(Table::Events).segments.len(), 3);
    home.store.delete_unneeded(GRACE).await.unwrap();
    assert_eq!(home.files(Table::Events), 3);
}

#[tokio::test]
async fn a_damaged_segment_is_named_and_does_not_keep_others_from_being_merged() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    home.flush(Table::Events, events(&[(9 * HOUR, "default")]))
        .await;
    let damaged = Arc::clone(&home.snapshot(Table::Events).segments[0]);
    let path = home.store.data_dir().join(damaged.path.as_ref());
    std::fs::write(&path, b"no segment").unwrap();
    for flush in 0..2 {
        home.flush(Table::Events, events(&[(flush, "default")]))
            .await;
    }
    home.clock.advance_nanos(HOUR);
    let error = home.compact().await.unwrap_err();
    assert!(matches!(&error, StorageError::Damaged { path: named, .. } if *named == path));
    while home.compact().await.unwrap() {}
    let segments = home.snapshot(Table::Events).segments;
    assert_eq!(segments.len(), 2);
    assert!(segments.contains(&damaged));
}

#[tokio::test]
async fn of_equal_samples_the_last_received_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    let samples = |list: &[(&str, i64, i64, f64)]| {
        let metrics = list.iter().map(|sample| Some(sample.0)).collect();
        let column = |get: fn(&(&str, i64, i64, f64)) -> i64| {
            times(&list.iter().map(get).collect::<Vec<_>>())
        };
        rows(
            Table::Samples,
            &[
                ("event_time", column(|sample| sample.1)),
                ("receipt_time", column(|sample| sample.2)),
                ("metric", texts(metrics)),
                (
                    "value",
                    Arc::new(
                        list.iter()
                            .map(|sample| Some(sample.3))
                            .collect::<Float64Array>(),
                    ),
                ),
            ],
        )
    };
    home.flush(
        Table::Samples,
        samples(&[("a", 1, 10, 1.0), ("b", 1, 10, 2.0)]),
    )
    .await;
    home.flush(
        Table::Samples,
        samples(&[("a", 1, 12, 3.0), ("a", 2, 12, 4.0)]),
    )
    .await;
    home.flush(
        Table::Samples,
        samples(&[("a", 1, 11, 5.0), ("b", 2, 11, 6.0)]),
    )
    .await;
    home.settle().await;
    let kept = home.read(Table::Samples);
    assert_eq!(
        numbers(&kept, "value"),
        [Some(3.0), Some(4.0), Some(2.0), Some(6.0)]
    );
    assert_eq!(home.snapshot(Table::Samples).segments[0].rows, 4);
}

#[tokio::test]
async fn evidence_of_one_invocation_becomes_one_row() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    let evidence = |at: i64, start: Option<i64>, ms: Option<f64>, status: Option<(&str, i8)>| {
        let start: ArrayRef =
            Arc::new(TimestampNanosecondArray::from(vec![start, None]).with_timezone("UTC"));
        rows(
            Table::Invocations,
            &[
                ("event_time", times(&[at, at])),
                ("function", texts(vec![Some("f"), None])),
                ("request_id", texts(vec![Some("r"), Some("other")])),
                ("start", start),
                ("duration_ms", Arc::new(Float64Array::from(vec![ms, None]))),
                ("status", texts(vec![status.map(|(name, _)| name), None])),
                (
                    "status_rank",
                    Arc::new(Int8Array::from(vec![status.map(|(_, rank)| rank), None])),
                ),
            ],
        )
    };
    home.flush(Table::Invocations, evidence(5, Some(7), None, None))
        .await;
    home.flush(
        Table::Invocations,
        evidence(9, None, Some(3.0), Some(("ok", 0))),
    )
    .await;
    home.flush(
        Table::Invocations,
        evidence(8, Some(4), Some(1.0), Some(("error", 1))),
    )
    .await;
    home.settle().await;
    let merged = home.read(Table::Invocations);
    assert_eq!(merged.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
    assert_eq!(column_times(&merged, "event_time"), [9, 9]);
    let of_r = merged[0].column_by_name("request_id").unwrap();
    let row = of_r
        .as_string_view()
        .iter()
        .position(|id| id == Some("r"))
        .unwrap();
    assert_eq!(numbers(&merged, "duration_ms")[row], Some(3.0));
    assert_eq!(column_times(&merged, "start")[row], 4);
    let status = merged[0].column_by_name("status").unwrap();
    assert_eq!(status.as_string_view().value(row), "error");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn merging_is_sorting(flushes in prop::collection::vec(prop::collection::vec(0_i64..50, 1..200), 2..7)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut home = Home::open(folder.path()).await;
            let mut expected = Vec::new();
            for (number, flush) in flushes.iter().enumerate() {
                let at: Vec<i64> = flush.clone();
                let received = vec![number as i64; at.len()];
                expected.extend(at.iter().map(|time| (*time, number as i64)));
                let message = texts(vec![Some("m"); at.len()]);
                let batch = rows(Table::Events, &[
                    ("event_time", times(&at)),
                    ("receipt_time", times(&received)),
                    ("message", message),
                ]);
                home.flush(Table::Events, batch).await;
                home.clock.advance_nanos(1);
            }
            expected.sort_by_key(|(time, _)| *time);
            home.settle().await;
            let merged = home.read(Table::Events);
            let found: Vec<(i64, i64)> = column_times(&merged, "event_time")
                .into_iter()
                .zip(column_times(&merged, "receipt_time"))
                .collect();
            assert_eq!(found, expected);
        });
    }
}
