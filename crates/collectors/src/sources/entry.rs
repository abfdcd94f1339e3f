//! One source of a node, whether it runs or not.

use std::sync::Arc;

use model::Timestamp;
use serde::Serialize;
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::book::KeptSource;
use super::check::check;
use super::sent::{self, Sent};
use crate::error::Result;
use crate::registry::{self, CollectorKind, SourceConfig};
use crate::status::{Monitor, SourceState, SourceStatus};

/// What the metrics call the collector of a source that cannot be read.
const UNKNOWN_COLLECTOR: &str = "unknown";

/// A source of the node.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    /// What was sent to add it; `None` if it comes from the configuration file.
    pub(super) sent: Option<Sent>,
    /// `None` if what was sent cannot be used; the monitor says why.
    pub(super) config: Option<SourceConfig>,
    pub(super) is_paused: bool,
    pub(super) monitor: Arc<Monitor>,
    /// Ends its tasks and hides it from senders.
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// A source with its configuration.
#[derive(Clone, Debug, Serialize)]
pub struct SourceDetails {
    /// How it is doing.
    #[serde(flatten)]
    pub status: SourceStatus,
    /// Its settings, secrets as `***`: those that were sent, or all of one of the file. Null if
    /// what is kept cannot be read.
    pub config: Value,
}

impl Entry {
    /// A source of the configuration file.
    pub(super) fn fixed(config: SourceConfig) -> Entry {
        Entry {
            name: config.name().to_owned(),
            monitor: Arc::new(Monitor::new(config.name(), config.collector())),
            sent: None,
            config: Some(config),
            is_paused: false,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// A source that was sent.
    pub(super) fn sent(config: SourceConfig, sent: Sent) -> Entry {
        Entry {
            sent: Some(sent),
            ..Entry::fixed(config)
        }
    }

    /// A source of which only this is left to say.
    fn unusable(name: &str, sent: Sent, problem: String, now: Timestamp) -> Entry {
        let collector = sent.get("collector").and_then(Value::as_str);
        let known = collector.and_then(registry::descriptor);
        let collector = known.map_or(UNKNOWN_COLLECTOR, |known| known.name);
        let monitor = Arc::new(Monitor::new(name, collector));
        tracing::error!(source = name, problem, "source cannot be started");
        monitor.failed(problem, now);
        monitor.set_state(SourceState::Failed);
        Entry {
            name: name.to_owned(),
            sent: Some(sent),
            config: None,
            is_paused: false,
            monitor,
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Whether it comes from the configuration file.
    pub(super) fn is_fixed(&self) -> bool {
        self.sent.is_none()
    }

    pub(super) fn is_pulled(&self) -> bool {
        let kind = self.config.as_ref().map(SourceConfig::kind);
        kind == Some(CollectorKind::Pulled)
    }

    pub(super) fn status(&self, now: Timestamp) -> SourceStatus {
        SourceStatus {
            is_fixed: self.is_fixed(),
            ..self.monitor.status(now)
        }
    }

    pub(super) fn details(&self, now: Timestamp) -> SourceDetails {
        let config = self.config.as_ref();
        SourceDetails {
            status: self.status(now),
            config: config.map_or(Value::Null, |config| {
                sent::shown(config, self.sent.as_ref())
            }),
        }
    }

    /// What is kept about it.
    pub(super) fn kept(&self) -> KeptSource {
        KeptSource {
            name: self.name.clone(),
            config: self.sent.as_ref().map(sent::text).unwrap_or_default(),
            is_paused: self.is_paused,
        }
    }
}

/// The sources of the file and those that were kept, checked one after the other.
pub(super) fn together(
    configs: Vec<SourceConfig>,
    kept: Vec<KeptSource>,
    now: Timestamp,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = configs.into_iter().map(Entry::fixed).collect();
    for entry in &mut entries {
        let mut kept = kept.iter().filter(|kept| kept.name == entry.name);
        entry.is_paused = kept.any(|kept| kept.is_paused);
    }
    let mut waiting: Vec<KeptSource> = kept;
    waiting.retain(|kept| !kept.config.is_empty());
    // One that names another comes after it, whatever their order.
    waiting.sort_by_key(|kept| is_naming(&kept.config));
    for kept in waiting {
        let sent = sent::of_text(&kept.config).unwrap_or_default();
        let entry = match usable(&sent, &entries) {
            Ok(config) => Entry {
                is_paused: kept.is_paused,
                ..Entry::sent(config, sent)
            },
            Err(error) => Entry::unusable(&kept.name, sent, error.to_string(), now),
        };
        entries.push(entry);
    }
    entries
}

fn is_naming(text: &str) -> bool {
    sent::of_text(text).is_ok_and(|sent| sent.contains_key("also_pulled_by"))
}

/// Reads what was sent, and checks it against the sources that are there.
fn usable(sent: &Sent, entries: &[Entry]) -> Result<SourceConfig> {
    let config = sent::parse(sent)?;
    let others = entries.iter().filter_map(|entry| entry.config.as_ref());
    check(others.chain([&config]))?;
    Ok(config)
}
