//! Decodes whatever might be an answer of Azure Monitor, for the fuzzer.

use model::EventBatch;

use super::Config;
use super::decode::{Decoder, Described, definitions, resources};
use crate::support::minutes::Span;

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let resources = resources(payload).map_or_else(|_| Vec::new(), |(resources, _)| resources);
    drop(definitions(payload));
    let resource = resources.into_iter().next().unwrap_or_default();
    let resource = Described {
        name: "shop-orders".to_owned(),
        ..resource
    };
    let span = Span {
        start_ms: 0,
        end_ms: i64::MAX,
    };
    let read = Decoder::new(config, &resource).samples(payload, span);
    EventBatch {
        samples: read.unwrap_or_default().samples,
        ..EventBatch::default()
    }
}
