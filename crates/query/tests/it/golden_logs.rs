//! Golden cases of the log query language: `golden_logs/<unit>.toml` holds events and queries,
//! `<unit>.expected` what they answer. `UPDATE_EXPECT=1` writes the answers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ingest::Ingest;
use jiff::tz::TimeZone;
use model::{EventBatch, LogEvent, SourceMetadata, TimeRange, Timestamp};
use query::{
    FieldType, Language, Page, QueryError, ResultKind, SearchConfig, SearchRequest, SearchStatus,
    Searches,
};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::golden::{self, ZERO_MS};

const FOLDER: &str = "golden_logs";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// One event a line, as a JSON object: `message` (text, or an object that becomes its text),
    /// `time` in seconds (default: a minute after the event before it), `category`, `host`,
    /// `name`, `source`, `account`, `region`, `function`; all other keys are fields.
    #[serde(default)]
    events: String,
    /// Tables of the folder `lookups`, by the names of their files.
    #[serde(default)]
    lookups: BTreeMap<String, String>,
    #[serde(rename = "case")]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is shown, in words.
    about: String,
    query: String,
    /// Instead of those of the file.
    events: Option<String>,
    /// `[start, end)` in seconds; an hour unless it says otherwise.
    #[serde(default = "an_hour")]
    range: [i64; 2],
    /// The user's time zone.
    #[serde(default = "utc")]
    zone: String,
    /// Whether JSON messages are parsed without being told to.
    #[serde(default)]
    auto_parse: bool,
    /// Whether the order of the records matters; otherwise they are shown sorted.
    #[serde(default)]
    in_order: bool,
    /// Whether the stored fields of messages are shown, and not only what the query found.
    #[serde(default)]
    all_fields: bool,
}

fn an_hour() -> [i64; 2] {
    [0, 3_600]
}

fn utc() -> String {
    "UTC".to_owned()
}

pub(crate) fn events(text: &str) -> Vec<LogEvent> {
    let mut seconds = -60;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            let keys: Map<String, Value> =
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
            seconds = keys
                .get("time")
                .map_or(seconds + 60, |time| time.as_i64().unwrap());
            event(keys, seconds)
        })
        .collect()
}

fn event(keys: Map<String, Value>, seconds: i64) -> LogEvent {
    let mut event = LogEvent {
        event_time: Some(Timestamp::from_millis(ZERO_MS + seconds * 1_000)),
        ..LogEvent::default()
    };
    let mut metadata = SourceMetadata::default();
    for (key, value) in keys {
        let text = match value {
            Value::String(text) => text,
            other => other.to_string(),
        };
        match key.as_str() {
            "time" => {}
            "message" => event.message = text,
            "category" => metadata.category = text,
            "host" => metadata.host = text,
            "name" => metadata.name = text,
            "source" => metadata.source = text,
            "account" => event.account = Some(text.into()),
            "region" => event.region = Some(text.into()),
            "function" => event.function = Some(text.into()),
            _ => event.fields.push((key, text)),
        }
    }
    event.metadata = Arc::new(metadata);
    event
}

/// A node of its own that holds `events`.
pub(crate) async fn searches(events: Vec<LogEvent>, folder: &Path) -> (Searches, Ingest) {
    let batch = EventBatch {
        events,
        ..EventBatch::default()
    };
    let (store, ingest) = golden::node(folder, batch).await;
    let mut config = SearchConfig::default();
    // One thread, so that unordered rows come in one order.
    config.engine.partitions = 1;
    (Searches::new(store, config).unwrap(), ingest)
}

fn request(case: &Case) -> SearchRequest {
    let [start, end] = case.range;
    let moment = |seconds: i64| Timestamp::from_millis(ZERO_MS + seconds * 1_000);
    SearchRequest {
        query: case.query.clone(),
        filters: Vec::new(),
        range: TimeRange::new(moment(start), moment(end)),
        time_zone: TimeZone::get(&case.zone).unwrap(),
        by_receipt_time: false,
        auto_parse: case.auto_parse,
        language: Language::Log,
        histogram_by_level: false,
    }
}

/// Runs a search to its end.
async fn finished(
    searches: &Searches,
    request: SearchRequest,
) -> Result<(SearchStatus, Page), QueryError> {
    let id = searches.start(request).await?;
    let mut news = searches.subscribe(&id).unwrap();
    let finished = news.wait_for(|status| status.state.is_final());
    let status = tokio::time::timeout(Duration::from_secs(60), finished)
        .await
        .unwrap()
        .unwrap()
        .clone();
    let page = match status.kind {
        ResultKind::Messages => searches.messages(&id, 0, 1_000),
        ResultKind::Records => searches.records(&id, 0, 1_000),
    };
    searches.cancel(&id);
    Ok((status, page.unwrap()))
}

/// The answer; what SQL says otherwise goes into `problems`.
async fn answer(searches: &Searches, case: &Case, problems: &mut Vec<String>) -> String {
    let (status, page) = match finished(searches, request(case)).await {
        Ok(found) => found,
        Err(QueryError::Invalid(found)) => return found.iter().map(golden::mistake).collect(),
        Err(error) => return format!("  error: {error}\n"),
    };
    if status.errors.is_empty() {
        problems.extend(not_same_in_sql(searches, case, status.kind, &page).await);
    }
    let mut text = written(case, status.kind, &page);
    for warning in &status.warnings {
        writeln!(text, "  warning: {warning}").unwrap();
    }
    for error in &status.errors {
        writeln!(text, "  error: {error}").unwrap();
    }
    text
}

/// What can be said in SQL gives the same rows there; if not, how they differ.
async fn not_same_in_sql(
    searches: &Searches,
    case: &Case,
    kind: ResultKind,
    page: &Page,
) -> Option<String> {
    let told = searches.sql(&request(case)).await.unwrap();
    assert_eq!(told.is_whole, told.notes.is_empty(), "{}", case.query);
    if !told.is_whole {
        return None;
    }
    let in_sql = SearchRequest {
        query: told.sql.clone(),
        language: Language::Sql,
        ..request(case)
    };
    let context = format!("{}\n{}", case.query, told.sql);
    let (status, found) = match finished(searches, in_sql).await {
        Ok(found) => found,
        Err(error) => return Some(format!("{context}\n{error}")),
    };
    if !status.errors.is_empty() {
        return Some(format!("{context}\n{:?}", status.errors));
    }
    let fields = page.fields.iter();
    let mut names: Vec<&str> = fields.map(|field| field.name.as_str()).collect();
    if kind == ResultKind::Messages {
        names.push("_raw");
    }
    let mut expected = cells(page, &names);
    let in_sql = names.iter().map(|name| match *name {
        "_raw" => "message",
        name => name,
    });
    let mut rows = cells(&found, &in_sql.collect::<Vec<_>>());
    if !case.in_order {
        expected.sort();
        rows.sort();
    }
    (rows != expected).then(|| format!("{context}\nSQL: {rows:?}\nnot: {expected:?}"))
}

/// The values of these fields in each row; nothing where there is none.
fn cells(page: &Page, names: &[&str]) -> Vec<Vec<String>> {
    let cell = |row: &query::Row, name: &str| {
        let found = row
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let rows = page.rows.iter();
    rows.map(|row| names.iter().map(|name| cell(row, name)).collect())
        .collect()
}

fn written(case: &Case, kind: ResultKind, page: &Page) -> String {
    let mut text = String::from(match kind {
        ResultKind::Messages => "  messages:",
        ResultKind::Records => "  records:",
    });
    for field in page.fields.iter() {
        write!(text, " {}:{}", field.name, type_name(field.field_type)).unwrap();
    }
    text.push('\n');
    let is_shown = |name: &str| {
        let mut fields = page.fields.iter();
        kind == ResultKind::Records
            || case.all_fields && !matches!(name, "_messageid" | "_receipttime")
            || name == "_raw"
            || fields.any(|field| field.name.eq_ignore_ascii_case(name))
    };
    let mut rows: Vec<String> = page
        .rows
        .iter()
        .map(|row| {
            let cells = row.iter().filter(|(name, _)| is_shown(name));
            let cells: Vec<String> = cells
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("    {}\n", cells.join("  ").replace('\n', "\\n"))
        })
        .collect();
    if kind == ResultKind::Records && !case.in_order {
        rows.sort();
    }
    text + &rows.concat()
}

fn type_name(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::String => "string",
        FieldType::Int => "int",
        FieldType::Long => "long",
        FieldType::Double => "double",
        FieldType::Boolean => "boolean",
    }
}

async fn run(name: &str, problems: &mut Vec<String>) {
    let file: File = golden::read(FOLDER, name);
    let mut answers = String::new();
    let data = tempfile::tempdir().unwrap();
    for (name, table) in &file.lookups {
        let path = data.path().join("lookups").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, table).unwrap();
    }
    let (common, ingest) = searches(events(&file.events), data.path()).await;
    for case in &file.cases {
        writeln!(answers, "# {}\n{}", case.about, case.query.trim()).unwrap();
        answers += &match &case.events {
            None => answer(&common, case, problems).await,
            Some(own) => {
                let data = tempfile::tempdir().unwrap();
                let (searches, ingest) = searches(events(own), data.path()).await;
                let text = answer(&searches, case, problems).await;
                ingest.close().await;
                text
            }
        };
        answers.push('\n');
    }
    ingest.close().await;
    golden::compare(FOLDER, name, &answers);
}

#[tokio::test]
async fn queries_answer_as_written_down() {
    let mut problems = Vec::new();
    for name in golden::names(FOLDER) {
        run(&name, &mut problems).await;
    }
    assert!(problems.is_empty(), "in SQL:\n{}", problems.join("\n\n"));
}
