//! The catalog's rows about sources: what was added, changed or paused while a node ran.
//!
//! Configurations are JSON that this room does not look into. They have secrets in them.

use futures::future::BoxFuture;
use model::Timestamp;

use super::Catalog;
use super::database::{Row, Value};
use crate::{Result, StorageError};

/// What is kept about a source.
#[derive(Clone, PartialEq, Eq)]
pub struct SourceRow {
    /// Its name.
    pub name: String,
    /// What was sent to add it; empty for one of the configuration file.
    pub config: String,
    /// Whether it is paused.
    pub is_paused: bool,
    /// When it was last changed.
    pub changed_at: Timestamp,
}

impl std::fmt::Debug for SourceRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SourceRow")
            .field("name", &self.name)
            .field("config", &"***")
            .field("is_paused", &self.is_paused)
            .field("changed_at", &self.changed_at)
            .finish()
    }
}

impl Catalog {
    /// Returns what is kept about sources, sorted by name.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn sources(&self) -> BoxFuture<'_, Result<Vec<SourceRow>>> {
        Box::pin(async move {
            let sql = "SELECT name, config, is_paused, changed_at FROM sources ORDER BY name";
            let rows = self.database.fetch(sql, Vec::new()).await;
            let rows = rows.map_err(StorageError::catalog("list the sources"))?;
            rows.iter().map(source).collect()
        })
    }

    /// Keeps a source, in place of the one of its name.
    ///
    /// # Errors
    /// If the catalog cannot be written; nothing has changed then.
    pub fn put_source<'a>(&'a self, source: &'a SourceRow) -> BoxFuture<'a, Result<()>> {
        let sql = "INSERT INTO sources (name, config, is_paused, changed_at)
             VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE SET config = excluded.config,
             is_paused = excluded.is_paused, changed_at = excluded.changed_at";
        let values: Vec<Value> = vec![
            source.name.as_str().into(),
            source.config.as_str().into(),
            i64::from(source.is_paused).into(),
            source.changed_at.into(),
        ];
        Box::pin(self.change_source("keep a source", sql, values))
    }

    /// Forgets a source.
    ///
    /// # Errors
    /// If the catalog cannot be written; nothing has changed then.
    pub fn remove_source<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        let sql = "DELETE FROM sources WHERE name = $1";
        Box::pin(self.change_source("forget a source", sql, vec![name.into()]))
    }

    async fn change_source(
        &self,
        action: &'static str,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<()> {
        let failed = || StorageError::catalog(action);
        let mut transaction = self.database.begin().await.map_err(failed())?;
        let changed = transaction.execute(sql, values).await;
        changed.map_err(failed())?;
        transaction.commit().await.map_err(failed())
    }
}

fn source(row: &Row) -> Result<SourceRow> {
    Ok(SourceRow {
        name: row.text("name")?,
        config: row.text("config")?,
        is_paused: row.integer("is_paused")? != 0,
        changed_at: row.time("changed_at")?,
    })
}
