//! Finds log groups, and follows them.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::client::{Group, LogsClient};
use super::group::LogGroup;
use super::{Budget, Config, Quotas};
use crate::error::{CollectorsError, Result};
use crate::sources::Context;
use crate::support::refusal::Refusal;
use crate::support::reread::discover::{Found, follow_all};
use crate::support::reread::follow::{self, Follower};

/// Pages of events that one source holds in memory at most.
const PAGES_MAX: usize = 8;

/// What is needed to find log groups.
struct Shared {
    config: Arc<Config>,
    client: LogsClient,
    budget: Arc<Budget>,
    context: Context,
}

/// Runs the source until the node stops.
///
/// # Errors
/// [`CollectorsError`] if the sink or a task failed; the caller starts the source again.
pub(crate) async fn run(config: Arc<Config>, quotas: Arc<Quotas>, context: Context) -> Result<()> {
    let shared = Shared {
        client: LogsClient::connect(&config).await,
        budget: quotas.budget(&config),
        config: Arc::clone(&config),
        context: context.clone(),
    };
    let following = follow::Shared {
        source: config.name.clone(),
        poll_interval: config.poll_interval,
        pages: Arc::new(Semaphore::new(PAGES_MAX)),
        context,
    };
    let discover = || discover(&shared);
    let follow = |found: Found<Group>, following, saved| {
        let settings = config.settings(found.origin.created_ms);
        let (client, budget) = (shared.client.clone(), Arc::clone(&shared.budget));
        let origin = LogGroup::new(client, budget, &config, found.origin);
        Follower::new(following, origin, settings, saved).follow()
    };
    follow_all(&following, config.discovery_interval, discover, follow).await
}

/// Lists the log groups of all prefixes, each once.
async fn discover(shared: &Shared) -> Result<Vec<Found<Group>>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for prefix in &shared.config.log_group_prefixes {
        let mut token = None;
        loop {
            let (groups, next_token) = list(shared, prefix, token).await?;
            let new = groups
                .into_iter()
                .filter(|group| seen.insert(group.arn.clone()));
            found.extend(new.map(|group| Found {
                key: group.arn.clone(),
                origin: group,
            }));
            token = next_token;
            if token.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

async fn list(
    shared: &Shared,
    prefix: &str,
    token: Option<String>,
) -> Result<(Vec<Group>, Option<String>)> {
    let bucket = &shared.budget.describe_log_groups;
    let ask = async {
        bucket.acquire().await;
        shared.client.groups(prefix, token).await
    };
    let answer = tokio::select! {
        () = shared.context.stop.cancelled() => return Ok((Vec::new(), None)),
        answer = ask => answer,
    };
    answer.map_err(|refusal| {
        if let Refusal::Throttled { .. } = refusal {
            bucket.throttled();
            shared
                .context
                .monitor
                .throttled(shared.budget.filter_log_events.per_second());
        }
        CollectorsError::Cloud {
            attempted: format!("list the log groups that begin with `{prefix}`"),
            problem: refusal.text().to_owned(),
        }
    })
}
