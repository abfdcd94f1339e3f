//! The catalog in an SQLite file.

use std::collections::HashMap;
use std::path::Path;

use model::{Checkpoint, Timestamp};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Row, Sqlite, Transaction};

use super::{Commit, OriginIds, decode_ids, encode_ids};
use crate::{Result, SegmentMeta, StorageError, Table};

/// Idempotency keys are remembered for one day.
const KEY_AGE_NANOS_MAX: i64 = 24 * 3_600 * 1_000_000_000;
const CONNECTIONS_MAX: u32 = 4;

/// The catalog. Clones share it.
#[derive(Clone, Debug)]
pub struct Catalog {
    pool: SqlitePool,
}

impl Catalog {
    /// Opens the catalog in the file `path`, which is made if it is not there.
    ///
    /// # Errors
    /// If the file is not a catalog or cannot be written.
    pub async fn open(path: &Path) -> Result<Catalog> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .connect_with(options)
            .await
            .map_err(StorageError::catalog("open the database"))?;
        sqlx::migrate!()
            .run(&pool)
            .await
            .map_err(|source| StorageError::Migrate {
                path: path.to_owned(),
                source,
            })?;
        Ok(Catalog { pool })
    }

    /// Asks whether the catalog answers.
    ///
    /// # Errors
    /// If it does not.
    pub async fn check(&self) -> Result<()> {
        sqlx::query("SELECT 1")
            .execute(&self.pool)
            .await
            .map(drop)
            .map_err(StorageError::catalog("read"))
    }

    /// Returns all segments, oldest window first.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn segments(&self) -> Result<Vec<SegmentMeta>> {
        let rows = sqlx::query("SELECT * FROM segments ORDER BY window_start, id")
            .fetch_all(&self.pool)
            .await
            .map_err(StorageError::catalog("read segments"))?;
        rows.iter().map(segment).collect()
    }

    /// Returns the checkpoints of `source`.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn checkpoints(&self, source: &str) -> Result<Vec<Checkpoint>> {
        let action = "read checkpoints";
        let rows = sqlx::query(
            "SELECT source, origin, reread_from, position FROM checkpoints
             WHERE source = ? ORDER BY origin",
        )
        .bind(source)
        .fetch_all(&self.pool)
        .await
        .map_err(StorageError::catalog(action))?;
        rows.iter()
            .map(|row| {
                let position: String = row
                    .try_get("position")
                    .map_err(StorageError::catalog(action))?;
                Ok(Checkpoint {
                    source: row
                        .try_get("source")
                        .map_err(StorageError::catalog(action))?,
                    origin: row
                        .try_get("origin")
                        .map_err(StorageError::catalog(action))?,
                    reread_from: time(row, "reread_from")?,
                    position: serde_json::from_str(&position).map_err(|error| {
                        StorageError::Decode(format!("position of a checkpoint: {error}"))
                    })?,
                })
            })
            .collect()
    }

    /// Returns the event ids of the re-read windows, by (source, origin).
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn event_ids(&self) -> Result<HashMap<(String, String), OriginIds>> {
        let rows: Vec<(String, String, Vec<u8>)> =
            sqlx::query_as("SELECT source, origin, ids FROM event_ids")
                .fetch_all(&self.pool)
                .await
                .map_err(StorageError::catalog("read event ids"))?;
        let mut ids: HashMap<(String, String), OriginIds> = HashMap::new();
        for (source, origin, blob) in rows {
            ids.entry((source, origin))
                .or_default()
                .extend(decode_ids(&blob));
        }
        Ok(ids)
    }

    /// Returns the idempotency keys of the last day, each with the number of events stored.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn idempotency_keys(&self) -> Result<Vec<(String, u64)>> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT key, stored FROM idempotency_keys ORDER BY seen_at")
                .fetch_all(&self.pool)
                .await
                .map_err(StorageError::catalog("read idempotency keys"))?;
        Ok(rows
            .into_iter()
            .map(|(key, stored)| (key, u64::try_from(stored).unwrap_or(0)))
            .collect())
    }

    /// Returns the last frame of the WAL whose rows are in segments; 0 if there is none.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn wal_position(&self) -> Result<u64> {
        let frame: i64 = sqlx::query_scalar("SELECT frame FROM wal_position")
            .fetch_one(&self.pool)
            .await
            .map_err(StorageError::catalog("read the position of the log"))?;
        Ok(u64::try_from(frame).unwrap_or(0))
    }

    /// Makes `segments` exist and moves everything in `commit`, all or nothing.
    ///
    /// # Errors
    /// If the catalog cannot be written; nothing has changed then.
    pub async fn commit(
        &self,
        segments: &[SegmentMeta],
        commit: &Commit,
        now: Timestamp,
    ) -> Result<()> {
        let action = "commit segments";
        let mut transaction = self
            .pool
            .begin()
            .await
            .map_err(StorageError::catalog(action))?;
        write(&mut transaction, segments, commit, now)
            .await
            .map_err(StorageError::catalog(action))?;
        transaction
            .commit()
            .await
            .map_err(StorageError::catalog(action))
    }
}

async fn write(
    transaction: &mut Transaction<'_, Sqlite>,
    segments: &[SegmentMeta],
    commit: &Commit,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for segment in segments {
        insert_segment(transaction, segment, now).await?;
    }
    for checkpoint in commit.checkpoints.values() {
        upsert_checkpoint(transaction, checkpoint).await?;
    }
    for ((source, origin), ids) in &commit.ids {
        let time_max = ids.iter().map(|(_, time)| time.nanos()).max();
        let Some(time_max) = time_max else { continue };
        sqlx::query("INSERT INTO event_ids (source, origin, time_max, ids) VALUES (?, ?, ?, ?)")
            .bind(source)
            .bind(origin)
            .bind(time_max)
            .bind(encode_ids(ids))
            .execute(&mut **transaction)
            .await?;
    }
    for checkpoint in commit.checkpoints.values() {
        sqlx::query("DELETE FROM event_ids WHERE source = ? AND origin = ? AND time_max < ?")
            .bind(&checkpoint.source)
            .bind(&checkpoint.origin)
            .bind(checkpoint.reread_from.nanos())
            .execute(&mut **transaction)
            .await?;
    }
    for (key, stored) in &commit.keys {
        sqlx::query(
            "INSERT INTO idempotency_keys (key, stored, seen_at) VALUES (?, ?, ?)
             ON CONFLICT (key) DO NOTHING",
        )
        .bind(key)
        .bind(i64::try_from(*stored).unwrap_or(i64::MAX))
        .bind(now.nanos())
        .execute(&mut **transaction)
        .await?;
    }
    sqlx::query("DELETE FROM idempotency_keys WHERE seen_at < ?")
        .bind(now.saturating_add_nanos(-KEY_AGE_NANOS_MAX).nanos())
        .execute(&mut **transaction)
        .await?;
    sqlx::query("UPDATE wal_position SET frame = ? WHERE frame < ?")
        .bind(i64::try_from(commit.frame).unwrap_or(i64::MAX))
        .bind(i64::try_from(commit.frame).unwrap_or(i64::MAX))
        .execute(&mut **transaction)
        .await?;
    Ok(())
}

async fn insert_segment(
    transaction: &mut Transaction<'_, Sqlite>,
    segment: &SegmentMeta,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO segments (id, table_name, path, bytes, row_count, time_min, time_max,
             partition, window_start, created_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&segment.id)
    .bind(segment.table.name())
    .bind(segment.path.as_ref())
    .bind(i64::try_from(segment.bytes).unwrap_or(i64::MAX))
    .bind(i64::try_from(segment.rows).unwrap_or(i64::MAX))
    .bind(segment.time_min.nanos())
    .bind(segment.time_max.nanos())
    .bind(&segment.partition)
    .bind(segment.window_start.nanos())
    .bind(now.nanos())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn upsert_checkpoint(
    transaction: &mut Transaction<'_, Sqlite>,
    checkpoint: &Checkpoint,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO checkpoints (source, origin, reread_from, position) VALUES (?, ?, ?, ?)
         ON CONFLICT (source, origin)
         DO UPDATE SET reread_from = excluded.reread_from, position = excluded.position",
    )
    .bind(&checkpoint.source)
    .bind(&checkpoint.origin)
    .bind(checkpoint.reread_from.nanos())
    .bind(checkpoint.position.to_string())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

fn segment(row: &SqliteRow) -> Result<SegmentMeta> {
    let table = text(row, "table_name")?;
    let path = text(row, "path")?;
    Ok(SegmentMeta {
        id: text(row, "id")?,
        table: Table::parse(&table).ok_or_else(|| {
            StorageError::Decode(format!("the catalog names an unknown table `{table}`"))
        })?,
        path: object_store::path::Path::from(path),
        bytes: count(row, "bytes")?,
        rows: count(row, "row_count")?,
        time_min: time(row, "time_min")?,
        time_max: time(row, "time_max")?,
        partition: text(row, "partition")?,
        window_start: time(row, "window_start")?,
    })
}

fn text(row: &SqliteRow, column: &str) -> Result<String> {
    row.try_get(column)
        .map_err(StorageError::catalog("read a row"))
}

fn integer(row: &SqliteRow, column: &str) -> Result<i64> {
    row.try_get(column)
        .map_err(StorageError::catalog("read a row"))
}

fn time(row: &SqliteRow, column: &str) -> Result<Timestamp> {
    integer(row, column).map(Timestamp::from_nanos)
}

fn count(row: &SqliteRow, column: &str) -> Result<u64> {
    integer(row, column).map(|value| u64::try_from(value).unwrap_or(0))
}
