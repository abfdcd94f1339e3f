//! The promise between collectors and ingest: hand over a batch, get a receipt when it is safe.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{LogEvent, Sample, Timestamp};

/// How far a source has read one of its origins (for CloudWatch: a log group).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The configured source's name.
    pub source: String,
    /// The origin inside the source, such as a log group's ARN.
    pub origin: String,
    /// Event ids of this origin are remembered from here on (see [`LogEvent::id_time`]); what is
    /// older will not be read again, so its ids can be forgotten.
    pub reread_from: Timestamp,
    /// What the collector needs to go on; nobody else looks into it.
    pub position: serde_json::Value,
}

/// Events and samples that become durable together, or not at all.
#[derive(Clone, Debug, Default)]
pub struct EventBatch {
    /// The events. Those with an [`crate::EventId`] that the origin has already delivered
    /// (see [`Checkpoint::reread_from`]) are dropped by the sink.
    pub events: Vec<LogEvent>,
    /// Metric samples; of equal ones (series, time and statistic) the last is kept.
    pub samples: Vec<Sample>,
    /// Names the origin whose ids the events carry: (source, origin). `None` for pushed events.
    pub origin: Option<(String, String)>,
    /// Moves with them: after a crash both are there, or neither.
    pub checkpoint: Option<Checkpoint>,
    /// A sender's own key for this batch; a repeated key is acknowledged and not stored again.
    pub idempotency_key: Option<String>,
}

/// Says that a batch is on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Events and samples stored.
    pub stored: usize,
    /// Events that were already there and were not stored again.
    pub repeated: usize,
}

/// Why a batch was not taken. Nothing of it is stored.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The node holds as much unflushed data as it may; the sender waits and tries again.
    #[error("cannot take more events now: {0}; try again in a moment")]
    Busy(String),
    /// The disk or catalog failed. The node will stop rather than lose data.
    #[error("cannot make events durable: {0}")]
    Failed(String),
}

/// Takes events and makes them durable. Implemented by ingest; collectors know only this.
#[async_trait]
pub trait EventSink: Send + Sync {
    /// Stores a batch. When this returns, the events and the checkpoint survive `kill -9` and
    /// can be searched.
    ///
    /// # Errors
    /// [`SinkError::Busy`] under back-pressure, [`SinkError::Failed`] if the disk fails.
    async fn append(&self, batch: EventBatch) -> Result<Receipt, SinkError>;

    /// Returns the last durable checkpoint of every origin of `source`.
    ///
    /// # Errors
    /// [`SinkError::Failed`] if the catalog cannot be read.
    async fn checkpoints(&self, source: &str) -> Result<Vec<Checkpoint>, SinkError>;
}
