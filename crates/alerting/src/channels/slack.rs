//! `slack`: a message in a Slack channel, through an incoming webhook.

use model::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ChannelDescriptor, HttpMessage, Outgoing, shown};
use crate::notification::{AlertNews, Notification, cut};

pub(super) const DESCRIPTOR: ChannelDescriptor = ChannelDescriptor {
    kind: "slack",
    summary: "Writes into a Slack channel, through an incoming webhook.",
    example: "[[channels]]\nname = \"shop-oncall\"\nkind = \"slack\"\nurl = \"https://hooks.slack.com/services/T0/B0/secret\"\n",
};

/// Longest title that Slack shows, in characters.
const TITLE_CHARS_MAX: usize = 1_024;
/// Attachments in one message; more make it unreadable.
const ATTACHMENTS_MAX: usize = 10;
/// Longest text of an attachment, in characters.
const TEXT_CHARS_MAX: usize = 3_000;

/// A `[[channels]]` table of kind `slack`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What monitors call it.
    pub name: String,
    /// The incoming webhook's address. Who has it can write: it is not shown.
    pub url: Secret,
    /// Whether `url` may lead to a private address.
    #[serde(default)]
    pub allow_private: bool,
}

impl Config {
    pub(super) fn target(&self) -> String {
        shown(self.url.expose())
    }

    pub(super) fn compose(&self, notification: &Notification, _key: &str) -> Outgoing {
        let shown = notification.alerts.iter().take(ATTACHMENTS_MAX);
        let mut attachments: Vec<Value> =
            shown.map(|alert| attachment(notification, alert)).collect();
        let hidden = notification.alerts.len().saturating_sub(ATTACHMENTS_MAX);
        if hidden > 0 {
            let text = format!("and {hidden} more: {}/alerts", notification.external_url);
            attachments.push(json!({ "fallback": text, "text": text }));
        }
        let title = cut(&notification.title(), TITLE_CHARS_MAX);
        Outgoing::Http(HttpMessage {
            url: self.url.expose().to_owned(),
            headers: Vec::new(),
            body: json!({ "text": escaped(&title), "attachments": attachments }),
            allows_private: self.allow_private,
        })
    }
}

fn attachment(notification: &Notification, alert: &AlertNews) -> Value {
    let monitor = &notification.monitor;
    let sentence = cut(&alert.sentence(), TITLE_CHARS_MAX);
    let mut text = escaped(&monitor.description);
    if !alert.samples.is_empty() {
        let lines = alert
            .samples
            .iter()
            .map(|line| escaped(&line.text).replace('`', "'"));
        text.push_str(&format!("\n```{}```", lines.collect::<Vec<_>>().join("\n")));
    }
    text.push_str(&format!(
        "\n<{}|Alert> · <{}|Exact search>",
        alert.alert_url, alert.search_url
    ));
    json!({
        "color": color(alert),
        "title": escaped(&sentence),
        "title_link": alert.alert_url,
        "fallback": sentence,
        "text": cut(&text, TEXT_CHARS_MAX),
        "mrkdwn_in": ["text"],
        "ts": alert.at.millis() / 1_000,
    })
}

fn color(alert: &AlertNews) -> &'static str {
    match alert.word() {
        "critical" => "danger",
        "warning" => "warning",
        "resolved" => "good",
        _ => "#8a8f98",
    }
}

/// Slack's three signs that mean something.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
