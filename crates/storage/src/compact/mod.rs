//! Compaction: small segments of one table, partition and window become one, in the background.
//!
//! The merged file is durable before one catalog transaction lets it take the place of its
//! inputs, and every snapshot sees either them or it. The files of the inputs stay for a grace
//! time, for searches that began before.

mod fold;
mod merge;
mod plan;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures::future::BoxFuture;
use model::{duration, size};
use serde::{Deserialize, Serialize};

pub(crate) use merge::merge;
pub use plan::{Job, plan};

use crate::store::blocking;
use crate::{Result, Store, metrics};

/// `[storage.compaction]`: when segments are merged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompactConfig {
    /// Segments are merged up to this size.
    #[serde(with = "size")]
    pub segment_bytes: u64,
    /// How long after its end, and after the last event that came for it, a window is taken to
    /// be complete; what it holds is then merged for good and compressed harder.
    #[serde(with = "duration")]
    pub settle: Duration,
}

impl Default for CompactConfig {
    fn default() -> Self {
        CompactConfig {
            segment_bytes: 256 << 20,
            settle: Duration::from_secs(10 * 60),
        }
    }
}

impl Store {
    /// Does the most useful merge, if one is worth it now; returns whether there was one.
    /// `is_stopped` lets a merge end early, without effect.
    ///
    /// # Errors
    /// If the disk or the catalog fail; nothing has changed then.
    pub fn compact<'a>(
        &'a self,
        config: &'a CompactConfig,
        is_stopped: &'a Arc<AtomicBool>,
    ) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            let _upkeep = self.upkeep().await;
            let now = self.clock().now();
            let segments = self.readable_segments();
            let Some(job) = plan(&segments, config, now).into_iter().next() else {
                return Ok(false);
            };
            let inputs = job.inputs.clone();
            let (disk, data_dir) = (self.disk().clone(), self.data_dir().to_owned());
            let stopped = Arc::clone(is_stopped);
            let _pins = self.fetch(&inputs).await?;
            let merged = blocking(move || merge(&disk, &data_dir, &job, now, &stopped)).await;
            let merged = match merged {
                Ok(Some(merged)) => merged,
                Ok(None) => return Ok(false),
                Err(error) => {
                    self.note_unreadable(&error);
                    return Err(error);
                }
            };
            let read: u64 = inputs.iter().map(|input| input.disk_bytes()).sum();
            tracing::debug!(
                table = merged.table.name(),
                partition = merged.partition,
                window = %merged.window_start,
                generation = merged.generation.name(),
                inputs = inputs.len(),
                rows = merged.rows,
                read_bytes = read,
            written_bytes = merged.disk_bytes(),
                "merged segments"
            );
            let written = merged.disk_bytes();
            self.send(std::slice::from_ref(&merged)).await?;
            self.replace(&inputs, vec![merged]).await?;
            metrics::compacted(inputs.len(), read, written);
            Ok(true)
        })
    }
}
