//! Running searches: started, watched, paged, cancelled; forgotten when nobody asks for a while.

mod explain;
mod facets;
mod filters;
mod histogram;
mod identity;
mod latest;
mod newest;
mod page;
mod prepare;
mod run;
mod status;
mod windows;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::future::BoxFuture;
use jiff::tz::TimeZone;
use model::{TimeRange, limits};
use storage::Store;
use tokio::sync::{Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

pub use explain::{Explanation, ScanExplanation, SegmentExplanation};
pub use facets::{Facet, FacetValue, FacetsRequest, Numbers};
pub use filters::Filter;
pub use histogram::Bucket;
pub use page::{Page, Row};
pub use status::{SearchState, SearchStatus};

use crate::session::{Engine, EngineConfig};
use crate::{Diagnostic, QueryError, Result, ResultField, ResultKind};
use page::TimeStyle;

/// The language of a query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// The pipe language over events.
    #[default]
    Log,
    /// The pipe language over metrics; answered by [`Engine::metrics`] and not by searches.
    Metrics,
    /// SQL (`SELECT`) over `events`, `invocations` and `samples`.
    Sql,
}

/// What to search for.
#[derive(Clone, Debug)]
pub struct SearchRequest {
    /// The query's text.
    pub query: String,
    /// Filters beside the text.
    pub filters: Vec<Filter>,
    /// Events of this range.
    pub range: TimeRange,
    /// The zone in which days begin and dates are written.
    pub time_zone: TimeZone,
    /// Whether the range is about the receipt time.
    pub by_receipt_time: bool,
    /// Whether JSON messages are parsed without being told to.
    pub auto_parse: bool,
    /// The language of the text.
    pub language: Language,
    /// Whether an aggregate query, too, counts its matches over time; costs a second pass.
    pub histogram_by_level: bool,
}

/// How searches are run.
#[derive(Clone, Debug)]
pub struct SearchConfig {
    /// What queries may use.
    pub engine: EngineConfig,
    /// Searches that work at the same time; others wait.
    pub running_max: usize,
    /// A search that nobody asks about for this long is cancelled and forgotten.
    pub keep_alive: Duration,
    /// Memory for the messages that one search keeps, in bytes.
    pub messages_bytes_max: usize,
}

impl Default for SearchConfig {
    fn default() -> Self {
        SearchConfig {
            engine: EngineConfig::default(),
            running_max: 8,
            keep_alive: Duration::from_secs(300),
            messages_bytes_max: 128 << 20,
        }
    }
}

/// Names one running or kept search.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchId(String);

impl SearchId {
    /// Returns the id that a client sent; whether a search has it is another question.
    pub fn new(id: impl Into<String>) -> Self {
        SearchId(id.into())
    }
}

impl fmt::Display for SearchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What one search has found; rows are only appended.
#[derive(Debug, Default)]
struct Results {
    batches: Vec<RecordBatch>,
    rows: usize,
}

/// What the last asker for news has been told.
#[derive(Debug, Default)]
struct Reported {
    counts: Vec<u64>,
    errors: usize,
    warnings: usize,
}

#[derive(Debug)]
struct Search {
    status: watch::Sender<SearchStatus>,
    results: Mutex<Results>,
    reported: Mutex<Reported>,
    style: TimeStyle,
    asked: Mutex<Instant>,
    task: Mutex<Option<AbortHandle>>,
}

impl Search {
    fn cancel(&self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
        self.status.send_modify(|status| {
            if !status.state.is_final() {
                status.state = SearchState::Cancelled;
            }
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Registry {
    engine: Engine,
    config: SearchConfig,
    turns: Arc<Semaphore>,
    searches: Mutex<HashMap<SearchId, Arc<Search>>>,
}

/// All searches of a node.
#[derive(Clone, Debug)]
pub struct Searches(Arc<Registry>);

impl Searches {
    /// Returns an empty registry over `store`.
    ///
    /// # Errors
    /// If the engine cannot be set up.
    pub fn new(store: Store, config: SearchConfig) -> Result<Self> {
        let engine = Engine::new(store, &config.engine)?;
        let turns = Arc::new(Semaphore::new(config.running_max));
        Ok(Searches(Arc::new(Registry {
            engine,
            config,
            turns,
            searches: Mutex::default(),
        })))
    }

    /// What all queries of the node share.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Starts a search and returns at once.
    ///
    /// # Errors
    /// [`QueryError::Invalid`] with every mistake in the text, [`QueryError::EmptyRange`],
    /// [`QueryError::TooManySearches`].
    pub fn start(&self, request: SearchRequest) -> BoxFuture<'_, Result<SearchId>> {
        Box::pin(async move {
            if request.range.nanos() == 0 {
                return Err(QueryError::EmptyRange);
            }
            self.forget_idle();
            if lock(&self.0.searches).len() >= limits::SEARCHES_MAX {
                return Err(QueryError::TooManySearches {
                    max: limits::SEARCHES_MAX,
                });
            }
            let started = Instant::now();
            let prepared = prepare::prepare(&self.0.engine, &request).await?;
            let style = match request.language {
                Language::Sql => TimeStyle::Rfc3339,
                Language::Log | Language::Metrics => TimeStyle::Millis,
            };
            let search = Arc::new(Search {
                status: watch::Sender::new(prepared.initial_status()),
                results: Mutex::default(),
                reported: Mutex::default(),
                style,
                asked: Mutex::new(started),
                task: Mutex::default(),
            });
            let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
            let id = SearchId(format!("{random:016X}"));
            lock(&self.0.searches).insert(id.clone(), Arc::clone(&search));
            self.spawn(&search, prepared, started);
            Ok(id)
        })
    }

    /// Plans a query without running it, and returns every mistake in it.
    ///
    /// # Errors
    /// If the engine fails.
    pub fn check<'a>(
        &'a self,
        query: &'a str,
        language: Language,
    ) -> BoxFuture<'a, Result<Vec<Diagnostic>>> {
        Box::pin(async move {
            if language == Language::Metrics {
                return Ok(crate::metrics::check(query));
            }
            let now = self.0.engine.store().clock().now();
            let request = SearchRequest {
                query: query.to_owned(),
                filters: Vec::new(),
                range: TimeRange::new(now, now.saturating_add_nanos(1)),
                time_zone: TimeZone::UTC,
                by_receipt_time: false,
                auto_parse: true,
                language,
                histogram_by_level: false,
            };
            match prepare::prepare(&self.0.engine, &request).await {
                Ok(_) => Ok(Vec::new()),
                Err(QueryError::Invalid(diagnostics)) => Ok(diagnostics),
                Err(error) => Err(error),
            }
        })
    }

    fn spawn(&self, search: &Arc<Search>, prepared: prepare::Prepared, started: Instant) {
        let turns = Arc::clone(&self.0.turns);
        let bytes_max = self.0.config.messages_bytes_max;
        let runner = run::Runner::new(Arc::clone(search), started, bytes_max);
        let task = tokio::spawn(async move {
            let _turn = turns.acquire_owned().await.ok();
            Box::pin(runner.run(prepared)).await;
        });
        *lock(&search.task) = Some(task.abort_handle());
        let watched = Arc::clone(search);
        tokio::spawn(async move {
            if let Err(error) = task.await
                && !error.is_cancelled()
            {
                tracing::error!(%error, "search panicked");
                watched.status.send_modify(|status| {
                    status
                        .errors
                        .push("the search failed inside; see the server's log".into());
                    status.state = SearchState::Done;
                });
            }
        });
        let registry = Arc::downgrade(&self.0);
        tokio::spawn(forget_when_idle(registry, Arc::downgrade(search)));
    }

    fn find(&self, id: &SearchId) -> Result<Arc<Search>> {
        let found = lock(&self.0.searches).get(id).cloned();
        let search = found.ok_or_else(|| QueryError::UnknownSearch(id.0.clone()))?;
        *lock(&search.asked) = Instant::now();
        Ok(search)
    }

    /// Returns how far a search is; `None` if it does not exist.
    pub fn status(&self, id: &SearchId) -> Option<SearchStatus> {
        Some(self.find(id).ok()?.status.borrow().clone())
    }

    /// Returns how far a search is, with only what the last call of this function did not tell
    /// yet in histogram (buckets whose count grew, by how much), errors and warnings.
    pub fn status_news(&self, id: &SearchId) -> Option<SearchStatus> {
        let search = self.find(id).ok()?;
        let mut status = search.status.borrow().clone();
        let mut reported = lock(&search.reported);
        reported.counts.resize(status.histogram.len(), 0);
        let mut news = Vec::new();
        for (bucket, told) in status.histogram.iter().zip(&mut reported.counts) {
            if bucket.count > *told {
                let mut bucket = bucket.clone();
                let count = bucket.count;
                bucket.count -= *told;
                *told = count;
                news.push(bucket);
            }
        }
        status.histogram = Arc::new(news);
        let (errors, warnings) = (status.errors.len(), status.warnings.len());
        status.errors.drain(..reported.errors.min(errors));
        status.warnings.drain(..reported.warnings.min(warnings));
        (reported.errors, reported.warnings) = (errors, warnings);
        Some(status)
    }

    /// Returns a channel that always holds the latest status.
    pub fn subscribe(&self, id: &SearchId) -> Option<watch::Receiver<SearchStatus>> {
        Some(self.find(id).ok()?.status.subscribe())
    }

    /// Says that somebody still wants the results.
    pub fn touch(&self, id: &SearchId) {
        // Finding it is what keeps it.
        drop(self.find(id));
    }

    /// Returns messages, newest first; none for a search that finds records. Rows never move
    /// while the search goes on.
    ///
    /// # Errors
    /// [`QueryError::UnknownSearch`].
    pub fn messages(&self, id: &SearchId, offset: usize, limit: usize) -> Result<Page> {
        let search = self.find(id)?;
        let (fields, kind) = shape(&search);
        let (batches, window) = part(&search, offset, limit);
        let rows = match kind {
            ResultKind::Messages => page::messages(&batches, &fields, window),
            ResultKind::Records => Vec::new(),
        };
        Ok(Page { fields, rows })
    }

    /// Returns records in the query's order.
    ///
    /// # Errors
    /// [`QueryError::UnknownSearch`]; [`QueryError::NoRecords`] if the search finds messages.
    pub fn records(&self, id: &SearchId, offset: usize, limit: usize) -> Result<Page> {
        let search = self.find(id)?;
        let (fields, kind) = shape(&search);
        if matches!(kind, ResultKind::Messages) {
            return Err(QueryError::NoRecords);
        }
        let (batches, window) = part(&search, offset, limit);
        let rows = page::records(&batches, &fields, search.style, window);
        Ok(Page { fields, rows })
    }

    /// Stops and forgets a search; says whether there was one.
    pub fn cancel(&self, id: &SearchId) -> bool {
        let removed = lock(&self.0.searches).remove(id);
        if let Some(search) = &removed {
            search.cancel();
        }
        removed.is_some()
    }

    /// How many searches run or are kept.
    pub fn count(&self) -> usize {
        lock(&self.0.searches).len()
    }

    fn forget_idle(&self) {
        let keep_alive = self.0.config.keep_alive;
        lock(&self.0.searches).retain(|_, search| {
            let is_wanted = lock(&search.asked).elapsed() < keep_alive;
            if !is_wanted {
                search.cancel();
            }
            is_wanted
        });
    }
}

/// The events of `batches` as messages.
pub(crate) fn message_rows(batches: &[RecordBatch], limit: usize) -> Vec<Row> {
    page::messages(batches, &[], (0, limit))
}

fn shape(search: &Search) -> (Arc<[ResultField]>, ResultKind) {
    let status = search.status.borrow();
    (Arc::clone(&status.fields), status.kind)
}

/// Clones the handles of the batches, so that no lock is held while text is made of them.
fn part(search: &Search, offset: usize, limit: usize) -> (Vec<RecordBatch>, (usize, usize)) {
    (lock(&search.results).batches.clone(), (offset, limit))
}

async fn forget_when_idle(registry: Weak<Registry>, search: Weak<Search>) {
    loop {
        let Some(keep_alive) = registry
            .upgrade()
            .map(|registry| registry.config.keep_alive)
        else {
            return;
        };
        let Some(asked) = search.upgrade().map(|search| *lock(&search.asked)) else {
            return;
        };
        tokio::time::sleep_until(asked + keep_alive).await;
        if let Some(registry) = registry.upgrade() {
            Searches(registry).forget_idle();
        }
    }
}
