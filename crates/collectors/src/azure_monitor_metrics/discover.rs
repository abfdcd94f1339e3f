//! Finds the resources of the wanted types in a subscription, and follows each.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::client::ManagementClient;
use super::decode::Described;
use super::resource::{Resource, Subscription, key_of};
use super::{Config, Quotas};
use crate::error::{CollectorsError, Result};
use crate::sources::Context;
use crate::support::minutes::follow::MinuteFollower;
use crate::support::reread::discover::{Found, follow_all};
use crate::support::reread::follow::Shared;
use crate::support::turn::in_turn;

/// Answers that one source holds in memory at most.
const PAGES_MAX: usize = 4;

/// Runs the source until the node stops.
///
/// # Errors
/// [`CollectorsError`] if the client cannot be made, or the sink or a task failed; the caller
/// starts the source again.
pub(super) async fn run(config: Arc<Config>, quotas: Arc<Quotas>, context: Context) -> Result<()> {
    let client = ManagementClient::new(&config, Arc::clone(&context.clock))
        .map_err(|refusal| failed(&config, refusal.text()))?;
    let subscription = Arc::new(Subscription {
        client,
        quota: quotas.of(&config),
        config: Arc::clone(&config),
    });
    let shared = Shared {
        source: config.name.clone(),
        poll_interval: config.poll_interval,
        pages: Arc::new(Semaphore::new(PAGES_MAX)),
        context: context.clone(),
    };
    let discover = || discover(&subscription, &context);
    let follow = |found: Found<Described>, shared: Shared, saved| {
        let subscription = Arc::clone(&subscription);
        let settings = subscription.config.settings();
        let resource = Resource::new(subscription, found.origin, shared.context.clone());
        MinuteFollower::new(shared, resource, settings, saved).follow()
    };
    follow_all(&shared, config.discovery_interval, discover, follow).await
}

/// Lists the resources. While the node stops, none.
async fn discover(subscription: &Subscription, context: &Context) -> Result<Vec<Found<Described>>> {
    let Subscription {
        config,
        client,
        quota,
    } = subscription;
    let is_wanted = |resource: &Described| {
        let groups = &config.resource_groups;
        let group = resource.resource_group();
        groups.is_empty() || groups.iter().any(|one| one.eq_ignore_ascii_case(group))
    };
    let mut found = Vec::new();
    let mut link: Option<String> = None;
    loop {
        let page = || client.resources(&config.resource_types, link.as_deref());
        let answered = in_turn(context, &quota.calls, page)
            .await
            .map_err(|refusal| failed(config, refusal.text()))?;
        let Some(answered) = answered else {
            return Ok(Vec::new());
        };
        let (resources, next) = answered.answer;
        let wanted = resources.into_iter().filter(is_wanted);
        found.extend(wanted.map(|origin| Found {
            key: key_of(&origin),
            origin,
        }));
        link = next;
        if link.is_none() {
            return Ok(found);
        }
    }
}

fn failed(config: &Config, problem: &str) -> CollectorsError {
    CollectorsError::Cloud {
        attempted: format!(
            "list the resources of the subscription `{}`",
            config.subscription
        ),
        problem: problem.to_owned(),
    }
}
