//! How each source is doing: state, errors, lag and lateness, for people and dashboards.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::{Receipt, Timestamp};
use serde::Serialize;
use tokio::sync::Notify;

use crate::metrics;
use crate::registry::{CollectorKind, kind_of};
use crate::support::dead_letters::Lately;

/// Latest lateness values kept for the percentile.
const LATENESS_SAMPLES_MAX: usize = 1024;

/// What a source is doing now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It has not reached its origin yet.
    Starting,
    /// It collects, or listens.
    Running,
    /// Ingest is full; it holds its events and tries again.
    Waiting,
    /// It failed and will try again by itself.
    Retrying,
    /// Somebody has paused it.
    Paused,
    /// It cannot be started as it is configured; `last_error` says why.
    Failed,
    /// The node is stopping.
    Stopped,
}

/// A source, as its operator sees it.
#[derive(Clone, Debug, Serialize)]
pub struct SourceStatus {
    /// The configured name.
    pub name: String,
    /// The collector that it uses.
    pub collector: &'static str,
    /// Whether it asks, or is sent its data.
    pub kind: CollectorKind,
    /// Whether it comes from the configuration file: then it can be paused, but not changed.
    pub is_fixed: bool,
    /// What it is doing.
    pub state: SourceState,
    /// The last failure, if any, also when it is over.
    pub last_error: Option<String>,
    /// When the last failure was, in milliseconds since the epoch.
    pub last_error_time: Option<i64>,
    /// Events made durable since the start of the node.
    pub events_total: u64,
    /// Events that had been collected before and were not stored again.
    pub events_repeated_total: u64,
    /// Failures since the start of the node.
    pub errors_total: u64,
    /// What it was given and could not read since the start of the node. The last of it are
    /// events of the category `nephoscope/dead_letters`.
    pub dead_letters_total: u64,
    /// Calls that the cloud refused because of its quota.
    pub throttles_total: u64,
    /// Calls a second that the source allows itself now.
    pub requests_per_second: Option<f64>,
    /// What the cloud bills for the calls of 30 days, about, in US dollars; `None` where calls
    /// are not billed one by one.
    pub cost_usd_per_month: Option<f64>,
    /// Time since the slowest origin was read up to the present, in milliseconds.
    pub lag_ms: Option<i64>,
    /// How late events become visible at the origin: the 99th percentile, in milliseconds.
    pub lateness_ms_p99: Option<i64>,
    /// Every origin inside the source.
    pub origins: Vec<OriginStatus>,
}

/// One origin, such as a log group.
#[derive(Clone, Debug, Serialize)]
pub struct OriginStatus {
    /// Its identity, such as an ARN.
    pub origin: String,
    /// Its name.
    pub name: String,
    /// Everything before this moment is final, in milliseconds since the epoch.
    pub final_until: Option<i64>,
    /// How much older history is still to be read, in milliseconds.
    pub history_left_ms: i64,
    /// Time since it was read up to the present, in milliseconds.
    pub lag_ms: Option<i64>,
    /// How late its events become visible: the 99th percentile, in milliseconds.
    pub lateness_ms_p99: Option<i64>,
    /// What the cloud bills for reading it for 30 days, about, in US dollars.
    pub cost_usd_per_month: Option<f64>,
    /// Events made durable since the start of the node.
    pub events_total: u64,
    /// Its last failure; `None` after the next success.
    pub last_error: Option<String>,
}

/// Where a source notes how it is doing.
#[derive(Debug)]
pub(crate) struct Monitor {
    name: String,
    collector: &'static str,
    /// What could not be read lately.
    pub(crate) dead_letters: Lately,
    inner: Mutex<Inner>,
    /// Told of every failure.
    failing: Notify,
}

#[derive(Debug)]
struct Inner {
    state: SourceState,
    is_paused: bool,
    last_error: Option<(String, Timestamp)>,
    events_total: u64,
    repeated_total: u64,
    errors_total: u64,
    dead_letters_total: u64,
    throttles_total: u64,
    requests_per_second: Option<f64>,
    origins: BTreeMap<String, Origin>,
}

#[derive(Debug, Default)]
struct Origin {
    name: String,
    final_until: Option<Timestamp>,
    history_left_ms: i64,
    read_up_to: Option<Timestamp>,
    lateness: Lateness,
    cost_usd_per_month: Option<f64>,
    events_total: u64,
    last_error: Option<String>,
}

/// The latest lateness values, in milliseconds.
#[derive(Debug, Default)]
struct Lateness {
    samples: Vec<i64>,
    next: usize,
}

impl Lateness {
    fn add(&mut self, lateness_ms: i64) {
        if self.samples.len() < LATENESS_SAMPLES_MAX {
            self.samples.push(lateness_ms);
        } else {
            self.samples[self.next] = lateness_ms;
            self.next = (self.next + 1) % LATENESS_SAMPLES_MAX;
        }
    }

    fn p99(&self) -> Option<i64> {
        let mut sorted = self.samples.clone();
        sorted.sort_unstable();
        sorted
            .get((sorted.len() * 99 / 100).min(sorted.len().saturating_sub(1)))
            .copied()
    }
}

impl Monitor {
    pub(crate) fn new(name: &str, collector: &'static str) -> Self {
        Monitor {
            name: name.to_owned(),
            collector,
            dead_letters: Lately::default(),
            inner: Mutex::new(Inner {
                state: SourceState::Starting,
                is_paused: false,
                last_error: None,
                events_total: 0,
                repeated_total: 0,
                errors_total: 0,
                dead_letters_total: 0,
                throttles_total: 0,
                requests_per_second: None,
                origins: BTreeMap::new(),
            }),
            failing: Notify::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn collector(&self) -> &'static str {
        self.collector
    }

    pub(crate) fn set_state(&self, state: SourceState) {
        self.lock().state = state;
    }

    /// Notes that the source is paused, or goes on: it is what it does until it is told otherwise.
    pub(crate) fn set_paused(&self, is_paused: bool) {
        self.lock().is_paused = is_paused;
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.lock().is_paused
    }

    /// Waits for a failure that nobody has waited for yet.
    pub(crate) async fn failure(&self) {
        self.failing.notified().await;
    }

    /// Notes a failure of the source as a whole.
    pub(crate) fn failed(&self, problem: String, now: Timestamp) {
        metrics::error(self.collector);
        let mut inner = self.lock();
        inner.errors_total += 1;
        inner.last_error = Some((problem, now));
        drop(inner);
        self.failing.notify_one();
    }

    /// Notes a failure of one origin.
    pub(crate) fn origin_failed(&self, origin: &str, problem: String, now: Timestamp) {
        let name = self.lock().origin(origin).name.clone();
        self.failed(format!("{name}: {problem}"), now);
        self.lock().origin(origin).last_error = Some(problem);
    }

    /// Counts what could not be read.
    pub(crate) fn dead_letter(&self) {
        self.lock().dead_letters_total += 1;
    }

    pub(crate) fn throttled(&self, requests_per_second: f64) {
        metrics::throttle(self.collector);
        let mut inner = self.lock();
        inner.throttles_total += 1;
        inner.requests_per_second = Some(requests_per_second);
    }

    pub(crate) fn set_requests_per_second(&self, rate: f64) {
        self.lock().requests_per_second = Some(rate);
    }

    /// Counts events that became durable.
    pub(crate) fn received(&self, origin: Option<&str>, receipt: Receipt) {
        metrics::events(self.collector, receipt.stored, receipt.repeated);
        let mut inner = self.lock();
        inner.events_total += receipt.stored as u64;
        inner.repeated_total += receipt.repeated as u64;
        if let Some(origin) = origin {
            inner.origin(origin).events_total += receipt.stored as u64;
        }
    }

    pub(crate) fn add_origin(&self, origin: &str, name: &str) {
        name.clone_into(&mut self.lock().origin(origin).name);
    }

    pub(crate) fn remove_origin(&self, origin: &str) {
        self.lock().origins.remove(origin);
    }

    /// Notes that everything visible at `now` has been read.
    pub(crate) fn origin_read(
        &self,
        origin: &str,
        read_up_to: Timestamp,
        final_until: Timestamp,
        history_left_ms: i64,
    ) {
        let mut inner = self.lock();
        let origin = inner.origin(origin);
        origin.read_up_to = Some(read_up_to);
        origin.final_until = Some(final_until);
        origin.history_left_ms = history_left_ms;
        origin.last_error = None;
    }

    /// Notes what the cloud bills for reading the origin for 30 days, about, in US dollars.
    pub(crate) fn origin_costs(&self, origin: &str, usd_per_month: f64) {
        self.lock().origin(origin).cost_usd_per_month = Some(usd_per_month);
    }

    pub(crate) fn lateness(&self, origin: &str, lateness_ms: impl Iterator<Item = i64>) {
        let mut inner = self.lock();
        let origin = inner.origin(origin);
        lateness_ms.for_each(|value| origin.lateness.add(value.max(0)));
    }

    pub(crate) fn lateness_ms_p99(&self, origin: &str) -> Option<i64> {
        self.lock().origin(origin).lateness.p99()
    }

    /// The status as of `now`.
    pub(crate) fn status(&self, now: Timestamp) -> SourceStatus {
        let inner = self.lock();
        let origins: Vec<OriginStatus> = inner
            .origins
            .iter()
            .map(|(key, origin)| origin.status(key, now))
            .collect();
        let lag_ms = origins.iter().filter_map(|origin| origin.lag_ms).max();
        if let Some(lag_ms) = lag_ms {
            metrics::lag(self.collector, lag_ms);
        }
        SourceStatus {
            name: self.name.clone(),
            collector: self.collector,
            kind: kind_of(self.collector),
            is_fixed: false,
            state: match inner.is_paused {
                true => SourceState::Paused,
                false => inner.state,
            },
            last_error: inner
                .last_error
                .as_ref()
                .map(|(problem, _)| problem.clone()),
            last_error_time: inner.last_error.as_ref().map(|(_, time)| time.millis()),
            events_total: inner.events_total,
            events_repeated_total: inner.repeated_total,
            errors_total: inner.errors_total,
            dead_letters_total: inner.dead_letters_total,
            throttles_total: inner.throttles_total,
            requests_per_second: inner.requests_per_second,
            cost_usd_per_month: origins
                .iter()
                .filter_map(|origin| origin.cost_usd_per_month)
                .reduce(|sum, cost| sum + cost),
            lag_ms,
            lateness_ms_p99: origins
                .iter()
                .filter_map(|origin| origin.lateness_ms_p99)
                .max(),
            origins,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn origin(&mut self, origin: &str) -> &mut Origin {
        if !self.origins.contains_key(origin) {
            self.origins.insert(origin.to_owned(), Origin::default());
        }
        self.origins.get_mut(origin).expect("it was inserted above")
    }
}

impl Origin {
    fn status(&self, key: &str, now: Timestamp) -> OriginStatus {
        OriginStatus {
            origin: key.to_owned(),
            name: self.name.clone(),
            final_until: self.final_until.map(Timestamp::millis),
            history_left_ms: self.history_left_ms,
            lag_ms: self
                .read_up_to
                .map(|read| (now.millis() - read.millis()).max(0)),
            lateness_ms_p99: self.lateness.p99(),
            cost_usd_per_month: self.cost_usd_per_month,
            events_total: self.events_total,
            last_error: self.last_error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_and_lateness_are_those_of_the_worst_origin_and_costs_add_up() {
        let monitor = Monitor::new("prod", "aws_cloudwatch_logs");
        monitor.add_origin("a", "/aws/lambda/a");
        monitor.add_origin("b", "/aws/lambda/b");
        let at = Timestamp::from_millis;
        monitor.origin_read("a", at(10_000), at(4_000), 0);
        monitor.origin_read("b", at(7_000), at(4_000), 0);
        monitor.lateness("a", 0..100);
        monitor.lateness("b", [5000].into_iter());
        assert_eq!(monitor.status(at(12_000)).cost_usd_per_month, None);
        monitor.origin_costs("a", 2.5);
        monitor.origin_costs("b", 0.25);
        let status = monitor.status(at(12_000));
        assert_eq!(status.lag_ms, Some(5_000));
        assert_eq!(status.lateness_ms_p99, Some(5_000));
        assert_eq!(status.cost_usd_per_month, Some(2.75));
        assert_eq!(status.origins[0].lateness_ms_p99, Some(99));
    }

    #[test]
    fn an_error_of_an_origin_goes_away_with_the_next_success() {
        let monitor = Monitor::new("prod", "aws_cloudwatch_logs");
        let at = Timestamp::from_millis;
        monitor.add_origin("a", "/g");
        monitor.origin_failed("a", "no".to_owned(), at(1));
        assert_eq!(
            monitor.status(at(1)).origins[0].last_error.as_deref(),
            Some("no")
        );
        monitor.origin_read("a", at(2), at(2), 0);
        let status = monitor.status(at(2));
        assert_eq!(status.origins[0].last_error, None);
        assert_eq!(status.last_error.as_deref(), Some("/g: no"));
    }
}
