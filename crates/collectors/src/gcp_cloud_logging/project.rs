//! A project as something that is read in windows of time, and the source that reads it.

use std::sync::Arc;

use model::LogEvent;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::client::EntriesClient;
use super::decode::{Decoder, lateness_ms};
use super::{Config, Quotas};
use crate::error::{CollectorsError, Result};
use crate::sources::Context;
use crate::status::SourceState;
use crate::support::refusal::Refusal;
use crate::support::reread::cursor::Window;
use crate::support::reread::follow::{End, Follower, Shared};
use crate::support::reread::{Origin, Page, positions};
use crate::support::token_bucket::TokenBucket;

/// Pages of entries that one source holds in memory at most.
const PAGES_MAX: usize = 2;

/// Runs the source until the node stops.
///
/// # Errors
/// [`CollectorsError`] if the credentials cannot be used, the project is not there, or the sink
/// failed; the caller starts the source again.
pub(crate) async fn run(config: Arc<Config>, quotas: Arc<Quotas>, context: Context) -> Result<()> {
    let attempted = || format!("read the log entries of the project `{}`", config.project);
    let failed = |problem: String| CollectorsError::Cloud {
        attempted: attempted(),
        problem,
    };
    let client = EntriesClient::new(&config, Arc::clone(&context.clock))
        .map_err(|refusal| failed(refusal.text().to_owned()))?;
    let key = format!("projects/{}", config.project);
    let saved = positions(context.sink.checkpoints(&config.name).await?)?.remove(&key);
    let shared = Shared {
        source: config.name.clone(),
        poll_interval: config.poll_interval,
        pages: Arc::new(Semaphore::new(PAGES_MAX)),
        context: context.clone(),
    };
    let project = Project {
        client,
        budget: quotas.reads(&config),
        decoder: Decoder::new(&config),
        key,
    };
    let settings = config.settings(context.clock.now().millis());
    context.monitor.set_state(SourceState::Running);
    match Follower::new(shared, project, settings, saved)
        .follow()
        .await?
    {
        End::Stopped => Ok(()),
        End::Missing => Err(failed("there is no such project".to_owned())),
    }
}

/// One project.
#[derive(Debug)]
struct Project {
    client: EntriesClient,
    budget: Arc<TokenBucket>,
    decoder: Decoder,
    key: String,
}

impl Origin for Project {
    type Raw = Value;

    fn key(&self) -> &str {
        &self.key
    }

    fn name(&self) -> &str {
        &self.key
    }

    fn budget(&self) -> &TokenBucket {
        &self.budget
    }

    async fn page(
        &self,
        window: &Window,
        token: Option<String>,
    ) -> std::result::Result<Page<Value>, Refusal> {
        self.client.entries(window, token).await
    }

    fn lateness_ms(&self, raw: &Value) -> Option<i64> {
        lateness_ms(raw)
    }

    /// There are no deep sweeps: windows are times of reception.
    fn is_late(&self, _: &Value) -> bool {
        false
    }

    fn decode(&mut self, raw: Value) -> LogEvent {
        self.decoder.decode(raw)
    }
}
