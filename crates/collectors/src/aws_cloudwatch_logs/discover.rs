//! Finds log groups again and again, and follows each of them in a task of its own.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::client::{Group, LogsClient, Refusal};
use super::cursor::Position;
use super::poll::{End, Follower, Shared};
use super::{Config, Quotas};
use crate::error::{CollectorsError, Result};
use crate::sources::Context;
use crate::status::SourceState;
use crate::support::backoff::Backoff;

/// Pages of events that one source holds in memory at most.
const PAGES_MAX: usize = 8;

/// Runs the source until the node stops.
///
/// # Errors
/// [`CollectorsError`] if the sink or a task failed; the caller starts the source again.
pub(crate) async fn run(config: Arc<Config>, quotas: Arc<Quotas>, context: Context) -> Result<()> {
    let shared = Shared {
        client: LogsClient::connect(&config).await,
        budget: quotas.budget(&config),
        pages: Arc::new(Semaphore::new(PAGES_MAX)),
        config,
        context,
    };
    let mut followed = HashSet::new();
    let mut tasks: JoinSet<(String, Result<End>)> = JoinSet::new();
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let context = &shared.context;
        let wait = match discover(&shared).await {
            Ok(groups) => {
                backoff.reset();
                context.monitor.set_state(SourceState::Running);
                follow_new(&shared, groups, &mut followed, &mut tasks).await?;
                shared.config.discovery_interval
            }
            Err(error) => {
                context.monitor.failed(error.in_full(), context.clock.now());
                if followed.is_empty() {
                    context.monitor.set_state(SourceState::Retrying);
                }
                backoff.after_failure()
            }
        };
        let again = tokio::time::sleep(wait);
        tokio::pin!(again);
        loop {
            tokio::select! {
                () = shared.context.stop.cancelled() => return drain(tasks).await,
                () = &mut again => break,
                Some(ended) = tasks.join_next() => {
                    let (arn, end) =
                        ended.map_err(|panic| CollectorsError::Task(panic.to_string()))?;
                    if end? == End::Missing {
                        followed.remove(&arn);
                    }
                }
            }
        }
    }
}

async fn drain(mut tasks: JoinSet<(String, Result<End>)>) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended
            .map_err(|panic| CollectorsError::Task(panic.to_string()))?
            .1?;
    }
    Ok(())
}

async fn follow_new(
    shared: &Shared,
    groups: Vec<Group>,
    followed: &mut HashSet<String>,
    tasks: &mut JoinSet<(String, Result<End>)>,
) -> Result<()> {
    let new: Vec<Group> = groups
        .into_iter()
        .filter(|group| followed.insert(group.arn.clone()))
        .collect();
    if new.is_empty() {
        return Ok(());
    }
    let source = &shared.config.name;
    let mut positions: HashMap<String, Position> = HashMap::new();
    for checkpoint in shared.context.sink.checkpoints(source).await? {
        match serde_json::from_value(checkpoint.position) {
            Ok(position) => {
                positions.insert(checkpoint.origin, position);
            }
            Err(error) => {
                let problem = format!(
                    "cannot read the checkpoint of {}: {error}",
                    checkpoint.origin
                );
                return Err(CollectorsError::Cloud {
                    attempted: "resume".to_owned(),
                    problem,
                });
            }
        }
    }
    for group in new {
        let saved = positions.remove(&group.arn);
        let arn = group.arn.clone();
        let follower = Follower::new(shared.clone(), group, saved);
        tasks.spawn(async move { (arn, follower.follow().await) });
    }
    Ok(())
}

/// Lists the log groups of all prefixes, each once.
async fn discover(shared: &Shared) -> Result<Vec<Group>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for prefix in &shared.config.log_group_prefixes {
        let mut token = None;
        loop {
            let (groups, next_token) = list(shared, prefix, token).await?;
            found.extend(
                groups
                    .into_iter()
                    .filter(|group| seen.insert(group.arn.clone())),
            );
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
        if let Refusal::Throttled(_) = refusal {
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
