//! Supervision: starts every source and keeps it going until the node stops or somebody changes,
//! pauses or removes it.
//!
//! A source that fails is started again with a growing wait and shows its error in the status;
//! it never ends by itself, and one source's trouble is not another's. `changes` changes sources
//! while the node runs, `book` keeps the changes, `trial` tries a source out, `sent` (pure) reads
//! what was sent for one, and `check` (pure) says whether sources can be together.

mod book;
mod changes;
mod check;
mod entry;
mod sent;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use futures::future::BoxFuture;
use model::{Clock, EventBatch, EventSink, Receipt, SinkError};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::book::NoBook;
use self::check::{check, pullers};
use self::entry::Entry;
use crate::error::{CollectorsError, Result};
use crate::registry::{CollectorKind, SourceConfig};
use crate::status::{Monitor, SourceState, SourceStatus};
use crate::support::backoff::Backoff;
use crate::support::dead_letters::{self, DeadLetter};
use crate::support::receive::Inbox;
use crate::{
    aws_cloudwatch_logs, aws_cloudwatch_metrics, aws_firehose, aws_lambda_telemetry,
    azure_monitor_metrics, gcp_cloud_logging, gcp_cloud_monitoring, gcp_pubsub_push, otlp,
    sumo_http,
};

pub use self::book::{KeptSource, SourceBook};
pub(crate) use self::check::pulled_by;
pub use self::entry::SourceDetails;
pub use self::sent::Sent;
pub use self::trial::Trial;

/// A run that lasted this long counts as a success.
const HEALTHY_AFTER: Duration = Duration::from_secs(60);
const RESTART_BASE: Duration = Duration::from_millis(500);
const RESTART_CAP: Duration = Duration::from_secs(60);
const BUSY_BASE: Duration = Duration::from_millis(100);
const BUSY_CAP: Duration = Duration::from_secs(5);

/// The sources of a node.
pub struct Sources {
    sink: Arc<dyn EventSink>,
    clock: Arc<dyn Clock>,
    quotas: Quotas,
    receivers: Receivers,
    router: axum::Router,
    book: Arc<dyn SourceBook>,
    entries: RwLock<Vec<Entry>>,
    /// Held while sources are changed.
    changing: Mutex<()>,
    trials: Semaphore,
    /// Cancelled when the node stops.
    closing: CancellationToken,
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("entries", &self.entries)
            .finish_non_exhaustive()
    }
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
    pub(crate) receivers: &'a Receivers,
    /// The sources that pull log groups, by name.
    pub(crate) pullers: &'a HashMap<String, aws_cloudwatch_logs::Config>,
}

impl Starting<'_> {
    /// Keeps a source that asks the cloud going until it is stopped.
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
    pub(crate) aws_firehose: Arc<aws_firehose::Receivers>,
    pub(crate) aws_lambda_telemetry: Arc<aws_lambda_telemetry::Receivers>,
    pub(crate) gcp_pubsub_push: Arc<gcp_pubsub_push::Receivers>,
    pub(crate) otlp: Arc<otlp::Receivers>,
    pub(crate) sumo_http: Arc<sumo_http::Receivers>,
}

impl Receivers {
    fn new(clock: &Arc<dyn Clock>) -> Self {
        Receivers {
            aws_firehose: Arc::new(aws_firehose::Receivers::new(Arc::clone(clock))),
            aws_lambda_telemetry: Arc::default(),
            gcp_pubsub_push: Arc::default(),
            otlp: Arc::default(),
            sumo_http: Arc::default(),
        }
    }

    /// Routes that see sources come and go.
    fn router(&self) -> axum::Router {
        aws_firehose::router(Arc::clone(&self.aws_firehose))
            .merge(aws_lambda_telemetry::router(Arc::clone(
                &self.aws_lambda_telemetry,
            )))
            .merge(gcp_pubsub_push::router(Arc::clone(&self.gcp_pubsub_push)))
            .merge(otlp::router(&self.otlp))
            .merge(sumo_http::router(Arc::clone(&self.sumo_http)))
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

impl Context {
    /// Where a source that is sent its data puts it.
    pub(crate) fn inbox(self, source: &str) -> Inbox {
        Inbox {
            source: source.to_owned(),
            sink: self.sink,
            clock: self.clock,
            monitor: self.monitor,
            stop: self.stop,
        }
    }

    /// Hands over a batch; while the sink is busy, waits and tries again with the same batch.
    /// Returns `None` if the source is stopped meanwhile.
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

    /// Keeps what could not be read, and says so in the status.
    pub(crate) async fn bury(&self, letter: &DeadLetter) {
        let now = self.clock.now();
        if dead_letters::keep(letter, &*self.sink, &self.monitor, now).await {
            self.monitor.failed(letter.problem.clone(), now);
        }
    }

    /// Waits; returns `false` if the source is stopped meanwhile.
    pub(crate) async fn pause(&self, wait: Duration) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }
}

impl Sources {
    /// Checks all configurations, then starts all sources; changes to them are forgotten with the
    /// process. Call it inside a tokio runtime.
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
        check(configs.iter())?;
        let sources = Sources::new(sink, clock, Arc::new(NoBook), quotas.clone());
        sources.add(configs.into_iter().map(Entry::fixed).collect());
        Ok(sources)
    }

    /// Starts the sources of the configuration file, then those of the book. One of the book that
    /// cannot be used is not started and says so in its status.
    ///
    /// # Errors
    /// [`CollectorsError`] names the source of the file that cannot work, or says that the book
    /// cannot be read; nothing is started.
    pub fn open(
        configs: Vec<SourceConfig>,
        book: Arc<dyn SourceBook>,
        sink: Arc<dyn EventSink>,
        clock: Arc<dyn Clock>,
    ) -> BoxFuture<'static, Result<Sources>> {
        Box::pin(async move {
            check(configs.iter())?;
            let kept = book.all().await.map_err(CollectorsError::Book)?;
            let sources = Sources::new(sink, Arc::clone(&clock), book, Quotas::default());
            sources.add(entry::together(configs, kept, clock.now()));
            Ok(sources)
        })
    }

    fn new(
        sink: Arc<dyn EventSink>,
        clock: Arc<dyn Clock>,
        book: Arc<dyn SourceBook>,
        quotas: Quotas,
    ) -> Sources {
        let receivers = Receivers::new(&clock);
        Sources {
            sink,
            clock,
            quotas,
            router: receivers.router(),
            receivers,
            book,
            entries: RwLock::default(),
            changing: Mutex::default(),
            trials: Semaphore::new(trial::TRIALS_MAX),
            closing: CancellationToken::new(),
        }
    }

    /// Starts the first sources.
    fn add(&self, mut entries: Vec<Entry>) {
        let pullers = pullers(entries.iter().filter_map(|entry| entry.config.as_ref()));
        for entry in &mut entries {
            self.launch(entry, &pullers);
        }
        *self.write() = entries;
    }

    /// Starts a source that is not running. A pulled one that is paused does not begin.
    fn launch(&self, entry: &mut Entry, pullers: &HashMap<String, aws_cloudwatch_logs::Config>) {
        let Some(config) = entry.config.clone() else {
            return;
        };
        entry.monitor.set_paused(entry.is_paused);
        if entry.is_paused && config.kind() == CollectorKind::Pulled {
            return;
        }
        entry.stop = CancellationToken::new();
        entry.tasks = TaskTracker::new();
        let context = self.context(&entry.monitor, &entry.stop);
        let mut starting = Starting {
            tasks: &entry.tasks,
            quotas: &self.quotas,
            receivers: &self.receivers,
            pullers,
        };
        if let Err(error) = config.start(context, &mut starting) {
            entry.monitor.failed(error.in_full(), self.clock.now());
            entry.monitor.set_state(SourceState::Failed);
        }
        entry.tasks.close();
    }

    fn context(&self, monitor: &Arc<Monitor>, stop: &CancellationToken) -> Context {
        Context {
            sink: Arc::clone(&self.sink),
            clock: Arc::clone(&self.clock),
            monitor: Arc::clone(monitor),
            stop: stop.clone(),
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Entry>> {
        self.entries.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Vec<Entry>> {
        self.entries.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The routes of the push sources; they check their own tokens.
    pub fn router(&self) -> axum::Router {
        self.router.clone()
    }

    /// How every source is doing, those of the configuration file first, in their order.
    pub fn status(&self) -> Vec<SourceStatus> {
        let now = self.clock.now();
        let entries = self.read();
        entries.iter().map(|entry| entry.status(now)).collect()
    }

    /// Stops pulling and waits until what is in hand has been handed over or dropped.
    /// What was dropped is read again after the next start.
    pub fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.closing.cancel();
            let _changing = self.changing.lock().await;
            let ending = self.stop_pulling();
            futures::future::join_all(ending.iter().map(TaskTracker::wait)).await;
            for entry in self.read().iter() {
                entry.monitor.set_state(SourceState::Stopped);
            }
        })
    }

    /// Tells pulled sources to stop. Pushed ones listen as long as the node does: a sender must
    /// not hear that its token is unknown.
    fn stop_pulling(&self) -> Vec<TaskTracker> {
        let entries = self.read();
        let pulled = entries.iter().filter(|entry| entry.is_pulled());
        let stop = |entry: &Entry| {
            entry.stop.cancel();
            entry.tasks.close();
            entry.tasks.clone()
        };
        pulled.map(stop).collect()
    }
}

impl Drop for Sources {
    fn drop(&mut self) {
        self.closing.cancel();
        self.stop_pulling();
    }
}

/// Runs a source again and again until it is stopped.
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
