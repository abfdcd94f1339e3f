//! A namespace as something that is read in spans of time, and the source that reads several.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::Timestamp;
use tokio::sync::Semaphore;

use super::client::MetricsClient;
use super::plan::{self, Metric, Plan};
use super::presets::{self, DAY, MINUTE};
use super::{Budget, Config, Quotas};
use crate::sources::Context;
use crate::support::duration::millis;
use crate::support::minutes::follow::MinuteFollower;
use crate::support::minutes::{Meter, Samples, Span};
use crate::support::refusal::Refusal;
use crate::support::reread::discover::{Found, follow_all};
use crate::support::reread::follow;
use crate::support::token_bucket::TokenBucket;
use crate::support::turn::in_turn;

/// Pages of samples that one source holds in memory at most.
const PAGES_MAX: usize = 4;
/// The most series of one namespace: a month of them costs over 4,000 dollars at the usual interval.
const SERIES_MAX: usize = 50_000;
/// AWS can list the metrics that got a sample within this time.
const RECENT: Duration = Duration::from_secs(3 * 3600);
const MONTH: Duration = DAY.saturating_mul(30);

/// Runs the source until the node stops.
///
/// # Errors
/// [`crate::CollectorsError`] if the sink or a task failed; the caller starts the source again.
pub(super) async fn run(
    config: Arc<Config>,
    quotas: Arc<Quotas>,
    context: Context,
) -> crate::Result<()> {
    let client = MetricsClient::connect(&config).await;
    let budget = quotas.budget(&config);
    let shared = follow::Shared {
        source: config.name.clone(),
        poll_interval: config.poll_interval,
        pages: Arc::new(Semaphore::new(PAGES_MAX)),
        context,
    };
    let discover = async || Ok(configured(&config));
    let follow = |found: Found<(String, Duration)>, mut shared: follow::Shared, saved| {
        let (name, period) = found.origin;
        shared.poll_interval = config.poll_interval(period);
        let namespace = Namespace {
            client: client.clone(),
            budget: Arc::clone(&budget),
            context: shared.context.clone(),
            config: Arc::clone(&config),
            key: found.key,
            name,
            period,
            known: BTreeSet::new(),
            listed_at: None,
            plan: Plan::default(),
        };
        let settings = config.settings(period);
        MinuteFollower::new(shared, namespace, settings, saved).follow()
    };
    follow_all(&shared, config.discovery_interval, discover, follow).await
}

/// What the configuration names: namespaces, each once for every period that its metrics have.
fn configured(config: &Config) -> Vec<Found<(String, Duration)>> {
    let namespaces = config.namespaces.iter();
    let found = namespaces.flat_map(|namespace| {
        presets::periods(namespace).iter().map(move |period| Found {
            key: match *period {
                MINUTE => namespace.clone(),
                period => format!("{namespace} every {} s", period.as_secs()),
            },
            origin: (namespace.clone(), *period),
        })
    });
    found.collect()
}

/// The metrics of one namespace that have the same period.
struct Namespace {
    client: MetricsClient,
    budget: Arc<Budget>,
    context: Context,
    config: Arc<Config>,
    key: String,
    name: String,
    period: Duration,
    /// What was listed last.
    known: BTreeSet<Metric>,
    listed_at: Option<Timestamp>,
    plan: Plan,
}

impl Namespace {
    /// Lists the metrics that are wanted; `None` if the node stops meanwhile.
    async fn list(&self, is_recent: bool) -> Result<Option<BTreeSet<Metric>>, Refusal> {
        let mut wanted = BTreeSet::new();
        let mut token: Option<String> = None;
        loop {
            let call = || self.client.metrics(&self.name, is_recent, token.clone());
            let answered = in_turn(&self.context, &self.budget.list_metrics, call).await?;
            let Some(answered) = answered else {
                return Ok(None);
            };
            let (page, next_token) = answered.answer;
            wanted.extend(page.into_iter().filter(|metric| self.wants(metric)));
            if wanted.len() > SERIES_MAX {
                return Err(Refusal::Other(format!(
                    "the namespace has more than SERIES_MAX = {SERIES_MAX} series; name the ones \
                     that are wanted with `metrics` or `dimensions`"
                )));
            }
            token = next_token;
            if token.is_none() {
                return Ok(Some(wanted));
            }
        }
    }

    fn wants(&self, metric: &Metric) -> bool {
        let config = &self.config;
        let has_dimensions = |wanted: &Vec<String>| {
            wanted.len() == metric.dimensions.len()
                && wanted
                    .iter()
                    .all(|name| metric.dimensions.contains_key(name))
        };
        presets::period(&self.name, &metric.name) == self.period
            && (config.metrics.is_empty() || config.metrics.contains(&metric.name))
            && config.dimensions.as_ref().is_none_or(has_dimensions)
    }
}

impl Meter for Namespace {
    fn key(&self) -> &str {
        &self.key
    }

    #[allow(
        clippy::misnamed_getters,
        reason = "people tell its periods apart by the key"
    )]
    fn name(&self) -> &str {
        &self.key
    }

    fn budget(&self) -> &TokenBucket {
        &self.budget.get_metric_data
    }

    /// Lists what got a sample lately, or all if older samples are still to be read. What is not
    /// listed any more is not asked for; should it come back, it is new.
    async fn look(&mut self, unread_from: Timestamp) -> Result<bool, Refusal> {
        let now = self.context.clock.now();
        let age_ms = |time: Timestamp| now.millis() - time.millis();
        let is_fresh = |at: Timestamp| age_ms(at).abs() < millis(self.config.discovery_interval);
        if self.listed_at.is_some_and(is_fresh) {
            return Ok(false);
        }
        // What there is once a day has mostly got its sample earlier.
        let is_recent = self.period == MINUTE && age_ms(unread_from) <= millis(RECENT);
        let Some(listed) = self.list(is_recent).await? else {
            return Ok(false);
        };
        self.listed_at = Some(now);
        let has_news = !listed.is_subset(&self.known);
        if listed != self.known {
            self.plan = Plan::new(&self.config, &self.name, &listed);
            self.known = listed;
        }
        let interval = self.config.poll_interval(self.period);
        let usd = self.plan.usd(MONTH.div_duration_f64(interval));
        self.context.monitor.origin_costs(&self.key, usd);
        Ok(has_news)
    }

    async fn page(&self, span: Span, token: Option<String>) -> Result<Samples, Refusal> {
        let place = match token {
            Some(token) => Place::read(&token)?,
            None => Place::default(),
        };
        let Some(call) = self.plan.calls.get(place.call) else {
            return Ok(Samples::default());
        };
        let (name, token) = (&self.name, place.token.clone());
        let answered = self.client.samples(name, self.period, call, span, token);
        let (results, next_token) = answered.await?;
        let (samples, missing) = plan::samples(call, results, next_token.as_deref())?;
        let next = place.behind(next_token, self.plan.calls.len());
        Ok(Samples {
            samples,
            next_token: next.map(|place| place.written()),
            missing,
            unreadable: Vec::new(),
        })
    }
}

/// Where reading a span is: the call, and the page of its answer.
#[derive(Debug, Default, PartialEq)]
struct Place {
    call: usize,
    token: Option<String>,
}

impl Place {
    /// The place of the page behind this one, which ended with `token`, if there is one.
    fn behind(self, token: Option<String>, calls: usize) -> Option<Place> {
        let call = match token {
            Some(_) => self.call,
            None => self.call + 1,
        };
        (call < calls).then_some(Place { call, token })
    }

    fn written(&self) -> String {
        format!(
            "{} {}",
            self.call,
            self.token.as_deref().unwrap_or_default()
        )
    }

    fn read(text: &str) -> Result<Place, Refusal> {
        let parts = text.split_once(' ');
        let place = parts.and_then(|(call, token)| {
            Some(Place {
                call: call.parse().ok()?,
                token: Some(token.to_owned()).filter(|token| !token.is_empty()),
            })
        });
        place.ok_or_else(|| Refusal::BadToken(format!("`{text}` is no place in a namespace")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_call_come_before_the_next_call() {
        let mut place = Place::default();
        let mut seen = Vec::new();
        for token in [Some("a b"), None, None, Some("c"), None] {
            let next = place.behind(token.map(str::to_owned), 3);
            let Some(next) = next else { break };
            seen.push(next.written());
            place = Place::read(&next.written()).unwrap();
        }
        assert_eq!(seen, ["0 a b", "1 ", "2 ", "2 c"]);
        assert!(Place::read("x y").is_err());
    }
}
