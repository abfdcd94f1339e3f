//! Decodes whatever might be a blob of resource logs, for the fuzzer.

use model::{EventBatch, Timestamp};

use super::Config;
use super::decode::{Decoder, Place};

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let (mut decoder, mut batch) = (Decoder::new(config), EventBatch::default());
    for line in payload.split_inclusive(|byte| *byte == b'\n') {
        let place = Place {
            blob: "insights-logs-functionapplogs/r/PT1H.json",
            offset: 0,
            read_at: Timestamp::from_millis(1_763_909_520_000),
        };
        decoder.decode(line, place, &mut batch.events);
    }
    batch
}
