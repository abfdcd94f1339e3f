//! `gcp_pubsub_push`: is sent the log entries of a Google Cloud log sink by a Pub/Sub subscription
//! that pushes, one entry a request. For projects whose entries are more than Google lets anybody
//! read.
//!
//! `receive` answers requests, `identity` asks who sent them, `envelope` (pure) takes the entry out. Events are made by the code of
//! `gcp_cloud_logging`: pushed or pulled, an entry is the same event with the same id.

mod envelope;
mod fuzz;
mod identity;
mod receive;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{CollectorsError, Result};
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::Source;
use crate::sources::{Context, Starting};
use crate::support::secret::Secret;

pub(crate) use fuzz::fuzz;
pub use identity::IdentityConfig;
pub(crate) use receive::{Receivers, router};

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "gcp_pubsub_push",
    kind: CollectorKind::Pushed,
    summary: "Receives the log entries of a Google Cloud log sink on POST /receiver/v1/pubsub/<token>.",
    example: r#"
[[sources]]
name = "sink"
collector = "gcp_pubsub_push"
token = "t0ken"
category = "gcp/functions"
# If the subscription authenticates its pushes, as it should:
identity = { service_account = "push@shop-prod.iam.gserviceaccount.com", audience = "nephoscope" }
"#,
    policy: include_str!("policy.txt"),
};

/// A source of this collector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources.
    pub name: String,
    /// The end of the address to which the subscription pushes.
    pub token: Secret,
    /// `_sourceCategory` of the events.
    #[serde(default)]
    pub category: String,
    /// Fields that every event gets; `account` replaces the project's id.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// As whom the subscription pushes, if it authenticates its pushes; without it, whoever knows
    /// the token may push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<IdentityConfig>,
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn token(&self) -> Option<(&'static str, &Secret)> {
        Some(("token", &self.token))
    }

    fn address(&self) -> Option<&'static str> {
        Some("/receiver/v1/pubsub/<token>")
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let inbox = context.inbox(&self.name);
        let added = starting.receivers.gcp_pubsub_push.add(&self, inbox);
        added.map_err(|refusal| CollectorsError::Cloud {
            attempted: "prepare to ask for the keys of Google's tokens".to_owned(),
            problem: refusal.text().to_owned(),
        })
    }
}
