//! `gcp_cloud_monitoring`: pulls metrics of a Google Cloud project from Cloud Monitoring.
//!
//! `discover` lists the metric types that the project has and that the source wants (`types`);
//! each is a [`crate::support::minutes::Meter`] of its own, because one call reads one type.
//! `client` asks Google, `decode` (pure) makes samples, `distribution` (pure) statistics of
//! histograms.
//!
//! # Times
//!
//! Google gives a point when the *end* of its period is in `(start, end]`; we read the periods
//! that *start* in `[start, end)`. For periods that touch one another these are the same, so the
//! two ends of a span are given to Google as they are. A sample about a period stands at the
//! period's start, a gauge or a sum since the beginning at its moment.

mod client;
mod decode;
mod discover;
mod distribution;
mod fuzz;
mod types;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::registry::{CollectorDescriptor, CollectorKind};
use crate::source::{Source, Wrong, wrong};
use crate::sources::{Context, Starting};
use crate::support::budgets::Budgets;
use crate::support::duration;
use crate::support::minutes::Settings;
use crate::support::secret::Secret;
use crate::support::start::Start;
use crate::support::token_bucket::TokenBucket;

pub(crate) use fuzz::fuzz;

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "gcp_cloud_monitoring",
    kind: CollectorKind::Pulled,
    summary: "Pulls metrics of a Google Cloud project, of its functions and of what they use.",
    example: r#"
[[sources]]
name = "prod-function-metrics"
collector = "gcp_cloud_monitoring"
project = "shop-prod"
metric_types = ["functions", "run", "pubsub"]
category = "gcp/metrics"
"#,
    policy: include_str!("policy.txt"),
};

/// Google's own address.
const ENDPOINT_URL: &str = "https://monitoring.googleapis.com";
/// The calls that all sources of a project make in a minute with the whole `quota_share`. What
/// a project may is shown by its console only (<https://cloud.google.com/monitoring/quotas>);
/// this is modest.
const CALLS_PER_MINUTE: f64 = 600.0;
/// How long Google keeps points of one minute
/// (<https://cloud.google.com/monitoring/quotas#data_retention_policy>: six weeks).
const KEPT: Duration = Duration::from_secs(42 * 24 * 3600);
/// The shortest period of Google's own metrics.
const PERIOD_MIN: Duration = Duration::from_secs(60);
/// Metrics with longer periods are looked at so often all the same.
const PERIOD_MAX: Duration = Duration::from_secs(600);

/// A source of this collector: metrics of one project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Its name, unique among the sources. Checkpoints are kept by it.
    pub name: String,
    /// The project's id.
    pub project: String,
    /// Another address than Google's own, for emulators.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// Which metrics are collected: metric types, beginnings of them that end with `/`, and the
    /// short names `functions`, `run`, `storage`, `firestore`, `bigquery`, `pubsub`, `dataflow`.
    #[serde(default = "default_metric_types")]
    pub metric_types: Vec<String>,
    /// `_sourceCategory` of the samples.
    #[serde(default)]
    pub category: String,
    /// Dimensions that every sample gets; `account` replaces the project's id.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// A key file instead of the default credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// An access token instead of credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// Time between two reads of a metric.
    #[serde(with = "duration", default = "default_poll_interval")]
    pub poll_interval: Duration,
    /// Time between two looks for new metric types.
    #[serde(with = "duration", default = "default_discovery_interval")]
    pub discovery_interval: Duration,
    /// How long after its end a period is read first, where Google does not say how late the
    /// metric is.
    #[serde(with = "duration", default = "default_delay")]
    pub delay: Duration,
    /// How long after that a period is read again, because Google may correct it.
    #[serde(with = "duration", default = "default_correction")]
    pub correction: Duration,
    /// How far back a metric is read that is new to the source: `"creation"` (the six weeks that
    /// Google keeps), `"now"`, or a duration such as `"3h"`.
    #[serde(default = "default_start")]
    pub start: Start,
    /// The share of our part of the project's request quota that may be used, above 0 and up to 1.
    #[serde(default = "default_quota_share")]
    pub quota_share: f64,
}

fn default_metric_types() -> Vec<String> {
    ["functions", "run"].map(str::to_owned).into()
}
fn default_poll_interval() -> Duration {
    Duration::from_secs(60)
}
fn default_discovery_interval() -> Duration {
    Duration::from_secs(3600)
}
fn default_delay() -> Duration {
    Duration::from_secs(240)
}
fn default_correction() -> Duration {
    Duration::from_secs(600)
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

    /// Whether the source reads an emulator: Google itself is never asked without TLS.
    fn is_emulator(&self) -> bool {
        self.endpoint_url().starts_with("http://")
    }

    /// How a metric is read that Google measures so often and shows so late.
    fn settings(
        &self,
        sample_period: Option<Duration>,
        ingest_delay: Option<Duration>,
    ) -> Settings {
        let period = sample_period.unwrap_or(PERIOD_MIN);
        Settings {
            period: period.clamp(PERIOD_MIN, PERIOD_MAX),
            delay: ingest_delay.unwrap_or(self.delay),
            correction: self.correction,
            // New series of a metric are in what is read of it anyway.
            discovery: Duration::ZERO,
            start: self.start,
            kept: KEPT,
        }
    }
}

impl Source for Config {
    fn name(&self) -> &str {
        &self.name
    }

    fn check(&self) -> std::result::Result<(), Wrong> {
        if self.project.is_empty() || self.project.contains('/') {
            return wrong("project", "must be a project's id, such as \"shop-prod\"");
        }
        types::Types::of(&self.metric_types).map_err(|problem| Wrong {
            setting: "metric_types",
            problem,
        })?;
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
        let (config, quotas) = (Arc::new(self), Arc::clone(&starting.quotas.gcp_metrics));
        starting.pull(context, move |context| {
            discover::run(Arc::clone(&config), Arc::clone(&quotas), context)
        });
        Ok(())
    }
}

/// The calls, shared by all sources of one project.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Budgets<TokenBucket>);

impl Quotas {
    fn calls(&self, config: &Config) -> Arc<TokenBucket> {
        let quota = [Some(config.endpoint_url()), Some(config.project.as_str())];
        self.0.get(&quota, || {
            TokenBucket::new(CALLS_PER_MINUTE / 60.0 * config.quota_share)
        })
    }
}

#[cfg(test)]
mod tests;
