//! `azure_blob_storage`: pulls the resource logs that Azure Monitor appends to blobs: those of
//! Azure Functions, and of other categories as the structured events that they are.
//!
//! `discover` follows each resource (`resource`) of each container in a task of its own. A blob
//! holds an hour and grows for a while after it; `position` (pure) says how far each has been
//! read, in bytes, and how lines are cut out of what is new. `client` asks Azure, `listing` (pure)
//! reads its lists, `decode` and `loose` (pure) make events.
//! <https://learn.microsoft.com/azure/azure-monitor/platform/resource-logs#send-to-azure-storage>

mod client;
mod decode;
mod discover;
mod fuzz;
mod listing;
mod loose;
mod position;
mod resource;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::{Source, Wrong, wrong};
use crate::sources::{Context, Starting};
use crate::support::azure_storage::{AzureCredentials, is_account};
use crate::support::duration;
use crate::support::start::Start;

pub(crate) use fuzz::fuzz;

use discover::run;

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "azure_blob_storage",
    kind: CollectorKind::Pulled,
    summary: "Pulls the resource logs of Azure Functions and others from a storage account's blobs.",
    example: r#"
[[sources]]
name = "prod-functions"
collector = "azure_blob_storage"
account = "shoplogs"
category = "azure/functions"
fields = { account = "prod" }
"#,
    policy: include_str!("policy.txt"),
};

/// A source of this collector: log containers of one storage account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources. Checkpoints are kept by it.
    pub name: String,
    /// The storage account's name.
    pub account: String,
    /// Another address than Azure's own: of another cloud, or an emulator's, with the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// The containers; a name that ends with `*` stands for all that begin so.
    #[serde(default = "default_containers")]
    pub containers: Vec<String>,
    /// `_sourceCategory` of the events.
    #[serde(default)]
    pub category: String,
    /// Fields that every event gets; `account` replaces the subscription's id.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Who asks; without it the environment's application, or the machine's managed identity.
    #[serde(default)]
    pub credentials: AzureCredentials,
    /// Time between two looks for what was appended.
    #[serde(with = "duration", default = "default_poll_interval")]
    pub poll_interval: Duration,
    /// Time between two looks for new resources.
    #[serde(with = "duration", default = "default_discovery_interval")]
    pub discovery_interval: Duration,
    /// How long after its hour a blob is looked at in every poll.
    #[serde(with = "duration", default = "default_settle")]
    pub settle: Duration,
    /// Time between two looks at older blobs.
    #[serde(with = "duration", default = "default_sweep_interval")]
    pub sweep_interval: Duration,
    /// How long after its hour a blob is looked at by these; then it is final.
    #[serde(with = "duration", default = "default_sweep_depth")]
    pub sweep_depth: Duration,
    /// How far back a resource is read that is new to the source: `"creation"` (all that is
    /// there), `"now"`, or a duration such as `"14d"`.
    #[serde(default)]
    pub start: Start,
}

fn default_containers() -> Vec<String> {
    vec!["insights-logs-functionapplogs".to_owned()]
}
fn default_poll_interval() -> Duration {
    Duration::from_secs(10)
}
fn default_discovery_interval() -> Duration {
    Duration::from_secs(60)
}
fn default_settle() -> Duration {
    Duration::from_secs(2 * 3600)
}
fn default_sweep_interval() -> Duration {
    Duration::from_secs(15 * 60)
}
fn default_sweep_depth() -> Duration {
    Duration::from_secs(48 * 3600)
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> std::result::Result<(), Wrong> {
        if !is_account(&self.account) {
            return wrong(
                "account",
                "must be a storage account's name, such as \"shoplogs\"",
            );
        }
        let is_container = |name: &String| {
            let name = name.strip_suffix('*').unwrap_or(name);
            !name.is_empty() && !name.contains(['/', '*'])
        };
        if self.containers.is_empty() || !self.containers.iter().all(is_container) {
            return wrong(
                "containers",
                "must be names of containers, such as [\"insights-logs-*\"]",
            );
        }
        if let Some(problem) = self.credentials.problem() {
            return wrong("credentials", problem);
        }
        if self.poll_interval.is_zero() || self.discovery_interval.is_zero() {
            return wrong(
                "poll_interval",
                "and discovery_interval must be longer than nothing",
            );
        }
        if self.settle.is_zero() || self.sweep_interval.is_zero() || self.sweep_depth < self.settle
        {
            return wrong(
                "sweep_depth",
                "must be at least `settle`, and settle and sweep_interval not zero",
            );
        }
        Ok(())
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let config = Arc::new(self);
        starting.pull(context, move |context| run(Arc::clone(&config), context));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
