//! The catalog's rows about segments: made by a flush, replaced by compaction, retired, and
//! forgotten when their files are gone.

use futures::future::BoxFuture;
use model::Timestamp;

use super::Catalog;
use super::database::{Row, Transaction};
use crate::segment::Generation;
use crate::{Checksums, Result, SegmentMeta, StorageError, Table};

/// A segment whose rows do not count any more, though its files are still there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retired {
    /// The segment.
    pub segment: SegmentMeta,
    /// Since when.
    pub at: Timestamp,
}

impl Catalog {
    /// Returns the segments whose rows count, oldest window first.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn segments(&self) -> BoxFuture<'_, Result<Vec<SegmentMeta>>> {
        Box::pin(async move {
            let rows = self
                .database
                .fetch(
                    "SELECT * FROM segments WHERE retired_at IS NULL ORDER BY window_start, id",
                    Vec::new(),
                )
                .await
                .map_err(StorageError::catalog("read segments"))?;
            rows.iter().map(segment).collect()
        })
    }

    /// Returns the segments that were replaced or dropped, and whose files may still be there.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn retired(&self) -> BoxFuture<'_, Result<Vec<Retired>>> {
        Box::pin(async move {
            let rows = self
                .database
                .fetch(
                    "SELECT * FROM segments WHERE retired_at IS NOT NULL ORDER BY retired_at, id",
                    Vec::new(),
                )
                .await
                .map_err(StorageError::catalog("read segments"))?;
            let retired = |row: &Row| {
                Ok(Retired {
                    segment: segment(row)?,
                    at: row.time("retired_at")?,
                })
            };
            rows.iter().map(retired).collect()
        })
    }

    /// Lets `new` take the place of `old`, all or nothing. Without `new`, drops `old`.
    ///
    /// # Errors
    /// [`StorageError::Replaced`] if one of `old` does not count any more: somebody else was
    /// faster. Nothing has changed then, nor if the catalog cannot be written.
    pub fn replace<'a>(
        &'a self,
        old: &'a [String],
        new: &'a [SegmentMeta],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("replace segments");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            for id in old {
                let changed = transaction
                    .execute(
                        "UPDATE segments SET retired_at = $1 WHERE id = $2 AND retired_at IS NULL",
                        vec![now.into(), id.as_str().into()],
                    )
                    .await
                    .map_err(failed())?;
                if changed != 1 {
                    return Err(StorageError::Replaced { id: id.clone() });
                }
            }
            for segment in new {
                insert(&mut transaction, segment).await.map_err(failed())?;
            }
            transaction.commit().await.map_err(failed())
        })
    }

    /// Forgets retired segments whose files are gone.
    ///
    /// # Errors
    /// If the catalog cannot be written.
    pub fn forget<'a>(&'a self, ids: &'a [String]) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("forget segments");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            for id in ids {
                transaction
                    .execute(
                        "DELETE FROM segments WHERE id = $1 AND retired_at IS NOT NULL",
                        vec![id.as_str().into()],
                    )
                    .await
                    .map_err(failed())?;
            }
            transaction.commit().await.map_err(failed())
        })
    }
}

pub(super) async fn insert(
    transaction: &mut Transaction,
    segment: &SegmentMeta,
) -> Result<(), sqlx::Error> {
    let values = vec![
        segment.id.as_str().into(),
        segment.table.name().into(),
        segment.path.as_ref().into(),
        segment.bytes.into(),
        segment.rows.into(),
        segment.time_min.into(),
        segment.time_max.into(),
        segment.partition.as_str().into(),
        segment.window_start.into(),
        segment.created_at.into(),
        segment.generation.number().into(),
        segment.checksums.as_ref().map(Checksums::encode).into(),
        segment.index_bytes.into(),
    ];
    transaction
        .execute(
            "INSERT INTO segments (id, table_name, path, bytes, row_count, time_min, time_max,
                 partition, window_start, created_at, generation, checksums, index_bytes)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            values,
        )
        .await
        .map(drop)
}

fn segment(row: &Row) -> Result<SegmentMeta> {
    let table = row.text("table_name")?;
    let id = row.text("id")?;
    let checksums = match row.bytes("checksums")? {
        Some(bytes) => Some(Checksums::decode(&bytes).ok_or_else(|| {
            StorageError::Decode(format!(
                "the catalog's checksums of segment `{id}` are none"
            ))
        })?),
        None => None,
    };
    Ok(SegmentMeta {
        id,
        table: Table::parse(&table).ok_or_else(|| {
            StorageError::Decode(format!("the catalog names an unknown table `{table}`"))
        })?,
        path: object_store::path::Path::from(row.text("path")?),
        bytes: row.count("bytes")?,
        checksums,
        index_bytes: row.count_if_any("index_bytes")?,
        rows: row.count("row_count")?,
        time_min: row.time("time_min")?,
        time_max: row.time("time_max")?,
        partition: row.text("partition")?,
        window_start: row.time("window_start")?,
        generation: Generation::of_number(row.integer("generation")?),
        created_at: row.time("created_at")?,
    })
}
