//! Erased rows are gone from segments and from what was derived of them; all others stay.

use super::*;

#[tokio::test]
async fn erased_rows_are_gone_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    home.flush(
        Table::Events,
        events(&[(1, "default"), (2, "default"), (3, "default")]),
    )
    .await;
    home.flush(Table::Events, events(&[(2, "audit")])).await;
    home.flush(Table::Events, events(&[(9, "default")])).await;
    let erasure: crate::Erasure = Arc::new(|batch: &RecordBatch| {
        let at = batch.column(0).as_primitive::<TimestampNanosecondType>();
        Ok(at.iter().map(|at| at.map(|at| at == 2)).collect())
    });
    let erase = || home.store.erase(TimeRange::ALL, &erasure);
    assert_eq!(
        erase().await.unwrap(),
        crate::Erased {
            segments: 2,
            events: 2,
            evidence: 0
        }
    );
    let left: Vec<String> = messages(&home.read(Table::Events)).into_keys().collect();
    assert_eq!(left, ["default 1", "default 3", "default 9"]);
    assert_eq!(erase().await.unwrap(), crate::Erased::default());
    home.store.delete_unneeded(Duration::ZERO).await.unwrap();
    assert_eq!(home.files(Table::Events), 2);
}

/// Rows of `table` at these times, of these functions and requests.
fn requests(table: Table, list: &[(i64, &str, Option<&str>)]) -> RecordBatch {
    let at: Vec<i64> = list.iter().map(|(time, _, _)| *time).collect();
    let functions = list.iter().map(|(_, function, _)| Some(*function));
    let ids = list.iter().map(|(_, _, id)| *id);
    rows(
        table,
        &[
            ("event_time", times(&at)),
            ("function", texts(functions.collect())),
            ("request_id", texts(ids.collect())),
        ],
    )
}

#[tokio::test]
async fn what_is_known_about_the_invocations_of_erased_events_goes_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let mut home = Home::open(folder.path()).await;
    let list = [
        (1, "f", Some("r1")),
        (2, "f", Some("r1")),
        (3, "f", Some("r2")),
        (4, "f", None),
        (5, "g", Some("r3")),
    ];
    home.flush(Table::Events, requests(Table::Events, &list))
        .await;
    // Late evidence of r1, equal ids of other functions, and one of two days later.
    let late = 2 * 24 * HOUR + 6;
    let evidence = [
        (1, "f", Some("r1")),
        (HOUR + 2, "f", Some("r1")),
        (3, "f", Some("r2")),
        (3, "g", Some("r1")),
        (5, "g", Some("r3")),
        (late, "g", Some("r1")),
        (late, "f", Some("r1")),
    ];
    let evidence = requests(Table::Invocations, &evidence);
    home.flush(Table::Invocations, evidence).await;
    let erasure: crate::Erasure = Arc::new(|batch: &RecordBatch| {
        let at = batch.column(0).as_primitive::<TimestampNanosecondType>();
        Ok(at
            .iter()
            .map(|at| at.map(|at| at == 2 || at == 4))
            .collect())
    });
    let erased = home.store.erase(TimeRange::ALL, &erasure).await.unwrap();
    assert_eq!((erased.events, erased.evidence), (2, 2));
    assert_eq!(erased.segments, 3);
    let mut left = column_times(&home.read(Table::Events), "event_time");
    left.sort_unstable();
    assert_eq!(left, [1, 3, 5]);
    let mut left = column_times(&home.read(Table::Invocations), "event_time");
    left.sort_unstable();
    assert_eq!(left, [3, 3, 5, late, late]);
}
