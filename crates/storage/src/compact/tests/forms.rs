//! Files hold their rows in the narrowest form that loses nothing, alone and merged.

use arrow::compute::concat_batches;

use super::*;

const ID: &str = "459921b5-681c-4a96-beb0-81e0aa586026";
const OTHER: &str = "77a921b5-681c-4a96-beb0-81e0aa586027";

/// Three events, times in nanoseconds apart.
fn with_ids(step: i64) -> RecordBatch {
    let line = format!("START RequestId: {ID} Version: 3");
    rows(
        Table::Events,
        &[
            ("event_time", times(&[0, step, 2 * step])),
            (
                "message",
                texts(vec![Some(&line), Some(&line), Some("none")]),
            ),
            ("request_id", texts(vec![Some(ID), Some(OTHER), None])),
        ],
    )
}

fn evidence(step: i64, duration: f64) -> RecordBatch {
    let ids = [format!("execution {step}"), format!("{ID:.35}{}", step % 7)];
    let ids = ids.iter().map(|id| Some(id.as_str()));
    rows(
        Table::Invocations,
        &[
            ("event_time", times(&[step, 2 * step])),
            ("start", times(&[0, step])),
            ("request_id", texts(ids.collect())),
            (
                "duration_ms",
                Arc::new(Float64Array::from(vec![Some(duration), None])),
            ),
        ],
    )
}

/// The rows of a table, sorted by time.
fn sorted(batches: &[RecordBatch]) -> RecordBatch {
    let all = concat_batches(&batches[0].schema(), batches).unwrap();
    let order = arrow::compute::sort_to_indices(all.column(0), None, None).unwrap();
    arrow::compute::take_record_batch(&all, &order).unwrap()
}

async fn come_back(table: Table, given: &[RecordBatch]) {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    for batch in given {
        home.flush(table, batch.clone()).await;
    }
    let expected = sorted(given);
    let of_table = |read: Vec<RecordBatch>| {
        let read = sorted(&read);
        assert_eq!(read.schema(), table.schema());
        read
    };
    assert_eq!(of_table(home.read(table)), expected);
    home.settle().await;
    assert_eq!(home.snapshot(table).segments.len(), 1);
    assert_eq!(of_table(home.read(table)), expected);
}

#[tokio::test]
async fn events_come_back_as_they_were() {
    come_back(Table::Events, &[with_ids(1_000_000), with_ids(7_000_000)]).await;
    come_back(Table::Events, &[with_ids(1_000_000), with_ids(7_000_001)]).await;
}

#[tokio::test]
async fn evidence_comes_back_as_it_was() {
    come_back(
        Table::Invocations,
        &[evidence(1_000_000, 12.34), evidence(3_000_000, 0.5)],
    )
    .await;
    come_back(
        Table::Invocations,
        &[evidence(1_000_000, 12.34), evidence(3_000_007, 1.0 / 3.0)],
    )
    .await;
}

#[tokio::test]
async fn ids_stand_in_a_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    home.flush(Table::Events, with_ids(1_000_000)).await;
    let segments = home.snapshot(Table::Events).segments;
    let path = folder.path().join(segments[0].path.as_ref());
    let file = std::fs::File::open(path).unwrap();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file);
    let mut reader = reader.unwrap().build().unwrap();
    let batch = reader.next().unwrap().unwrap();
    let own = batch.column_by_name("request_id").unwrap().as_string_view();
    assert_eq!(own.iter().flatten().collect::<Vec<_>>(), [OTHER]);
}
