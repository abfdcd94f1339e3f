//! `pagerduty`: opens and closes incidents in PagerDuty (Events API v2), one for each alert.

use model::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ChannelDescriptor, HttpMessage, Outgoing, shown};
use crate::notification::{Notification, cut};

pub(super) const DESCRIPTOR: ChannelDescriptor = ChannelDescriptor {
    kind: "pagerduty",
    summary: "Opens and closes incidents in PagerDuty, one for each alert.",
    example: "[[channels]]\nname = \"pager\"\nkind = \"pagerduty\"\nrouting_key = \"R0secret\"\n",
};

/// Longest summary, in characters.
const SUMMARY_CHARS_MAX: usize = 1_024;
/// Longest event, in bytes; PagerDuty refuses longer ones.
const EVENT_BYTES_MAX: usize = 512_000;

/// A `[[channels]]` table of kind `pagerduty`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What monitors call it.
    pub name: String,
    /// The integration key of the service.
    pub routing_key: Secret,
    /// Where events go; PagerDuty's own address if not said.
    #[serde(default = "pagerduty")]
    pub url: String,
    /// Whether `url` may lead to a private address.
    #[serde(default)]
    pub allow_private: bool,
}

fn pagerduty() -> String {
    "https://events.pagerduty.com/v2/enqueue".to_owned()
}

impl Config {
    pub(super) fn target(&self) -> String {
        shown(&self.url)
    }

    pub(super) fn compose(&self, notification: &Notification, key: &str) -> Outgoing {
        let mut event = event(notification, key);
        event["routing_key"] = self.routing_key.expose().into();
        if event.to_string().len() > EVENT_BYTES_MAX {
            event["payload"]["custom_details"] =
                json!({ "note": "left out, because the event is too long; see the alert's page" });
        }
        Outgoing::Http(HttpMessage {
            url: self.url.clone(),
            headers: Vec::new(),
            body: event,
            allows_private: self.allow_private,
        })
    }
}

fn event(notification: &Notification, key: &str) -> Value {
    let monitor = &notification.monitor;
    let Some(alert) = notification.alerts.first() else {
        return json!({ "event_action": "trigger", "dedup_key": key });
    };
    let action = if alert.kind.is_end() {
        "resolve"
    } else {
        "trigger"
    };
    let samples: Vec<&str> = alert
        .samples
        .iter()
        .map(|line| line.text.as_str())
        .collect();
    json!({
        "routing_key": Value::Null,
        "event_action": action,
        "dedup_key": alert.id,
        "payload": {
            "summary": cut(&notification.title(), SUMMARY_CHARS_MAX),
            "source": if alert.labels.is_empty() { monitor.name.clone() } else { alert.group() },
            "severity": alert.severity.name(),
            "timestamp": alert.at.to_string(),
            "class": monitor.name,
            "custom_details": {
                "value": alert.value,
                "threshold": alert.threshold.as_ref().map(|limit| format!("{} {}", limit.sign, limit.limit)),
                "query": monitor.query,
                "description": monitor.description,
                "runbook": monitor.runbook,
                "samples": samples,
            },
        },
        "links": [
            { "href": alert.alert_url, "text": "Alert" },
            { "href": alert.search_url, "text": "Exact search" },
        ],
        "client": "Nephoscope",
        "client_url": notification.external_url,
    })
}
