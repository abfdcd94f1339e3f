//! `sumo_http`: is sent logs and metrics the way Sumo Logic's HTTP source is, so that its
//! forwarders and agents work unchanged.
//!
//! `receive` answers requests, `decode` and `ndjson` make events of a body, `metrics` makes
//! samples; all pure.

mod decode;
mod flat_json;
mod fuzz;
mod metrics;
mod ndjson;
mod receive;
mod time;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::{Source, Wrong, wrong};
use crate::sources::{Context, Starting};
use crate::support::secret::Secret;

pub(crate) use fuzz::fuzz;
pub use metrics::prometheus_samples;
pub(crate) use receive::{Receivers, router};

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "sumo_http",
    kind: CollectorKind::Pushed,
    summary: "Receives logs and metrics on POST /receiver/v1/http/<token>, like a Sumo Logic HTTP source.",
    example: r#"
[[sources]]
name = "push"
collector = "sumo_http"
token = "t0ken"
category = "prod/web"
"#,
    policy: include_str!("policy.txt"),
};

/// How a body is made into events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Lines of text.
    #[default]
    Text,
    /// Each line is a JSON object whose keys become fields.
    Ndjson,
}

/// A source of this collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources.
    pub name: String,
    /// The end of the address that senders post to.
    pub token: Secret,
    /// `_sourceCategory` of events whose request has no `X-Sumo-Category`.
    #[serde(default)]
    pub category: String,
    /// `_sourceHost` of events whose request has no `X-Sumo-Host`.
    #[serde(default)]
    pub host: String,
    /// Fields that every event gets; dimensions of every sample.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// How a body is made into events.
    #[serde(default)]
    pub format: Format,
    /// A regular expression that matches the beginning of an event's first line; further lines
    /// belong to it. Without it, each line is an event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub multiline: Option<String>,
    /// Whether a whole request is one event.
    #[serde(default)]
    pub message_per_request: bool,
    /// With `format = "ndjson"`: the key of the event's time (RFC 3339 or an epoch number).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_field: Option<String>,
    /// With `format = "ndjson"`: the key of the event's message; `message` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_field: Option<String>,
    /// With `format = "ndjson"`: the key of the event's `_sourceCategory`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category_field: Option<String>,
    /// With `format = "ndjson"`: the key of the event's `_sourceHost`, for AWS Lambda the log
    /// group's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_field: Option<String>,
    /// With `format = "ndjson"`: the key of the event's `_sourceName`, for AWS Lambda the log
    /// stream's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_field: Option<String>,
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn token(&self) -> Option<(&'static str, &Secret)> {
        Some(("token", &self.token))
    }

    fn address(&self) -> Option<&'static str> {
        Some("/receiver/v1/http/<token>")
    }

    fn check(&self) -> std::result::Result<(), Wrong> {
        if let Some(pattern) = &self.multiline
            && let Err(error) = decode::boundary(pattern)
        {
            return wrong("multiline", format!("is not a regular expression: {error}"));
        }
        if self.multiline.is_some() && self.message_per_request {
            return wrong("multiline", "and message_per_request exclude each other");
        }
        let is_ndjson = self.format == Format::Ndjson;
        if is_ndjson && (self.multiline.is_some() || self.message_per_request) {
            return wrong("format", "\"ndjson\" always has one event a line");
        }
        let keys = [
            ("time_field", &self.time_field),
            ("message_field", &self.message_field),
            ("category_field", &self.category_field),
            ("host_field", &self.host_field),
            ("name_field", &self.name_field),
        ];
        for (setting, key) in keys {
            if !is_ndjson && key.is_some() {
                return wrong(setting, "needs format = \"ndjson\"");
            }
        }
        Ok(())
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let inbox = context.inbox(&self.name);
        starting.receivers.sumo_http.add(&self, inbox)
    }
}
