//! Takes the entry out of whatever might be a push and decodes it, for the fuzzer.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::EventBatch;
use serde_json::json;

use super::Config;
use super::envelope::entry;
use crate::gcp_cloud_logging::{Decoder, Labels};
use crate::support::parts;

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let mut decoder = Decoder::of(Labels {
        source: &config.name,
        collector: super::DESCRIPTOR.name,
        category: &config.category,
        project: None,
        fields: &config.fields,
    });
    let envelope = json!({"subscription": "s", "message": {"data": STANDARD.encode(payload)}});
    let mut batch = EventBatch::default();
    for body in [payload, envelope.to_string().as_bytes()] {
        if let Ok(entry) = entry(body) {
            parts::push(&mut batch.events, decoder.decode(entry));
        }
    }
    batch
}
