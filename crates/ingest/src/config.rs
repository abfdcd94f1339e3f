//! The `[ingest]` section of the configuration.

use std::time::Duration;

use model::{duration, size};
use serde::{Deserialize, Serialize};

use crate::{Route, Rules};

/// When data moves from memory to segments, and how much may wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// Memory is flushed to segments when it holds this many bytes.
    #[serde(with = "size")]
    pub flush_bytes: u64,
    /// Memory is flushed to segments when its oldest row has waited this long.
    #[serde(with = "duration")]
    pub flush_interval: Duration,
    /// Beyond this many bytes in memory senders are asked to wait. What is on its way to the log
    /// counts.
    #[serde(with = "size")]
    pub memory_bytes_max: u64,
    /// With less than this free on the disk senders are asked to wait. What is kept lets rows
    /// in memory still be flushed, and retention and the catalog still make room.
    #[serde(with = "size")]
    pub disk_reserve_bytes: u64,
    /// Which events go to other partitions than `default`; from `[[partitions]]`.
    #[serde(skip)]
    pub routes: Vec<Route>,
    /// What becomes of events on their way in; from `[[extraction_rules]]`,
    /// `[[redaction_rules]]` and `[[ingest_budgets]]`.
    #[serde(skip)]
    pub rules: Rules,
}

impl Default for IngestConfig {
    fn default() -> Self {
        IngestConfig {
            flush_bytes: 128 << 20,
            flush_interval: Duration::from_secs(30),
            memory_bytes_max: 256 << 20,
            disk_reserve_bytes: 256 << 20,
            routes: Vec::new(),
            rules: Rules::default(),
        }
    }
}
