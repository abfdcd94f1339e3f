//! `webhook`: the body that Alertmanager's webhook has, so that everything made for that works,
//! and an `ext` block with what Alertmanager does not know.

use std::collections::BTreeMap;

use model::Secret;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{ChannelDescriptor, HttpMessage, Outgoing, shown};
use crate::notification::{AlertNews, Notification};

pub(super) const DESCRIPTOR: ChannelDescriptor = ChannelDescriptor {
    kind: "webhook",
    summary: "Posts JSON to an address: the body of Alertmanager's webhook, with more about each alert under `ext`.",
    example: "[[channels]]\nname = \"ops\"\nkind = \"webhook\"\nurl = \"https://hooks.example.com/alerts\"\n",
};

/// A `[[channels]]` table of kind `webhook`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What monitors call it.
    pub name: String,
    /// Where to post.
    pub url: String,
    /// Headers to add; their values are not shown.
    #[serde(default)]
    pub headers: BTreeMap<String, Secret>,
    /// Whether `url` may lead to a private address.
    #[serde(default)]
    pub allow_private: bool,
}

impl Config {
    pub(super) fn target(&self) -> String {
        shown(&self.url)
    }

    pub(super) fn compose(&self, notification: &Notification, _key: &str) -> Outgoing {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| (name.clone(), value.expose().to_owned()));
        Outgoing::Http(HttpMessage {
            url: self.url.clone(),
            headers: headers.collect(),
            body: body(notification, &self.name),
            allows_private: self.allow_private,
        })
    }
}

fn body(notification: &Notification, receiver: &str) -> Value {
    let alerts: Vec<Value> = notification
        .alerts
        .iter()
        .map(|alert| one(notification, alert))
        .collect();
    json!({
        "version": "4",
        "groupKey": format!("{{}}:{{monitor=\"{}\"}}", notification.monitor.id),
        "truncatedAlerts": 0,
        "status": notification.status(),
        "receiver": receiver,
        "groupLabels": { "alertname": notification.monitor.name },
        "commonLabels": common(notification.alerts.iter().map(|alert| labels(notification, alert))),
        "commonAnnotations": common(notification.alerts.iter().map(|alert| annotations(notification, alert))),
        "externalURL": notification.external_url,
        "alerts": alerts,
    })
}

fn one(notification: &Notification, alert: &AlertNews) -> Value {
    let monitor = &notification.monitor;
    let status = if alert.kind.is_end() {
        "resolved"
    } else {
        "firing"
    };
    let ends_at = match alert.kind.is_end() {
        true => alert.at.to_string(),
        false => "0001-01-01T00:00:00Z".to_owned(),
    };
    let samples: Vec<Value> = alert
        .samples
        .iter()
        .map(|line| json!({ "time": line.time.to_string(), "function": line.function, "text": line.text }))
        .collect();
    json!({
        "status": status,
        "labels": labels(notification, alert),
        "annotations": annotations(notification, alert),
        "startsAt": alert.began_at.to_string(),
        "endsAt": ends_at,
        "generatorURL": alert.search_url,
        "fingerprint": alert.fingerprint,
        "ext": {
            "alert_id": alert.id,
            "rule_uid": monitor.id,
            "state": alert.word(),
            "change": alert.kind.name(),
            "value": alert.value,
            "worst": alert.worst,
            "threshold": alert.threshold.as_ref().map(|limit| json!({ "sign": limit.sign, "limit": limit.limit })),
            "problem": alert.problem,
            "is_flapping": alert.is_flapping,
            "is_test": notification.is_test,
            "query": monitor.query,
            "language": monitor.language,
            "search_url": alert.search_url,
            "alert_url": alert.alert_url,
            "samples": samples,
            "runbook": monitor.runbook,
        },
    })
}

/// The labels by which Alertmanager and its receivers know an alert: never a value in them.
pub(super) fn labels(notification: &Notification, alert: &AlertNews) -> Map<String, Value> {
    let monitor = &notification.monitor;
    let mut labels = Map::new();
    labels.insert("alertname".to_owned(), monitor.name.as_str().into());
    for (name, value) in &alert.labels {
        labels.insert(name.clone(), value.as_str().into());
    }
    labels.insert("monitor".to_owned(), monitor.id.as_str().into());
    labels.insert("severity".to_owned(), alert.severity.name().into());
    labels
}

pub(super) fn annotations(notification: &Notification, alert: &AlertNews) -> Map<String, Value> {
    let monitor = &notification.monitor;
    let mut annotations = Map::new();
    annotations.insert("summary".to_owned(), alert.sentence().into());
    for (name, text) in [
        ("description", &monitor.description),
        ("runbook", &monitor.runbook),
    ] {
        if !text.is_empty() {
            annotations.insert(name.to_owned(), text.as_str().into());
        }
    }
    annotations
}

/// What all have in common.
fn common(mut all: impl Iterator<Item = Map<String, Value>>) -> Map<String, Value> {
    let mut kept = all.next().unwrap_or_default();
    for other in all {
        kept.retain(|name, value| other.get(name) == Some(value));
    }
    kept
}
