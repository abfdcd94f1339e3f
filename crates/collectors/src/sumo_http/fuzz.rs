//! Decodes whatever might be sent as lines, as JSON or in a format of metrics, for the fuzzer.

use model::EventBatch;

use super::decode::{Decoder, Overrides};
use super::metrics::{MetricsFormat, decode};
use super::{Config, Format};

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let mut batch = EventBatch::default();
    for (format, multiline) in [
        (Format::Ndjson, None),
        (Format::Text, None),
        (Format::Text, Some(r"\d{4}-\d\d-\d\d")),
    ] {
        let config = Config {
            format,
            multiline: multiline.map(str::to_owned),
            ..config.clone()
        };
        if let Ok(decoder) = Decoder::new(&config) {
            let events = decoder.decode(payload, Overrides::default());
            batch.events.extend(events);
        }
    }
    for format in [
        MetricsFormat::Prometheus,
        MetricsFormat::Graphite,
        MetricsFormat::Carbon2,
    ] {
        let samples = decode(format, payload, &config.fields);
        batch.samples.extend(samples.unwrap_or_default());
    }
    batch
}
