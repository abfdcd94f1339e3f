//! Makes samples of whatever results `GetMetricData` might give, for the fuzzer.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::MetricDataResult;
use model::EventBatch;

use super::Config;
use super::plan::{Metric, Plan, id_of, samples};

/// A time and a number.
const PAIR_BYTES: usize = 16;

/// The SDK reads the answer; of the payload are the times and numbers in it.
pub(crate) fn fuzz(config: &Config, payload: &[u8]) -> EventBatch {
    let metric = Metric {
        name: "Duration".to_owned(),
        dimensions: [("FunctionName".to_owned(), "pay".to_owned())].into(),
    };
    let plan = Plan::new(config, "AWS/Lambda", &BTreeSet::from([metric]));
    let mut result =
        MetricDataResult::builder().id(id_of(payload.first().copied().unwrap_or(0).into()));
    for pair in payload.as_chunks::<PAIR_BYTES>().0 {
        let [time, value] = [0, 8].map(|from| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&pair[from..from + 8]);
            bytes
        });
        result = result
            .timestamps(DateTime::from_millis(i64::from_le_bytes(time)))
            .values(f64::from_le_bytes(value));
    }
    let results = vec![result.build()];
    let call = plan.calls.first().map_or(&[][..], Vec::as_slice);
    EventBatch {
        samples: samples(call, results, None).map_or_else(|_| Vec::new(), |(samples, _)| samples),
        ..EventBatch::default()
    }
}
