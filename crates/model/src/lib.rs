//! What things are: events, samples, source metadata, time, levels, invocations, limits, and the two
//! promises between rooms, [`EventSink`] and [`Clock`]. No I/O, and nothing here reads the clock.

pub mod duration;
mod event;
mod invocation;
mod iso8601;
mod json_depth;
mod level;
pub mod limits;
mod sample;
pub mod secret;
mod sink;
pub mod size;
mod time;

pub use event::{DEAD_LETTER_CATEGORY, EventId, LogEvent, Provider, SourceMetadata};
pub use invocation::{InvocationEvidence, InvocationStatus};
pub use iso8601::iso8601;
pub use json_depth::is_shallow_json;
pub use level::Level;
pub use sample::{Sample, Series};
pub use secret::Secret;
pub use sink::{Checkpoint, EventBatch, EventSink, Receipt, SinkError};
pub use time::{Clock, ManualClock, TimeRange, Timestamp};
