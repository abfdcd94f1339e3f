//! `aws_cloudwatch_logs`: pulls the events of AWS log groups, without a subscription.
//!
//! `discover` follows each log group (`group`) in a task of its own, with the windows of
//! [`crate::support::reread`]; `client` asks AWS, `decode` (pure) makes events.

mod client;
mod decode;
mod discover;
mod fuzz;
mod group;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::{Source, Wrong, wrong};
use crate::sources::{Context, Starting};
use crate::support::aws::Access;
use crate::support::budgets::Budgets;
use crate::support::duration;
use crate::support::reread::Settings;
use crate::support::start::Start;
use crate::support::token_bucket::TokenBucket;

pub(crate) use client::Group;
pub(crate) use decode::{Decoder, Labels, RawEvent};
use discover::run;
pub(crate) use fuzz::fuzz;

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "aws_cloudwatch_logs",
    kind: CollectorKind::Pulled,
    summary: "Pulls the events of AWS CloudWatch log groups.",
    example: r#"
[[sources]]
name = "prod-lambda"
collector = "aws_cloudwatch_logs"
region = "us-east-1"
log_group_prefixes = ["/aws/lambda/"]
category = "aws/lambda"
fields = { account = "prod" }
"#,
    policy: include_str!("policy.txt"),
};

/// A source of this collector: the log groups of one account and region.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources. Checkpoints are kept by it.
    pub name: String,
    /// The region, such as `us-east-1`.
    pub region: String,
    /// Another address than AWS's own, for emulators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// Log groups whose names begin like this are collected.
    #[serde(default = "default_prefixes")]
    pub log_group_prefixes: Vec<String>,
    /// `_sourceCategory` of the events.
    #[serde(default)]
    pub category: String,
    /// Fields that every event gets; `account` replaces the account's number.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// An AWS profile instead of the default credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// A role to assume.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The external id that the role asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Time between two reads of a log group.
    #[serde(with = "duration", default = "default_poll_interval")]
    pub poll_interval: Duration,
    /// Time between two looks for new log groups.
    #[serde(with = "duration", default = "default_discovery_interval")]
    pub discovery_interval: Duration,
    /// How long an event may take to become visible; the time that is read again and again.
    #[serde(with = "duration", default = "default_settle")]
    pub settle: Duration,
    /// Whether `settle` grows when events are seen to come later.
    #[serde(default = "yes")]
    pub adaptive_settle: bool,
    /// Time between two reads of what has settled, for events that came later still.
    #[serde(with = "duration", default = "default_sweep_interval")]
    pub sweep_interval: Duration,
    /// How far such a read goes back.
    #[serde(with = "duration", default = "default_sweep_depth")]
    pub sweep_depth: Duration,
    /// Time between two reads that go further back, for events that came later than any sweep
    /// sees; each reads every event of that time once more. `"0s"` for none.
    #[serde(with = "duration", default = "default_deep_sweep")]
    pub deep_sweep_interval: Duration,
    /// How far back such a read goes. AWS takes events up to 14 days old.
    #[serde(with = "duration", default = "default_deep_sweep")]
    pub deep_sweep_depth: Duration,
    /// How far back a log group is read that is new to the source: `"creation"` (all of it),
    /// `"now"`, or a duration such as `"14d"`.
    #[serde(default)]
    pub start: Start,
    /// The share of the account's request quota that may be used, above 0 and up to 1. The
    /// rest is left to the console and other tools.
    #[serde(default = "default_quota_share")]
    pub quota_share: f64,
}

fn default_prefixes() -> Vec<String> {
    vec!["/aws/lambda/".to_owned()]
}
fn default_poll_interval() -> Duration {
    Duration::from_secs(5)
}
fn default_discovery_interval() -> Duration {
    Duration::from_secs(30)
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
fn default_deep_sweep() -> Duration {
    Duration::from_secs(24 * 3600)
}
fn default_quota_share() -> f64 {
    0.4
}
fn yes() -> bool {
    true
}

/// AWS takes events up to this old, so a log group can hold some from before its creation.
const EVENT_AGE_MAX_MS: i64 = (14 * 24 + 1) * 3_600_000;

impl Config {
    /// Which account and region are asked, and as whom.
    fn access(&self) -> Access<'_> {
        Access {
            region: &self.region,
            endpoint_url: self.endpoint_url.as_deref(),
            profile: self.profile.as_deref(),
            role_arn: self.role_arn.as_deref(),
            external_id: self.external_id.as_deref(),
        }
    }

    /// How a log group is read that was created at this moment.
    fn settings(&self, created_ms: i64) -> Settings {
        Settings {
            created_ms: Some(created_ms),
            first_ms: created_ms.saturating_sub(EVENT_AGE_MAX_MS),
            start: self.start,
            settle: self.settle,
            is_adaptive: self.adaptive_settle,
            is_by_reception: false,
            tip_overlap_ms: 20_000,
            settle_event_ms: 2,
            settle_reads: 5,
            sweep_interval: self.sweep_interval,
            sweep_depth: self.sweep_depth,
            deep_sweep_interval: self.deep_sweep_interval,
            deep_sweep_depth: self.deep_sweep_depth,
        }
    }

    /// Whether the source collects the log groups of this name in this region.
    pub(crate) fn collects(&self, region: &str, group: &str) -> bool {
        let mut prefixes = self.log_group_prefixes.iter();
        self.region == region && prefixes.any(|prefix| group.starts_with(prefix))
    }

    /// An event that was accepted so much later than its time may have been missed by the reads
    /// that come soon; only such events does a deep sweep hand over.
    fn late_from(&self) -> Duration {
        self.sweep_depth / 2
    }
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> std::result::Result<(), Wrong> {
        if self.region.is_empty() {
            return wrong("region", "is empty; give one such as \"us-east-1\"");
        }
        if self.log_group_prefixes.is_empty() {
            return wrong(
                "log_group_prefixes",
                "is empty; give [\"\"] for all log groups",
            );
        }
        if self.poll_interval.is_zero() || self.discovery_interval.is_zero() {
            return wrong(
                "poll_interval",
                "and discovery_interval must be longer than nothing",
            );
        }
        if self.sweep_interval.is_zero() || self.sweep_depth < self.settle {
            return wrong(
                "sweep_depth",
                "must be at least `settle`, and sweep_interval not zero",
            );
        }
        if !self.deep_sweep_interval.is_zero() && self.deep_sweep_depth < self.sweep_depth {
            return wrong("deep_sweep_depth", "must be at least `sweep_depth`");
        }
        if !(self.quota_share > 0.0 && self.quota_share <= 1.0) {
            return wrong("quota_share", "must be above 0 and up to 1");
        }
        Ok(())
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let (config, quotas) = (Arc::new(self), Arc::clone(&starting.quotas.aws));
        starting.pull(context, move |context| {
            run(Arc::clone(&config), Arc::clone(&quotas), context)
        });
        Ok(())
    }
}

/// The request budgets, shared by all sources that use the same account and region.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Budgets<Budget>);

/// The budgets of the two calls that are used.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) filter_log_events: TokenBucket,
    pub(crate) describe_log_groups: TokenBucket,
}

impl Quotas {
    /// The budget of the account and region of `config`; the first source sets its size.
    pub(crate) fn budget(&self, config: &Config) -> Arc<Budget> {
        self.0.get(&config.access().quota(), || Budget {
            filter_log_events: TokenBucket::new(
                filter_log_events_per_second(&config.region) * config.quota_share,
            ),
            describe_log_groups: TokenBucket::new(10.0 * config.quota_share),
        })
    }
}

/// AWS's quota, per account and region.
fn filter_log_events_per_second(region: &str) -> f64 {
    match region {
        "us-east-1" => 25.0,
        "ap-northeast-3" | "ap-southeast-3" | "ca-west-1" | "eu-central-1" | "il-central-1" => 5.0,
        _ => 10.0,
    }
}

#[cfg(test)]
mod tests;
