//! The state behind the protocol: finds the operation, keeps the quotas, brings the fleet up to
//! now, and answers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::AwsError;
use super::feed::Feed;
use super::metrics::{self, Meters, MetricSums};
use super::quota::Quotas;
use super::store::{EventKey, Store};
use super::{describe, filter_log_events, get_log_events, put};
use crate::config::{Nuisances, SimulatorConfig};
use crate::random::Random;

/// The simulated CloudWatch Logs.
#[derive(Debug)]
pub(crate) struct Service {
    config: SimulatorConfig,
    state: Mutex<State>,
}

/// Everything that changes.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) store: Store,
    pub(crate) meters: Meters,
    feed: Feed,
    quotas: Quotas,
    pub(crate) random: Random,
    /// How many batches were put.
    pub(crate) put_requests: u64,
}

/// What an operation knows about its caller and the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) now_ms: i64,
    pub(crate) region: &'a str,
    pub(crate) account: &'a str,
    pub(crate) nuisances: &'a Nuisances,
}

impl Context<'_> {
    /// Refuses to read a group that nobody may read.
    pub(crate) fn check_access(&self, group: &str, operation: &str) -> Result<(), AwsError> {
        if self.nuisances.refused_group.as_deref() == Some(group) {
            return Err(AwsError::access_denied(operation, &self.group_arn(group)));
        }
        Ok(())
    }

    /// The resource name of a log group.
    pub(crate) fn group_arn(&self, group: &str) -> String {
        format!(
            "arn:aws:logs:{}:{}:log-group:{group}",
            self.region, self.account
        )
    }
}

impl Service {
    /// Returns the service with the fleet's history in it.
    pub(crate) fn new(config: SimulatorConfig) -> Service {
        let now = config.clock.now();
        let mut store = Store::default();
        let mut feed = Feed::new(config.fleet(now), config.nuisances.clone(), &mut store);
        feed.advance(now.millis(), &mut store);
        let mut meters = Meters::new(config.nuisances.clone());
        meters.add(feed.take_measured());
        let state = State {
            store,
            meters,
            feed,
            quotas: Quotas::new(config.nuisances.throttle_per_second),
            random: Random::new(config.seed ^ 0xa115),
            put_requests: 0,
        };
        Service {
            config,
            state: Mutex::new(state),
        }
    }

    /// Answers one call of `operation` with the body of the response.
    pub(crate) fn call(
        &self,
        operation: &str,
        region: &str,
        body: &[u8],
    ) -> Result<Vec<u8>, AwsError> {
        let mut state = self.admitted(operation)?;
        let (state, context) = (&mut *state, self.context(region));
        match operation {
            "DescribeLogGroups" => answer(body, |r| describe::log_groups(state, context, r)),
            "DescribeLogStreams" => answer(body, |r| describe::log_streams(state, context, r)),
            "FilterLogEvents" => {
                filter_log_events::filter_log_events(state, context, &request(body)?)
            }
            "GetLogEvents" => get_log_events::get_log_events(state, context, &request(body)?),
            "PutLogEvents" => answer(body, |r| put::log_events(state, context, r)),
            "CreateLogGroup" => silent(body, |r| put::create_log_group(state, context, r)),
            "CreateLogStream" => silent(body, |r| put::create_log_stream(state, context, r)),
            "DeleteLogGroup" => silent(body, |r| put::delete_log_group(state, &r)),
            "DeleteLogStream" => silent(body, |r| put::delete_log_stream(state, &r)),
            _ => Err(AwsError::unknown_operation()),
        }
    }

    /// Answers one call of an operation of CloudWatch's metrics.
    pub(crate) fn call_metrics(&self, operation: &str, body: &[u8]) -> Result<Vec<u8>, AwsError> {
        let mut state = self.admitted(operation)?;
        let now_ms = self.now_ms();
        match operation {
            "ListMetrics" => metrics::list_metrics(&state, now_ms, body),
            "GetMetricData" => metrics::get_metric_data(&mut state, now_ms, body),
            _ => Err(AwsError::unknown_operation()),
        }
    }

    /// What the metrics of invocations that began before `until` add up to, counted yet or not.
    pub(crate) fn metric_sums(&self, until: Timestamp) -> MetricSums {
        let mut state = self.state();
        self.advance(&mut state, self.now_ms());
        state.meters.sums(until.millis())
    }

    /// The state as of now, if the quota allows the call and it does not fail.
    fn admitted(&self, operation: &str) -> Result<MutexGuard<'_, State>, AwsError> {
        let now_ms = self.now_ms();
        let mut state = self.state();
        state.quotas.admit(operation, now_ms)?;
        let unavailable = self.config.nuisances.unavailable_fraction;
        if state.random.chance(unavailable) {
            return Err(AwsError::unavailable());
        }
        self.advance(&mut state, now_ms);
        Ok(state)
    }

    fn context<'a>(&'a self, region: &'a str) -> Context<'a> {
        Context {
            now_ms: self.now_ms(),
            region,
            account: &self.config.account,
            nuisances: &self.config.nuisances,
        }
    }

    fn now_ms(&self) -> i64 {
        self.config.clock.now().millis()
    }

    /// How many events with a time before `until` each group has, visible or not.
    pub(crate) fn event_counts(&self, until: Timestamp) -> BTreeMap<String, u64> {
        let mut state = self.state();
        self.advance(&mut state, self.now_ms());
        let groups = state.store.groups.iter();
        groups
            .map(|(name, group)| {
                let until = EventKey::before(until.millis());
                let count = group.events.range(..until).count() as u64 + group.dropped;
                (name.clone(), count)
            })
            .collect()
    }

    /// An id for a response.
    pub(crate) fn request_id(&self) -> String {
        crate::fleet::request_id(&mut self.state().random)
    }

    fn advance(&self, state: &mut State, now_ms: i64) {
        state.feed.advance(now_ms, &mut state.store);
        let measured = state.feed.take_measured();
        state.meters.add(measured);
        let retention_ms = i64::from(self.config.retention_hours) * 3_600_000;
        state
            .store
            .retain(now_ms - retention_ms, self.config.events_max);
        state.meters.retain(now_ms - retention_ms);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body).map_err(|_| AwsError::serialization())
}

/// Runs an operation whose answer is JSON.
fn answer<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    operation: impl FnOnce(Q) -> Result<A, AwsError>,
) -> Result<Vec<u8>, AwsError> {
    to_json(&operation(request(body)?)?)
}

/// Runs an operation whose answer is empty.
fn silent<Q: DeserializeOwned>(
    body: &[u8],
    operation: impl FnOnce(Q) -> Result<(), AwsError>,
) -> Result<Vec<u8>, AwsError> {
    operation(request(body)?).map(|()| Vec::new())
}

/// Writes an answer.
pub(crate) fn to_json(answer: &impl Serialize) -> Result<Vec<u8>, AwsError> {
    serde_json::to_vec(answer).map_err(|_| AwsError::serialization())
}

/// Finds the name of the group that a request means by name or by resource name.
pub(crate) fn group_name<'a>(
    name: Option<&'a str>,
    identifier: Option<&'a str>,
) -> Result<&'a str, AwsError> {
    match (name, identifier) {
        (Some(_), Some(_)) => Err(AwsError::validation(
            "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
        )),
        (Some(name), None) => Ok(name),
        (None, Some(identifier)) => {
            let name = identifier
                .split_once(":log-group:")
                .map_or(identifier, |(_, name)| name);
            Ok(name.strip_suffix(":*").unwrap_or(name))
        }
        (None, None) => Err(AwsError::validation(
            "Either the name or the identifier of the log group is required.",
        )),
    }
}
