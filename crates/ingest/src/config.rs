//! The `[ingest]` section of the configuration.

use serde::{Deserialize, Serialize};

/// When data moves from memory to segments, and how much may wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// Memory is flushed to segments when it holds this many bytes.
    pub flush_bytes: usize,
    /// Memory is flushed to segments when its oldest row is this old, in milliseconds.
    pub flush_interval_ms: u64,
    /// Beyond this many bytes in memory senders are asked to wait.
    pub memory_bytes_max: usize,
}

impl Default for IngestConfig {
    fn default() -> Self {
        IngestConfig {
            flush_bytes: 256 << 20,
            flush_interval_ms: 30_000,
            memory_bytes_max: 1 << 30,
        }
    }
}
