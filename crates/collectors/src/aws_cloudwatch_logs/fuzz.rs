//! Decodes whatever might be a page of `FilterLogEvents`, for the fuzzer.

use model::EventBatch;
use serde::Deserialize;

use super::{Config, Decoder, Group, RawEvent};

#[derive(Deserialize)]
struct Page {
    events: Vec<RawEvent>,
}

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let text = String::from_utf8_lossy(payload);
    // The SDK reads the page; what stands in it may be anything.
    let page = serde_json::from_str(&text).unwrap_or_else(|_| Page {
        events: vec![RawEvent {
            log_stream_name: text.lines().next().unwrap_or_default().to_owned(),
            message: text.into_owned(),
            ..RawEvent::default()
        }],
    });
    let group = Group {
        arn: "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/pay".to_owned(),
        name: "/aws/lambda/pay".to_owned(),
        created_ms: 0,
    };
    let mut decoder = Decoder::new(config, &group);
    let decode = |raw: RawEvent| {
        decoder.is_late(&raw);
        decoder.decode(raw)
    };
    EventBatch {
        events: page.events.into_iter().map(decode).collect(),
        ..EventBatch::default()
    }
}
