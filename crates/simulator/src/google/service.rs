//! The state behind the protocol: keeps the quota, brings the functions up to now, and answers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use serde_json::Value;

use super::error::GoogleError;
use super::feed::Feed;
use super::monitoring::{self, Execution};
use super::quota::{LOGGING, MONITORING, Quota};
use super::store::Store;
use super::{list, write};
use crate::config::{Nuisances, SimulatorConfig};
use crate::executions::Executions;
use crate::random::Random;

/// The simulated Cloud Logging and Cloud Monitoring.
#[derive(Debug)]
pub(crate) struct Service {
    config: SimulatorConfig,
    state: Mutex<State>,
}

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) executions: Executions<Execution>,
    feed: Feed,
    quota: Quota,
    metrics_quota: Quota,
    pub(crate) random: Random,
}

/// What a call knows about the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now: Timestamp,
    pub(crate) project: &'a str,
    pub(crate) nuisances: &'a Nuisances,
}

impl Service {
    /// Returns the service with the history of the functions in it.
    pub(crate) fn new(config: SimulatorConfig) -> Service {
        let now = config.clock.now();
        let state = State {
            store: Store::default(),
            feed: Feed::new(&config, now),
            executions: Executions::new(config.seed ^ 0xc0de, &config.nuisances),
            quota: Quota::new(&LOGGING, config.nuisances.reads_per_minute),
            metrics_quota: Quota::new(&MONITORING, config.nuisances.reads_per_minute),
            random: Random::new(config.seed ^ 0x600613),
        };
        let service = Service {
            config,
            state: Mutex::new(state),
        };
        service.advance(&mut service.state(), now);
        service
    }

    /// Answers one call.
    pub(crate) fn call(&self, call: &str, body: &Value) -> Result<Value, GoogleError> {
        let context = self.context();
        let mut state = self.state();
        match call {
            "entries:list" => {
                state.quota.admit(context.project, context.now.millis())?;
                if state.random.chance(context.nuisances.unavailable_fraction) {
                    return Err(GoogleError::unavailable());
                }
                self.advance(&mut state, context.now);
                list::entries(&mut state, context, body)
            }
            "entries:write" => write::entries(&mut state, context, body),
            _ => Err(GoogleError::no_call()),
        }
    }

    /// Answers one call about metrics.
    pub(crate) fn metrics(
        &self,
        (project, list): (&str, &str),
        query: &BTreeMap<String, String>,
    ) -> Result<Value, GoogleError> {
        let context = self.context();
        let mut state = self.state();
        let now_ms = context.now.millis();
        state.metrics_quota.admit(context.project, now_ms)?;
        if state.random.chance(context.nuisances.unavailable_fraction) {
            return Err(GoogleError::unavailable());
        }
        if project != context.project {
            return Err(GoogleError::no_call());
        }
        self.advance(&mut state, context.now);
        match list {
            "metricDescriptors" => monitoring::metric_descriptors(context, query),
            "timeSeries" => monitoring::time_series(&mut state, context, query),
            _ => Err(GoogleError::no_call()),
        }
    }

    /// How many executions of each function that end before `until` ended how: what its metrics
    /// must say in the end.
    pub(crate) fn execution_counts(
        &self,
        until: Timestamp,
    ) -> BTreeMap<String, BTreeMap<String, u64>> {
        let mut state = self.state();
        self.advance(&mut state, self.config.clock.now());
        monitoring::truth(&state.executions, until)
    }

    fn context(&self) -> Context<'_> {
        Context {
            now: self.config.clock.now(),
            project: &self.config.project,
            nuisances: &self.config.nuisances,
        }
    }

    /// How many entries each function has, visible or not.
    pub(crate) fn entry_counts(&self) -> BTreeMap<String, u64> {
        let mut state = self.state();
        self.advance(&mut state, self.config.clock.now());
        state.store.counts()
    }

    fn advance(&self, state: &mut State, now: Timestamp) {
        let State {
            feed,
            store,
            executions,
            ..
        } = state;
        feed.advance(now, store, executions);
        let hours = i64::from(self.config.retention_hours);
        let oldest = now.saturating_add_millis(-hours * 3_600_000);
        store.retain(oldest, self.config.events_max);
        executions.retain(oldest);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A time as Google writes it.
pub(crate) fn text(time: Timestamp) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time.nanos()))
        .map_or_else(|_| String::new(), |time| time.to_string())
}

/// A time that a client writes.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let time: jiff::Timestamp = text.parse().ok()?;
    let nanos = i64::try_from(time.as_nanosecond()).ok()?;
    Some(Timestamp::from_nanos(nanos))
}
