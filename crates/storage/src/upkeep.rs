//! What a node does for its store in the background: merge, drop, delete.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::{Result, Store, StoreConfig, metrics};

/// Keeps a store in order until it is stopped. Nothing of it is in the way of ingest or
/// searches; what fails is tried again in the next round.
#[derive(Debug)]
pub struct Upkeep {
    is_stopped: Arc<AtomicBool>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Upkeep {
    /// Starts to look after `store` every `upkeep_interval`.
    pub fn start(store: Store, config: StoreConfig) -> Upkeep {
        metrics::describe();
        let is_stopped = Arc::new(AtomicBool::new(false));
        let (stop, mut stopped) = watch::channel(false);
        let flag = Arc::clone(&is_stopped);
        let task = tokio::spawn(async move {
            loop {
                let waited = tokio::time::timeout(config.upkeep_interval, stopped.changed()).await;
                if waited.is_ok() {
                    return;
                }
                if let Err(error) = round(&store, &config, &flag).await {
                    metrics::upkeep_failed();
                    tracing::error!(
                        error = error.with_causes(),
                        "upkeep of the store failed; it will be tried again"
                    );
                }
            }
        });
        Upkeep {
            is_stopped,
            stop,
            task,
        }
    }

    /// Ends it; a merge under way ends early, without effect.
    pub fn stop(self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.is_stopped.store(true, Ordering::Relaxed);
            if self.stop.send(true).is_err() {
                tracing::debug!("upkeep of the store had ended before");
            }
            if let Err(error) = self.task.await {
                tracing::error!(%error, "upkeep of the store ended badly");
            }
        })
    }
}

/// Drops, merges as long as a merge is worth it, and deletes what nobody needs.
async fn round(store: &Store, config: &StoreConfig, is_stopped: &Arc<AtomicBool>) -> Result<()> {
    store.agree_with_catalog().await?;
    store.retain(&config.retention).await?;
    while !is_stopped.load(Ordering::Relaxed)
        && store.compact(&config.compaction, is_stopped).await?
    {
        store.delete_unneeded(config.deletion_grace).await?;
    }
    store.delete_unneeded(config.deletion_grace).await
}
