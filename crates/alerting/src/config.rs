//! `[alerting]`: which monitors are watched, and who is told if they do not say it.

use std::path::PathBuf;
use std::time::Duration;

use model::duration;
use serde::Deserialize;

use crate::heartbeat::HeartbeatConfig;
use crate::inhibition::Inhibition;
use crate::route::Route;
use crate::times::Times;

/// `[alerting]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertingConfig {
    /// Apps whose packaged monitors are watched, such as `aws-lambda`.
    pub apps: Vec<String>,
    /// Folders of `*.monitor.toml`, folders in them included.
    pub monitors: Vec<PathBuf>,
    /// The channels of monitors that name none.
    pub channels: Vec<String>,
    /// Who is told about which alerts, if a monitor does not say it.
    pub routes: Vec<Route>,
    /// Times that routes speak of.
    pub times: Vec<Times>,
    /// Which alerts are not told while others are open.
    pub inhibitions: Vec<Inhibition>,
    /// What is called as long as alerting works.
    pub heartbeat: Option<HeartbeatConfig>,
    /// Where people reach the node, for links in messages.
    pub url: Option<String>,
    /// How long alerts that are over are kept.
    #[serde(deserialize_with = "duration::deserialize")]
    pub keep: Duration,
}

impl Default for AlertingConfig {
    fn default() -> Self {
        AlertingConfig {
            apps: Vec::new(),
            monitors: Vec::new(),
            channels: Vec::new(),
            routes: Vec::new(),
            times: Vec::new(),
            inhibitions: Vec::new(),
            heartbeat: None,
            url: None,
            keep: Duration::from_secs(90 * 86_400),
        }
    }
}
