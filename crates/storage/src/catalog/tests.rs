//! What every catalog must do, whatever database it lies in: one suite, run against both.

mod alerts;
mod postgres;
mod sources;

use std::future::Future;
use std::path::PathBuf;

use model::{Checkpoint, EventId, Timestamp};
use serde_json::json;

use super::{Catalog, Commit};
use crate::{Checksums, Generation, PARTITION_DEFAULT, SegmentMeta, StorageError, Table};

/// An empty database of its own, which can be opened again.
#[derive(Clone, Debug)]
enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Place {
    async fn open(&self) -> Catalog {
        match self {
            Place::Sqlite(path) => Catalog::open(path).await.unwrap(),
            Place::Postgres(url) => Catalog::connect(url).await.unwrap(),
        }
    }
}

/// Runs every check in a place of its own.
async fn conforms(mut place: impl FnMut() -> Place) {
    each(place(), a_commit_is_there_after_reopening).await;
    each(place(), ids_before_the_re_read_window_are_forgotten).await;
    each(place(), the_log_never_goes_back).await;
    each(place(), a_failed_commit_changes_nothing).await;
    each(
        place(),
        replaced_segments_are_retired_until_they_are_forgotten,
    )
    .await;
    each(place(), a_segment_is_replaced_once).await;
    each(place(), a_failed_replacement_changes_nothing).await;
    each(place(), flushes_and_replacements_do_not_disturb_each_other).await;
    alerts::conform(&mut place).await;
    sources::conform(&mut place).await;
}

async fn each<F: Future<Output = ()>>(place: Place, check: impl FnOnce(Place) -> F) {
    check(place).await;
}

#[tokio::test]
async fn sqlite_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let mut number = 0;
    conforms(|| {
        number += 1;
        Place::Sqlite(folder.path().join(format!("{number}.sqlite")))
    })
    .await;
}

#[tokio::test]
async fn postgres_conforms() {
    let Some(server) = postgres::Server::start() else {
        eprintln!("skipped: PostgreSQL is not installed");
        return;
    };
    let mut number = 0;
    conforms(|| {
        number += 1;
        Place::Postgres(server.new_database(&format!("catalog{number}")))
    })
    .await;
    let url = server.new_database("shared");
    let _first = Catalog::connect(&url).await.unwrap();
    let second = Catalog::connect(&url).await.unwrap_err();
    assert!(matches!(second, StorageError::CatalogInUse), "{second}");
}

fn segment(id: &str, hour: i64) -> SegmentMeta {
    let start = Timestamp::from_nanos(hour * crate::WINDOW_NANOS);
    SegmentMeta {
        id: id.to_owned(),
        table: Table::Events,
        path: object_store::path::Path::from(format!("segments/events/{id}.parquet")),
        bytes: 10,
        checksums: Checksums::decode(&[0, 0, 1, 0, 7, 0, 0, 0x80]),
        index_bytes: Some(4),
        rows: 2,
        time_min: start,
        time_max: start.saturating_add_millis(5),
        partition: PARTITION_DEFAULT.to_owned(),
        window_start: start,
        generation: Generation::Merged,
        created_at: Timestamp::from_millis(hour),
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

const NOW: Timestamp = Timestamp::from_millis(1_000);

fn ids(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn live(catalog: &Catalog) -> Vec<String> {
    let segments = catalog.segments().await.unwrap();
    segments.into_iter().map(|segment| segment.id).collect()
}

async fn a_commit_is_there_after_reopening(place: Place) {
    {
        let catalog = place.open().await;
        catalog.check().await.unwrap();
        let id = catalog.store_id().await.unwrap();
        assert_eq!(catalog.store_id().await.unwrap(), id);
        assert_eq!(catalog.wal_position().await.unwrap(), 0);
        let segments = [segment("b", 2), segment("a", 1)];
        catalog
            .commit(&segments, &commit(3, 10), NOW)
            .await
            .unwrap();
    }
    let catalog = place.open().await;
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

async fn ids_before_the_re_read_window_are_forgotten(place: Place) {
    let catalog = place.open().await;
    catalog.commit(&[], &commit(1, 10), NOW).await.unwrap();
    catalog.commit(&[], &commit(2, 20), NOW).await.unwrap();
    assert_eq!(
        catalog.event_ids().await.unwrap()[&origin()],
        [(EventId(2), Timestamp::from_millis(20))]
    );
    let much_later = Timestamp::from_millis(3 * 86_400_000);
    catalog
        .commit(&[], &Commit::default(), much_later)
        .await
        .unwrap();
    assert!(catalog.idempotency_keys().await.unwrap().is_empty());
}

async fn the_log_never_goes_back(place: Place) {
    let catalog = place.open().await;
    catalog.commit(&[], &commit(7, 10), NOW).await.unwrap();
    catalog.commit(&[], &commit(5, 10), NOW).await.unwrap();
    assert_eq!(catalog.wal_position().await.unwrap(), 7);
}

async fn a_failed_commit_changes_nothing(place: Place) {
    let catalog = place.open().await;
    let twice = [segment("a", 1), segment("a", 1)];
    assert!(catalog.commit(&twice, &commit(1, 10), NOW).await.is_err());
    assert!(catalog.segments().await.unwrap().is_empty());
    assert!(catalog.checkpoints("s").await.unwrap().is_empty());
    assert_eq!(catalog.wal_position().await.unwrap(), 0);
}

async fn replaced_segments_are_retired_until_they_are_forgotten(place: Place) {
    let catalog = place.open().await;
    let old = [segment("a", 1), segment("b", 1), segment("c", 1)];
    catalog.commit(&old, &commit(1, 10), NOW).await.unwrap();
    let later = Timestamp::from_millis(2_000);
    let new = [segment("d", 1)];
    catalog
        .replace(&ids(&["a", "b"]), &new, later)
        .await
        .unwrap();
    assert_eq!(live(&catalog).await, ["c", "d"]);
    let retired = catalog.retired().await.unwrap();
    assert_eq!(retired.len(), 2);
    assert_eq!((&retired[0].segment, retired[0].at), (&old[0], later));
    // What still counts is not forgotten.
    catalog.forget(&ids(&["a", "c"])).await.unwrap();
    assert_eq!(live(&catalog).await, ["c", "d"]);
    assert_eq!(catalog.retired().await.unwrap().len(), 1);
}

async fn a_segment_is_replaced_once(place: Place) {
    let catalog = place.open().await;
    let old = [segment("a", 1), segment("b", 1)];
    catalog.commit(&old, &commit(1, 10), NOW).await.unwrap();
    catalog
        .replace(&ids(&["a"]), &[segment("c", 1)], NOW)
        .await
        .unwrap();
    let again = catalog
        .replace(&ids(&["b", "a"]), &[segment("d", 1)], NOW)
        .await;
    assert!(
        matches!(&again, Err(StorageError::Replaced { id }) if id == "a"),
        "{again:?}"
    );
    assert_eq!(live(&catalog).await, ["b", "c"]);
}

async fn a_failed_replacement_changes_nothing(place: Place) {
    let catalog = place.open().await;
    let old = [segment("a", 1)];
    catalog.commit(&old, &commit(1, 10), NOW).await.unwrap();
    let twice = [segment("b", 1), segment("b", 1)];
    assert!(catalog.replace(&ids(&["a"]), &twice, NOW).await.is_err());
    assert_eq!(live(&catalog).await, ["a"]);
    assert!(catalog.retired().await.unwrap().is_empty());
}

async fn flushes_and_replacements_do_not_disturb_each_other(place: Place) {
    let catalog = place.open().await;
    catalog
        .commit(&[segment("r00", 1)], &commit(1, 10), NOW)
        .await
        .unwrap();
    let replacing = {
        let catalog = catalog.clone();
        async move {
            for number in 1..20 {
                let old = ids(&[&format!("r{:02}", number - 1)]);
                let new = [segment(&format!("r{number:02}"), 1)];
                catalog.replace(&old, &new, NOW).await.unwrap();
            }
        }
    };
    let flushing = {
        let catalog = catalog.clone();
        async move {
            for number in 0..20 {
                let new = [segment(&format!("f{number:02}"), 1)];
                catalog
                    .commit(&new, &commit(2 + number, 10), NOW)
                    .await
                    .unwrap();
            }
        }
    };
    tokio::join!(tokio::spawn(replacing), tokio::spawn(flushing))
        .0
        .unwrap();
    assert_eq!(live(&catalog).await.len(), 21);
    assert_eq!(catalog.retired().await.unwrap().len(), 19);
}
