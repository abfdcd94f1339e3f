//! Makes of what changed what is kept and what is told: the alerts' rows, their history, and the
//! messages for the outbox.

use std::collections::{BTreeSet, HashSet};

use content::{Monitor, Severity};
use model::Timestamp;
use serde_json::json;
use storage::catalog::{AlertEvent, AlertRow, Evaluated, Message, MessageState};

use crate::alert::Body;
use crate::audience::Audience;
use crate::channels::ChannelConfig;
use crate::evaluate::{sample_query, window};
use crate::monitors::Watched;
use crate::mute::Mute;
use crate::notification::{AlertNews, Limit, MonitorFacts, Notification, SampleLine};
use crate::state::{Change, ChangeKind, Labels, MonitorState};
use crate::{AlertingError, Result};

/// Whom a node tells, and what people have said about it.
#[derive(Debug)]
pub(crate) struct Teller<'a> {
    pub(crate) audience: &'a Audience,
    pub(crate) mutes: &'a [Mute],
    /// The labels of the alerts that are open.
    pub(crate) open: &'a [Labels],
    /// Alerts that somebody cares for.
    pub(crate) acknowledged: &'a HashSet<String>,
    pub(crate) now: Timestamp,
}

/// A change, and the lines that explain it.
pub(crate) type Explained = (Change, Vec<SampleLine>);

/// A change that people are told, and through which channels.
struct Told {
    change: Change,
    news: AlertNews,
    channels: BTreeSet<String>,
}

impl Teller<'_> {
    /// Adds to `evaluated` what follows from the changes of one monitor, and notes in `state` who
    /// is to be told later.
    pub(crate) fn tell(
        &self,
        watched: &Watched,
        state: &mut MonitorState,
        changes: Vec<Explained>,
        evaluated: &mut Evaluated,
    ) -> Result<()> {
        let mut told = Vec::new();
        for (change, samples) in changes {
            let labels = matched_labels(watched, &change);
            let (channels, hold) = match self.channels(watched, &labels) {
                Ok(channels) => (channels, None),
                Err(hold) => (BTreeSet::new(), Some(hold)),
            };
            let was_untold = state.untold.contains(&change.alert.id);
            let news = self.news(watched, &change, samples);
            evaluated.alerts.push(row(watched, &news, hold.is_some())?);
            if change.kind != ChangeKind::Repeated {
                evaluated.events.push(event(&change, hold.as_ref()));
            }
            let heard = state.told.remove(&news.id).unwrap_or_default();
            if change.kind.is_end() {
                state.untold.remove(&news.id);
                // Who never heard of it need not hear that it is over; who did must, muted or not.
                if was_untold && heard.is_empty() {
                    continue;
                }
            } else if hold.is_some() {
                if !heard.is_empty() {
                    state.told.insert(news.id.clone(), heard);
                }
                if matches!(change.kind, ChangeKind::Fired | ChangeKind::Raised) {
                    state.untold.insert(news.id);
                }
                continue;
            } else {
                state.untold.remove(&news.id);
            }
            // Whoever heard of it hears what becomes of it, though its route may be another now.
            let concerned: BTreeSet<String> = channels.union(&heard).cloned().collect();
            if !change.kind.is_end() {
                state.told.insert(news.id.clone(), concerned.clone());
            }
            let is_repeated = change.kind == ChangeKind::Repeated;
            if is_repeated && self.acknowledged.contains(&news.id) && !was_untold {
                continue;
            }
            told.push(Told {
                change,
                news,
                channels: if is_repeated { channels } else { concerned },
            });
        }
        self.write(watched, &told, evaluated)
    }

    /// Whether people are not to be told about a change.
    pub(crate) fn is_held(&self, watched: &Watched, change: &Change) -> bool {
        self.channels(watched, &matched_labels(watched, change))
            .is_err()
    }

    /// The channels of an alert, or what holds it back.
    fn channels(&self, watched: &Watched, labels: &Labels) -> Result<BTreeSet<String>, Hold> {
        if self.mutes.iter().any(|mute| mute.holds(labels, self.now)) {
            return Err(Hold::Mute);
        }
        if let Some(holder) = self.audience.holder(self.open, labels) {
            let name = holder.get(ALERT_NAME).cloned().unwrap_or_default();
            return Err(Hold::Alert(name));
        }
        let channels = self.audience.channels_of(watched, labels, self.now);
        channels.ok_or(Hold::Time)
    }

    /// Writes one message for each channel, or for each alert where the receiver wants that.
    fn write(&self, watched: &Watched, told: &[Told], evaluated: &mut Evaluated) -> Result<()> {
        let names: BTreeSet<&String> = told.iter().flat_map(|told| &told.channels).collect();
        for name in names {
            let told: Vec<&Told> = told
                .iter()
                .filter(|told| told.channels.contains(name))
                .collect();
            for (id, alerts) in self.parts(watched, name, &told) {
                let body = serde_json::to_string(&self.notification(watched, alerts))
                    .map_err(|error| AlertingError::Decode("a message", error))?;
                evaluated.messages.push(Message {
                    id,
                    channel: name.clone(),
                    state: MessageState::Waiting,
                    due_at: self.now,
                    attempts: 0,
                    created_at: self.now,
                    body,
                    outcome: String::new(),
                });
            }
        }
        Ok(())
    }

    /// The messages of one channel, each with its key. The same evaluation always makes the same
    /// keys: whoever repeats it repeats nothing.
    fn parts(
        &self,
        watched: &Watched,
        channel: &str,
        told: &[&Told],
    ) -> Vec<(String, Vec<AlertNews>)> {
        let is_per_alert = self
            .audience
            .channels
            .get(channel)
            .is_some_and(ChannelConfig::is_per_alert);
        if is_per_alert {
            let one = |told: &&Told| {
                let key = format!("{}:{}:{channel}", told.news.id, told.change.alert.changes);
                (key, vec![told.news.clone()])
            };
            return told.iter().map(one).collect();
        }
        let Some(first) = told.first() else {
            return Vec::new();
        };
        let moment = first.change.at.millis();
        let all = told.iter().map(|told| told.news.clone()).collect();
        vec![(format!("{}@{moment}:{channel}", watched.id), all)]
    }

    /// What is told about the alerts of one monitor.
    pub(crate) fn notification(&self, watched: &Watched, alerts: Vec<AlertNews>) -> Notification {
        let monitor = &watched.monitor;
        Notification {
            monitor: MonitorFacts {
                id: watched.id.clone(),
                name: monitor.name.clone(),
                description: monitor.description.clone(),
                query: monitor.query.trim().to_owned(),
                language: monitor.language,
                runbook: monitor.runbook.trim().to_owned(),
            },
            alerts,
            external_url: self.audience.external_url.clone(),
            at: self.now,
            is_test: false,
        }
    }

    fn news(&self, watched: &Watched, change: &Change, samples: Vec<SampleLine>) -> AlertNews {
        let monitor = &watched.monitor;
        let threshold = monitor
            .threshold(change.alert.severity)
            .or(monitor.critical)
            .or(monitor.warning);
        AlertNews {
            id: change.alert.id.clone(),
            fingerprint: change.fingerprint.clone(),
            kind: change.kind,
            severity: change.alert.severity,
            labels: change.labels.clone(),
            value: change.value,
            worst: change.alert.worst,
            value_name: monitor.value.clone().unwrap_or_else(|| "count".to_owned()),
            threshold: threshold.map(|threshold| Limit::from(threshold.limit())),
            began_at: change.alert.since,
            at: change.at,
            problem: change.problem.clone(),
            is_flapping: change.is_flapping,
            samples,
            search_url: search_url(
                &self.audience.external_url,
                monitor,
                &change.labels,
                change.at,
            ),
            alert_url: format!("{}/alerts/{}", self.audience.external_url, change.alert.id),
        }
    }
}

/// What holds an alert back.
enum Hold {
    /// A mute.
    Mute,
    /// An open alert of this name.
    Alert(String),
    /// Its routes are quiet now.
    Time,
}

/// The label that is the monitor's name.
const ALERT_NAME: &str = "alertname";

/// The labels that mutes, routes and inhibitions look at.
pub(crate) fn matched_labels(watched: &Watched, change: &Change) -> Labels {
    let name = &watched.monitor.name;
    with_names(&change.labels, name, &watched.id, change.alert.severity)
}

/// The labels of a group with those that say which alert it is.
pub(crate) fn with_names(group: &Labels, name: &str, monitor: &str, severity: Severity) -> Labels {
    let mut labels = group.clone();
    labels.insert(ALERT_NAME.to_owned(), name.to_owned());
    labels.insert("monitor".to_owned(), monitor.to_owned());
    labels.insert("severity".to_owned(), severity.name().to_owned());
    labels
}

fn row(watched: &Watched, news: &AlertNews, is_muted: bool) -> Result<AlertRow> {
    let body = Body {
        monitor_name: watched.monitor.name.clone(),
        news: news.clone(),
        is_muted,
    };
    let body =
        serde_json::to_string(&body).map_err(|error| AlertingError::Decode("an alert", error))?;
    Ok(AlertRow {
        id: news.id.clone(),
        monitor: watched.id.clone(),
        is_open: !news.kind.is_end(),
        began_at: news.began_at,
        changed_at: news.at,
        body,
        acknowledgement: String::new(),
    })
}

fn event(change: &Change, hold: Option<&Hold>) -> AlertEvent {
    let inhibited_by = match hold {
        Some(Hold::Alert(name)) => Some(name),
        _ => None,
    };
    AlertEvent {
        id: format!(
            "{}:{}:{}",
            change.alert.id,
            change.alert.changes,
            change.kind.name()
        ),
        alert: change.alert.id.clone(),
        at: change.at,
        body: json!({
            "kind": change.kind.name(),
            "severity": change.alert.severity.name(),
            "value": change.value,
            "reason": change.reason,
            "problem": change.problem,
            "is_muted": hold.is_some(),
            "inhibited_by": inhibited_by,
        })
        .to_string(),
    }
}

/// The search page with the question that was asked, about the window that ended at `end`.
pub(crate) fn search_url(
    external_url: &str,
    monitor: &Monitor,
    labels: &Labels,
    end: Timestamp,
) -> String {
    let range = window(monitor, end);
    let samples = sample_query(monitor).filter(|_| monitor.samples.is_some());
    let (mode, query) = match (samples, monitor.language) {
        (Some(samples), _) => ("log", samples),
        (None, query::Language::Log) => ("log", monitor.query.trim().to_owned()),
        (None, query::Language::Sql) => ("sql", monitor.query.trim().to_owned()),
        (None, query::Language::Metrics) => ("metrics", monitor.query.trim().to_owned()),
    };
    let Ok(mut url) = reqwest::Url::parse(&format!("{external_url}/search")) else {
        return external_url.to_owned();
    };
    {
        let mut pairs = url.query_pairs_mut();
        if mode != "log" {
            pairs.append_pair("mode", mode);
        }
        pairs.append_pair("q", &query);
        if mode == "log" {
            for (field, value) in labels {
                pairs.append_pair(
                    "is",
                    &format!("{}:{value}", field.replace('%', "%25").replace(':', "%3A")),
                );
            }
        }
        pairs.append_pair("from", &range.start.millis().to_string());
        pairs.append_pair("to", &range.end.millis().to_string());
    }
    url.into()
}
