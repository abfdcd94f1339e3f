//! Supervision: starts every configured source and keeps it going until the node stops.
//!
//! A source that fails is started again with a growing wait and shows its error in the status;
//! it never ends by itself, and one source's trouble is not another's.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use model::{Clock, EventBatch, EventSink, Receipt, SinkError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::{CollectorsError, Result};
use crate::registry::SourceConfig;
use crate::status::{Monitor, SourceState, SourceStatus};
use crate::sumo_http::{self, Receivers};
use crate::support::backoff::Backoff;
use crate::{aws_cloudwatch_logs, azure_blob_storage, azure_table_storage, gcp_cloud_logging};

/// A run that lasted this long counts as a success.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
const RESTART_BASE: Duration = Duration::from_millis(500);
const RESTART_CAP: Duration = Duration::from_secs(60);
const BUSY_BASE: Duration = Duration::from_millis(100);
const BUSY_CAP: Duration = Duration::from_secs(5);

/// The running sources of a node.
#[derive(Debug)]
pub struct Sources {
    monitors: Vec<Arc<Monitor>>,
    router: axum::Router,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What sources share that use the same quota of a cloud.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quotas {
    pub(crate) aws: Arc<aws_cloudwatch_logs::Quotas>,
    pub(crate) gcp: Arc<gcp_cloud_logging::Quotas>,
}

/// What a source needs from its surroundings.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) sink: Arc<dyn EventSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) stop: CancellationToken,
}

impl Context {
    /// Hands over a batch; while the sink is busy, waits and tries again with the same batch.
    /// Returns `None` if the node stops meanwhile.
    pub(crate) async fn append(&self, batch: EventBatch) -> Result<Option<Receipt>> {
        let mut backoff = Backoff::new(BUSY_BASE, BUSY_CAP);
        let origin = batch.origin.as_ref().map(|(_, origin)| origin.clone());
        loop {
            match self.sink.append(batch.clone()).await {
                Ok(receipt) => {
                    self.monitor.received(origin.as_deref(), receipt);
                    self.monitor.set_state(SourceState::Running);
                    return Ok(Some(receipt));
                }
                Err(SinkError::Busy(_)) => {
                    self.monitor.set_state(SourceState::Waiting);
                    if !self.pause(backoff.after_failure()).await {
                        return Ok(None);
                    }
                }
                Err(failed @ SinkError::Failed(_)) => return Err(failed.into()),
            }
        }
    }

    /// Waits; returns `false` if the node stops meanwhile.
    pub(crate) async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

impl Sources {
    /// Checks all configurations, then starts all sources. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`CollectorsError`] names the source and setting that cannot work; nothing is started.
    pub fn start(
        configs: Vec<SourceConfig>,
        sink: Arc<dyn EventSink>,
        clock: Arc<dyn Clock>,
    ) -> Result<Sources> {
        Sources::start_within(configs, sink, clock, &Quotas::default())
    }

    /// The same, within these quotas.
    pub(crate) fn start_within(
        configs: Vec<SourceConfig>,
        sink: Arc<dyn EventSink>,
        clock: Arc<dyn Clock>,
        quotas: &Quotas,
    ) -> Result<Sources> {
        check(&configs)?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let mut monitors = Vec::new();
        let pulled_sink = Arc::clone(&sink);
        let mut receivers = Receivers::new(sink, Arc::clone(&clock));
        for config in configs {
            let monitor = Arc::new(Monitor::new(config.name(), config.collector()));
            monitors.push(Arc::clone(&monitor));
            let context = Context {
                sink: Arc::clone(&pulled_sink),
                clock: Arc::clone(&clock),
                monitor,
                stop: stop.clone(),
            };
            match config {
                SourceConfig::AwsCloudwatchLogs(config) => {
                    let (config, quotas) = (Arc::new(config), Arc::clone(&quotas.aws));
                    tasks.spawn(supervise(context, move |context| {
                        aws_cloudwatch_logs::run(Arc::clone(&config), Arc::clone(&quotas), context)
                    }));
                }
                SourceConfig::AzureBlobStorage(config) => {
                    let config = Arc::new(config);
                    tasks.spawn(supervise(context, move |context| {
                        azure_blob_storage::run(Arc::clone(&config), context)
                    }));
                }
                SourceConfig::AzureTableStorage(config) => {
                    let config = Arc::new(config);
                    tasks.spawn(supervise(context, move |context| {
                        azure_table_storage::run(Arc::clone(&config), context)
                    }));
                }
                SourceConfig::GcpCloudLogging(config) => {
                    let (config, quotas) = (Arc::new(config), Arc::clone(&quotas.gcp));
                    tasks.spawn(supervise(context, move |context| {
                        gcp_cloud_logging::run(Arc::clone(&config), Arc::clone(&quotas), context)
                    }));
                }
                SourceConfig::SumoHttp(config) => receivers.add(config, context.monitor)?,
            }
        }
        tasks.close();
        Ok(Sources {
            monitors,
            router: sumo_http::router(receivers),
            clock,
            stop,
            tasks,
        })
    }

    /// The routes of the push sources; they check their own tokens.
    pub fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// How every source is doing, in the order of the configuration.
    pub fn status(&self) -> Vec<SourceStatus> {
        let now = self.clock.now();
        self.monitors
            .iter()
            .map(|monitor| monitor.status(now))
            .collect()
    }

    /// Stops pulling and waits until what is in hand has been handed over or dropped.
    /// What was dropped is read again after the next start.
    pub fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.stop.cancel();
            self.tasks.wait().await;
            for monitor in &self.monitors {
                monitor.set_state(SourceState::Stopped);
            }
        })
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

fn check(configs: &[SourceConfig]) -> Result<()> {
    let mut names = HashSet::new();
    let mut tokens = HashSet::new();
    for config in configs {
        config.validate()?;
        if !names.insert(config.name()) {
            return Err(CollectorsError::NameTwice(config.name().to_owned()));
        }
        if let SourceConfig::SumoHttp(push) = config
            && !tokens.insert(push.token.expose())
        {
            return Err(CollectorsError::TokenTwice(push.name.clone()));
        }
    }
    Ok(())
}

/// Runs a source again and again until the node stops.
async fn supervise<F, R>(context: Context, run: F)
where
    F: Fn(Context) -> R,
    R: Future<Output = Result<()>> + Send + 'static,
{
    let mut backoff = Backoff::new(RESTART_BASE, RESTART_CAP);
    while !context.stop.is_cancelled() {
        let began = Instant::now();
        // A task of its own, so that a panic ends this run and not the supervision.
        let problem = match tokio::spawn(run(context.clone())).await {
            Ok(Ok(())) => continue,
            Ok(Err(error)) => error.in_full(),
            Err(panic) => CollectorsError::Task(panic.to_string()).in_full(),
        };
        tracing::warn!(
            collector = context.monitor.collector(),
            error = %problem,
            "source failed, starting it again"
        );
        context.monitor.failed(problem, context.clock.now());
        context.monitor.set_state(SourceState::Retrying);
        if began.elapsed() >= HEALTHY_AFTER {
            backoff.reset();
        }
        if !context.pause(backoff.after_failure()).await {
            break;
        }
    }
}
