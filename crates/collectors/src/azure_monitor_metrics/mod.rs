//! `azure_monitor_metrics`: pulls metrics of a subscription's resources from Azure Monitor.
//!
//! `discover` lists the resources of the wanted types; each is a `resource`, which is a
//! [`crate::support::minutes::Meter`] of its own. `names` says which metrics a type has, `client`
//! asks Azure, `decode` (pure) makes samples, `refusal` (pure) says what an answer means that is
//! none.
//!
//! A sample stands at the start of its minute, as Azure has it. A minute that an answer does not
//! tell is not zero: nothing was measured.

mod client;
mod decode;
mod discover;
mod fuzz;
mod names;
mod refusal;
mod resource;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::{Source, Wrong, wrong};
use crate::sources::{Context, Starting};
use crate::support::azure_storage::AzureCredentials;
use crate::support::budgets::Budgets;
use crate::support::duration;
use crate::support::minutes::Settings;
use crate::support::start::Start;
use crate::support::token_bucket::TokenBucket;

pub(crate) use fuzz::fuzz;

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "azure_monitor_metrics",
    kind: CollectorKind::Pulled,
    summary: "Pulls metrics of function apps and other resources of an Azure subscription.",
    example: r#"
[[sources]]
name = "prod-app-metrics"
collector = "azure_monitor_metrics"
subscription = "2f6c7f1e-8d0b-4f5e-9a43-5d1f0f6d7c11"
resource_types = ["Microsoft.Web/sites", "Microsoft.ServiceBus/namespaces"]
category = "azure/metrics"
"#,
    policy: include_str!("policy.txt"),
};

/// The public cloud's address.
const ENDPOINT_URL: &str = "https://management.azure.com";
/// What Azure allows a subscription
/// (<https://learn.microsoft.com/azure/azure-monitor/service-limits>).
const CALLS_PER_HOUR: f64 = 12_000.0;
/// What it allows of questions which metrics a resource has, in five minutes.
const DEFINITIONS_PER_5_MINUTES: f64 = 400.0;
/// Every metric that is read is measured for each minute.
const PERIOD: Duration = Duration::from_secs(60);
/// How long Azure keeps metrics
/// (<https://learn.microsoft.com/azure/azure-monitor/metrics/data-platform-metrics>).
const KEPT: Duration = Duration::from_secs(93 * 24 * 3600);

/// A source of this collector: metrics of one subscription.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources. Checkpoints are kept by it.
    pub name: String,
    /// The subscription's id.
    pub subscription: String,
    /// Of which types of resources, such as `Microsoft.Web/sites`.
    #[serde(default = "default_resource_types")]
    pub resource_types: Vec<String>,
    /// Only resources of these groups, if there are any.
    #[serde(default)]
    pub resource_groups: Vec<String>,
    /// Only these metrics, by Azure's names; otherwise those that tell how a resource is doing, or
    /// all of a type of which that is not known.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Another address than the public cloud's: of another cloud, or an emulator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// `_sourceCategory` of the samples.
    #[serde(default)]
    pub category: String,
    /// Dimensions that every sample gets; `account` replaces the subscription's id.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// Who asks; without it the environment's application, or the machine's managed identity.
    #[serde(default)]
    pub credentials: AzureCredentials,
    /// Time between two reads of a resource.
    #[serde(with = "duration", default = "default_poll_interval")]
    pub poll_interval: Duration,
    /// Time between two looks for new resources.
    #[serde(with = "duration", default = "default_discovery_interval")]
    pub discovery_interval: Duration,
    /// How long after its end a minute is read first.
    #[serde(with = "duration", default = "default_delay")]
    pub delay: Duration,
    /// How long after that a minute is read again, because Azure may correct it.
    #[serde(with = "duration", default = "default_correction")]
    pub correction: Duration,
    /// How far back a resource is read that is new to the source: `"creation"` (the 93 days that
    /// Azure keeps), `"now"`, or a duration such as `"3h"`.
    #[serde(default = "default_start")]
    pub start: Start,
    /// The share of the subscription's request quota that may be used, above 0 and up to 1.
    #[serde(default = "default_quota_share")]
    pub quota_share: f64,
}

fn default_resource_types() -> Vec<String> {
    vec!["Microsoft.Web/sites".to_owned()]
}
fn default_poll_interval() -> Duration {
    Duration::from_secs(60)
}
fn default_discovery_interval() -> Duration {
    Duration::from_secs(600)
}
fn default_delay() -> Duration {
    Duration::from_secs(180)
}
fn default_correction() -> Duration {
    Duration::from_secs(900)
}
fn default_start() -> Start {
    Start::Before(Duration::from_secs(3 * 3600))
}
fn default_quota_share() -> f64 {
    0.5
}

impl Config {
    fn endpoint_url(&self) -> &str {
        let given = self.endpoint_url.as_deref();
        given
            .filter(|url| !url.is_empty())
            .unwrap_or(ENDPOINT_URL)
            .trim_end_matches('/')
    }

    /// Whether the source reads an emulator: Azure itself is never asked without TLS.
    fn is_emulator(&self) -> bool {
        self.endpoint_url().starts_with("http://")
    }

    /// How a resource is read.
    fn settings(&self) -> Settings {
        Settings {
            period: PERIOD,
            delay: self.delay,
            correction: self.correction,
            // New series of a resource are in what is read of it anyway.
            discovery: Duration::ZERO,
            start: self.start,
            kept: KEPT,
        }
    }
}

/// Whether a text can stand in an address and between the quotes of a filter.
fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-._()".contains(c))
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> std::result::Result<(), Wrong> {
        if !is_plain(&self.subscription) {
            return wrong("subscription", "must be a subscription's id, a UUID");
        }
        let is_type = |name: &String| name.contains('/') && name.split('/').all(is_plain);
        if self.resource_types.is_empty() || !self.resource_types.iter().all(is_type) {
            return wrong(
                "resource_types",
                "must be types such as \"Microsoft.Web/sites\"",
            );
        }
        if self
            .metrics
            .iter()
            .any(|name| name.is_empty() || name.contains(','))
        {
            return wrong(
                "metrics",
                "must be names such as \"FunctionExecutionCount\"",
            );
        }
        if let Some(problem) = self.credentials.problem_for_entra() {
            return wrong("credentials", problem);
        }
        if self.poll_interval.is_zero() || self.discovery_interval.is_zero() {
            return wrong(
                "poll_interval",
                "and discovery_interval must be longer than nothing",
            );
        }
        if !(self.quota_share > 0.0 && self.quota_share <= 1.0) {
            return wrong("quota_share", "must be above 0 and up to 1");
        }
        Ok(())
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let (config, quotas) = (Arc::new(self), Arc::clone(&starting.quotas.azure_metrics));
        starting.pull(context, move |context| {
            discover::run(Arc::clone(&config), Arc::clone(&quotas), context)
        });
        Ok(())
    }
}

/// The calls of each subscription.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Budgets<Quota>);

/// The calls that all sources of one subscription share.
#[derive(Debug)]
pub(crate) struct Quota {
    calls: TokenBucket,
    definitions: TokenBucket,
}

impl Quotas {
    fn of(&self, config: &Config) -> Arc<Quota> {
        let quota = [
            Some(config.endpoint_url()),
            Some(config.subscription.as_str()),
        ];
        self.0.get(&quota, || Quota {
            calls: TokenBucket::new(CALLS_PER_HOUR / 3600.0 * config.quota_share),
            definitions: TokenBucket::new(DEFINITIONS_PER_5_MINUTES / 300.0 * config.quota_share),
        })
    }
}

#[cfg(test)]
mod tests;
