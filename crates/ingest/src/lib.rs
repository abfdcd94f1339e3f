//! What happens until data is safe: normalise, WAL, buffer, flush.
//!
//! A batch goes through [`Ingest::append`](model::EventSink::append): repeated events are
//! dropped, times and serverless fields are found in the text, rules take fields out and secrets
//! away, rows are built once, written to the WAL with many other batches in one fsync, made visible, and acknowledged. A flush moves
//! what has gathered into segments, by size, by age, or when asked.

mod columns;
mod config;
mod dedup;
mod embedded_metrics;
mod error;
mod event_time;
mod flush;
mod invocations;
mod journal;
mod metrics;
mod normalise;
mod room;
mod route;
mod rows;
mod rules;
mod samples;
mod sink;
#[cfg(test)]
mod tests;

pub use config::IngestConfig;
pub use error::{IngestError, Result};
pub use route::{Condition, Route, RouteField};
pub use rules::{Budget, ExtractionRule, Pattern, Redaction, RedactionRule, Rules};
pub use sink::Ingest;
