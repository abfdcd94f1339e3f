//! The catalog: which segments exist, how far sources have read, and how far the WAL is in
//! segments. One transaction moves all of it. Beside that what monitors know, the messages
//! that wait to be sent, and the sources that were added while the node ran.

mod alerts;
mod database;
mod origins;
mod outbox;
mod segments;
mod sources;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;

use futures::future::BoxFuture;
use model::{Checkpoint, EventId, Timestamp};

use crate::{Result, SegmentMeta, StorageError};
use database::Database;

pub use alerts::{AlertEvent, AlertRow, Evaluated, MuteRow, SavedMonitor};
pub use outbox::{Message, MessageState};
pub use segments::Retired;
pub use sources::SourceRow;

/// The catalog, in an SQLite file or a PostgreSQL database. Clones share it.
#[derive(Clone, Debug)]
pub struct Catalog {
    database: Database,
}

/// Event ids of one origin, each with its event time.
pub type OriginIds = Vec<(EventId, Timestamp)>;

/// What one flush commits beside its segments.
#[derive(Debug, Default)]
pub struct Commit {
    /// The last frame of the WAL whose rows are in the segments; 0 if there is none.
    pub frame: u64,
    /// The newest checkpoint of each (source, origin).
    pub checkpoints: BTreeMap<(String, String), Checkpoint>,
    /// New event ids by (source, origin).
    pub ids: BTreeMap<(String, String), OriginIds>,
    /// New idempotency keys, with the number of events stored for each.
    pub keys: Vec<(String, u64)>,
}

impl Catalog {
    /// Opens the catalog in the SQLite file `path`, which is made if it is not there.
    ///
    /// # Errors
    /// If the file is not a catalog or cannot be written.
    pub fn open(path: &Path) -> BoxFuture<'_, Result<Catalog>> {
        Box::pin(async move {
            let database = Database::sqlite(path).await?;
            Ok(Catalog { database })
        })
    }

    /// Opens the catalog in the PostgreSQL database at `url`, for this process alone.
    ///
    /// # Errors
    /// If the database cannot be reached, or another node uses it.
    pub fn connect(url: &str) -> BoxFuture<'_, Result<Catalog>> {
        Box::pin(async move {
            let database = Database::postgres(url).await?;
            Ok(Catalog { database })
        })
    }

    /// Which store this is: an id that the first call makes.
    ///
    /// # Errors
    /// If the catalog cannot be read or written.
    pub fn store_id(&self) -> BoxFuture<'_, Result<String>> {
        Box::pin(self.known_or_new_id())
    }

    async fn known_or_new_id(&self) -> Result<String> {
        let failed = || StorageError::catalog("find out which store this is");
        let known = self.database.fetch("SELECT id FROM store", Vec::new());
        if let Some(row) = known.await.map_err(failed())?.first() {
            return row.text("id");
        }
        let id = uuid::Uuid::new_v4().simple().to_string();
        let mut transaction = self.database.begin().await.map_err(failed())?;
        transaction
            .execute(
                "INSERT INTO store (id) VALUES ($1)",
                vec![id.as_str().into()],
            )
            .await
            .map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        Ok(id)
    }

    /// Asks whether the catalog answers.
    ///
    /// # Errors
    /// If it does not.
    pub fn check(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            self.database
                .fetch("SELECT 1", Vec::new())
                .await
                .map(drop)
                .map_err(StorageError::catalog("read"))
        })
    }

    /// Makes `segments` exist and moves everything in `commit`, all or nothing.
    ///
    /// # Errors
    /// If the catalog cannot be written; nothing has changed then.
    pub fn commit<'a>(
        &'a self,
        segments: &'a [SegmentMeta],
        commit: &'a Commit,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let failed = || StorageError::catalog("commit segments");
            let mut transaction = self.database.begin().await.map_err(failed())?;
            for segment in segments {
                segments::insert(&mut transaction, segment)
                    .await
                    .map_err(failed())?;
            }
            origins::write(&mut transaction, commit, now)
                .await
                .map_err(failed())?;
            transaction.commit().await.map_err(failed())
        })
    }
}

pub(crate) const ID_BYTES: usize = 24;

pub(crate) fn encode_ids(ids: &[(EventId, Timestamp)]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(ids.len() * ID_BYTES);
    for (id, time) in ids {
        bytes.extend_from_slice(&id.0.to_le_bytes());
        bytes.extend_from_slice(&time.nanos().to_le_bytes());
    }
    bytes
}

pub(crate) fn decode_ids(bytes: &[u8]) -> OriginIds {
    bytes
        .chunks_exact(ID_BYTES)
        .map(|chunk| {
            let mut id = [0; 16];
            let mut time = [0; 8];
            id.copy_from_slice(&chunk[..16]);
            time.copy_from_slice(&chunk[16..]);
            (
                EventId(u128::from_le_bytes(id)),
                Timestamp::from_nanos(i64::from_le_bytes(time)),
            )
        })
        .collect()
}
