//! A log event: its text, its times, where it came from, and the serverless fields that are
//! alike on every cloud.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Level, Timestamp};

/// The cloud (or other origin) that ran the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Microsoft Azure.
    Azure,
}

impl Provider {
    /// The name as it is stored and queried: `aws`, `gcp`, `azure`.
    pub const fn name(self) -> &'static str {
        match self {
            Provider::Aws => "aws",
            Provider::Gcp => "gcp",
            Provider::Azure => "azure",
        }
    }
}

/// What the origin says about all events of a batch. Shared, because it repeats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceMetadata {
    /// `_sourceCategory`: a path that the user chooses, such as `prod/lambda`.
    pub category: String,
    /// `_sourceHost`: for Lambda the log group.
    pub host: String,
    /// `_sourceName`: for Lambda the log stream.
    pub name: String,
    /// `_source`: the configured source's name.
    pub source: String,
    /// `_collector`: the kind of collector, such as `aws_cloudwatch_logs`.
    pub collector: String,
}

/// A 128-bit digest of the provider's own id of an event. Two events of one origin with the
/// same digest are the same event, delivered again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(pub u128);

impl EventId {
    /// Digests a provider's id, whatever its form (CloudWatch: 56 decimal digits).
    pub fn of(provider_id: &str) -> Self {
        EventId(xxhash_rust::xxh3::xxh3_128(provider_id.as_bytes()))
    }
}

/// The `_sourceCategory` of events that are what a source was given and could not read.
pub const DEAD_LETTER_CATEGORY: &str = "nephoscope/dead_letters";

/// One log record.
///
/// Collectors fill what the payload tells them; ingest fills the rest (time, function,
/// request id, level) from the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LogEvent {
    /// When it happened, as the payload says; `None` lets ingest look into the text, then fall
    /// back to the receipt time.
    pub event_time: Option<Timestamp>,
    /// The original text, unchanged.
    pub message: String,
    /// Where it came from.
    pub metadata: Arc<SourceMetadata>,
    /// The provider's id, where there is one and the origin is re-read.
    pub id: Option<EventId>,
    /// Until when the id is remembered, as a time that is compared with
    /// [`crate::Checkpoint::reread_from`]; the event's own time if not given. Later for events
    /// that are looked for again for longer than others.
    pub id_time: Option<Timestamp>,
    /// The cloud.
    pub provider: Option<Provider>,
    /// Account, project or subscription.
    pub account: Option<Arc<str>>,
    /// Region, such as `eu-west-1`.
    pub region: Option<Arc<str>>,
    /// The function's name.
    pub function: Option<Arc<str>>,
    /// The function's version, such as `$LATEST` or `42`.
    pub version: Option<Arc<str>>,
    /// The sandbox that ran it: for Lambda the hexadecimal end of the log stream's name.
    pub instance: Option<Arc<str>>,
    /// The invocation's request id.
    pub request_id: Option<String>,
    /// How serious it is.
    pub level: Option<Level>,
    /// Further fields, in the order given: those of the source's configuration, of request
    /// headers, and of structured payloads. Names are unique.
    pub fields: Vec<(String, String)>,
}
