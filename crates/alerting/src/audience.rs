//! Whom a node tells, and by which rules.

use std::collections::{BTreeMap, BTreeSet};

use model::Timestamp;

use crate::channels::ChannelConfig;
use crate::config::AlertingConfig;
use crate::inhibition::{self, Inhibition};
use crate::monitors::Watched;
use crate::route::{self, Route};
use crate::state::Labels;
use crate::times::Times;
use crate::{AlertingError, Result};

/// The channels, and what decides which of them an alert is told through.
#[derive(Debug)]
pub(crate) struct Audience {
    pub(crate) channels: BTreeMap<String, ChannelConfig>,
    pub(crate) default_channels: Vec<String>,
    routes: Vec<Route>,
    inhibitions: Vec<Inhibition>,
    times: BTreeMap<String, Times>,
    /// Where people reach the node, for links.
    pub(crate) external_url: String,
}

impl Audience {
    /// Checks that every name leads somewhere. `url` is where people reach the node, if the
    /// configuration does not say it.
    pub(crate) fn new(
        config: &AlertingConfig,
        channels: Vec<ChannelConfig>,
        url: String,
    ) -> Result<Audience> {
        let mut by_name = BTreeMap::new();
        for channel in channels {
            channel.validate().map_err(AlertingError::Setting)?;
            by_name.insert(channel.name().to_owned(), channel);
        }
        for inhibition in &config.inhibitions {
            inhibition.check().map_err(AlertingError::Setting)?;
        }
        let mut times = BTreeMap::new();
        for named in &config.times {
            named.check().map_err(AlertingError::Setting)?;
            times.insert(named.name.clone(), named.clone());
        }
        let mut used = config.routes.iter().flat_map(Route::times);
        if let Some(name) = used.find(|name| !times.contains_key(*name)) {
            return Err(AlertingError::Unknown {
                what: "table of times",
                name: name.clone(),
            });
        }
        let routed = config.routes.iter().flat_map(|route| &route.channels);
        let audience = Audience {
            channels: by_name,
            default_channels: config.channels.clone(),
            routes: config.routes.clone(),
            inhibitions: config.inhibitions.clone(),
            times,
            external_url: config
                .url
                .clone()
                .unwrap_or(url)
                .trim_end_matches('/')
                .to_owned(),
        };
        audience.check_names(config.channels.iter().chain(routed))?;
        Ok(audience)
    }

    /// Checks that there are channels of these names.
    pub(crate) fn check_names<'a>(
        &self,
        mut names: impl Iterator<Item = &'a String>,
    ) -> Result<()> {
        match names.find(|name| !self.channels.contains_key(*name)) {
            Some(name) => Err(AlertingError::Unknown {
                what: "channel",
                name: name.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The channels of an alert: those of its monitor, or else those of its route; `None` while
    /// its routes are quiet.
    pub(crate) fn channels_of(
        &self,
        watched: &Watched,
        labels: &Labels,
        now: Timestamp,
    ) -> Option<BTreeSet<String>> {
        let named = watched.monitor.notify.channels.as_slice();
        if !named.is_empty() {
            return Some(named.iter().cloned().collect());
        }
        let is_now = |name: &String| self.times.get(name).is_some_and(|times| times.contain(now));
        route::channels(&self.routes, labels, &self.default_channels, is_now)
    }

    /// Whether any alert may be held back by another.
    pub(crate) fn inhibits(&self) -> bool {
        !self.inhibitions.is_empty()
    }

    /// The open alert that holds back one with the labels `target`.
    pub(crate) fn holder<'a>(&self, open: &'a [Labels], target: &Labels) -> Option<&'a Labels> {
        inhibition::holder(&self.inhibitions, open, target)
    }
}
