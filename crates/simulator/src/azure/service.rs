//! The state behind all services: checks who asks, keeps the quotas, brings the apps up to now,
//! and answers.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use model::Timestamp;
use serde_json::Value;

use super::auth::Account;
use super::blobs::Blobs;
use super::error::AzureError;
use super::feed::Feed;
use super::management::{self, Execution, ManagementError};
use super::quota::Quota;
use super::request::{Answer, Kind, Request};
use super::tables::Tables;
use super::{get_blob, list_blobs, query_tables};
use crate::config::SimulatorConfig;
use crate::executions::Executions;
use crate::fleet::request_id;
use crate::random::Random;

/// What an event takes about, as a line of a blob.
const EVENT_BYTES: usize = 400;

/// The simulated storage account.
#[derive(Debug)]
pub(crate) struct Service {
    config: SimulatorConfig,
    account: Account,
    state: Mutex<State>,
}

/// Everything that changes.
#[derive(Debug)]
pub(super) struct State {
    pub(super) blobs: Blobs,
    pub(super) tables: Tables,
    feed: Feed,
    blob_quota: Quota,
    table_quota: Quota,
    executions: Executions<Execution>,
    management_quota: management::Quota,
    pub(super) random: Random,
}

impl Service {
    /// Returns the account with the history of the apps in it.
    pub(crate) fn new(config: SimulatorConfig) -> Service {
        let now = config.clock.now();
        let per_second = config.nuisances.throttle_per_second;
        let state = State {
            blobs: Blobs::default(),
            tables: Tables::default(),
            feed: Feed::new(&config, now),
            blob_quota: Quota::new(per_second),
            table_quota: Quota::new(per_second),
            executions: Executions::new(config.seed ^ 0xa24e, &config.nuisances),
            management_quota: management::Quota::new(per_second),
            random: Random::new(config.seed ^ 0xa2e),
        };
        let service = Service {
            account: Account::new(&config.storage_account, &config.storage_key),
            config,
            state: Mutex::new(state),
        };
        service.advance(&mut service.state(), now);
        service
    }

    /// Answers one request.
    pub(super) fn answer(
        &self,
        kind: Kind,
        (method, uri): (&Method, &Uri),
        headers: &HeaderMap,
    ) -> Response {
        let now = self.config.clock.now();
        let request_id = request_id(&mut self.state().random);
        let answer = Request::new(kind, (method, uri), headers, &self.account.name)
            .and_then(|request| self.call(&request, now))
            .unwrap_or_else(|error| Answer::failed(kind, &error, (&request_id, now)));
        answer.into_response((method, headers), (&request_id, now))
    }

    fn call(&self, request: &Request<'_>, now: Timestamp) -> Result<Answer, AzureError> {
        let mut state = self.state();
        let quota = match request.kind {
            Kind::Blob => &mut state.blob_quota,
            Kind::Table => &mut state.table_quota,
        };
        quota.admit(now.millis())?;
        let unavailable = self.config.nuisances.unavailable_fraction;
        if state.random.chance(unavailable) {
            return Err(AzureError::internal());
        }
        self.account.check(request, now)?;
        if !matches!(*request.method, Method::GET | Method::HEAD) {
            return Err(AzureError::method());
        }
        self.advance(&mut state, now);
        let nuisances = &self.config.nuisances;
        match (request.kind, request.path.as_str()) {
            (Kind::Table, "Tables" | "Tables()") => query_tables::tables(&state, request),
            (Kind::Table, _) => query_tables::entities(&mut state, request, nuisances),
            (Kind::Blob, "") => match request.parameter("comp") {
                Some("list") => list_blobs::containers(&state, request),
                _ => Err(AzureError::invalid_query()),
            },
            (Kind::Blob, _) => match (request.parameter("restype"), request.parameter("comp")) {
                (Some("container"), Some("list")) => {
                    list_blobs::blobs(&mut state, request, nuisances)
                }
                (Some("container"), None) => get_blob::container(&state, request),
                (None, None) => get_blob::blob(&state, request),
                _ => Err(AzureError::invalid_query()),
            },
        }
    }

    /// Answers one call to Resource Manager at this host and path.
    pub(super) fn manage(
        &self,
        place: (&str, &str),
        query: &BTreeMap<String, String>,
    ) -> Result<Value, ManagementError> {
        let now = self.config.clock.now();
        let mut state = self.state();
        state.management_quota.admit(now.millis())?;
        let unavailable = self.config.nuisances.unavailable_fraction;
        if state.random.chance(unavailable) {
            return Err(ManagementError::internal());
        }
        self.advance(&mut state, now);
        management::answer(&state.executions, place, query, now)
    }

    /// What the metrics of each app must sum up to in the end, before `until`.
    pub(crate) fn metric_totals(
        &self,
        until: Timestamp,
    ) -> BTreeMap<String, BTreeMap<String, f64>> {
        let mut state = self.state();
        self.advance(&mut state, self.config.clock.now());
        management::truth(&state.executions, until)
    }

    /// How many lines each app has written, in its blob or not; of an app that has tables, how many
    /// executions.
    pub(crate) fn counts(&self) -> BTreeMap<String, u64> {
        let mut state = self.state();
        self.advance(&mut state, self.config.clock.now());
        let counts = state.feed.counts().iter();
        counts
            .map(|(app, count)| ((*app).to_owned(), *count))
            .collect()
    }

    fn advance(&self, state: &mut State, now: Timestamp) {
        let State {
            blobs,
            tables,
            feed,
            executions,
            ..
        } = state;
        feed.advance(now, (blobs, tables), executions);
        let hours = i64::from(self.config.retention_hours);
        let oldest = now.saturating_add_millis(-hours * 3_600_000);
        blobs.retain(oldest, self.config.events_max.saturating_mul(EVENT_BYTES));
        tables.retain(oldest, self.config.events_max);
        executions.retain(oldest);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
