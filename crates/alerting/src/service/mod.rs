//! Alerting as a running part of a node, and what the API may ask of it.

mod tasks;

use std::sync::Arc;

use content::Monitor;
use model::{Clock, TimeRange, Timestamp};
use serde_json::json;
use storage::Store;
use storage::catalog::{AlertEvent, Evaluated, Message};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::alert::{Acknowledgement, Alert, HistoryEntry};
use crate::audience::Audience;
use crate::channels::ChannelConfig;
use crate::config::AlertingConfig;
use crate::deliver::{Attempt, Outbox};
use crate::evaluate::Evaluator;
use crate::heartbeat::Pulse;
use crate::monitors::{Monitors, Watched};
use crate::mute::Mute;
use crate::replay::{Replay, replay};
use crate::state::{Change, ChangeKind, Labels, MonitorState, OpenAlert, Reason};
use crate::tell::{Teller, with_names};
use crate::watch::Watcher;
use crate::{AlertingError, Result, metrics};

/// Alerts that one answer lists.
const ALERTS_MAX: usize = 1_000;

/// The running part of a node that watches and tells.
#[derive(Debug)]
pub struct Alerting {
    watcher: Arc<Watcher>,
    outbox: Arc<Outbox>,
    pulse: Arc<Pulse>,
    clock: Arc<dyn Clock>,
    stop: watch::Sender<bool>,
    tasks: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

/// A monitor and what is known about it.
#[derive(Clone, Debug)]
pub struct MonitorView {
    /// The monitor.
    pub watched: Watched,
    /// Its state.
    pub state: MonitorState,
}

/// A channel, without its secrets.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ChannelView {
    /// What monitors call it.
    pub name: String,
    /// Its kind.
    pub kind: &'static str,
    /// Where it leads.
    pub target: String,
    /// Whether monitors that name no channel use it.
    pub is_default: bool,
}

impl Alerting {
    /// Starts to watch. `url` is where people reach the node, if the configuration does not say it.
    ///
    /// # Errors
    /// If monitors or states cannot be read, or a channel cannot work.
    pub async fn start(
        config: AlertingConfig,
        channels: Vec<ChannelConfig>,
        store: Store,
        url: String,
    ) -> Result<Alerting> {
        let (keep, heartbeat) = (config.keep, config.heartbeat.clone());
        let alerting = Alerting::prepare(config, channels, store, url).await?;
        alerting.spawn_rounds();
        alerting.spawn_deliveries();
        alerting.spawn_forgetting(keep);
        if let Some(config) = heartbeat {
            alerting.spawn_heartbeat(config)?;
        }
        Ok(alerting)
    }

    /// Everything but the tasks: rounds happen when they are asked for, and nothing is sent.
    ///
    /// # Errors
    /// As [`Alerting::start`].
    pub async fn prepare(
        config: AlertingConfig,
        channels: Vec<ChannelConfig>,
        store: Store,
        url: String,
    ) -> Result<Alerting> {
        metrics::describe();
        let audience = Audience::new(&config, channels, url)?;
        let (catalog, clock) = (store.catalog().clone(), store.clock());
        let monitors =
            Arc::new(Monitors::load(catalog.clone(), &config.apps, &config.monitors).await?);
        let outbox = Outbox::new(
            catalog.clone(),
            audience.channels.clone(),
            Arc::clone(&clock),
        )?;
        let evaluator = Evaluator::new(store)?;
        let watcher = Watcher::resume(catalog, evaluator, monitors, audience).await?;
        Ok(Alerting {
            watcher: Arc::new(watcher),
            outbox: Arc::new(outbox),
            pulse: Arc::new(Pulse::new(clock.now())),
            clock,
            stop: watch::Sender::new(false),
            tasks: std::sync::Mutex::default(),
        })
    }

    /// Evaluates what is due, until nothing is; returns how many evaluations that were.
    ///
    /// # Errors
    /// If states cannot be read or written.
    pub async fn round(&self) -> Result<usize> {
        self.watcher.round(self.clock.now()).await
    }

    #[cfg(test)]
    pub(crate) fn watcher(&self) -> &Watcher {
        &self.watcher
    }

    #[cfg(test)]
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Stops watching. What is being sent is waited for.
    pub async fn shutdown(&self) {
        self.stop.send_replace(true);
        let tasks = std::mem::take(&mut *self.tasks());
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "alerting failed inside");
            }
        }
    }

    /// Returns all monitors, by id.
    pub fn monitors(&self) -> Vec<MonitorView> {
        let all = self.watcher.monitors.list().into_iter();
        all.map(|watched| MonitorView {
            state: self.watcher.state(&watched.id),
            watched,
        })
        .collect()
    }

    /// Returns one monitor.
    ///
    /// # Errors
    /// If there is none.
    pub fn monitor(&self, id: &str) -> Result<MonitorView> {
        let watched = self.watcher.monitors.get(id)?;
        Ok(MonitorView {
            state: self.watcher.state(id),
            watched,
        })
    }

    /// Makes a new monitor and returns it.
    ///
    /// # Errors
    /// If it cannot work.
    pub async fn create_monitor(&self, monitor: Monitor) -> Result<MonitorView> {
        let (high, _) = uuid::Uuid::new_v4().as_u64_pair();
        let id = format!("{high:016X}");
        self.check(&monitor)?;
        self.watcher
            .monitors
            .save(&id, 0, monitor, self.clock.now())
            .await?;
        self.monitor(&id)
    }

    /// Changes the monitor that was read as `version`. If it asks something else now, its open
    /// alerts are closed: their values mean nothing any more.
    ///
    /// # Errors
    /// If it cannot work, is kept in a file, or has been changed by somebody else.
    pub async fn update_monitor(
        &self,
        id: &str,
        version: u64,
        monitor: Monitor,
    ) -> Result<MonitorView> {
        self.check(&monitor)?;
        let before = self.watcher.monitors.get(id)?;
        let question = |monitor: &Monitor| {
            (
                monitor.query.clone(),
                monitor.rows.clone(),
                monitor.value.clone(),
                monitor.group_by.clone(),
            )
        };
        let is_other = question(&before.monitor) != question(&monitor);
        self.watcher
            .monitors
            .save(id, version, monitor, self.clock.now())
            .await?;
        if is_other {
            self.close_alerts(&before).await?;
        }
        self.monitor(id)
    }

    /// Removes a monitor and closes its alerts.
    ///
    /// # Errors
    /// If there is none, or it is kept in a file.
    pub async fn delete_monitor(&self, id: &str) -> Result<()> {
        let watched = self.watcher.monitors.get(id)?;
        self.watcher.monitors.delete(id).await?;
        self.close_alerts(&watched).await
    }

    /// Checks a monitor with its queries.
    ///
    /// # Errors
    /// The mistakes.
    pub fn check(&self, monitor: &Monitor) -> Result<()> {
        monitor.check()?;
        let found = monitor.check_queries();
        let mistakes: Vec<_> = found
            .into_iter()
            .filter(|found| found.severity == query::Severity::Error)
            .collect();
        if !mistakes.is_empty() {
            return Err(query::QueryError::Invalid(mistakes).into());
        }
        self.watcher
            .audience
            .check_names(monitor.notify.channels.iter())
    }

    async fn close_alerts(&self, watched: &Watched) -> Result<()> {
        let now = self.clock.now();
        let mut state = self.watcher.state(&watched.id);
        let changes = state.still_open(now).into_iter().map(|change| {
            let alert = OpenAlert {
                changes: change.alert.changes + 1,
                ..change.alert
            };
            (
                Change {
                    kind: ChangeKind::Closed,
                    reason: Reason::MissingGroup,
                    alert,
                    ..change
                },
                Vec::new(),
            )
        });
        let changes = changes.collect();
        let (mutes, acknowledged) = (self.watcher.mutes(), self.watcher.all_acknowledged());
        let teller = Teller {
            audience: &self.watcher.audience,
            mutes: &mutes,
            open: &[],
            acknowledged: &acknowledged,
            now,
        };
        let mut evaluated = Evaluated::default();
        teller.tell(watched, &mut state, changes, &mut evaluated)?;
        self.watcher.catalog.record_evaluation(&evaluated).await?;
        self.watcher.forget(&watched.id);
        Ok(())
    }

    /// Returns the open alerts and those that changed at `since` or later.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn alerts(&self, since: Timestamp) -> Result<Vec<Alert>> {
        let rows = self.watcher.catalog.alerts(since, ALERTS_MAX).await?;
        rows.into_iter().map(Alert::from_row).collect()
    }

    /// Returns the alerts of a monitor that began at `since` or later.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn alerts_of(&self, monitor: &str, since: Timestamp) -> Result<Vec<Alert>> {
        let rows = self
            .watcher
            .catalog
            .alerts_of(monitor, since, ALERTS_MAX)
            .await?;
        rows.into_iter().map(Alert::from_row).collect()
    }

    /// Returns an alert and what happened to it.
    ///
    /// # Errors
    /// If there is none.
    pub async fn alert(&self, id: &str) -> Result<(Alert, Vec<HistoryEntry>)> {
        let row = self.watcher.catalog.alert(id).await?;
        let row = row.ok_or_else(|| AlertingError::Unknown {
            what: "alert",
            name: id.to_owned(),
        })?;
        let events = self.watcher.catalog.alert_events(id).await?;
        let history = events
            .iter()
            .map(HistoryEntry::from_event)
            .collect::<Result<_>>()?;
        Ok((Alert::from_row(row)?, history))
    }

    /// Notes that somebody has seen an alert: it is not told again while it stays as it is.
    ///
    /// # Errors
    /// If there is no such alert.
    pub async fn acknowledge(&self, id: &str, by: String, note: String) -> Result<()> {
        let at = self.clock.now();
        let event = AlertEvent {
            id: format!("{id}:acknowledged:{}", at.nanos()),
            alert: id.to_owned(),
            at,
            body: json!({ "kind": "acknowledged", "by": by, "note": note }).to_string(),
        };
        let text = serde_json::to_string(&Acknowledgement { by, note, at })
            .map_err(|error| AlertingError::Decode("an acknowledgement", error))?;
        if !self.watcher.catalog.acknowledge(&text, &event).await? {
            return Err(AlertingError::Unknown {
                what: "alert",
                name: id.to_owned(),
            });
        }
        self.watcher.acknowledged(id);
        Ok(())
    }

    /// Returns the mutes that are not over.
    pub fn mutes(&self) -> Vec<Mute> {
        let now = self.clock.now();
        let mut mutes = self.watcher.mutes();
        mutes.retain(|mute| Timestamp::from_millis(mute.ends_at) > now);
        mutes
    }

    /// Makes a mute, under an id that it returns.
    ///
    /// # Errors
    /// If it cannot work.
    pub async fn create_mute(&self, mut mute: Mute) -> Result<Mute> {
        mute.id = uuid::Uuid::new_v4().to_string();
        mute.check()?;
        self.watcher.catalog.save_mute(&mute.to_row()?).await?;
        self.watcher.set_mute(mute.clone());
        Ok(mute)
    }

    /// Ends a mute now.
    ///
    /// # Errors
    /// If there is none.
    pub async fn end_mute(&self, id: &str) -> Result<()> {
        let found = self.mutes().into_iter().find(|mute| mute.id == id);
        let mut mute = found.ok_or_else(|| AlertingError::Unknown {
            what: "mute",
            name: id.to_owned(),
        })?;
        mute.ends_at = self.clock.now().millis();
        self.watcher.catalog.save_mute(&mute.to_row()?).await?;
        self.watcher.set_mute(mute);
        Ok(())
    }

    /// Returns the open alerts that a mute would hold back now.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn preview_mute(&self, mute: &Mute) -> Result<Vec<Alert>> {
        mute.check()?;
        let mut alerts = self.alerts(Timestamp::MAX).await?;
        alerts.retain(|alert| {
            let news = &alert.news;
            let labels = with_names(
                &news.labels,
                &alert.monitor_name,
                &alert.monitor,
                news.severity,
            );
            mute.matches(&labels)
        });
        Ok(alerts)
    }

    /// Returns the channels.
    pub fn channels(&self) -> Vec<ChannelView> {
        let channels = self.watcher.audience.channels.values();
        channels
            .map(|channel| ChannelView {
                name: channel.name().to_owned(),
                kind: channel.kind(),
                target: channel.target(),
                is_default: self
                    .watcher
                    .audience
                    .default_channels
                    .iter()
                    .any(|name| name == channel.name()),
            })
            .collect()
    }

    /// Returns the newest messages and what became of them.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub async fn messages(&self, limit: usize) -> Result<Vec<Message>> {
        Ok(self.watcher.catalog.messages(limit).await?)
    }

    /// Sends a test message through a channel, and says what came of it.
    ///
    /// # Errors
    /// If there is no such channel.
    pub async fn test_channel(&self, name: &str) -> Result<Attempt> {
        let channel = self.watcher.audience.channels.get(name);
        let channel = channel.ok_or_else(|| AlertingError::Unknown {
            what: "channel",
            name: name.to_owned(),
        })?;
        let key = format!("test-{}", uuid::Uuid::new_v4());
        let notification =
            crate::notification::test(&self.watcher.audience.external_url, &key, self.clock.now());
        Ok(self.outbox.try_out(channel, &notification, &key).await)
    }

    /// Returns what a monitor would have done in the past; for the group of `only`, or for all.
    ///
    /// # Errors
    /// If it cannot work, or its query fails.
    pub async fn replay(
        &self,
        monitor: &Monitor,
        range: TimeRange,
        only: Option<&Labels>,
    ) -> Result<Replay> {
        monitor.check()?;
        replay(&self.watcher.evaluator, monitor, range, only).await
    }
}
