//! `alertmanager`: hands alerts to an Alertmanager (v2 API), which groups, silences and routes them.

use content::Severity;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ChannelDescriptor, HttpMessage, Outgoing, shown, webhook};
use crate::notification::{AlertNews, Notification};
use crate::state::ChangeKind;

pub(super) const DESCRIPTOR: ChannelDescriptor = ChannelDescriptor {
    kind: "alertmanager",
    summary: "Hands alerts to a Prometheus Alertmanager, which groups, silences and routes them.",
    example: "[[channels]]\nname = \"am\"\nkind = \"alertmanager\"\nurl = \"https://alertmanager.example.com\"\n",
};

/// An open alert that is not told again ends there after this long: longer than the longest
/// pause between two tellings, or a quiet alert would look resolved.
const LIFE_MS: i64 = 24 * 3_600_000;

/// A `[[channels]]` table of kind `alertmanager`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What monitors call it.
    pub name: String,
    /// The Alertmanager's address, without `/api/v2`.
    pub url: String,
    /// Whether `url` may lead to a private address.
    #[serde(default)]
    pub allow_private: bool,
}

impl Config {
    pub(super) fn target(&self) -> String {
        shown(&self.url)
    }

    pub(super) fn compose(&self, notification: &Notification, _key: &str) -> Outgoing {
        let alerts = notification.alerts.iter().flat_map(|alert| {
            let is_over = alert.kind.is_end();
            let now = posted(notification, alert, alert.severity, is_over);
            // Severity is a label, because routes want it: another severity is another alert there.
            let before = match (alert.kind, alert.severity) {
                (ChangeKind::Raised, _) => Some(Severity::Warning),
                (ChangeKind::Lowered, _) => Some(Severity::Critical),
                _ => None,
            };
            let before = before.map(|severity| posted(notification, alert, severity, true));
            before.into_iter().chain([now])
        });
        Outgoing::Http(HttpMessage {
            url: format!("{}/api/v2/alerts", self.url.trim_end_matches('/')),
            headers: Vec::new(),
            body: Value::Array(alerts.collect()),
            allows_private: self.allow_private,
        })
    }
}

fn posted(
    notification: &Notification,
    alert: &AlertNews,
    severity: Severity,
    is_over: bool,
) -> Value {
    let mut labels = webhook::labels(notification, alert);
    labels.insert("severity".to_owned(), severity.name().into());
    let mut annotations = webhook::annotations(notification, alert);
    annotations.insert("alert_url".to_owned(), alert.alert_url.as_str().into());
    let ends_at = match is_over {
        true => alert.at,
        false => alert.at.saturating_add_millis(LIFE_MS),
    };
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": alert.began_at.to_string(),
        "endsAt": ends_at.to_string(),
        "generatorURL": alert.search_url,
    })
}
