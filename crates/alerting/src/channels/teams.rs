//! `teams`: a card in a Microsoft Teams channel, through a workflow's address.

use model::Secret;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ChannelDescriptor, HttpMessage, Outgoing, shown};
use crate::notification::{AlertNews, Notification, cut};

pub(super) const DESCRIPTOR: ChannelDescriptor = ChannelDescriptor {
    kind: "teams",
    summary: "Writes a card into a Microsoft Teams channel, through a workflow's address.",
    example: "[[channels]]\nname = \"teams\"\nkind = \"teams\"\nurl = \"https://prod.westeurope.logic.azure.com/workflows/1/secret\"\n",
};

/// Longest text of a block, in characters. Cards of more than 28 KB are refused.
const TEXT_CHARS_MAX: usize = 1_000;
/// Alerts in one card.
const ALERTS_MAX: usize = 8;

/// A `[[channels]]` table of kind `teams`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What monitors call it.
    pub name: String,
    /// The workflow's address. Who has it can write: it is not shown.
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
        let color = match (notification.is_over(), notification.severity()) {
            (true, _) => "Good",
            (false, content::Severity::Critical) => "Attention",
            (false, content::Severity::Warning) => "Warning",
        };
        let mut blocks = vec![json!({
            "type": "TextBlock", "text": cut(&notification.title(), TEXT_CHARS_MAX),
            "weight": "Bolder", "size": "Medium", "wrap": true, "style": "heading", "color": color,
        })];
        if !notification.monitor.description.is_empty() {
            blocks.push(block(&notification.monitor.description));
        }
        for alert in notification.alerts.iter().take(ALERTS_MAX) {
            blocks.extend(about(alert));
        }
        let hidden = notification.alerts.len().saturating_sub(ALERTS_MAX);
        if hidden > 0 {
            blocks.push(block(&format!(
                "and {hidden} more: {}/alerts",
                notification.external_url
            )));
        }
        Outgoing::Http(HttpMessage {
            url: self.url.expose().to_owned(),
            headers: Vec::new(),
            body: json!({
                "type": "message",
                "attachments": [{
                    "contentType": "application/vnd.microsoft.card.adaptive",
                    "contentUrl": Value::Null,
                    "content": {
                        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                        "type": "AdaptiveCard",
                        "version": "1.2",
                        "body": blocks,
                        "msteams": { "width": "full" },
                    },
                }],
            }),
            allows_private: self.allow_private,
        })
    }
}

fn block(text: &str) -> Value {
    json!({ "type": "TextBlock", "text": cut(text, TEXT_CHARS_MAX), "wrap": true })
}

fn about(alert: &AlertNews) -> Vec<Value> {
    let mut blocks = vec![block(&format!(
        "**{}** {} · [Alert]({}) · [Exact search]({})",
        alert.word(),
        alert.sentence(),
        alert.alert_url,
        alert.search_url
    ))];
    for line in alert.samples.iter().take(3) {
        blocks.push(json!({
            "type": "TextBlock", "text": cut(&line.text, TEXT_CHARS_MAX), "wrap": true, "fontType": "Monospace",
        }));
    }
    blocks
}
