//! Decodes whatever might be an answer of Cloud Monitoring, for the fuzzer.

use model::EventBatch;

use super::Config;
use super::decode::{Decoder, descriptors};

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    drop(descriptors(payload));
    let page = Decoder::new(config).page(payload);
    EventBatch {
        samples: page.unwrap_or_default().samples,
        ..EventBatch::default()
    }
}
