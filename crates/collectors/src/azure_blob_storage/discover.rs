//! Finds the resources whose logs lie in the containers, and follows them.

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::Config;
use super::client::BlobClient;
use super::listing::Listing;
use super::position::Position;
use super::resource::{Follower, Resource};
use crate::error::{CollectorsError, Result};
use crate::sources::Context;
use crate::support::refusal::Refusal;
use crate::support::reread::discover::{Found, follow_all};
use crate::support::reread::follow::Shared;
use crate::support::token_bucket::TokenBucket;

/// Pieces of blobs that one source holds in memory at most.
const PIECES_MAX: usize = 4;
/// Storage accounts take thousands of requests a second; a source needs few.
const REQUESTS_PER_SECOND: f64 = 50.0;

/// What all resources of a source share.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) config: Arc<Config>,
    pub(super) client: BlobClient,
    pub(super) budget: TokenBucket,
}

/// Runs the source until the node stops.
///
/// # Errors
/// [`CollectorsError`] if the client cannot be made, or the sink or a task failed; the caller
/// starts the source again.
pub(crate) async fn run(config: Arc<Config>, context: Context) -> Result<()> {
    let client = BlobClient::new(&config, Arc::clone(&context.clock))
        .map_err(|refusal| failed(&config, "reach", &refusal))?;
    let account = Arc::new(Account {
        config: Arc::clone(&config),
        client,
        budget: TokenBucket::new(REQUESTS_PER_SECOND),
    });
    let shared = Shared {
        source: config.name.clone(),
        poll_interval: config.poll_interval,
        pages: Arc::new(Semaphore::new(PIECES_MAX)),
        context: context.clone(),
    };
    let discover = || discover(&account);
    let follow = |found: Found<Resource>, shared, saved: Option<Position>| {
        Follower::new(shared, Arc::clone(&account), found.origin, saved).follow()
    };
    follow_all(&shared, config.discovery_interval, discover, follow).await
}

/// Lists the resources of all containers, each once.
async fn discover(account: &Account) -> Result<Vec<Found<Resource>>> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for container in containers(account).await? {
        for page in pages(account, List::Resources(&container)).await? {
            for prefix in page.prefixes {
                // Azurite gives only the first letter of the delimiter back.
                let name = prefix.strip_suffix("y=").unwrap_or(&prefix);
                let Some(name) = name.strip_suffix('/') else {
                    continue;
                };
                let resource = Resource {
                    container: container.clone(),
                    name: name.to_owned(),
                };
                if seen.insert(resource.key()) {
                    found.push(Found {
                        key: resource.key(),
                        origin: resource,
                    });
                }
            }
        }
    }
    Ok(found)
}

/// The configured containers; those that are meant by a pattern are listed.
async fn containers(account: &Account) -> Result<Vec<String>> {
    let mut containers = Vec::new();
    for name in &account.config.containers {
        let Some(prefix) = name.strip_suffix('*') else {
            containers.push(name.clone());
            continue;
        };
        let pages = pages(account, List::Containers(prefix)).await?;
        containers.extend(pages.into_iter().flat_map(|page| page.containers));
    }
    Ok(containers)
}

/// What is listed.
#[derive(Clone, Copy, Debug)]
enum List<'a> {
    /// The containers that begin so.
    Containers(&'a str),
    /// The resources in this container.
    Resources(&'a str),
}

/// All pages of a list. A container that is not there yet, because nothing was logged, has none.
async fn pages(account: &Account, list: List<'_>) -> Result<Vec<Listing>> {
    let mut pages: Vec<Listing> = Vec::new();
    loop {
        let marker = pages.last().and_then(|page| page.marker.clone());
        if marker.is_none() && !pages.is_empty() {
            return Ok(pages);
        }
        account.budget.acquire().await;
        let marker = marker.as_deref();
        let page = match list {
            List::Containers(prefix) => account.client.containers(prefix, marker).await,
            List::Resources(container) => account.client.resources(container, marker).await,
        };
        match page {
            Ok(page) => pages.push(page),
            Err(Refusal::Missing(_)) => return Ok(pages),
            Err(refusal) => {
                if let Refusal::Throttled { .. } = refusal {
                    account.budget.throttled();
                }
                let attempted = match list {
                    List::Containers(prefix) => {
                        format!("list the containers that begin with `{prefix}` in")
                    }
                    List::Resources(container) => {
                        format!("list the resources in the container `{container}` of")
                    }
                };
                return Err(failed(&account.config, &attempted, &refusal));
            }
        }
    }
}

fn failed(config: &Config, attempted: &str, refusal: &Refusal) -> CollectorsError {
    CollectorsError::Cloud {
        attempted: format!("{attempted} the storage account `{}`", config.account),
        problem: refusal.text().to_owned(),
    }
}
