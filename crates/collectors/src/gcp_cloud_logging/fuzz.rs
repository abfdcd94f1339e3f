//! Decodes whatever might be a page of `entries.list`, for the fuzzer.

use model::EventBatch;
use serde_json::Value;

use super::decode::lateness_ms;
use super::{Config, Decoder};

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let mut page: Value = serde_json::from_slice(payload).unwrap_or_default();
    let entries = page.get_mut("entries").and_then(Value::as_array_mut);
    let entries = entries.map(std::mem::take).unwrap_or_default();
    let mut decoder = Decoder::new(config);
    let decode = |entry: Value| {
        lateness_ms(&entry);
        decoder.decode(entry)
    };
    EventBatch {
        events: entries.into_iter().map(decode).collect(),
        ..EventBatch::default()
    }
}
