//! `azure_table_storage`: pulls the invocations that hosts of Azure Functions and WebJobs log in
//! the tables `AzureWebJobsHostLogs…` of a storage account.
//!
//! Hosts of version 1 to 3 write them, and those of WebJobs; hosts of version 4 do not, their logs
//! are read by `azure_blob_storage`. `discover` finds the functions and follows each (`function`)
//! with the windows of [`crate::support::reread`], which here are times at which invocations
//! began. A row changes until its invocation ends: one that is not final yet holds the window
//! back, and becomes one event when it is. `tables` (pure) says how rows are named, `client` asks
//! Azure, `decode` (pure) makes events.
//! <https://github.com/Azure/azure-webjobs-sdk/tree/dev/src/Microsoft.Azure.WebJobs.Logging>

mod client;
mod decode;
mod discover;
mod function;
mod fuzz;
mod tables;

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
use crate::support::reread::Settings;
use crate::support::start::Start;

pub(crate) use fuzz::fuzz;

use discover::run;

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "azure_table_storage",
    kind: CollectorKind::Pulled,
    summary: "Pulls the invocations that hosts of Azure Functions log in a storage account's tables.",
    example: r#"
[[sources]]
name = "prod-invocations"
collector = "azure_table_storage"
account = "shophost"
category = "azure/functions"
fields = { account = "prod", region = "westeurope" }
"#,
    policy: include_str!("policy.txt"),
};

/// What the names of the tables begin with.
const TABLE_PREFIX: &str = "AzureWebJobsHostLogs";

/// A source of this collector: the functions that log in one storage account.
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
    /// What the names of the tables begin with.
    #[serde(default = "default_table_prefix")]
    pub table_prefix: String,
    /// `_sourceCategory` of the events.
    #[serde(default)]
    pub category: String,
    /// Fields that every event gets; `account` replaces the storage account's name.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Who asks; without it the environment's application, or the machine's managed identity.
    #[serde(default)]
    pub credentials: AzureCredentials,
    /// Time between two reads of a function.
    #[serde(with = "duration", default = "default_poll_interval")]
    pub poll_interval: Duration,
    /// Time between two looks for new functions.
    #[serde(with = "duration", default = "default_discovery_interval")]
    pub discovery_interval: Duration,
    /// How long after its beginning an invocation may take to become visible; the time that is
    /// read again and again.
    #[serde(with = "duration", default = "default_settle")]
    pub settle: Duration,
    /// Time between two reads of what has settled.
    #[serde(with = "duration", default = "default_sweep_interval")]
    pub sweep_interval: Duration,
    /// How far such a read goes back.
    #[serde(with = "duration", default = "default_sweep_depth")]
    pub sweep_depth: Duration,
    /// How long after its host gave the last sign of life an invocation without an end is taken
    /// to have failed.
    #[serde(with = "duration", default = "default_abandoned_after")]
    pub abandoned_after: Duration,
    /// How far back a function is read that is new to the source: `"creation"` (all that is
    /// there), `"now"`, or a duration such as `"14d"`.
    #[serde(default)]
    pub start: Start,
}

fn default_table_prefix() -> String {
    TABLE_PREFIX.to_owned()
}
fn default_poll_interval() -> Duration {
    Duration::from_secs(15)
}
fn default_discovery_interval() -> Duration {
    Duration::from_secs(60)
}
fn default_settle() -> Duration {
    Duration::from_secs(5 * 60)
}
fn default_sweep_interval() -> Duration {
    Duration::from_secs(15 * 60)
}
fn default_sweep_depth() -> Duration {
    Duration::from_secs(2 * 3600)
}
fn default_abandoned_after() -> Duration {
    Duration::from_secs(5 * 60)
}

impl Config {
    /// How a function is read; its tables hold nothing older than `first_ms`.
    fn settings(&self, first_ms: i64) -> Settings {
        Settings {
            created_ms: None,
            first_ms,
            start: self.start,
            settle: self.settle,
            is_adaptive: false,
            is_by_reception: false,
            // Hosts write what happened every 45 seconds.
            tip_overlap_ms: 120_000,
            settle_event_ms: 10,
            settle_reads: 2,
            sweep_interval: self.sweep_interval,
            sweep_depth: self.sweep_depth,
            deep_sweep_interval: Duration::ZERO,
            deep_sweep_depth: Duration::ZERO,
        }
    }
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> std::result::Result<(), Wrong> {
        if !is_account(&self.account) {
            return wrong(
                "account",
                "must be a storage account's name, such as \"shophost\"",
            );
        }
        let is_alphanumeric = |byte: u8| byte.is_ascii_alphanumeric();
        if self.table_prefix.is_empty() || !self.table_prefix.bytes().all(is_alphanumeric) {
            return wrong("table_prefix", "must be letters and digits");
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
