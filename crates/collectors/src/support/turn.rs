//! A call in turn with all others that use the same quota; throttling is waited out.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::refusal::Refusal;
use super::token_bucket::TokenBucket;
use crate::sources::Context;

pub(crate) const BACKOFF_BASE: Duration = Duration::from_millis(200);
pub(crate) const BACKOFF_CAP: Duration = Duration::from_secs(20);

/// What a call gave, and how long it had to wait for its turn.
#[derive(Debug)]
pub(crate) struct Answered<T> {
    pub(crate) answer: T,
    pub(crate) waited: Duration,
}

/// Calls until the cloud does not throttle any more. Returns `None` if the node stops meanwhile.
///
/// # Errors
/// Every refusal but throttling.
pub(crate) async fn in_turn<T, F>(
    context: &Context,
    budget: &TokenBucket,
    call: impl Fn() -> F,
) -> Result<Option<Answered<T>>, Refusal>
where
    F: Future<Output = Result<T, Refusal>>,
{
    let mut backoff = Backoff::new(BACKOFF_BASE, BACKOFF_CAP);
    loop {
        let asked = Instant::now();
        let turn = async {
            budget.acquire().await;
            (asked.elapsed(), call().await)
        };
        let (waited, answer) = tokio::select! {
            () = context.stop.cancelled() => return Ok(None),
            answered = turn => answered,
        };
        match answer {
            Err(Refusal::Throttled { wait, .. }) => {
                budget.throttled();
                context.monitor.throttled(budget.per_second());
                let wait = wait.unwrap_or_default() + backoff.after_failure();
                if !context.pause(wait).await {
                    return Ok(None);
                }
            }
            Err(other) => return Err(other),
            Ok(answer) => {
                context.monitor.set_requests_per_second(budget.per_second());
                return Ok(Some(Answered { answer, waited }));
            }
        }
    }
}
