//! Works through the outbox: what is due is sent, what failed waits and is sent again, what cannot
//! be sent is given up where everybody can see it.
//!
//! Messages about one monitor reach one channel in the order in which they were made, or a late
//! "firing" could follow its "resolved". Channels do not wait for each other.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use model::{Clock, Timestamp};
use rand::RngExt as _;
use serde_json::json;
use storage::catalog::{AlertEvent, Catalog, Message, MessageState};

use super::{Attempt, Client};
use crate::channels::ChannelConfig;
use crate::notification::Notification;
use crate::{Result, metrics};

/// Messages that are looked at in one round.
const MESSAGES_MAX: usize = 1_000;
/// So many attempts are made.
const ATTEMPTS_MAX: u64 = 12;
/// The wait after the first failure; it doubles.
const WAIT_MIN: Duration = Duration::from_secs(1);
/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// The messages that wait, and how they leave.
#[derive(Debug)]
pub(crate) struct Outbox {
    catalog: Catalog,
    channels: BTreeMap<String, ChannelConfig>,
    client: Client,
    clock: Arc<dyn Clock>,
}

impl Outbox {
    pub(crate) fn new(
        catalog: Catalog,
        channels: BTreeMap<String, ChannelConfig>,
        clock: Arc<dyn Clock>,
    ) -> Result<Outbox> {
        Ok(Outbox {
            catalog,
            channels,
            client: Client::new()?,
            clock,
        })
    }

    /// Sends what is due.
    pub(crate) async fn work(&self) -> Result<()> {
        let now = self.clock.now();
        let mut by_channel: BTreeMap<String, Vec<Message>> = BTreeMap::new();
        for message in self.catalog.waiting_messages(MESSAGES_MAX).await? {
            by_channel
                .entry(message.channel.clone())
                .or_default()
                .push(message);
        }
        let work = by_channel
            .into_values()
            .map(|messages| self.channel(messages, now));
        join_all(work).await.into_iter().collect()
    }

    /// Sends the messages of one channel, in their order.
    async fn channel(&self, messages: Vec<Message>, now: Timestamp) -> Result<()> {
        let mut blocked: HashSet<String> = HashSet::new();
        for message in messages {
            let notification: Notification = match serde_json::from_str(&message.body) {
                Ok(notification) => notification,
                Err(error) => {
                    let why = Attempt::Refused(format!("the message cannot be read: {error}"));
                    self.settle(message, None, &why).await?;
                    continue;
                }
            };
            let monitor = notification.monitor.id.clone();
            if blocked.contains(&monitor) {
                continue;
            }
            if message.due_at > now {
                blocked.insert(monitor);
                continue;
            }
            let attempt = self.attempt(&message, &notification).await;
            if !self.settle(message, Some(&notification), &attempt).await? {
                blocked.insert(monitor);
            }
        }
        Ok(())
    }

    async fn attempt(&self, message: &Message, notification: &Notification) -> Attempt {
        let Some(channel) = self.channels.get(&message.channel) else {
            return Attempt::Refused(format!("no channel is called `{}`", message.channel));
        };
        self.client
            .send(&channel.compose(notification, &message.id), &message.id)
            .await
    }

    /// Sends a notification at once and only once, and says what came of it.
    pub(crate) async fn try_out(
        &self,
        channel: &ChannelConfig,
        notification: &Notification,
        key: &str,
    ) -> Attempt {
        self.client
            .send(&channel.compose(notification, key), key)
            .await
    }

    /// Notes what came of an attempt; says whether the message waits no more.
    async fn settle(
        &self,
        mut message: Message,
        about: Option<&Notification>,
        attempt: &Attempt,
    ) -> Result<bool> {
        let now = self.clock.now();
        message.attempts += 1;
        let (state, outcome, word) = match attempt {
            Attempt::Sent(answer) => (MessageState::Sent, answer, "sent"),
            Attempt::Refused(why) => (MessageState::GivenUp, why, "refused"),
            Attempt::Failed(why, _) if message.attempts >= ATTEMPTS_MAX => {
                (MessageState::GivenUp, why, "given_up")
            }
            Attempt::Failed(why, pause) => {
                let wait = pause.unwrap_or_else(|| wait(message.attempts));
                message.due_at = now.saturating_add_nanos(model::duration::nanos(wait));
                (MessageState::Waiting, why, "failed")
            }
        };
        metrics::attempt(word);
        if matches!(attempt, Attempt::Refused(_)) || word == "given_up" {
            tracing::error!(channel = %message.channel, message = %message.id, why = %outcome, "notification given up");
        } else if word == "failed" {
            tracing::warn!(channel = %message.channel, message = %message.id, why = %outcome, "notification not delivered yet");
        }
        (message.state, message.outcome) = (state, outcome.clone());
        let is_settled = state != MessageState::Waiting;
        let alerts = about
            .map_or(&[][..], |notification| &notification.alerts)
            .iter();
        let events: Vec<AlertEvent> = alerts
            .map(|alert| AlertEvent {
                id: format!("{}:{}:{word}", message.id, message.attempts),
                alert: alert.id.clone(),
                at: now,
                body: json!({
                    "kind": if is_settled { state.name() } else { "not_sent" },
                    "channel": message.channel,
                    "outcome": outcome,
                    "attempt": message.attempts,
                })
                .to_string(),
            })
            .collect();
        self.catalog.settle_message(&message, &events).await?;
        Ok(is_settled)
    }
}

/// Full jitter: between nothing and a ceiling that doubles.
fn wait(attempts: u64) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1))
        .unwrap_or(u32::MAX)
        .min(20);
    let ceiling = WAIT_MIN.saturating_mul(1 << doublings).min(WAIT_MAX);
    // Never at once, or a receiver that is down would be asked twelve times in a second.
    ceiling.mul_f64(0.5 + 0.5 * rand::rng().random::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_ceiling() {
        for attempts in 1..40 {
            let wait = wait(attempts);
            assert!(
                wait >= WAIT_MIN / 2 && wait <= WAIT_MAX,
                "{attempts}: {wait:?}"
            );
        }
        assert!(wait(40) >= WAIT_MAX / 2);
    }
}
