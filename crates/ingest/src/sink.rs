//! The one entry: takes batches, makes them durable and visible, and answers with a receipt.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::{Checkpoint, EventBatch, EventSink, Receipt, SinkError, Timestamp};
use storage::wal::{Record, Wal};
use storage::{Pending, Store};
use tokio::sync::{Notify, oneshot};

use crate::dedup::{Dedup, OriginMemory, repeated};
use crate::flush::Flusher;
use crate::journal::{Entry, Journal, describe, pending};
use crate::room::{Place, Room};
use crate::route::Routes;
use crate::rules::budget::Budgets;
use crate::{IngestConfig, IngestError, Result, Rules, metrics, rows, samples};

/// About the memory that a row takes besides its message.
const ROW_BYTES: usize = 128;
/// Batches of fewer events and samples are turned into rows on the caller's thread.
const INLINE_EVENTS_MAX: usize = 500;

type Answer = oneshot::Receiver<Result<(), String>>;

/// Takes events for a store. There is one per store.
#[derive(Debug)]
pub struct Ingest {
    shared: Arc<Shared>,
    flusher: Arc<Flusher>,
    ticker: Mutex<Option<tokio::task::JoinHandle<()>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    store: Store,
    room: Room,
    disk_reserve_bytes: u64,
    routes: Routes,
    rules: Rules,
    budgets: Budgets,
    /// `None` after the end.
    journal: Mutex<Option<Journal>>,
    dedup: Dedup,
    checkpoints: Mutex<HashMap<(String, String), Checkpoint>>,
    /// The last receipt time of samples, in nanoseconds.
    samples_received: AtomicI64,
}

impl Ingest {
    /// Replays the WAL into `store` and starts to take events.
    ///
    /// # Errors
    /// If the WAL is damaged or the disk or catalog fail.
    pub fn start(store: Store, config: IngestConfig) -> BoxFuture<'static, Result<Ingest>> {
        Box::pin(async move {
            let committed = store.catalog().wal_position().await?;
            let dedup = Dedup::default();
            for (origin, ids) in store.catalog().event_ids().await? {
                lock(&dedup.origin(&origin)).extend(&ids);
            }
            for (key, stored) in store.catalog().idempotency_keys().await? {
                lock(dedup.keys()).insert(key, stored);
            }
            let mut checkpoints = HashMap::new();
            let (mut frames, mut events) = (0_u64, 0);
            let begun = Instant::now();
            let folder = store.data_dir().join("wal");
            let wal = Wal::open(store.disk(), &folder, committed, |frame, bytes| {
                let record = Record::decode(bytes)?;
                frames += 1;
                events += record.stored;
                remember(&dedup, &mut checkpoints, &record);
                store.publish(pending(frame, record)?)
            })?;
            // What is replayed was in memory before, so this takes no longer than
            // `ingest.memory_bytes_max` takes to read.
            tracing::info!(
                frames,
                events,
                seconds = begun.elapsed().as_secs_f64(),
                "replayed the log"
            );
            let grown = Arc::new(Notify::new());
            grown.notify_one();
            let notify = Arc::clone(&grown);
            let (journal, thread) = Journal::start(wal, store.clone(), move || notify.notify_one())
                .map_err(|error| IngestError::Stopped(error.to_string()))?;
            let flusher = Arc::new(Flusher::new(store.clone(), journal.clone()));
            let ticker = tokio::spawn(Arc::clone(&flusher).run(config.clone(), grown));
            Ok(Ingest {
                shared: Arc::new(Shared {
                    store,
                    room: Room::new(config.memory_bytes_max),
                    disk_reserve_bytes: config.disk_reserve_bytes,
                    routes: Routes::new(config.routes),
                    budgets: Budgets::new(config.rules.budgets.clone()),
                    rules: config.rules,
                    journal: Mutex::new(Some(journal)),
                    dedup,
                    checkpoints: Mutex::new(checkpoints),
                    samples_received: AtomicI64::new(i64::MIN),
                }),
                flusher,
                ticker: Mutex::new(Some(ticker)),
                thread: Mutex::new(Some(thread)),
            })
        })
    }

    /// Moves everything that was acknowledged so far into segments.
    ///
    /// # Errors
    /// If the disk or catalog fail; ingest has stopped then.
    pub fn flush(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move { self.flusher.flush().await })
    }

    /// Returns why ingest has stopped, if the disk or catalog failed. The node must stop then.
    pub fn failure(&self) -> Option<String> {
        self.flusher.failure()
    }

    /// Returns why ingest has stopped, when it stops because the disk or catalog failed.
    pub fn failed(&self) -> impl Future<Output = String> + use<> {
        self.flusher.failed()
    }

    /// Says why the disk takes no more, if it does not: senders are asked to wait until there is
    /// space again.
    pub fn shortage(&self) -> Option<String> {
        let journal = lock(&self.shared.journal).clone()?;
        self.shared.disk_shortage(&journal)
    }

    /// Flushes and takes no more events.
    ///
    /// # Errors
    /// If the disk or catalog fail; acknowledged events are in the WAL then.
    pub fn shutdown(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            lock(&self.shared.journal).take();
            let flushed = self.flusher.flush().await;
            self.close().await;
            flushed
        })
    }

    /// Takes no more events and leaves everything in the WAL, as a crash would.
    pub fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            lock(&self.shared.journal).take();
            let ticker = lock(&self.ticker).take();
            if let Some(ticker) = ticker {
                ticker.abort();
                // Only when it has ended has it let go of the store. That it was aborted is no news.
                drop(ticker.await);
            }
            self.flusher.stop();
            let Some(thread) = lock(&self.thread).take() else {
                return;
            };
            let ended = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !ended.unwrap_or(false) {
                tracing::error!("the log's thread panicked");
            }
        })
    }
}

impl Drop for Ingest {
    fn drop(&mut self) {
        if let Some(ticker) = lock(&self.ticker).take() {
            ticker.abort();
        }
        self.flusher.stop();
    }
}

#[async_trait]
impl EventSink for Ingest {
    async fn append(&self, batch: EventBatch) -> Result<Receipt, SinkError> {
        let shared = Arc::clone(&self.shared);
        let (receipt, answer) = if batch.events.len() + batch.samples.len() <= INLINE_EVENTS_MAX {
            shared.queue(batch)?
        } else {
            tokio::task::spawn_blocking(move || shared.queue(batch))
                .await
                .map_err(|error| SinkError::Failed(error.to_string()))??
        };
        match answer.await {
            Ok(Ok(())) => Ok(receipt),
            Ok(Err(failure)) => Err(SinkError::Failed(failure)),
            Err(_) => Err(SinkError::Failed("the log is closed".to_owned())),
        }
    }

    async fn checkpoints(&self, source: &str) -> Result<Vec<Checkpoint>, SinkError> {
        let committed = self.shared.store.catalog().checkpoints(source).await;
        let committed = committed.map_err(|error| SinkError::Failed(describe(&error)))?;
        let mut newest: HashMap<_, _> = committed
            .into_iter()
            .map(|checkpoint| (checkpoint.origin.clone(), checkpoint))
            .collect();
        for ((of, origin), checkpoint) in lock(&self.shared.checkpoints).iter() {
            if of == source {
                newest.insert(origin.clone(), checkpoint.clone());
            }
        }
        let mut newest: Vec<_> = newest.into_values().collect();
        newest.sort_by(|a, b| a.origin.cmp(&b.origin));
        Ok(newest)
    }
}

impl Shared {
    /// Turns a batch into a frame and queues it. Runs without interruption: what is remembered
    /// as delivered stands in the queue.
    fn queue(&self, batch: EventBatch) -> Result<(Receipt, Answer), SinkError> {
        let journal = lock(&self.journal)
            .clone()
            .ok_or_else(|| SinkError::Failed("ingest has stopped".to_owned()))?;
        let place = self.take_room(&journal, &batch)?;
        let key = batch.idempotency_key.clone();
        if let Some(key) = &key
            && let Some(stored) = lock(self.dedup.keys()).get(key)
        {
            return after_all_before(&journal, stored);
        }
        let origin = batch
            .origin
            .as_ref()
            .map(|origin| self.dedup.origin(origin));
        let mut memory = origin.as_ref().map(|origin| lock(origin));
        let (record, repeated) = self.record(batch, memory.as_deref())?;
        let receipt = Receipt {
            stored: usize::try_from(record.stored).unwrap_or(usize::MAX),
            repeated,
        };
        let is_empty = record.stored == 0 && record.checkpoint.is_none() && key.is_none();
        if is_empty {
            let (_, answer) = after_all_before(&journal, 0)?;
            return Ok((receipt, answer));
        }
        let frame = record.encode().map_err(|error| failed(&error))?;
        metrics::stored(receipt.stored, repeated, frame.len());
        let mut keys = key.as_ref().map(|_| lock(self.dedup.keys()));
        if let (Some(keys), Some(key)) = (&keys, &key)
            && let Some(stored) = keys.get(key)
        {
            return after_all_before(&journal, stored);
        }
        let ids = record.ids.clone();
        let checkpoint = record.checkpoint.clone();
        let answer = enqueue(
            &journal,
            frame,
            pending(0, record).map_err(|error| failed(&error))?,
            place,
        )?;
        if let Some(memory) = &mut memory {
            memory.extend(&ids);
            if let Some(checkpoint) = &checkpoint {
                memory.reread_from(checkpoint.reread_from);
            }
        }
        if let (Some(keys), Some(key)) = (&mut keys, key) {
            keys.insert(key, receipt.stored as u64);
        }
        if let Some(checkpoint) = checkpoint {
            let origin = (checkpoint.source.clone(), checkpoint.origin.clone());
            lock(&self.checkpoints).insert(origin, checkpoint);
        }
        Ok((receipt, answer))
    }

    fn record(
        &self,
        batch: EventBatch,
        memory: Option<&OriginMemory>,
    ) -> Result<(Record, usize), SinkError> {
        let mut events = batch.events;
        let before = events.len();
        if let Some(memory) = memory {
            let repeated = repeated(memory, events.iter().map(|event| event.id));
            let mut repeated = repeated.into_iter();
            events.retain(|_| !repeated.next().unwrap_or(false));
        }
        let fresh = events.len();
        let now = self.store.clock().now();
        self.budgets.apply(&mut events, now);
        let stored = events.len() + batch.samples.len();
        let rows = rows::rows(events, now, &self.routes, &self.rules);
        let mut rows = rows.map_err(|error| failed(&error))?;
        let received = self.samples_receipt_time(now);
        rows.samples.extend(batch.samples);
        let samples = samples::rows(&rows.samples, received).map_err(|error| failed(&error))?;
        let record = Record {
            ids: if batch.origin.is_some() {
                rows.ids
            } else {
                Vec::new()
            },
            origin: batch.origin,
            checkpoint: batch.checkpoint,
            idempotency_key: batch.idempotency_key,
            stored: stored as u64,
            events: rows.events,
            invocations: rows.invocations,
            samples,
        };
        Ok((record, before - fresh))
    }

    /// Tells which of equal samples is the later one, so no two batches have the same, even if
    /// the clock stands still or goes back.
    fn samples_receipt_time(&self, now: Timestamp) -> Timestamp {
        let later = |last: i64| Some(now.nanos().max(last.saturating_add(1)));
        let received = &self.samples_received;
        match received.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later) {
            Ok(last) | Err(last) => later(last).map_or(now, Timestamp::from_nanos),
        }
    }

    /// Lets a batch in, if there is room for it. One without rows needs none.
    fn take_room(&self, journal: &Journal, batch: &EventBatch) -> Result<Option<Place>, SinkError> {
        if batch.events.is_empty() && batch.samples.is_empty() {
            return Ok(None);
        }
        let taken = match self.disk_shortage(journal) {
            Some(shortage) => Err(shortage),
            None => {
                let text: usize = batch.events.iter().map(|event| event.message.len()).sum();
                let rows = batch.events.len() + batch.samples.len();
                let bytes = text + rows * ROW_BYTES;
                self.room
                    .take(self.store.memory_bytes() as u64, bytes as u64)
            }
        };
        taken.map(Some).map_err(|full| {
            metrics::refused();
            SinkError::Busy(full)
        })
    }

    /// Says why the disk takes no more, if it does not. A disk that does not tell how much is
    /// free is believed to have space: writing will show.
    fn disk_shortage(&self, journal: &Journal) -> Option<String> {
        let folder = self.store.data_dir();
        let free = self.store.disk().free_bytes(folder).unwrap_or(u64::MAX);
        (journal.is_disk_full() || free < self.disk_reserve_bytes).then(|| {
            format!(
                "the disk of `{}` is full: {free} bytes are free, `ingest.disk_reserve_bytes` = {} are kept",
                folder.display(),
                self.disk_reserve_bytes
            )
        })
    }
}

fn enqueue(
    journal: &Journal,
    frame: Vec<u8>,
    pending: Pending,
    place: Option<Place>,
) -> Result<Answer, SinkError> {
    let (done, answer) = oneshot::channel();
    journal
        .append(Entry {
            frame,
            pending,
            place,
            done,
        })
        .map_err(SinkError::Failed)?;
    Ok(answer)
}

/// For a batch that brings nothing new: its answer waits until everything before it is safe.
fn after_all_before(journal: &Journal, repeated: u64) -> Result<(Receipt, Answer), SinkError> {
    let receipt = Receipt {
        stored: 0,
        repeated: usize::try_from(repeated).unwrap_or(usize::MAX),
    };
    Ok((
        receipt,
        enqueue(journal, Vec::new(), Pending::default(), None)?,
    ))
}

/// Remembers, from a replayed frame, what was delivered.
fn remember(
    dedup: &Dedup,
    checkpoints: &mut HashMap<(String, String), Checkpoint>,
    record: &Record,
) {
    if let Some(origin) = &record.origin {
        let memory = dedup.origin(origin);
        let mut memory = lock(&memory);
        memory.extend(&record.ids);
        if let Some(checkpoint) = &record.checkpoint {
            memory.reread_from(checkpoint.reread_from);
        }
    }
    if let Some(key) = &record.idempotency_key {
        lock(dedup.keys()).insert(key.clone(), record.stored);
    }
    if let Some(checkpoint) = &record.checkpoint {
        let origin = (checkpoint.source.clone(), checkpoint.origin.clone());
        checkpoints.insert(origin, checkpoint.clone());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(error: &storage::StorageError) -> SinkError {
    SinkError::Failed(describe(error))
}
