//! What CloudWatch Logs sends for a subscription filter
//! (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html>), and the
//! events in it. Pure.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use model::{LogEvent, Timestamp};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use super::Config;
use crate::aws_cloudwatch_logs::{self, Decoder, Group, Labels, RawEvent};
use crate::support::parts;

/// Log events in one delivery.
const FIREHOSE_EVENTS_MAX: usize = 500_000;
/// AWS sends these to find out whether somebody is there.
const CONTROL_MESSAGE: &str = "CONTROL_MESSAGE";

/// Events of one log stream.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subscription {
    message_type: String,
    #[serde(default)]
    owner: String,
    log_group: String,
    #[serde(default)]
    log_stream: String,
    #[serde(deserialize_with = "bounded")]
    log_events: Vec<SubscribedEvent>,
}

#[derive(Debug, Deserialize)]
struct SubscribedEvent {
    id: String,
    timestamp: i64,
    message: String,
}

/// Reads events until there are more than a delivery may have: an empty one has two bytes.
fn bounded<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SubscribedEvent>, D::Error> {
    struct Events;
    impl<'de> Visitor<'de> for Events {
        type Value = Vec<SubscribedEvent>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of log events")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut events = Vec::new();
            while let Some(event) = list.next_element()? {
                if events.len() == FIREHOSE_EVENTS_MAX {
                    return Err(A::Error::custom(too_many()));
                }
                events.push(event);
            }
            Ok(events)
        }
    }
    from.deserialize_seq(Events)
}

fn too_many() -> String {
    format!("the delivery has more than FIREHOSE_EVENTS_MAX = {FIREHOSE_EVENTS_MAX} log events")
}

/// The place of a stream, as the ARN that a delivery names says it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    partition: String,
    region: Option<String>,
}

impl Place {
    /// Reads `arn:aws:firehose:eu-west-1:123456789012:deliverystream/name`.
    pub(super) fn of(arn: &str) -> Self {
        let mut parts = arn.split(':').skip(1);
        let mut part = || {
            parts
                .next()
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
        };
        let partition = part().unwrap_or_else(|| "aws".to_owned());
        part();
        Place {
            partition,
            region: part(),
        }
    }
}

/// Who remembers the ids of a log group's events, and its ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    pub(super) source: String,
    pub(super) arn: String,
}

/// Makes events, in groups by their origins.
#[derive(Debug)]
pub(super) struct Subscriptions<'a> {
    config: &'a Config,
    pulled_by: Option<&'a aws_cloudwatch_logs::Config>,
    fields: &'a BTreeMap<String, String>,
    place: &'a Place,
    now: Timestamp,
    decoders: HashMap<Origin, Decoder>,
    count: usize,
    /// The events of each origin.
    pub(super) events: BTreeMap<Origin, Vec<LogEvent>>,
}

impl<'a> Subscriptions<'a> {
    pub(super) fn new(
        config: &'a Config,
        pulled_by: Option<&'a aws_cloudwatch_logs::Config>,
        fields: &'a BTreeMap<String, String>,
        place: &'a Place,
        now: Timestamp,
    ) -> Self {
        Subscriptions {
            config,
            pulled_by,
            fields,
            place,
            now,
            decoders: HashMap::new(),
            count: 0,
            events: BTreeMap::new(),
        }
    }

    /// Takes the events of one log stream.
    ///
    /// # Errors
    /// If the delivery has too many.
    pub(super) fn add(&mut self, subscription: Subscription) -> Result<(), String> {
        if subscription.message_type == CONTROL_MESSAGE {
            return Ok(());
        }
        self.count += subscription.log_events.len();
        if self.count > FIREHOSE_EVENTS_MAX {
            return Err(too_many());
        }
        let region = self.place.region.as_deref();
        let group = Group {
            arn: format!(
                "arn:{}:logs:{}:{}:log-group:{}",
                self.place.partition,
                region.unwrap_or_default(),
                subscription.owner,
                subscription.log_group
            ),
            name: subscription.log_group,
            created_ms: 0,
        };
        let pulled_by = self
            .pulled_by
            .filter(|pulled| region.is_some_and(|region| pulled.collects(region, &group.name)));
        let origin = Origin {
            source: pulled_by
                .map_or(&self.config.name, |pulled| &pulled.name)
                .clone(),
            arn: group.arn.clone(),
        };
        let decoder = self.decoders.entry(origin.clone()).or_insert_with(|| {
            pulled_by.map_or_else(
                || {
                    let labels = Labels {
                        source: &self.config.name,
                        collector: super::DESCRIPTOR.name,
                        category: &self.config.category,
                        region,
                        fields: self.fields,
                    };
                    Decoder::of(labels, &group)
                },
                |pulled| Decoder::new(pulled, &group),
            )
        });
        let events = self.events.entry(origin).or_default();
        for event in subscription.log_events {
            let event = decoder.decode(RawEvent {
                log_stream_name: subscription.log_stream.clone(),
                timestamp: event.timestamp,
                message: event.message,
                ingestion_time: Some(self.now.millis()),
                event_id: Some(event.id),
            });
            // Nobody reads these again, so their age is that of their arrival.
            let id_time = if pulled_by.is_some() {
                event.id_time
            } else {
                Some(self.now)
            };
            parts::push(events, LogEvent { id_time, ..event });
        }
        Ok(())
    }
}
