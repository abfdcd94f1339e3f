//! Decodes whatever might be a batch of the Telemetry API, for the fuzzer.

use model::EventBatch;

use super::Config;
use super::decode::{Sandbox, decode};

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    EventBatch {
        events: decode(payload, Sandbox::default().template(config)).unwrap_or_default(),
        ..EventBatch::default()
    }
}
