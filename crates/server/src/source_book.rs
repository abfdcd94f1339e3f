//! Keeps changes to sources in the catalog.

use std::sync::Arc;

use async_trait::async_trait;
use collectors::{KeptSource, SourceBook};
use model::Clock;
use storage::catalog::{Catalog, SourceRow};

/// The catalog as the book of the sources.
#[derive(Debug)]
pub(crate) struct CatalogBook {
    pub(crate) catalog: Catalog,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl SourceBook for CatalogBook {
    async fn all(&self) -> Result<Vec<KeptSource>, String> {
        let rows = self
            .catalog
            .sources()
            .await
            .map_err(|error| error.with_causes())?;
        let kept = rows.into_iter().map(|row| KeptSource {
            name: row.name,
            config: row.config,
            is_paused: row.is_paused,
        });
        Ok(kept.collect())
    }

    async fn put(&self, source: &KeptSource) -> Result<(), String> {
        let row = SourceRow {
            name: source.name.clone(),
            config: source.config.clone(),
            is_paused: source.is_paused,
            changed_at: self.clock.now(),
        };
        self.catalog
            .put_source(&row)
            .await
            .map_err(|error| error.with_causes())
    }

    async fn remove(&self, name: &str) -> Result<(), String> {
        self.catalog
            .remove_source(name)
            .await
            .map_err(|error| error.with_causes())
    }
}
