//! What the tests of several modules need: a sink in memory that behaves like the real one, and
//! sources that can be sent requests.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use model::{
    Checkpoint, Clock, DEAD_LETTER_CATEGORY, EventBatch, EventId, EventSink, LogEvent, Receipt,
    Sample, SinkError, Timestamp,
};
use tokio::sync::watch;
use tower::ServiceExt;

use crate::SourceConfig;
use crate::sources::Sources;

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
    dead_letters: Vec<LogEvent>,
    ids: HashMap<(String, String), HashSet<(Timestamp, EventId)>>,
    checkpoints: HashMap<(String, String), Checkpoint>,
    refusals: Vec<SinkError>,
    /// Idempotency keys with what was stored under each.
    keys: HashMap<String, usize>,
}

impl MemorySink {
    /// What was kept although it could not be read.
    pub(crate) fn dead_letters(&self) -> Vec<LogEvent> {
        self.inner.lock().unwrap().dead_letters.clone()
    }

    /// The batches stored so far; repeated events and dead letters are not in them.
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

    /// The samples as they are after all corrections: the last of each series, time and statistic.
    pub(crate) fn latest_samples(&self) -> Vec<Sample> {
        let mut latest = HashMap::new();
        for sample in self.batches().into_iter().flat_map(|batch| batch.samples) {
            let key = (
                Arc::clone(&sample.series),
                sample.time,
                sample.statistic.clone(),
            );
            latest.insert(key, sample);
        }
        latest.into_values().collect()
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

    /// Waits until the batches stored are as they should be.
    pub(crate) async fn wait_until(&self, is_right: impl Fn(&[EventBatch]) -> bool) {
        let are_right = |_: &usize| is_right(&self.inner.lock().unwrap().batches);
        self.stored.subscribe().wait_for(are_right).await.unwrap();
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
        let is_letter = |event: &LogEvent| event.metadata.category == DEAD_LETTER_CATEGORY;
        if batch.events.first().is_some_and(is_letter) {
            inner.dead_letters.append(&mut batch.events);
            return Ok(Receipt {
                stored: 1,
                repeated: 0,
            });
        }
        if let Some(refusal) = inner.refusals.pop() {
            return Err(refusal);
        }
        if let Some(key) = &batch.idempotency_key
            && let Some(stored) = inner.keys.get(key)
        {
            return Ok(Receipt {
                stored: *stored,
                repeated: 0,
            });
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
        if let Some(key) = &batch.idempotency_key {
            inner.keys.insert(key.clone(), stored);
        }
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

/// Running sources, and what they have stored.
pub(crate) struct Bench {
    pub(crate) sink: Arc<MemorySink>,
    pub(crate) sources: Sources,
}

#[derive(serde::Deserialize)]
struct File {
    sources: Vec<SourceConfig>,
}

impl Bench {
    /// Starts the sources of a configuration. Call it inside a tokio runtime.
    pub(crate) fn new(configuration: &str) -> Self {
        Bench::try_new(configuration).unwrap()
    }

    pub(crate) fn try_new(configuration: &str) -> crate::Result<Self> {
        let sink = Arc::new(MemorySink::default());
        let configs = toml::from_str::<File>(configuration).unwrap().sources;
        let events: Arc<dyn EventSink> = Arc::<MemorySink>::clone(&sink);
        let sources = Sources::start(configs, events, Arc::new(FixedClock))?;
        Ok(Bench { sink, sources })
    }

    /// Sends a request whose answer is text.
    pub(crate) async fn send(&self, request: Request) -> (StatusCode, HeaderMap, String) {
        let (status, headers, body) = self.send_for_bytes(request).await;
        (status, headers, String::from_utf8(body).unwrap())
    }

    /// Sends a request.
    pub(crate) async fn send_for_bytes(
        &self,
        request: Request,
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let response = self.sources.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        (parts.status, parts.headers, body.to_vec())
    }
}

/// A request to post something.
pub(crate) fn request(path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Request {
    let mut builder = Request::builder().method(Method::POST).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(body.into()).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Samples as lines of text.
pub(crate) fn shown(samples: &[Sample]) -> String {
    let line = |sample: &Sample| {
        let time = sample.time.map(|time| time.to_string());
        let dimensions: Vec<String> = sample
            .series
            .dimensions
            .iter()
            .map(|(name, value)| format!("{name}={value:?}"))
            .collect();
        format!(
            "{} {} {} {} [{}]\n",
            sample.series.metric,
            sample.statistic.as_deref().unwrap_or("-"),
            time.as_deref().unwrap_or("now"),
            sample.value,
            dimensions.join(" "),
        )
    };
    samples.iter().map(line).collect()
}
