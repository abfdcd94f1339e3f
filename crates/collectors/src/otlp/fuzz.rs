//! Decodes whatever might be an export request, in both encodings, for the fuzzer.

use bytes::Bytes;
use model::EventBatch;

use super::logs::LogDecoder;
use super::metrics::MetricDecoder;
use super::{Config, Encoding, Template, read};

pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let template = Template::new(config);
    let mut batch = EventBatch::default();
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let body = Bytes::copy_from_slice(payload);
        let mut logs = LogDecoder::new(&template.event);
        if read(encoding, body.clone(), &mut logs).is_ok() {
            batch.events.extend(logs.events);
        }
        let mut metrics = MetricDecoder::new(&template.dimensions);
        if read(encoding, body, &mut metrics).is_ok() {
            batch.samples.extend(metrics.samples);
        }
    }
    batch
}
