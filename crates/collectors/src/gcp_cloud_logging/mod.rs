//! `gcp_cloud_logging`: pulls the log entries of a Google Cloud project's functions, without a
//! sink or subscription.
//!
//! Google allows 60 reads a minute for a whole project, so one query reads all functions of it.
//! `project` is read with the windows of [`crate::support::reread`], which here are times of
//! *reception*: the entry of a request bears the time at which the request began, so it can be an
//! hour old when it is new. `client` asks Google, `decode` (pure) makes events.

mod client;
mod decode;
mod fuzz;
mod project;

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
use crate::support::reread::Settings;
use crate::support::secret::Secret;
use crate::support::start::Start;
use crate::support::token_bucket::TokenBucket;

pub(crate) use decode::{Decoder, Labels};
pub(crate) use fuzz::fuzz;
use project::run;

pub(crate) const DESCRIPTOR: CollectorDescriptor = CollectorDescriptor {
    name: "gcp_cloud_logging",
    kind: CollectorKind::Pulled,
    summary: "Pulls the log entries of the functions of a Google Cloud project.",
    example: r#"
[[sources]]
name = "prod-functions"
collector = "gcp_cloud_logging"
project = "shop-prod"
category = "gcp/functions"
fields = { account = "prod" }
"#,
    policy: include_str!("policy.txt"),
};

/// Google's own address.
const ENDPOINT_URL: &str = "https://logging.googleapis.com";
/// Functions of the first and of the second generation.
const FILTER: &str = r#"resource.type=("cloud_function" OR "cloud_run_revision")"#;
/// What Google allows a project, in a minute.
const READS_PER_MINUTE: f64 = 60.0;
/// Longest filter that is taken, in characters: Google takes 20,000 with what is added here.
const FILTER_CHARS_MAX: usize = 19_000;

/// A source of this collector: the functions of one project.
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
    /// Which entries are collected, in the Logging query language.
    #[serde(default = "default_filter")]
    pub filter: String,
    /// `_sourceCategory` of the events.
    #[serde(default)]
    pub category: String,
    /// Fields that every event gets; `account` replaces the project's id.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// A key file instead of the default credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_file: Option<PathBuf>,
    /// An access token instead of credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<Secret>,
    /// Time between two reads of the project.
    #[serde(with = "duration", default = "default_poll_interval")]
    pub poll_interval: Duration,
    /// How long an entry may take to become visible after it was received; the time that is read
    /// again and again.
    #[serde(with = "duration", default = "default_settle")]
    pub settle: Duration,
    /// Time between two reads of what has settled.
    #[serde(with = "duration", default = "default_sweep")]
    pub sweep_interval: Duration,
    /// How far such a read goes back.
    #[serde(with = "duration", default = "default_sweep")]
    pub sweep_depth: Duration,
    /// How much older than its reception an entry may be: as long as the longest request.
    #[serde(with = "duration", default = "default_entry_age")]
    pub entry_age_max: Duration,
    /// How far back a new source reads: `"creation"` (the 30 days that Google keeps), `"now"`, or
    /// a duration such as `"7d"`.
    #[serde(default)]
    pub start: Start,
    /// The share of the project's request quota that may be used, above 0 and up to 1.
    #[serde(default = "default_quota_share")]
    pub quota_share: f64,
}

fn default_filter() -> String {
    FILTER.to_owned()
}
fn default_poll_interval() -> Duration {
    Duration::from_secs(10)
}
fn default_settle() -> Duration {
    Duration::from_secs(60)
}
fn default_sweep() -> Duration {
    Duration::from_secs(30 * 60)
}
fn default_entry_age() -> Duration {
    Duration::from_secs(65 * 60)
}
fn default_quota_share() -> f64 {
    0.5
}

/// How long Google keeps entries where nothing else is set.
const KEPT_MS: i64 = 30 * 24 * 3_600_000;

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

    /// How the project is read from `now_ms` on.
    fn settings(&self, now_ms: i64) -> Settings {
        Settings {
            created_ms: None,
            first_ms: now_ms.saturating_sub(KEPT_MS),
            start: self.start,
            settle: self.settle,
            is_adaptive: false,
            is_by_reception: true,
            tip_overlap_ms: duration::millis(self.poll_interval),
            // A page of a thousand entries takes a sixtieth of the minute's calls.
            settle_event_ms: 10,
            settle_reads: 1,
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
        if self.project.is_empty() || self.project.contains('/') {
            return wrong("project", "must be a project's id, such as \"shop-prod\"");
        }
        if self.filter.trim().is_empty() || self.filter.chars().count() > FILTER_CHARS_MAX {
            return wrong(
                "filter",
                "must not be empty nor longer than 19,000 characters",
            );
        }
        if self.poll_interval.is_zero() || self.settle.is_zero() {
            return wrong("poll_interval", "and settle must be longer than nothing");
        }
        if self.sweep_interval.is_zero() || self.sweep_depth < self.settle {
            return wrong(
                "sweep_depth",
                "must be at least `settle`, and sweep_interval not zero",
            );
        }
        if !(self.quota_share > 0.0 && self.quota_share <= 1.0) {
            return wrong("quota_share", "must be above 0 and up to 1");
        }
        Ok(())
    }

    fn start(self, context: Context, starting: &mut Starting<'_>) -> Result<()> {
        let (config, quotas) = (Arc::new(self), Arc::clone(&starting.quotas.gcp));
        starting.pull(context, move |context| {
            run(Arc::clone(&config), Arc::clone(&quotas), context)
        });
        Ok(())
    }
}

/// The reads, shared by all sources of one project.
#[derive(Debug, Default)]
pub(crate) struct Quotas(Budgets<TokenBucket>);

impl Quotas {
    fn reads(&self, config: &Config) -> Arc<TokenBucket> {
        let quota = [Some(config.endpoint_url()), Some(config.project.as_str())];
        self.0.get(&quota, || {
            TokenBucket::new(READS_PER_MINUTE / 60.0 * config.quota_share)
        })
    }

    /// Lets tests ask the project of `config` as often as they like.
    #[cfg(test)]
    pub(crate) fn widen(&self, config: &Config, reads: TokenBucket) {
        let quota = [Some(config.endpoint_url()), Some(config.project.as_str())];
        self.0.get(&quota, || reads);
    }
}

#[cfg(test)]
mod tests;
