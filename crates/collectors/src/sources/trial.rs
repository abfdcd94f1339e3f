//! Tries a source out: the real collector asks the real cloud, but nothing is stored.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use model::{Checkpoint, EventBatch, EventSink, Receipt, SinkError};
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::sent::{self, Sent};
use super::{Context, Sources, Starting};
use crate::error::{CollectorsError, Result};
use crate::registry::{CollectorKind, SourceConfig};
use crate::status::Monitor;

/// Sources that are tried out at a time.
pub(super) const TRIALS_MAX: usize = 4;
/// A trial that has found nothing ends after so long.
const TRIAL_TIME: Duration = Duration::from_secs(20);
/// Messages that a trial shows, and how much of each.
const MESSAGES_MAX: usize = 3;
const MESSAGE_CHARS_MAX: usize = 500;
/// Names of origins that a trial shows.
const ORIGINS_MAX: usize = 20;

/// What trying a source out has found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// Where a pushed source is sent its data; nothing else can be said of it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<&'static str>,
    /// How many origins were found, such as log groups.
    pub origins_total: usize,
    /// The names of the first of them.
    pub origins: Vec<String>,
    /// The events in the first batch that had any.
    pub events: usize,
    /// The metric samples in it.
    pub samples: usize,
    /// The first few messages in it.
    pub messages: Vec<String>,
    /// The first failure, with what to do about it.
    pub problem: Option<String>,
}

impl Sources {
    /// Tries a source out until it has found something or failed, at most 20 seconds. `***`
    /// stands for the secrets of the source of its name.
    ///
    /// # Errors
    /// If it cannot work as it is configured, or too many are tried out at the moment.
    pub fn test(&self, sent: Sent) -> BoxFuture<'_, Result<Trial>> {
        Box::pin(async move {
            let config = sent::parse(&self.completed(sent)?)?;
            self.check_with(&config)?;
            if config.kind() == CollectorKind::Pushed {
                return Ok(Trial {
                    address: config.address(),
                    ..Trial::default()
                });
            }
            let _turn = self
                .trials
                .try_acquire()
                .map_err(|_| CollectorsError::TooMany {
                    what: "trials at the same time",
                    limit: "TRIALS_MAX",
                    max: TRIALS_MAX,
                })?;
            self.tried(config).await
        })
    }

    fn completed(&self, sent: Sent) -> Result<Sent> {
        let name = sent.get("name").and_then(serde_json::Value::as_str);
        let entries = self.read();
        let before = entries
            .iter()
            .filter(|entry| Some(entry.name.as_str()) == name);
        let before = before.filter_map(|entry| entry.sent.as_ref()).next();
        sent::completed(sent, before)
    }

    async fn tried(&self, config: SourceConfig) -> Result<Trial> {
        let monitor = Arc::new(Monitor::new(config.name(), config.collector()));
        let sink = Arc::new(TrialSink::default());
        // Ends with this call, also when nobody waits for it any more.
        let stop = self.closing.child_token();
        let _ending = stop.clone().drop_guard();
        let context = self.trial_context(&sink, &monitor, &stop);
        let (tasks, pullers) = (TaskTracker::new(), self.pullers());
        config.start(
            context,
            &mut Starting {
                tasks: &tasks,
                quotas: &self.quotas,
                receivers: &self.receivers,
                pullers: &pullers,
            },
        )?;
        tokio::select! {
            () = sink.came.notified() => {}
            () = monitor.failure() => {}
            () = tokio::time::sleep(TRIAL_TIME) => {}
            () = self.closing.cancelled() => return Err(CollectorsError::Closing),
        }
        let status = monitor.status(self.clock.now());
        let origins = status.origins.into_iter().map(|origin| origin.name);
        let found = sink.found();
        Ok(Trial {
            origins_total: origins.len(),
            origins: origins.take(ORIGINS_MAX).collect(),
            problem: status.last_error,
            ..found
        })
    }

    fn trial_context(
        &self,
        sink: &Arc<TrialSink>,
        monitor: &Arc<Monitor>,
        stop: &CancellationToken,
    ) -> Context {
        Context {
            sink: Arc::<TrialSink>::clone(sink),
            ..self.context(monitor, stop)
        }
    }
}

/// Looks at the first batch that has anything in it, and stores nothing.
#[derive(Debug, Default)]
struct TrialSink {
    first: Mutex<Option<Trial>>,
    came: Notify,
}

impl TrialSink {
    fn found(&self) -> Trial {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.clone().unwrap_or_default()
    }
}

#[async_trait]
impl EventSink for TrialSink {
    async fn append(&self, batch: EventBatch) -> std::result::Result<Receipt, SinkError> {
        if !batch.events.is_empty() || !batch.samples.is_empty() {
            let shown = |message: &str| message.chars().take(MESSAGE_CHARS_MAX).collect();
            let events = batch.events.iter().take(MESSAGES_MAX);
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            first.get_or_insert_with(|| Trial {
                events: batch.events.len(),
                samples: batch.samples.len(),
                messages: events.map(|event| shown(&event.message)).collect(),
                ..Trial::default()
            });
            self.came.notify_one();
        }
        // Nothing was stored, so the metrics of the node do not count it.
        Ok(Receipt {
            stored: 0,
            repeated: 0,
        })
    }

    async fn checkpoints(&self, _source: &str) -> std::result::Result<Vec<Checkpoint>, SinkError> {
        Ok(Vec::new())
    }
}
