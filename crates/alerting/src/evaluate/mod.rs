//! Asks a monitor's question about a window, through the same searches that people use, and reads
//! the answer. Monitors that ask the same about the same window share one question.

mod read;

use std::sync::Arc;
use std::time::Duration;

use content::Monitor;
use model::{TimeRange, Timestamp, limits};
use query::{
    Filter, Language, MetricsQuery, MetricsRequest, MetricsSeries, Page, ResultKind, SearchConfig,
    SearchId, SearchRequest, SearchStatus, Searches,
};

use crate::notification::{SampleLine, cut};
use crate::state::{Answer, Labels};
use crate::{AlertingError, Result, metrics};

/// How long a question may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Messages that are read to find the worst value of a query that does not aggregate.
const MESSAGES_MAX: usize = 10_000;
/// Points per series of a metrics query.
const POINTS_WANTED: usize = 300;
/// Lines that explain an alert.
const SAMPLES_MAX: usize = 5;
/// Longest line that explains an alert, in characters.
const SAMPLE_CHARS_MAX: usize = 1_000;
/// Questions that are asked at the same time.
pub(crate) const QUESTIONS_AT_ONCE: usize = 4;

/// What is asked about one window.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    language: Language,
    query: String,
    rows: Vec<(String, String)>,
    /// By which fields messages are counted, if the query does not aggregate.
    count_by: Vec<String>,
    range: TimeRange,
}

/// What a question was answered with.
#[derive(Clone, Debug)]
pub(crate) enum Rows {
    /// Rows, and how many there are.
    Table { count: u64, page: Page },
    /// Series.
    Series(Vec<MetricsSeries>),
}

impl Question {
    /// The question of a monitor about the window that ends at `end`.
    pub(crate) fn new(monitor: &Monitor, end: Timestamp) -> Question {
        let count_by = match monitor.value {
            None => monitor.group_by.clone(),
            Some(_) => Vec::new(),
        };
        Question {
            language: monitor.language,
            query: monitor.query.clone(),
            rows: monitor.rows.clone().into_iter().collect(),
            count_by,
            range: window(monitor, end),
        }
    }

    /// The same for the same question.
    pub(crate) fn key(&self) -> String {
        format!("{self:?}")
    }
}

/// The window of a monitor that ends at `end`.
pub(crate) fn window(monitor: &Monitor, end: Timestamp) -> TimeRange {
    TimeRange::new(end.saturating_add_nanos(-monitor.window.nanos()), end)
}

/// Asks questions. Clones share everything.
#[derive(Clone, Debug)]
pub(crate) struct Evaluator {
    searches: Searches,
}

impl Evaluator {
    /// Returns an evaluator over `store`, whose searches do not wait behind those of people.
    pub(crate) fn new(store: storage::Store) -> Result<Evaluator> {
        let mut config = SearchConfig {
            running_max: QUESTIONS_AT_ONCE,
            ..SearchConfig::default()
        };
        config.engine.memory_bytes_max /= 4;
        config.engine.footer_cache_bytes_max /= 4;
        config.messages_bytes_max /= 8;
        Ok(Evaluator {
            searches: Searches::new(store, config)?,
        })
    }

    /// Asks one question.
    pub(crate) async fn ask(&self, question: &Question) -> Result<Arc<Rows>> {
        let started = tokio::time::Instant::now();
        let answer = tokio::time::timeout(TIMEOUT, self.ask_patiently(question)).await;
        metrics::asked(started.elapsed());
        let too_long = || {
            AlertingError::Failed(format!(
                "the query takes longer than {} s",
                TIMEOUT.as_secs()
            ))
        };
        answer.map_err(|_| too_long())?.map(Arc::new)
    }

    async fn ask_patiently(&self, question: &Question) -> Result<Rows> {
        if question.language == Language::Metrics {
            return self.ask_metrics(question).await;
        }
        let request = request(&question.query, question.language, question.range);
        let search = Running::start(&self.searches, request.clone()).await?;
        let is_messages = search
            .status()
            .is_some_and(|status| status.kind == ResultKind::Messages);
        if !is_messages || question.count_by.is_empty() {
            return search.finish(MESSAGES_MAX).await;
        }
        // Messages cannot be told apart by their number: they are counted by their groups.
        drop(search);
        let fields = question.count_by.join(", ");
        let query = format!("{} | count as _count by {fields}", question.query);
        let counted = SearchRequest { query, ..request };
        Running::start(&self.searches, counted)
            .await?
            .finish(limits::SEARCH_RECORDS_MAX)
            .await
    }

    async fn ask_metrics(&self, question: &Question) -> Result<Rows> {
        let row = |id: &str, query: &str| MetricsQuery {
            id: id.to_owned(),
            query: query.to_owned(),
            ..MetricsQuery::default()
        };
        let mut rows: Vec<MetricsQuery> = question
            .rows
            .iter()
            .map(|(id, query)| row(id, query))
            .collect();
        // A name that no file gives to a row, or the query would be two rows.
        rows.push(row("monitor", &question.query));
        let request = MetricsRequest {
            rows,
            range: question.range,
            points_wanted: POINTS_WANTED,
        };
        let mut answer = self.searches.engine().metrics(&request).await?;
        Ok(Rows::Series(
            answer.pop().map(|row| row.series).unwrap_or_default(),
        ))
    }

    /// Asks a monitor's question about one window and reads the answer.
    pub(crate) async fn answer(&self, monitor: &Monitor, end: Timestamp) -> Result<Answer> {
        let rows = self.ask(&Question::new(monitor, end)).await?;
        read::answer(monitor, &rows)
    }

    /// Returns the newest lines of a window that explain an alert.
    pub(crate) async fn samples(
        &self,
        monitor: &Monitor,
        labels: &Labels,
        range: TimeRange,
    ) -> Vec<SampleLine> {
        let Some(query) = sample_query(monitor) else {
            return Vec::new();
        };
        let filters = labels.iter().filter(|(_, value)| !value.is_empty());
        let filters = filters.map(|(field, value)| Filter {
            field: field.clone(),
            value: value.clone(),
            negated: false,
        });
        let mut request = request(&query, Language::Log, range);
        request.filters = filters.collect();
        let found = async {
            Running::start(&self.searches, request)
                .await?
                .finish(SAMPLES_MAX)
                .await
        };
        match tokio::time::timeout(TIMEOUT, found).await {
            Ok(Ok(Rows::Table { page, .. })) => page.rows.iter().filter_map(sample).collect(),
            Ok(Ok(Rows::Series(_))) | Err(_) => Vec::new(),
            Ok(Err(error)) => {
                // An alert without lines is better than none.
                tracing::warn!(monitor = %monitor.name, %error, "cannot find lines that explain an alert");
                Vec::new()
            }
        }
    }
}

pub(crate) use read::answer as read_answer;

/// The search for lines that explain an alert: what the monitor says, or what its query begins with.
pub(crate) fn sample_query(monitor: &Monitor) -> Option<String> {
    match (&monitor.samples, monitor.language) {
        (Some(samples), _) => Some(samples.clone()),
        (None, Language::Log) => Some(scope(&monitor.query).to_owned()),
        (None, Language::Metrics | Language::Sql) => None,
    }
}

/// What stands before the first `|` outside of quotes.
fn scope(query: &str) -> &str {
    let mut is_quoted = false;
    let mut is_escaped = false;
    let end = query.char_indices().find(|(_, sign)| {
        let is_end = *sign == '|' && !is_quoted;
        if *sign == '"' && !is_escaped {
            is_quoted = !is_quoted;
        }
        is_escaped = *sign == '\\' && !is_escaped;
        is_end
    });
    query
        .split_at(end.map_or(query.len(), |(place, _)| place))
        .0
        .trim()
}

fn sample(row: &query::Row) -> Option<SampleLine> {
    let find = |name: &str| {
        row.iter()
            .find(|(known, _)| **known == *name)
            .map(|(_, value)| value.as_str())
    };
    Some(SampleLine {
        time: Timestamp::from_millis(find("_messagetime")?.parse().ok()?),
        function: find("function").unwrap_or_default().to_owned(),
        text: cut(find("_raw")?.trim_end(), SAMPLE_CHARS_MAX),
    })
}

fn request(query: &str, language: Language, range: TimeRange) -> SearchRequest {
    SearchRequest {
        query: query.to_owned(),
        filters: Vec::new(),
        range,
        time_zone: jiff::tz::TimeZone::UTC,
        by_receipt_time: false,
        auto_parse: true,
        language,
        histogram_by_level: false,
    }
}

/// A search that is forgotten when nobody waits for it any more.
struct Running<'a> {
    searches: &'a Searches,
    id: SearchId,
}

impl<'a> Running<'a> {
    async fn start(searches: &'a Searches, request: SearchRequest) -> Result<Running<'a>> {
        let id = searches.start(request).await?;
        Ok(Running { searches, id })
    }

    fn status(&self) -> Option<SearchStatus> {
        self.searches.status(&self.id)
    }

    /// Waits for the end and returns the first rows.
    async fn finish(self, rows_max: usize) -> Result<Rows> {
        let lost = || AlertingError::Failed("the search was forgotten".to_owned());
        let mut news = self.searches.subscribe(&self.id).ok_or_else(lost)?;
        let status = news.wait_for(|status| status.state.is_final()).await;
        let status = status.map_err(|_| lost())?.clone();
        if let Some(error) = status.errors.first() {
            return Err(AlertingError::Failed(error.clone()));
        }
        let (count, page) = match status.kind {
            ResultKind::Messages => (
                status.message_count,
                self.searches.messages(&self.id, 0, rows_max)?,
            ),
            ResultKind::Records => (
                status.record_count,
                self.searches.records(&self.id, 0, rows_max)?,
            ),
        };
        Ok(Rows::Table { count, page })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.searches.cancel(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scope_ends_at_the_first_bar_outside_of_quotes() {
        assert_eq!(scope("level=ERROR \"a|b\" | count"), "level=ERROR \"a|b\"");
        assert_eq!(scope("\"a\\\"|b\" | count"), "\"a\\\"|b\"");
        assert_eq!(scope("error"), "error");
    }
}
