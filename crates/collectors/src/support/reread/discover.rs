//! Finds the origins of a source again and again, and follows each of them in a task of its own.

use std::collections::HashSet;
use std::future::Future;
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use super::follow::{End, Shared};
use super::positions;
use crate::error::{CollectorsError, Result};
use crate::status::SourceState;
use crate::support::backoff::Backoff;

/// An origin that was found, and the key that its checkpoint is kept by.
#[derive(Clone, Debug)]
pub(crate) struct Found<T> {
    pub(crate) key: String,
    pub(crate) origin: T,
}

type Tasks = JoinSet<(String, Result<End>)>;

/// Runs a source until the node stops: what `discover` finds that is not followed yet is given to
/// `follow`, with what its checkpoint says.
///
/// # Errors
/// [`CollectorsError`] if the sink or a task failed; the caller starts the source again.
pub(crate) async fn follow_all<T, P, D, F>(
    shared: &Shared,
    interval: Duration,
    discover: impl Fn() -> D,
    follow: impl Fn(Found<T>, Shared, Option<P>) -> F,
) -> Result<()>
where
    P: DeserializeOwned,
    D: Future<Output = Result<Vec<Found<T>>>>,
    F: Future<Output = Result<End>> + Send + 'static,
{
    let context = &shared.context;
    let mut followed = HashSet::new();
    let mut tasks = Tasks::new();
    let mut backoff = Backoff::new(Duration::from_millis(500), Duration::from_secs(30));
    loop {
        let discovered = tokio::select! {
            () = context.stop.cancelled() => return drain(tasks).await,
            discovered = discover() => discovered,
        };
        let wait = match discovered {
            Ok(found) => {
                backoff.reset();
                context.monitor.set_state(SourceState::Running);
                let mut new = found;
                new.retain(|found| followed.insert(found.key.clone()));
                if !new.is_empty() {
                    let saved = context.sink.checkpoints(&shared.source).await?;
                    let mut saved = positions::<P>(saved)?;
                    for found in new {
                        let key = found.key.clone();
                        let position = saved.remove(&key);
                        let following = follow(found, shared.clone(), position);
                        tasks.spawn(async move { (key, following.await) });
                    }
                }
                interval
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
                () = context.stop.cancelled() => return drain(tasks).await,
                () = &mut again => break,
                Some(ended) = tasks.join_next() => {
                    let (key, end) =
                        ended.map_err(|panic| CollectorsError::Task(panic.to_string()))?;
                    if end? == End::Missing {
                        followed.remove(&key);
                    }
                }
            }
        }
    }
}

async fn drain(mut tasks: Tasks) -> Result<()> {
    while let Some(ended) = tasks.join_next().await {
        ended
            .map_err(|panic| CollectorsError::Task(panic.to_string()))?
            .1?;
    }
    Ok(())
}
