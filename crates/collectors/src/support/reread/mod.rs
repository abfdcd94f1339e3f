//! Reads an origin that shows its events late, exactly once: windows that overlap, ids that tell
//! repeated events, and a checkpoint that moves with the data.
//!
//! An [`Origin`] is what differs between clouds: how a page of a window is fetched, and what an
//! event of it is. `cursor` (pure) says what to read next, `follow` reads it.

pub(crate) mod cursor;
pub(crate) mod discover;
pub(crate) mod follow;
mod sweeps;

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use model::{Checkpoint, LogEvent};
use serde::de::DeserializeOwned;

use self::cursor::Window;
use super::refusal::Refusal;
use super::start::Start;
use super::token_bucket::TokenBucket;
use crate::error::{CollectorsError, Result};

/// One thing that is read in windows of time, such as a log group.
pub(crate) trait Origin: Send + Sync {
    /// An event as the cloud gives it.
    type Raw: Send;

    /// Its identity: checkpoints and remembered ids are kept by it.
    fn key(&self) -> &str;

    /// What people call it.
    fn name(&self) -> &str;

    /// The calls that it may make, shared with others of the same quota.
    fn budget(&self) -> &TokenBucket;

    /// Fetches one page of the events in `window`; with a token, the page behind the one that
    /// gave it.
    fn page(
        &self,
        window: &Window,
        token: Option<String>,
    ) -> impl Future<Output = std::result::Result<Page<Self::Raw>, Refusal>> + Send;

    /// How long after its time the event could be seen.
    fn lateness_ms(&self, raw: &Self::Raw) -> Option<i64>;

    /// Whether the event was accepted so late that the reads that come soon may miss it.
    fn is_late(&self, raw: &Self::Raw) -> bool;

    /// The time of the oldest event that was seen and cannot be handed over yet, because it will
    /// still change: nothing from there on is final.
    fn hold_ms(&self) -> Option<i64> {
        None
    }

    /// Makes an event, with its id.
    fn decode(&mut self, raw: Self::Raw) -> LogEvent;
}

/// One page of events.
#[derive(Debug)]
pub(crate) struct Page<R> {
    pub(crate) events: Vec<R>,
    /// Asks for the page behind; without one this is the last. A page may be empty and not last.
    pub(crate) next_token: Option<String>,
}

/// How an origin is to be read.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// When the origin was created, if it has such a moment.
    pub(crate) created_ms: Option<i64>,
    /// The time of the oldest event that it can hold.
    pub(crate) first_ms: i64,
    pub(crate) start: Start,
    /// How long an event may take to become visible.
    pub(crate) settle: Duration,
    /// Whether `settle` grows with the lateness seen.
    pub(crate) is_adaptive: bool,
    /// Whether windows are times at which the cloud received its events: then the age of events
    /// says nothing about when they can be seen in a window.
    pub(crate) is_by_reception: bool,
    /// The least that a tip window overlaps the one before.
    pub(crate) tip_overlap_ms: i64,
    /// A settle window with many events is read so much later for each of them …
    pub(crate) settle_event_ms: i64,
    /// … but at least so many times in its own length.
    pub(crate) settle_reads: i64,
    pub(crate) sweep_interval: Duration,
    pub(crate) sweep_depth: Duration,
    /// Zero for no deep sweeps.
    pub(crate) deep_sweep_interval: Duration,
    pub(crate) deep_sweep_depth: Duration,
}

/// The positions in the checkpoints of a source, by the key of the origin.
///
/// # Errors
/// If one cannot be read: going on without it would collect everything once more.
pub(crate) fn positions<P: DeserializeOwned>(
    checkpoints: Vec<Checkpoint>,
) -> Result<HashMap<String, P>> {
    let read = |checkpoint: Checkpoint| {
        let position = serde_json::from_value(checkpoint.position);
        let position = position.map_err(|error| CollectorsError::Cloud {
            attempted: "resume".to_owned(),
            problem: format!(
                "cannot read the checkpoint of {}: {error}",
                checkpoint.origin
            ),
        })?;
        Ok((checkpoint.origin, position))
    };
    checkpoints.into_iter().map(read).collect()
}
