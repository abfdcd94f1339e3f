//! What alerting does by itself: rounds of evaluations, deliveries, and forgetting what is old.

use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::Alerting;
use crate::Result;
use crate::heartbeat::{Heartbeat, HeartbeatConfig};

/// How often it is looked what is due.
const TICK: Duration = Duration::from_secs(1);
/// Sources take up where they stopped while a node starts: what has not arrived yet must not look
/// like silence, so the first round waits.
const SETTLE_MS: i64 = 15_000;
/// How often old alerts are forgotten.
const FORGET_INTERVAL: Duration = Duration::from_secs(3_600);
impl Alerting {
    pub(super) fn tasks(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn spawn_rounds(&self) {
        let (watcher, clock) = (Arc::clone(&self.watcher), Arc::clone(&self.clock));
        let pulse = Arc::clone(&self.pulse);
        let settled = clock.now().saturating_add_millis(SETTLE_MS);
        self.every(TICK, move || {
            let (watcher, now) = (Arc::clone(&watcher), clock.now());
            let pulse = Arc::clone(&pulse);
            async move {
                if now < settled {
                    return;
                }
                match watcher.round(now).await {
                    Ok(_) => pulse.beat(now),
                    Err(error) => {
                        tracing::error!(%error, "monitors could not be evaluated; they will be");
                    }
                }
            }
        });
    }

    pub(super) fn spawn_deliveries(&self) {
        let outbox = Arc::clone(&self.outbox);
        self.every(TICK, move || {
            let outbox = Arc::clone(&outbox);
            async move {
                if let Err(error) = outbox.work().await {
                    tracing::error!(%error, "the outbox could not be worked on; it will be");
                }
            }
        });
    }

    pub(super) fn spawn_heartbeat(&self, config: HeartbeatConfig) -> Result<()> {
        let every = config.every;
        let catalog = self.watcher.catalog.clone();
        let (pulse, clock) = (Arc::clone(&self.pulse), Arc::clone(&self.clock));
        let heartbeat = Arc::new(Heartbeat::new(config, catalog, pulse, clock)?);
        self.every(every, move || {
            let heartbeat = Arc::clone(&heartbeat);
            async move { heartbeat.call().await }
        });
        Ok(())
    }

    pub(super) fn spawn_forgetting(&self, keep: Duration) {
        let (catalog, clock) = (self.watcher.catalog.clone(), Arc::clone(&self.clock));
        self.every(FORGET_INTERVAL, move || {
            let catalog = catalog.clone();
            let before = clock
                .now()
                .saturating_add_nanos(-model::duration::nanos(keep));
            async move {
                if let Err(error) = catalog.forget_alerts(before).await {
                    tracing::warn!(%error, "old alerts could not be forgotten");
                }
            }
        });
    }

    /// Does something again and again until the end.
    fn every<F, W>(&self, interval: Duration, work: F)
    where
        F: Fn() -> W + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let mut stopped = self.stop.subscribe();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(interval);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                    _ = ticks.tick() => {}
                }
                work().await;
            }
        });
        self.tasks().push(task);
    }
}
