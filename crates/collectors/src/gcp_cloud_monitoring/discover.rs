//! Finds the metrics that a project has and the source wants, and follows each.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::client::MonitoringClient;
use super::decode::Descriptor;
use super::types::Types;
use super::{Config, PERIOD_MIN, Quotas};
use crate::error::{CollectorsError, Result};
use crate::sources::Context;
use crate::support::minutes::follow::MinuteFollower;
use crate::support::minutes::{Meter, Samples, Span};
use crate::support::refusal::Refusal;
use crate::support::reread::discover::{Found, follow_all};
use crate::support::reread::follow::Shared;
use crate::support::token_bucket::TokenBucket;
use crate::support::turn::in_turn;

/// Pages of points that one source holds in memory at most.
const PAGES_MAX: usize = 4;

/// What all metrics of a source share.
#[derive(Debug)]
struct Project {
    config: Arc<Config>,
    types: Types,
    client: MonitoringClient,
    budget: Arc<TokenBucket>,
}

/// Runs the source until the node stops.
///
/// # Errors
/// [`CollectorsError`] if the credentials cannot be used, or the sink or a task failed; the caller
/// starts the source again.
pub(super) async fn run(config: Arc<Config>, quotas: Arc<Quotas>, context: Context) -> Result<()> {
    let client = MonitoringClient::new(&config, Arc::clone(&context.clock))
        .map_err(|refusal| failed(&config, refusal.text()))?;
    let project = Arc::new(Project {
        types: Types::of(&config.metric_types).map_err(|problem| failed(&config, &problem))?,
        client,
        budget: quotas.calls(&config),
        config: Arc::clone(&config),
    });
    let shared = Shared {
        source: config.name.clone(),
        poll_interval: config.poll_interval,
        pages: Arc::new(Semaphore::new(PAGES_MAX)),
        context: context.clone(),
    };
    let discover = || discover(&project, &context);
    let follow = |found: Found<Descriptor>, mut shared: Shared, saved| {
        let Descriptor {
            metric_type,
            sample_period,
            ingest_delay,
        } = found.origin;
        let settings = project.config.settings(sample_period, ingest_delay);
        // There is nothing new before the next period.
        if settings.period > PERIOD_MIN {
            shared.poll_interval = shared.poll_interval.max(settings.period);
        }
        let metric = Metric {
            project: Arc::clone(&project),
            metric_type,
        };
        MinuteFollower::new(shared, metric, settings, saved).follow()
    };
    follow_all(&shared, config.discovery_interval, discover, follow).await
}

/// Lists the metrics that are wanted. While the node stops, none.
async fn discover(project: &Project, context: &Context) -> Result<Vec<Found<Descriptor>>> {
    let mut found = Vec::new();
    for service in project.types.services() {
        let mut token: Option<String> = None;
        loop {
            let page = || project.client.descriptors(service, token.as_deref());
            let answered = in_turn(context, &project.budget, page)
                .await
                .map_err(|refusal| failed(&project.config, refusal.text()))?;
            let Some(answered) = answered else {
                return Ok(Vec::new());
            };
            let (descriptors, next_token) = answered.answer;
            let wanted = descriptors
                .into_iter()
                .filter(|one| project.types.has(&one.metric_type));
            found.extend(wanted.map(|origin| Found {
                key: origin.metric_type.clone(),
                origin,
            }));
            token = next_token;
            if token.is_none() {
                break;
            }
        }
    }
    if found.is_empty() {
        let problem = "it has none of those in metric_types; check their spelling, or whether \
                       their services are in use";
        return Err(failed(&project.config, problem));
    }
    Ok(found)
}

fn failed(config: &Config, problem: &str) -> CollectorsError {
    CollectorsError::Cloud {
        attempted: format!("list the metrics of the project `{}`", config.project),
        problem: problem.to_owned(),
    }
}

/// One metric type of a project.
#[derive(Debug)]
struct Metric {
    project: Arc<Project>,
    metric_type: String,
}

impl Meter for Metric {
    fn key(&self) -> &str {
        &self.metric_type
    }

    fn name(&self) -> &str {
        &self.metric_type
    }

    fn budget(&self) -> &TokenBucket {
        &self.project.budget
    }

    async fn page(
        &self,
        span: Span,
        token: Option<String>,
    ) -> std::result::Result<Samples, Refusal> {
        let client = &self.project.client;
        client
            .series(&self.metric_type, span, token.as_deref())
            .await
    }
}
