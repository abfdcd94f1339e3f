//! What the tests of several modules need: a sink in memory that behaves like the real one.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use model::{Checkpoint, Clock, EventBatch, EventId, EventSink, Receipt, SinkError, Timestamp};
use tokio::sync::watch;

/// Stands still.
#[derive(Debug)]
pub(crate) struct FixedClock;

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_763_909_520_000)
    }
}

/// Keeps batches, drops repeated ids by origin, forgets ids before `reread_from`.
#[derive(Debug)]
pub(crate) struct MemorySink {
    inner: Mutex<Inner>,
    stored: watch::Sender<usize>,
}

impl Default for MemorySink {
    fn default() -> Self {
        MemorySink {
            inner: Mutex::new(Inner::default()),
            stored: watch::Sender::new(0),
        }
    }
}

#[derive(Debug, Default)]
struct Inner {
    batches: Vec<EventBatch>,
    ids: HashMap<(String, String), HashSet<(Timestamp, EventId)>>,
    checkpoints: HashMap<(String, String), Checkpoint>,
    refusals: Vec<SinkError>,
}

impl MemorySink {
    /// The batches stored so far; repeated events are not in them.
    pub(crate) fn batches(&self) -> Vec<EventBatch> {
        self.inner.lock().unwrap().batches.clone()
    }

    /// The messages stored so far.
    pub(crate) fn messages(&self) -> Vec<String> {
        let batches = self.batches();
        batches
            .into_iter()
            .flat_map(|batch| batch.events)
            .map(|event| event.message)
            .collect()
    }

    /// Answers the next append with `error`.
    pub(crate) fn refuse_next(&self, error: SinkError) {
        self.inner.lock().unwrap().refusals.push(error);
    }

    /// Waits until a checkpoint is there that is as it should be.
    pub(crate) async fn wait_for_checkpoint(&self, is_right: impl Fn(&Checkpoint) -> bool) {
        let has_come = |_: &usize| {
            let inner = self.inner.lock().unwrap();
            inner.checkpoints.values().any(&is_right)
        };
        self.stored.subscribe().wait_for(has_come).await.unwrap();
    }

    /// Waits until `count` events are stored.
    pub(crate) async fn wait_for(&self, count: usize) {
        self.stored
            .subscribe()
            .wait_for(|stored| *stored >= count)
            .await
            .unwrap();
    }
}

#[async_trait]
impl EventSink for MemorySink {
    async fn append(&self, mut batch: EventBatch) -> Result<Receipt, SinkError> {
        let mut guard = self.inner.lock().unwrap();
        let inner = &mut *guard;
        if let Some(refusal) = inner.refusals.pop() {
            return Err(refusal);
        }
        let offered = batch.events.len();
        if let Some(origin) = &batch.origin {
            let ids = inner.ids.entry(origin.clone()).or_default();
            batch.events.retain(|event| match event.id {
                Some(id) => {
                    let time = event.id_time.or(event.event_time);
                    ids.insert((time.unwrap_or(Timestamp::MIN), id))
                }
                None => true,
            });
            if let Some(checkpoint) = &batch.checkpoint {
                ids.retain(|(time, _)| *time >= checkpoint.reread_from);
            }
        }
        if let Some(checkpoint) = &batch.checkpoint {
            let key = (checkpoint.source.clone(), checkpoint.origin.clone());
            inner.checkpoints.insert(key, checkpoint.clone());
        }
        let fresh = batch.events.len();
        let stored = fresh + batch.samples.len();
        inner.batches.push(batch);
        drop(guard);
        self.stored.send_modify(|total| *total += stored);
        Ok(Receipt {
            stored,
            repeated: offered - fresh,
        })
    }

    async fn checkpoints(&self, source: &str) -> Result<Vec<Checkpoint>, SinkError> {
        let inner = self.inner.lock().unwrap();
        let all = inner.checkpoints.values();
        Ok(all
            .filter(|checkpoint| checkpoint.source == source)
            .cloned()
            .collect())
    }
}
