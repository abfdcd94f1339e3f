//! Finds the functions that log in the tables, and follows them.

use std::sync::Arc;

use model::Clock;
use tokio::sync::Semaphore;

use super::Config;
use super::client::{Next, Row, TableClient};
use super::function::{Definition, Function};
use super::tables;
use crate::error::{CollectorsError, Result};
use crate::sources::Context;
use crate::support::refusal::Refusal;
use crate::support::reread::discover::{Found, follow_all};
use crate::support::reread::follow::{self, Follower};
use crate::support::token_bucket::TokenBucket;

/// Pages of rows that one source holds in memory at most.
const PAGES_MAX: usize = 4;
/// Azure serves a partition of a table 2,000 rows a second; the host's own writes need most.
/// <https://learn.microsoft.com/azure/storage/tables/scalability-targets>
const REQUESTS_PER_SECOND: f64 = 200.0;
const DEFINITIONS: &str = "PartitionKey eq 'FD2'";

/// What all functions of a source share.
#[derive(Debug)]
pub(super) struct Account {
    pub(super) config: Arc<Config>,
    pub(super) client: TableClient,
    pub(super) budget: TokenBucket,
    pub(super) clock: Arc<dyn Clock>,
}

/// A function, and since when its tables are there.
struct Origin {
    definition: Definition,
    first_ms: i64,
}

/// Runs the source until the node stops.
///
/// # Errors
/// [`CollectorsError`] if the client cannot be made, or the sink or a task failed; the caller
/// starts the source again.
pub(crate) async fn run(config: Arc<Config>, context: Context) -> Result<()> {
    let client = TableClient::new(&config, Arc::clone(&context.clock))
        .map_err(|refusal| failed(&config, "reach", &refusal))?;
    let account = Arc::new(Account {
        config: Arc::clone(&config),
        client,
        budget: TokenBucket::new(REQUESTS_PER_SECOND),
        clock: Arc::clone(&context.clock),
    });
    let shared = follow::Shared {
        source: config.name.clone(),
        poll_interval: config.poll_interval,
        pages: Arc::new(Semaphore::new(PAGES_MAX)),
        context,
    };
    let discover = || discover(&account);
    let follow = |found: Found<Origin>, shared, saved| {
        let settings = config.settings(found.origin.first_ms);
        let function = Function::new(Arc::clone(&account), found.origin.definition);
        Follower::new(shared, function, settings, saved).follow()
    };
    follow_all(&shared, config.discovery_interval, discover, follow).await
}

/// Lists the functions that any host has defined.
async fn discover(account: &Account) -> Result<Vec<Found<Origin>>> {
    let prefix = &account.config.table_prefix;
    let filter = tables::tables_filter(prefix);
    let mut months = Vec::new();
    let mut next: Option<Next> = None;
    loop {
        account.budget.acquire().await;
        let page = account.client.tables(&filter, next.as_ref()).await;
        let (names, behind) = page.map_err(|refusal| {
            note_throttling(account, &refusal);
            failed(&account.config, "list the tables of", &refusal)
        })?;
        months.extend(
            names
                .iter()
                .filter_map(|name| tables::month_ms(prefix, name)),
        );
        next = behind;
        if next.is_none() {
            break;
        }
    }
    let now_ms = account.clock.now().millis();
    let first_ms = months.into_iter().min().unwrap_or(now_ms);
    let found = definitions(account)
        .await?
        .into_iter()
        .map(|definition| Found {
            key: definition.id.clone(),
            origin: Origin {
                definition,
                first_ms,
            },
        });
    Ok(found.collect())
}

async fn definitions(account: &Account) -> Result<Vec<Definition>> {
    let table = tables::common(&account.config.table_prefix);
    let mut found = Vec::new();
    let mut next: Option<Next> = None;
    loop {
        account.budget.acquire().await;
        let page = account
            .client
            .rows(&table, DEFINITIONS, next.as_ref())
            .await;
        let (rows, behind) = match page {
            // No host has logged anything yet.
            Err(Refusal::Missing(_)) => return Ok(found),
            Err(refusal) => {
                note_throttling(account, &refusal);
                let attempted = format!("list the functions in the table `{table}` of");
                return Err(failed(&account.config, &attempted, &refusal));
            }
            Ok(page) => page,
        };
        found.extend(rows.iter().filter_map(definition));
        next = behind;
        if next.is_none() {
            return Ok(found);
        }
    }
}

fn definition(row: &Row) -> Option<Definition> {
    let text = |name: &str| row.get(name)?.as_str().filter(|text| !text.is_empty());
    let id = text("RowKey")?.to_owned();
    let name = match (text("OriginalName"), id.split_once('-')) {
        (Some(name), _) => name.to_owned(),
        (None, Some((_, name))) => tables::plain(name),
        (None, None) => id.clone(),
    };
    Some(Definition { id, name })
}

fn note_throttling(account: &Account, refusal: &Refusal) {
    if let Refusal::Throttled { .. } = refusal {
        account.budget.throttled();
    }
}

fn failed(config: &Config, attempted: &str, refusal: &Refusal) -> CollectorsError {
    CollectorsError::Cloud {
        attempted: format!("{attempted} the storage account `{}`", config.account),
        problem: refusal.text().to_owned(),
    }
}
