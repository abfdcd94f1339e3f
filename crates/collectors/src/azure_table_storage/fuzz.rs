//! Decodes whatever might be rows by time with their full rows, for the fuzzer.

use model::EventBatch;

use super::Config;
use super::client::Row;
use super::decode::{Decoder, Invocation};
use super::function::Definition;

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let rows: Vec<(Row, Option<Row>)> = serde_json::from_slice(payload).unwrap_or_default();
    let function = Definition {
        id: "my:2Dhost-nightly:2Dreport".to_owned(),
        name: "nightly-report".to_owned(),
    };
    let mut decoder = Decoder::new(config, &function);
    let decode = |(row, full): (Row, Option<Row>)| {
        let mut invocation = Invocation::of(row);
        if let Some(full) = full {
            invocation.complete(full);
        }
        invocation.state(1_763_909_520_000, 300_000);
        decoder.decode(invocation)
    };
    EventBatch {
        events: rows.into_iter().map(decode).collect(),
        ..EventBatch::default()
    }
}
