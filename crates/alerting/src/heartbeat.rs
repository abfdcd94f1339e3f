//! The dead man's switch: an address outside is called again and again, as long as monitors are
//! evaluated and messages go out. Whoever waits for the calls there raises the alarm when they
//! stop, also when this machine is gone and nobody else could.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use model::{Clock, Secret, Timestamp, duration};
use serde::Deserialize;
use serde_json::json;
use storage::catalog::Catalog;

use crate::channels::{HttpMessage, Outgoing};
use crate::deliver::{Attempt, Client};
use crate::{AlertingError, Result, metrics};

/// A round of evaluations is tried every second; without one for so long, alerting does not work.
const ROUND_AGE_MAX_MS: i64 = 3 * 60_000;
/// A message that has waited so long has not reached anybody.
const MESSAGE_AGE_MAX_MS: i64 = 10 * 60_000;

/// `[alerting.heartbeat]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeartbeatConfig {
    /// What is called. Who knows it can pretend that all is well: it is not shown.
    pub url: Secret,
    /// Time between two calls.
    #[serde(default = "minute", deserialize_with = "duration::deserialize")]
    pub every: Duration,
    /// Whether `url` may lead to a private address.
    #[serde(default)]
    pub allow_private: bool,
}

fn minute() -> Duration {
    Duration::from_secs(60)
}

/// When rounds of evaluations last went well.
#[derive(Debug)]
pub(crate) struct Pulse(AtomicI64);

impl Pulse {
    /// A pulse that begins with the node.
    pub(crate) fn new(now: Timestamp) -> Self {
        Pulse(AtomicI64::new(now.millis()))
    }

    /// Notes a round that went well.
    pub(crate) fn beat(&self, now: Timestamp) {
        self.0.store(now.millis(), Ordering::Relaxed);
    }

    fn last_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Calls the address.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    config: HeartbeatConfig,
    client: Client,
    catalog: Catalog,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
}

impl Heartbeat {
    /// # Errors
    /// If the address is none.
    pub(crate) fn new(
        config: HeartbeatConfig,
        catalog: Catalog,
        pulse: Arc<Pulse>,
        clock: Arc<dyn Clock>,
    ) -> Result<Heartbeat> {
        let url = reqwest::Url::parse(config.url.expose());
        let is_address =
            url.is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_address || config.every.is_zero() {
            return Err(AlertingError::Setting(
                "alerting.heartbeat: `url` must be an http or https address, and `every` not zero"
                    .to_owned(),
            ));
        }
        Ok(Heartbeat {
            config,
            client: Client::new()?,
            catalog,
            pulse,
            clock,
        })
    }

    /// Calls once, unless something is wrong: then it is silent, and the log says why.
    pub(crate) async fn call(&self) {
        let now = self.clock.now();
        let waiting = self.catalog.waiting_messages(1).await;
        let problem = match waiting {
            Err(error) => Some(format!("the catalog cannot be read: {error}")),
            Ok(waiting) => {
                let oldest_ms = waiting.first().map(|message| message.created_at.millis());
                trouble(now.millis(), self.pulse.last_ms(), oldest_ms)
            }
        };
        let problem = match problem {
            Some(problem) => Some(problem),
            None => self.post(now).await,
        };
        metrics::heartbeat(problem.is_none());
        if let Some(problem) = problem {
            tracing::warn!(%problem, "no heartbeat was sent");
        }
    }

    /// Returns why it did not arrive, if it did not.
    async fn post(&self, now: Timestamp) -> Option<String> {
        let outgoing = Outgoing::Http(HttpMessage {
            url: self.config.url.expose().to_owned(),
            headers: Vec::new(),
            body: json!({ "status": "ok", "at": now.to_string() }),
            allows_private: self.config.allow_private,
        });
        let key = format!("heartbeat-{}", now.millis());
        match self.client.send(&outgoing, &key).await {
            Attempt::Sent(_) => None,
            Attempt::Failed(why, _) | Attempt::Refused(why) => Some(why),
        }
    }
}

/// Why alerting does not work, if it does not. Pure; times in milliseconds since the epoch.
fn trouble(now_ms: i64, last_round_ms: i64, oldest_message_ms: Option<i64>) -> Option<String> {
    if now_ms - last_round_ms > ROUND_AGE_MAX_MS {
        let seconds = (now_ms - last_round_ms) / 1_000;
        return Some(format!("monitors were not evaluated for {seconds} seconds"));
    }
    let waited_ms = now_ms - oldest_message_ms?;
    (waited_ms > MESSAGE_AGE_MAX_MS).then(|| {
        let seconds = waited_ms / 1_000;
        format!("a message could not be delivered for {seconds} seconds")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_silent_when_nothing_is_evaluated_or_nobody_is_told() {
        let minute = 60_000;
        assert_eq!(trouble(10 * minute, 9 * minute, None), None);
        assert_eq!(trouble(10 * minute, 9 * minute, Some(9 * minute)), None);
        let silent = trouble(10 * minute, 6 * minute, None).unwrap();
        assert_eq!(silent, "monitors were not evaluated for 240 seconds");
        let untold = trouble(20 * minute, 20 * minute, Some(9 * minute)).unwrap();
        assert_eq!(untold, "a message could not be delivered for 660 seconds");
    }
}
