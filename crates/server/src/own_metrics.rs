//! The node's own metrics as samples, so that dashboards and monitors can ask for them: what
//! `/metrics` says, once in a while.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{EventBatch, EventSink};
use tokio::task::JoinHandle;
use tracing::warn;

/// `_sourceCategory` and `_source` of the samples.
const SOURCE: &str = "nephoscope";

/// Takes samples every `interval` until it is dropped; never if that is zero.
#[derive(Debug)]
pub(crate) struct OwnMetrics(Option<JoinHandle<()>>);

impl OwnMetrics {
    pub(crate) fn start(node: api::Node, interval: Duration) -> OwnMetrics {
        if interval.is_zero() {
            return OwnMetrics(None);
        }
        OwnMetrics(Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(interval).await;
                if let Err(problem) = take(&node).await {
                    warn!(%problem, "the node's own metrics were not kept");
                }
            }
        })))
    }
}

impl Drop for OwnMetrics {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

/// Stores the metrics of this moment.
async fn take(node: &api::Node) -> Result<(), String> {
    let now = node.clock.now();
    let common = BTreeMap::from([
        ("_source".to_owned(), SOURCE.to_owned()),
        ("_sourceCategory".to_owned(), SOURCE.to_owned()),
    ]);
    let mut samples = collectors::prometheus_samples(&api::metrics_text(node), &common)?;
    for sample in &mut samples {
        sample.time = Some(now);
    }
    let batch = EventBatch {
        samples,
        ..EventBatch::default()
    };
    let kept = node.ingest.append(batch).await;
    kept.map(drop).map_err(|error| error.to_string())
}
