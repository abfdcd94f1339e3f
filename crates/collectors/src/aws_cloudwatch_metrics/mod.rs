//! `aws_cloudwatch_metrics`: pulls the metrics of AWS, without a metric stream.
//!
//! Each namespace is followed in a task of its own (`namespace`), with the spans of
//! [`crate::support::minutes`]; `presets` knows which statistics are worth asking for, `plan` (pure)
//! makes queries of them and samples of the answers, `client` asks AWS.

mod client;
mod fuzz;
mod namespace;
mod plan;
mod presets;

use std::collections::{BTreeMap, HashSet};
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
use crate::support::minutes::Settings;
use crate::support::start::Start;
use crate::support::token_bucket::TokenBucket;

pub(crate) use fuzz::fuzz;

use namespace::run;
use presets::DAY;

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "aws_cloudwatch_metrics",
    kind: CollectorKind::Pulled,
    summary: "Pulls the metrics of AWS CloudWatch.",
    example: r#"
[[sources]]
name = "prod-metrics"
collector = "aws_cloudwatch_metrics"
region = "us-east-1"
namespaces = ["AWS/Lambda", "AWS/SQS"]
category = "aws/metrics"
fields = { account = "prod" }
"#,
    policy: include_str!("policy.txt"),
};

/// A source of this collector: the metrics of one account and region.
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
    /// The namespaces whose metrics are collected.
    #[serde(default = "default_namespaces")]
    pub namespaces: Vec<String>,
    /// The names of the metrics that are collected; all if there are none.
    #[serde(default)]
    pub metrics: Vec<String>,
    /// Only series with exactly these dimensions are collected, and only they are paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimensions: Option<Vec<String>>,
    /// `_sourceCategory` of the samples.
    #[serde(default)]
    pub category: String,
    /// Dimensions that every sample gets, such as `account`.
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
    /// Time between two reads of a namespace. Each read is paid for, by the metrics in it.
    #[serde(with = "duration", default = "default_poll_interval")]
    pub poll_interval: Duration,
    /// How long after its end a minute is read first.
    #[serde(with = "duration", default = "default_delay")]
    pub delay: Duration,
    /// How long after that it is read again and again, because AWS may correct it: an error counts
    /// for the minute in which its invocation began, up to 15 minutes before it is known.
    #[serde(with = "duration", default = "default_correction")]
    pub correction: Duration,
    /// Time between two looks for new series.
    #[serde(with = "duration", default = "default_discovery_interval")]
    pub discovery_interval: Duration,
    /// How far back a namespace is read that is new to the source: `"creation"` (all that AWS
    /// keeps of minutes, 15 days), `"now"`, or a duration such as `"3h"`.
    #[serde(default = "default_start")]
    pub start: Start,
    /// The share of the account's request quota that may be used, above 0 and up to 1. The
    /// rest is left to the console and other tools.
    #[serde(default = "default_quota_share")]
    pub quota_share: f64,
}

fn default_namespaces() -> Vec<String> {
    vec!["AWS/Lambda".to_owned()]
}
fn default_poll_interval() -> Duration {
    Duration::from_secs(5 * 60)
}
fn default_delay() -> Duration {
    Duration::from_secs(2 * 60)
}
fn default_correction() -> Duration {
    Duration::from_secs(20 * 60)
}
fn default_discovery_interval() -> Duration {
    Duration::from_secs(5 * 60)
}
fn default_start() -> Start {
    Start::Before(Duration::from_secs(3 * 3600))
}
fn default_quota_share() -> f64 {
    0.4
}

/// A new metric can be listed so long after its first sample
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>).
const LISTED_AFTER: Duration = Duration::from_secs(15 * 60);
/// AWS keeps minutes so long, and days so long
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html>).
const MINUTES_KEPT: Duration = DAY.saturating_mul(15);
const DAYS_KEPT: Duration = DAY.saturating_mul(455);
/// The sample of a day comes up to so long after the day.
const DAY_COMES_WITHIN: Duration = DAY.saturating_mul(2);
/// What there is once a day is looked for so often.
const DAYS_POLL_INTERVAL: Duration = Duration::from_secs(3600);

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

    /// How series of this period are read.
    fn settings(&self, period: Duration) -> Settings {
        let discovery = LISTED_AFTER + self.discovery_interval + self.poll_interval + period;
        let is_daily = period == DAY;
        let (least, kept) = match is_daily {
            true => (DAY_COMES_WITHIN, DAYS_KEPT),
            false => (Duration::ZERO, MINUTES_KEPT),
        };
        Settings {
            period,
            delay: self.delay,
            correction: self.correction.max(least),
            discovery: discovery.max(least),
            start: self.start,
            kept,
        }
    }

    /// Time between two reads of series of this period.
    fn poll_interval(&self, period: Duration) -> Duration {
        match period {
            DAY => self.poll_interval.max(DAYS_POLL_INTERVAL),
            _ => self.poll_interval,
        }
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
        let mut seen = HashSet::new();
        let is_new = |namespace: &String| !namespace.is_empty() && seen.insert(namespace.clone());
        if self.namespaces.is_empty() || !self.namespaces.iter().all(is_new) {
            return wrong(
                "namespaces",
                "must name at least one namespace such as \"AWS/Lambda\", and each once",
            );
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
        let (config, quotas) = (Arc::new(self), Arc::clone(&starting.quotas.aws_metrics));
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
struct Budget {
    get_metric_data: TokenBucket,
    list_metrics: TokenBucket,
}

/// AWS's quotas in calls a second, per account and region
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html>).
const GET_METRIC_DATA_PER_SECOND: f64 = 50.0;
const LIST_METRICS_PER_SECOND: f64 = 25.0;

impl Quotas {
    /// The budget of the account and region of `config`; the first source sets its size.
    fn budget(&self, config: &Config) -> Arc<Budget> {
        self.0.get(&config.access().quota(), || Budget {
            get_metric_data: TokenBucket::new(GET_METRIC_DATA_PER_SECOND * config.quota_share),
            list_metrics: TokenBucket::new(LIST_METRICS_PER_SECOND * config.quota_share),
        })
    }
}

#[cfg(test)]
mod tests;
