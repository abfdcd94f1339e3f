//! Supervision: starts every configured source and keeps it going until the node stops.
//!
//! A source that fails is started again with a growing wait and shows its error in the status;
//! it never ends by itself, and one source's trouble is not another's.

use std::collections::{HashMap, HashSet};
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
use crate::support::backoff::Backoff;
use crate::support::receive::Inbox;
use crate::{
    aws_cloudwatch_logs, aws_cloudwatch_metrics, aws_firehose, aws_lambda_telemetry,
    azure_monitor_metrics, gcp_cloud_logging, gcp_cloud_monitoring, gcp_pubsub_push, otlp,
    sumo_http,
};

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
    pub(crate) aws_metrics: Arc<aws_cloudwatch_metrics::Quotas>,
    pub(crate) azure_metrics: Arc<azure_monitor_metrics::Quotas>,
    pub(crate) gcp: Arc<gcp_cloud_logging::Quotas>,
    pub(crate) gcp_metrics: Arc<gcp_cloud_monitoring::Quotas>,
}

/// What sources are started with.
pub(crate) struct Starting<'a> {
    tasks: &'a TaskTracker,
    pub(crate) quotas: &'a Quotas,
    pub(crate) receivers: &'a mut Receivers,
    /// The sources that pull log groups, by name.
    pub(crate) pullers: &'a HashMap<String, aws_cloudwatch_logs::Config>,
}

impl Starting<'_> {
    /// Keeps a source that asks the cloud going until the node stops.
    pub(crate) fn pull<F, R>(&self, context: Context, run: F)
    where
        F: Fn(Context) -> R + Send + Sync + 'static,
        R: Future<Output = Result<()>> + Send + 'static,
    {
        self.tasks.spawn(supervise(context, run));
    }
}

/// The receivers of all pushed sources, by their collectors.
pub(crate) struct Receivers {
    pub(crate) aws_firehose: aws_firehose::Receivers,
    pub(crate) aws_lambda_telemetry: aws_lambda_telemetry::Receivers,
    pub(crate) gcp_pubsub_push: gcp_pubsub_push::Receivers,
    pub(crate) otlp: otlp::Receivers,
    pub(crate) sumo_http: sumo_http::Receivers,
}

impl Receivers {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        Receivers {
            aws_firehose: aws_firehose::Receivers::new(Arc::clone(clock)),
            aws_lambda_telemetry: aws_lambda_telemetry::Receivers::default(),
            gcp_pubsub_push: gcp_pubsub_push::Receivers::default(),
            otlp: otlp::Receivers::default(),
            sumo_http: sumo_http::Receivers::default(),
        }
    }

    fn router(self) -> axum::Router {
        aws_firehose::router(self.aws_firehose)
            .merge(aws_lambda_telemetry::router(self.aws_lambda_telemetry))
            .merge(gcp_pubsub_push::router(self.gcp_pubsub_push))
            .merge(otlp::router(self.otlp))
            .merge(sumo_http::router(self.sumo_http))
    }
}

/// What a source needs from its surroundings.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) sink: Arc<dyn EventSink>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) monitor: Arc<Monitor>,
    pub(crate) stop: CancellationToken,
}

/// What all sources have in common of it.
struct Surroundings {
    sink: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
}

impl Surroundings {
    fn new(sink: Arc<dyn EventSink>, clock: &Arc<dyn Clock>, stop: &CancellationToken) -> Self {
        Surroundings {
            sink,
            clock: Arc::clone(clock),
            stop: stop.clone(),
        }
    }

    fn with(&self, monitor: Arc<Monitor>) -> Context {
        Context {
            sink: Arc::clone(&self.sink),
            clock: Arc::clone(&self.clock),
            monitor,
            stop: self.stop.clone(),
        }
    }
}

impl Context {
    /// Where a source that is sent its data puts it.
    pub(crate) fn inbox(self, source: &str) -> Inbox {
        Inbox {
            source: source.to_owned(),
            sink: self.sink,
            clock: self.clock,
            monitor: self.monitor,
        }
    }

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
        let pullers = pullers(&configs);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let mut monitors = Vec::new();
        let surroundings = Surroundings::new(sink, &clock, &stop);
        let mut receivers = Receivers::new(&clock);
        let mut starting = Starting {
            tasks: &tasks,
            quotas,
            receivers: &mut receivers,
            pullers: &pullers,
        };
        for config in configs {
            let monitor = Arc::new(Monitor::new(config.name(), config.collector()));
            monitors.push(Arc::clone(&monitor));
            config.start(surroundings.with(monitor), &mut starting)?;
        }
        tasks.close();
        Ok(Sources {
            monitors,
            router: receivers.router(),
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
    let pullers = pullers(configs);
    let mut names = HashSet::new();
    let mut tokens = HashSet::new();
    for config in configs {
        config.validate()?;
        if !names.insert(config.name()) {
            return Err(CollectorsError::NameTwice(config.name().to_owned()));
        }
        if let SourceConfig::AwsFirehose(firehose) = config {
            pulled_by(firehose, &pullers)?;
        }
        if let Some(token) = config.token()
            && !tokens.insert(token.expose())
        {
            return Err(CollectorsError::TokenTwice(config.name().to_owned()));
        }
    }
    Ok(())
}

/// The sources that pull log groups, by name.
fn pullers(configs: &[SourceConfig]) -> HashMap<String, aws_cloudwatch_logs::Config> {
    let pullers = configs.iter().filter_map(|config| match config {
        SourceConfig::AwsCloudwatchLogs(config) => Some((config.name.clone(), config.clone())),
        _ => None,
    });
    pullers.collect()
}

/// The source that pulls the log groups that this one is sent, if its configuration names one.
pub(crate) fn pulled_by(
    config: &aws_firehose::Config,
    pullers: &HashMap<String, aws_cloudwatch_logs::Config>,
) -> Result<Option<aws_cloudwatch_logs::Config>> {
    let Some(name) = &config.also_pulled_by else {
        return Ok(None);
    };
    let puller = pullers.get(name).cloned();
    puller.map(Some).ok_or_else(|| CollectorsError::Setting {
        source_name: config.name.clone(),
        setting: "also_pulled_by",
        problem: format!("names no aws_cloudwatch_logs source: `{name}`"),
    })
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
