//! The catalog's rows about what has arrived: checkpoints, event ids, idempotency keys, and how
//! far the WAL is in segments.

use std::collections::HashMap;

use futures::future::BoxFuture;
use model::{Checkpoint, Timestamp};

use super::database::{Row, Transaction};
use super::{Catalog, Commit, OriginIds, decode_ids, encode_ids};
use crate::{Result, StorageError};

/// Idempotency keys are remembered for one day.
const KEY_AGE_NANOS_MAX: i64 = 24 * 3_600 * 1_000_000_000;

impl Catalog {
    /// Returns the checkpoints of `source`.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn checkpoints<'a>(&'a self, source: &'a str) -> BoxFuture<'a, Result<Vec<Checkpoint>>> {
        Box::pin(async move {
            let rows = self
                .database
                .fetch(
                    "SELECT source, origin, reread_from, position FROM checkpoints
                 WHERE source = $1 ORDER BY origin",
                    vec![source.into()],
                )
                .await
                .map_err(StorageError::catalog("read checkpoints"))?;
            rows.iter().map(checkpoint).collect()
        })
    }

    /// Returns the event ids of the re-read windows, by (source, origin).
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn event_ids(&self) -> BoxFuture<'_, Result<HashMap<(String, String), OriginIds>>> {
        Box::pin(async move {
            let rows = self
                .database
                .fetch("SELECT source, origin, ids FROM event_ids", Vec::new())
                .await
                .map_err(StorageError::catalog("read event ids"))?;
            let mut ids: HashMap<(String, String), OriginIds> = HashMap::new();
            for row in rows {
                ids.entry((row.text("source")?, row.text("origin")?))
                    .or_default()
                    .extend(decode_ids(&row.bytes("ids")?.unwrap_or_default()));
            }
            Ok(ids)
        })
    }

    /// Returns the idempotency keys of the last day, each with the number of events stored.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn idempotency_keys(&self) -> BoxFuture<'_, Result<Vec<(String, u64)>>> {
        Box::pin(async move {
            let rows = self
                .database
                .fetch(
                    "SELECT key, stored FROM idempotency_keys ORDER BY seen_at",
                    Vec::new(),
                )
                .await
                .map_err(StorageError::catalog("read idempotency keys"))?;
            rows.iter()
                .map(|row| Ok((row.text("key")?, row.count("stored")?)))
                .collect()
        })
    }

    /// Returns the last frame of the WAL whose rows are in segments; 0 if there is none.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn wal_position(&self) -> BoxFuture<'_, Result<u64>> {
        Box::pin(async move {
            let rows = self
                .database
                .fetch("SELECT frame FROM wal_position", Vec::new())
                .await
                .map_err(StorageError::catalog("read the position of the log"))?;
            rows.first().map_or(Ok(0), |row| row.count("frame"))
        })
    }
}

fn checkpoint(row: &Row) -> Result<Checkpoint> {
    let position = row.text("position")?;
    Ok(Checkpoint {
        source: row.text("source")?,
        origin: row.text("origin")?,
        reread_from: row.time("reread_from")?,
        position: serde_json::from_str(&position)
            .map_err(|error| StorageError::Decode(format!("position of a checkpoint: {error}")))?,
    })
}

pub(super) async fn write(
    transaction: &mut Transaction,
    commit: &Commit,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    for checkpoint in commit.checkpoints.values() {
        upsert_checkpoint(transaction, checkpoint).await?;
    }
    for ((source, origin), ids) in &commit.ids {
        let time_max = ids.iter().map(|(_, time)| *time).max();
        let Some(time_max) = time_max else { continue };
        transaction
            .execute(
                "INSERT INTO event_ids (source, origin, time_max, ids) VALUES ($1, $2, $3, $4)",
                vec![
                    source.as_str().into(),
                    origin.as_str().into(),
                    time_max.into(),
                    encode_ids(ids).into(),
                ],
            )
            .await?;
    }
    for checkpoint in commit.checkpoints.values() {
        transaction
            .execute(
                "DELETE FROM event_ids WHERE source = $1 AND origin = $2 AND time_max < $3",
                vec![
                    checkpoint.source.as_str().into(),
                    checkpoint.origin.as_str().into(),
                    checkpoint.reread_from.into(),
                ],
            )
            .await?;
    }
    for (key, stored) in &commit.keys {
        transaction
            .execute(
                "INSERT INTO idempotency_keys (key, stored, seen_at) VALUES ($1, $2, $3)
                 ON CONFLICT (key) DO NOTHING",
                vec![key.as_str().into(), (*stored).into(), now.into()],
            )
            .await?;
    }
    let oldest = now.saturating_add_nanos(-KEY_AGE_NANOS_MAX);
    transaction
        .execute(
            "DELETE FROM idempotency_keys WHERE seen_at < $1",
            vec![oldest.into()],
        )
        .await?;
    transaction
        .execute(
            "UPDATE wal_position SET frame = $1 WHERE frame < $1",
            vec![commit.frame.into()],
        )
        .await?;
    Ok(())
}

async fn upsert_checkpoint(
    transaction: &mut Transaction,
    checkpoint: &Checkpoint,
) -> Result<(), sqlx::Error> {
    let values = vec![
        checkpoint.source.as_str().into(),
        checkpoint.origin.as_str().into(),
        checkpoint.reread_from.into(),
        checkpoint.position.to_string().as_str().into(),
    ];
    transaction
        .execute(
            "INSERT INTO checkpoints (source, origin, reread_from, position)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (source, origin)
             DO UPDATE SET reread_from = excluded.reread_from, position = excluded.position",
            values,
        )
        .await
        .map(drop)
}
