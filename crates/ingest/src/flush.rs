//! Moves memory into segments: by size, by age, or when asked.

use std::sync::Arc;
use std::time::Duration;

use storage::Store;
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};

use crate::journal::{Journal, describe};
use crate::{IngestConfig, IngestError, Result, metrics};

/// Flushes one at a time.
#[derive(Debug)]
pub(crate) struct Flusher {
    store: Store,
    journal: Journal,
    one_at_a_time: Mutex<()>,
}

impl Flusher {
    pub(crate) fn new(store: Store, journal: Journal) -> Self {
        Flusher {
            store,
            journal,
            one_at_a_time: Mutex::new(()),
        }
    }

    /// Moves everything that is visible now into segments.
    pub(crate) async fn flush(&self) -> Result<()> {
        let _guard = self.one_at_a_time.lock().await;
        if self.journal.has_failed() {
            return Err(IngestError::Stopped(self.journal.failure()));
        }
        let Some(sealed) = self.store.seal() else {
            return Ok(());
        };
        match self.store.write(sealed).await {
            Ok(committed) => {
                metrics::flushed();
                self.journal.cut(committed).map_err(IngestError::Stopped)
            }
            Err(error) => {
                tracing::error!(%error, "cannot write segments; nothing is taken any more");
                self.journal.fail(describe(&error));
                Err(error.into())
            }
        }
    }

    /// Ends the log's thread, after everything that is queued.
    pub(crate) fn stop(&self) {
        self.journal.stop();
    }

    /// Flushes whenever memory is large or old enough. `grown` is notified after every group of
    /// appends.
    pub(crate) async fn run(self: Arc<Self>, config: IngestConfig, grown: Arc<Notify>) {
        let interval = Duration::from_millis(config.flush_interval_ms);
        let mut due: Option<Instant> = None;
        loop {
            match due {
                None => grown.notified().await,
                Some(due) => tokio::select! {
                    () = grown.notified() => {}
                    () = sleep_until(due) => {}
                },
            }
            let (bytes, rows) = self.store.active_size();
            if rows == 0 && due.is_none() && !self.store.has_unflushed() {
                continue;
            }
            let now = Instant::now();
            let deadline = *due.get_or_insert(now + interval);
            if bytes >= config.flush_bytes || now >= deadline {
                due = None;
                if self.flush().await.is_err() {
                    return;
                }
            }
        }
    }
}
