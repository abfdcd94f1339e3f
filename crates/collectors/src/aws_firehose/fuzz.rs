//! Decodes whatever might be a delivery, or a record in one, for the fuzzer.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{EventBatch, Timestamp};
use serde_json::json;

use super::Config;
use super::records::{Delivery, Surroundings};
use super::subscription::Place;

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let in_a_record = json!({
        "requestId": "a", "timestamp": 0, "records": [{"data": STANDARD.encode(payload)}],
    });
    let around = Surroundings {
        config,
        pulled_by: None,
        fields: BTreeMap::new(),
        place: Place::of("arn:aws:firehose:eu-west-1:123456789012:deliverystream/logs"),
        now: Timestamp::from_millis(1_763_909_520_000),
    };
    let mut batch = EventBatch::default();
    for body in [payload, in_a_record.to_string().as_bytes()] {
        let decoded = Delivery::read(body).and_then(|delivery| delivery.decode(&around));
        let Ok(decoded) = decoded else { continue };
        batch
            .events
            .extend(decoded.subscribed.into_values().flatten());
        batch.events.extend(decoded.others);
        batch.samples.extend(decoded.samples);
    }
    batch
}
