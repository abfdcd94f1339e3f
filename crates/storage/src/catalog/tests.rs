//! What every catalog must do, whatever database it lies in.

use model::{Checkpoint, EventId, Timestamp};
use serde_json::json;

use super::{Catalog, Commit};
use crate::{PARTITION_DEFAULT, SegmentMeta, Table};

fn segment(id: &str, hour: i64) -> SegmentMeta {
    let start = Timestamp::from_nanos(hour * crate::WINDOW_NANOS);
    SegmentMeta {
        id: id.to_owned(),
        table: Table::Events,
        path: object_store::path::Path::from(format!("segments/events/{id}.parquet")),
        bytes: 10,
        rows: 2,
        time_min: start,
        time_max: start.saturating_add_millis(5),
        partition: PARTITION_DEFAULT.to_owned(),
        window_start: start,
    }
}

fn checkpoint(millis: i64) -> Checkpoint {
    Checkpoint {
        source: "s".to_owned(),
        origin: "o".to_owned(),
        reread_from: Timestamp::from_millis(millis),
        position: json!({"next": millis}),
    }
}

fn origin() -> (String, String) {
    ("s".to_owned(), "o".to_owned())
}

fn commit(frame: u64, millis: i64) -> Commit {
    let mut commit = Commit {
        frame,
        ..Commit::default()
    };
    commit.checkpoints.insert(origin(), checkpoint(millis));
    let id = EventId(u128::from(frame));
    commit
        .ids
        .insert(origin(), vec![(id, Timestamp::from_millis(millis))]);
    commit.keys.push((format!("key {frame}"), 7));
    commit
}

#[tokio::test]
async fn a_commit_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.sqlite");
    let now = Timestamp::from_millis(1_000);
    {
        let catalog = Catalog::open(&path).await.unwrap();
        assert_eq!(catalog.wal_position().await.unwrap(), 0);
        let segments = [segment("b", 2), segment("a", 1)];
        catalog
            .commit(&segments, &commit(3, 10), now)
            .await
            .unwrap();
    }
    let catalog = Catalog::open(&path).await.unwrap();
    assert_eq!(
        catalog.segments().await.unwrap(),
        [segment("a", 1), segment("b", 2)]
    );
    assert_eq!(catalog.wal_position().await.unwrap(), 3);
    assert_eq!(catalog.checkpoints("s").await.unwrap(), [checkpoint(10)]);
    assert!(catalog.checkpoints("other").await.unwrap().is_empty());
    assert_eq!(
        catalog.event_ids().await.unwrap()[&origin()],
        [(EventId(3), Timestamp::from_millis(10))]
    );
    assert_eq!(
        catalog.idempotency_keys().await.unwrap(),
        [("key 3".to_owned(), 7)]
    );
}

#[tokio::test]
async fn ids_before_the_re_read_window_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("c")).await.unwrap();
    let now = Timestamp::from_millis(1_000);
    catalog.commit(&[], &commit(1, 10), now).await.unwrap();
    catalog.commit(&[], &commit(2, 20), now).await.unwrap();
    assert_eq!(
        catalog.event_ids().await.unwrap()[&origin()],
        [(EventId(2), Timestamp::from_millis(20))]
    );
}

#[tokio::test]
async fn a_failed_commit_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(&folder.path().join("c")).await.unwrap();
    let now = Timestamp::from_millis(1_000);
    let twice = [segment("a", 1), segment("a", 1)];
    assert!(catalog.commit(&twice, &commit(1, 10), now).await.is_err());
    assert!(catalog.segments().await.unwrap().is_empty());
    assert!(catalog.checkpoints("s").await.unwrap().is_empty());
    assert_eq!(catalog.wal_position().await.unwrap(), 0);
}
