//! The table `samples`: of equal samples the one received last counts, wherever the rows lie.

use std::sync::Arc;

use datafusion::arrow::util::pretty::pretty_format_batches;
use expect_test::expect;
use ingest::{Ingest, IngestConfig};
use model::{EventBatch, EventSink, ManualClock, Sample, Series, TimeRange, Timestamp};
use storage::{Store, StoreConfig};

const NOW_MS: i64 = 1_763_909_520_000;

fn sample(function: &str, minutes_ago: i64, statistic: Option<&str>, value: f64) -> Sample {
    let dimensions = [("FunctionName", function), ("region", "eu-west-1")];
    Sample {
        series: Arc::new(Series {
            metric: "Errors".to_owned(),
            dimensions: dimensions
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        }),
        time: Some(Timestamp::from_millis(NOW_MS - minutes_ago * 60_000)),
        statistic: statistic.map(Arc::from),
        value,
    }
}

async fn ask(store: &Store, sql: &str) -> String {
    let session = query::session(store, TimeRange::ALL).unwrap();
    let batches = session.sql(sql).await.unwrap().collect().await.unwrap();
    pretty_format_batches(&batches).unwrap().to_string()
}

#[tokio::test]
async fn the_last_received_of_equal_samples_counts() {
    let folder = tempfile::tempdir().unwrap();
    // The clock stands still: receipts are in order all the same.
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(NOW_MS)));
    let store = Store::open(StoreConfig::at(folder.path()), clock)
        .await
        .unwrap();
    let ingest = Ingest::start(store.clone(), IngestConfig::default())
        .await
        .unwrap();
    let append = |samples| {
        ingest.append(EventBatch {
            samples,
            ..EventBatch::default()
        })
    };
    let sum = Some("sum");
    append(vec![
        sample("pay", 2, sum, 1.0),
        sample("pay", 1, sum, 2.0),
        sample("ship", 1, sum, 3.0),
        sample("pay", 1, None, 9.0),
    ])
    .await
    .unwrap();
    ingest.flush().await.unwrap();
    append(vec![sample("pay", 1, sum, 7.0)]).await.unwrap();
    let sql = "SELECT function, region, statistic, dimensions, value FROM samples \
               WHERE metric = 'Errors' ORDER BY function, event_time, statistic";
    let expected = expect![[r#"
        +----------+-----------+-----------+----------------------------------------------+-------+
        | function | region    | statistic | dimensions                                   | value |
        +----------+-----------+-----------+----------------------------------------------+-------+
        | pay      | eu-west-1 | sum       | {"FunctionName":"pay","region":"eu-west-1"}  | 1.0   |
        | pay      | eu-west-1 | sum       | {"FunctionName":"pay","region":"eu-west-1"}  | 7.0   |
        | pay      | eu-west-1 |           | {"FunctionName":"pay","region":"eu-west-1"}  | 9.0   |
        | ship     | eu-west-1 | sum       | {"FunctionName":"ship","region":"eu-west-1"} | 3.0   |
        +----------+-----------+-----------+----------------------------------------------+-------+"#]];
    expected.assert_eq(&ask(&store, sql).await);
    ingest.flush().await.unwrap();
    expected.assert_eq(&ask(&store, sql).await);
    ingest.close().await;
}
