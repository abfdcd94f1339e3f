//! Channels: ways to tell people, one file each. A channel writes a notification down; sending,
//! repeating and giving up are the same for all ([`crate::deliver`]).

mod alertmanager;
mod email;
mod pagerduty;
mod slack;
mod sns;
mod teams;
mod webhook;

use serde::{Deserialize, Serialize};

use crate::deliver::{smtp, topic};
use crate::notification::Notification;

/// What a channel says about itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct ChannelDescriptor {
    /// The value of `kind` in the configuration.
    pub kind: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// A `[[channels]]` table that works.
    pub example: &'static str,
}

/// Something to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outgoing {
    /// A `POST` request.
    Http(HttpMessage),
    /// A mail.
    Mail(smtp::Mail),
    /// A message of a topic.
    Topic(topic::Publication),
}

/// A `POST` request with a JSON body.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HttpMessage {
    /// Where to.
    pub(crate) url: String,
    /// Headers beside the content type and the idempotency key; their values may be secret.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: serde_json::Value,
    /// Whether private addresses may be reached.
    pub(crate) allows_private: bool,
}

/// Makes the one list of channels: the configuration's enum, the descriptors, and who writes.
macro_rules! channels {
    ($($(#[$doc:meta])* $variant:ident => $module:ident,)*) => {
        /// One `[[channels]]` table of the configuration.
        #[derive(Clone, Debug, PartialEq, Deserialize)]
        #[serde(tag = "kind", rename_all = "snake_case")]
        pub enum ChannelConfig {
            $($(#[$doc])* $variant($module::Config),)*
        }

        /// Every kind of channel, sorted.
        const CHANNELS: &[ChannelDescriptor] = &[$($module::DESCRIPTOR),*];

        impl ChannelConfig {
            /// The channel's name.
            pub fn name(&self) -> &str {
                match self { $(ChannelConfig::$variant(config) => &config.name,)* }
            }

            /// The kind's name.
            pub fn kind(&self) -> &'static str {
                match self { $(ChannelConfig::$variant(_) => $module::DESCRIPTOR.kind,)* }
            }

            /// Where it leads, without secrets.
            pub fn target(&self) -> String {
                match self { $(ChannelConfig::$variant(config) => config.target(),)* }
            }

            /// Writes a notification down. `key` is the same whenever the same is sent again.
            pub(crate) fn compose(&self, notification: &Notification, key: &str) -> Outgoing {
                match self { $(ChannelConfig::$variant(config) => config.compose(notification, key),)* }
            }
        }
    };
}

channels! {
    /// Hands alerts to an Alertmanager.
    Alertmanager => alertmanager,
    /// Writes mail.
    Email => email,
    /// Opens and closes incidents in PagerDuty.
    Pagerduty => pagerduty,
    /// Writes into a Slack channel.
    Slack => slack,
    /// Publishes to a topic of AWS.
    Sns => sns,
    /// Writes into a Teams channel.
    Teams => teams,
    /// Posts JSON.
    Webhook => webhook,
}

/// Returns every kind of channel, sorted.
pub fn channel_kinds() -> &'static [ChannelDescriptor] {
    CHANNELS
}

impl ChannelConfig {
    /// Whether the receiver keeps alerts apart by a key, so that each needs a message of its own.
    pub(crate) const fn is_per_alert(&self) -> bool {
        matches!(self, ChannelConfig::Pagerduty(_))
    }

    /// Checks what the types cannot.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn validate(&self) -> Result<(), String> {
        let name = self.name();
        if name.trim().is_empty() {
            return Err("a channel has an empty `name`".to_owned());
        }
        let url = match self {
            ChannelConfig::Alertmanager(config) => config.url.clone(),
            ChannelConfig::Email(config) => {
                return config
                    .validate()
                    .map_err(|why| format!("channel `{name}`: {why}"));
            }
            ChannelConfig::Pagerduty(config) => config.url.clone(),
            ChannelConfig::Slack(config) => config.url.expose().to_owned(),
            ChannelConfig::Sns(config) => {
                return config
                    .validate()
                    .map_err(|why| format!("channel `{name}`: {why}"));
            }
            ChannelConfig::Teams(config) => config.url.expose().to_owned(),
            ChannelConfig::Webhook(config) => config.url.clone(),
        };
        match reqwest::Url::parse(&url) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Ok(()),
            _ => Err(format!(
                "channel `{name}`: `url` is not an http or https address"
            )),
        }
    }
}

/// The part of an address that is no secret: scheme and host.
fn shown(url: &str) -> String {
    let Ok(url) = reqwest::Url::parse(url) else {
        return "not an address".to_owned();
    };
    let port = url.port().map_or(String::new(), |port| format!(":{port}"));
    format!(
        "{}://{}{port}",
        url.scheme(),
        url.host_str().unwrap_or_default()
    )
}

#[cfg(test)]
mod tests;
