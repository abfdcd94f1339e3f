//! Moves memory into segments: by size, by age, or when asked.

use std::sync::Arc;
use std::time::Duration;

use storage::{Sealed, Store};
use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};

use crate::journal::{Journal, describe};
use crate::{IngestConfig, IngestError, Result, metrics};

/// How often a flush that found the disk full is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Flushes one at a time.
#[derive(Debug)]
pub(crate) struct Flusher {
    store: Store,
    journal: Journal,
    /// Held while flushing: one flush at a time. What it holds has found the disk full.
    unwritten: Mutex<Option<Sealed>>,
}

impl Flusher {
    pub(crate) fn new(store: Store, journal: Journal) -> Self {
        Flusher {
            store,
            journal,
            unwritten: Mutex::new(None),
        }
    }

    /// Moves everything that is visible now into segments. What could not be written before goes
    /// first.
    pub(crate) async fn flush(&self) -> Result<()> {
        let mut unwritten = self.unwritten.lock().await;
        if self.journal.has_failed() {
            return Err(IngestError::Stopped(self.journal.failure()));
        }
        if let Some(sealed) = unwritten.take() {
            self.write(sealed, &mut unwritten).await?;
        }
        match self.store.seal() {
            Some(sealed) => self.write(sealed, &mut unwritten).await,
            None => Ok(()),
        }
    }

    async fn write(&self, sealed: Sealed, unwritten: &mut Option<Sealed>) -> Result<()> {
        match self.store.write(&sealed).await {
            Ok(committed) => {
                metrics::flushed();
                self.journal.cut(committed).map_err(IngestError::Stopped)
            }
            Err(error) => {
                if error.is_temporary() {
                    *unwritten = Some(sealed);
                } else {
                    self.journal.fail(describe(&error));
                }
                Err(error.into())
            }
        }
    }

    /// Why nothing is taken any more, if that is so.
    pub(crate) fn failure(&self) -> Option<String> {
        self.journal.has_failed().then(|| self.journal.failure())
    }

    /// Returns the failure when there is one.
    pub(crate) fn failed(&self) -> impl Future<Output = String> + use<> {
        self.journal.failed()
    }

    /// Ends the log's thread, after everything that is queued.
    pub(crate) fn stop(&self) {
        self.journal.stop();
    }

    /// Flushes whenever memory is large or old enough. `grown` is notified after every group of
    /// appends.
    pub(crate) async fn run(self: Arc<Self>, config: IngestConfig, grown: Arc<Notify>) {
        let interval = config.flush_interval;
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
            if bytes as u64 >= config.flush_bytes || now >= deadline {
                due = None;
                match self.flush().await {
                    Ok(()) => {}
                    Err(IngestError::Storage(error)) if error.is_temporary() => {
                        tracing::error!(
                            error = describe(&error),
                            "rows cannot be moved to segments now; they stay in memory and in the log, and it will be tried again"
                        );
                        due = Some(now + RETRY);
                    }
                    Err(error) => {
                        tracing::error!(error = describe(&error), "nothing is taken any more");
                        return;
                    }
                }
            }
        }
    }
}
