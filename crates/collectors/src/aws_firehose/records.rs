//! Takes deliveries apart: each record is what AWS sends of log groups or metrics, which it tells
//! from one another by their form, or anything else, whose lines become events. Pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::limits::REQUEST_BYTES_MAX;
use model::{LogEvent, Provider, SourceMetadata, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Config;
use super::metric_stream::{Samples, Statistics, is_export_requests};
use super::subscription::{Origin, Place, Subscription, Subscriptions};
use crate::aws_cloudwatch_logs;
use crate::support::decompress::{DecompressError, decompress};
use crate::support::fields::{Interner, put};
use crate::support::parts;
use crate::support::receive::Refused;

/// Records in one delivery.
const FIREHOSE_RECORDS_MAX: usize = 500_000;
const GZIP: &[u8] = &[0x1f, 0x8b];
/// What is in every object that AWS sends of a log group.
const OF_LOG_GROUP: &[u8] = b"\"logEvents\"";
/// What is in every object that AWS sends of a metric stream.
const OF_METRIC_STREAM: &[u8] = b"\"metric_stream_name\"";

/// The body of a delivery.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Delivery {
    pub(super) request_id: String,
    records: Vec<Record>,
}

#[derive(Debug, Deserialize)]
struct Record {
    data: String,
}

/// What a delivery and the configuration say of all its records.
#[derive(Debug)]
pub(super) struct Surroundings<'a> {
    pub(super) config: &'a Config,
    pub(super) pulled_by: Option<&'a aws_cloudwatch_logs::Config>,
    /// The configured fields, and the stream's own parameters.
    pub(super) fields: BTreeMap<String, String>,
    pub(super) place: Place,
    pub(super) now: Timestamp,
}

/// What is in a delivery.
#[derive(Debug, Default)]
pub(super) struct Decoded {
    /// Events of log groups.
    pub(super) subscribed: BTreeMap<Origin, Vec<LogEvent>>,
    /// Events of what is neither log groups nor metrics.
    pub(super) others: Vec<LogEvent>,
    pub(super) samples: Vec<model::Sample>,
}

impl Delivery {
    /// Reads a body.
    ///
    /// # Errors
    /// If it is no delivery.
    pub(super) fn read(body: &[u8]) -> Result<Delivery, Refused> {
        // Base64 has no braces, so there is one for each record.
        if memchr::memchr_iter(b'{', body).count() > FIREHOSE_RECORDS_MAX {
            return Err(too_large(format!(
                "the delivery has more than FIREHOSE_RECORDS_MAX = {FIREHOSE_RECORDS_MAX} records"
            )));
        }
        serde_json::from_slice(body)
            .map_err(|error| Refused::bad(format!("the body is no delivery: {error}")))
    }

    /// Makes events and samples of the records.
    ///
    /// # Errors
    /// If a record is broken, or all of them are too much.
    pub(super) fn decode(self, around: &Surroundings<'_>) -> Result<Decoded, Refused> {
        let Surroundings {
            config,
            pulled_by,
            fields,
            place,
            now,
        } = around;
        let dimensions = dimensions(config, fields);
        let mut decoder = RecordDecoder {
            subscriptions: Subscriptions::new(config, *pulled_by, fields, place, *now),
            samples: Samples::new(&dimensions),
            others: Vec::new(),
            template: template(config, fields),
        };
        let mut bytes_left = REQUEST_BYTES_MAX;
        for (index, record) in self.records.into_iter().enumerate() {
            let in_record = |refused: Refused| Refused {
                problem: format!("record {}: {}", index + 1, refused.problem),
                ..refused
            };
            let data = opened(&record.data, bytes_left).map_err(in_record)?;
            bytes_left = bytes_left.saturating_sub(data.len());
            decoder.record(data).map_err(in_record)?;
        }
        Ok(Decoded {
            subscribed: decoder.subscriptions.events,
            others: decoder.others,
            samples: decoder.samples.samples,
        })
    }
}

/// The bytes of a record, decompressed if they are compressed: CloudWatch Logs sends gzip,
/// sometimes several members in a row.
fn opened(data: &str, bytes_left: usize) -> Result<Bytes, Refused> {
    let data = STANDARD
        .decode(data)
        .map_err(|error| Refused::bad(format!("the data is not base64: {error}")))?;
    let encoding = if data.starts_with(GZIP) { "gzip" } else { "" };
    decompress(encoding, Bytes::from(data), bytes_left).map_err(|error| match error {
        DecompressError::TooLarge(_) => too_large(format!(
            "all records together are larger than REQUEST_BYTES_MAX, {REQUEST_BYTES_MAX} bytes \
             uncompressed"
        )),
        other => Refused::bad(other.to_string()),
    })
}

fn too_large(problem: String) -> Refused {
    Refused::new(StatusCode::PAYLOAD_TOO_LARGE, problem)
}

struct RecordDecoder<'a> {
    subscriptions: Subscriptions<'a>,
    samples: Samples<'a>,
    others: Vec<LogEvent>,
    template: LogEvent,
}

impl RecordDecoder<'_> {
    fn record(&mut self, data: Bytes) -> Result<(), Refused> {
        let is_object = data.trim_ascii_start().starts_with(b"{");
        let has = |mark| is_object && memchr::memmem::find(&data, mark).is_some();
        // In the text of a message the quotes of a mark would be escaped.
        if has(OF_METRIC_STREAM) {
            return objects(&data, "a metric stream", |statistics: Statistics| {
                self.samples.add(statistics)
            });
        }
        if has(OF_LOG_GROUP) {
            return objects(&data, "a log group", |subscription: Subscription| {
                self.subscriptions.add(subscription).map_err(too_large)
            });
        }
        if is_export_requests(&data) {
            return self.samples.add_export_requests(data);
        }
        self.lines(&data);
        Ok(())
    }

    fn lines(&mut self, data: &[u8]) {
        let text = String::from_utf8_lossy(data);
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let event = LogEvent {
                message: line.to_owned(),
                ..self.template.clone()
            };
            parts::push(&mut self.others, event);
        }
    }
}

/// Takes the objects of a record, which stand in a row.
fn objects<T: DeserializeOwned>(
    data: &[u8],
    whose: &str,
    mut take: impl FnMut(T) -> Result<(), Refused>,
) -> Result<(), Refused> {
    for object in serde_json::Deserializer::from_slice(data).into_iter() {
        take(object.map_err(|error| {
            Refused::bad(format!("it is not what AWS sends of {whose}: {error}"))
        })?)?;
    }
    Ok(())
}

/// An event of what is neither of a log group nor a metric.
fn template(config: &Config, fields: &BTreeMap<String, String>) -> LogEvent {
    let mut event = LogEvent {
        metadata: Arc::new(metadata(config)),
        provider: Some(Provider::Aws),
        ..LogEvent::default()
    };
    let mut interner = Interner::default();
    for (name, value) in fields {
        put(&mut event, name, value, &mut interner);
    }
    event
}

/// The dimensions that every sample gets.
fn dimensions(config: &Config, fields: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let metadata = metadata(config);
    let mut dimensions = fields.clone();
    for (name, value) in [
        ("_sourceCategory", metadata.category),
        ("_source", metadata.source),
        ("_collector", metadata.collector),
    ] {
        dimensions.insert(name.to_owned(), value);
    }
    dimensions
}

fn metadata(config: &Config) -> SourceMetadata {
    SourceMetadata {
        category: config.category.clone(),
        source: config.name.clone(),
        collector: super::DESCRIPTOR.name.to_owned(),
        ..SourceMetadata::default()
    }
}
