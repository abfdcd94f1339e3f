//! Published queries over events of our own: their rows are those that another program computed.
//!
//! `corpus_results/pinned.jsonl` holds ids and rows, written by `tests/python/pin_corpus.py`, an
//! independent reading of the language. The queries are other people's and not part of this
//! repository: the variable `NEPHOSCOPE_CORPUS` names a file that holds them, `{"id", "query"}` a
//! line, gzip or not. Without it only the files here are looked at.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::read::MultiGzDecoder;
use jiff::tz::TimeZone;
use model::{LogEvent, TimeRange, Timestamp};
use query::{Language, QueryError, ResultKind, SearchRequest, Searches};
use serde::Deserialize;

use crate::golden::{self, ZERO_MS};
use crate::golden_logs;

const CORPUS_VARIABLE: &str = "NEPHOSCOPE_CORPUS";
/// The range that all queries are about, in seconds.
const RANGE: [i64; 2] = [0, 7_200];
/// So many queries have pinned rows, at least.
const PINNED_MIN: usize = 150;
/// Sums may be added up in another order.
const TOLERANCE: f64 = 1e-9;
/// Rows that are shown of an answer that is not the pinned one.
const ROWS_SHOWN: usize = 12;

pub(crate) type Row = BTreeMap<String, String>;

#[derive(Deserialize)]
struct Line {
    id: String,
    query: String,
}

/// What a query answers.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pinned {
    id: String,
    kind: String,
    /// The fields that the rows are in the order of.
    order: Vec<String>,
    rows: Vec<Row>,
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

fn pinned() -> Vec<Pinned> {
    let text = std::fs::read_to_string(folder("corpus_results/pinned.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Logs of functions, services, load balancers, web servers and databases, written for these tests
/// in the shapes that they have.
pub(crate) fn events() -> Vec<LogEvent> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder("corpus_events"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ndjson"))
        .collect();
    files.sort();
    let texts = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap());
    texts.flat_map(|text| golden_logs::events(&text)).collect()
}

fn corpus(path: &Path) -> HashMap<String, String> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut text = String::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        MultiGzDecoder::new(bytes.as_slice())
            .read_to_string(&mut text)
            .unwrap();
    } else {
        text = String::from_utf8(bytes).unwrap();
    }
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Line>(line).unwrap());
    lines.map(|line| (line.id, line.query)).collect()
}

/// The text with `*` for every parameter, as dashboards fill them unless somebody chooses.
fn filled(text: &str) -> String {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((_, behind)) = after.split_once("}}") else {
            break;
        };
        filled += before;
        filled.push('*');
        rest = behind.trim_start_matches('}');
    }
    filled + rest
}

pub(crate) async fn answer(
    searches: &Searches,
    text: &str,
) -> Result<(ResultKind, Vec<Row>), String> {
    let moment = |seconds: i64| Timestamp::from_millis(ZERO_MS + seconds * 1_000);
    let request = SearchRequest {
        query: filled(text),
        filters: Vec::new(),
        range: TimeRange::new(moment(RANGE[0]), moment(RANGE[1])),
        time_zone: TimeZone::UTC,
        by_receipt_time: false,
        auto_parse: false,
        language: Language::Log,
        histogram_by_level: false,
    };
    let id = searches.start(request).await.map_err(|error| match error {
        QueryError::Invalid(found) => found.iter().map(golden::mistake).collect(),
        error => error.to_string(),
    })?;
    let mut news = searches.subscribe(&id).unwrap();
    let finished = news.wait_for(|status| status.state.is_final());
    let finished = tokio::time::timeout(Duration::from_secs(60), finished).await;
    let status = finished.unwrap().unwrap().clone();
    let page = match status.kind {
        ResultKind::Messages => searches.messages(&id, 0, 10_000),
        ResultKind::Records => searches.records(&id, 0, 10_000),
    };
    searches.cancel(&id);
    if !status.errors.is_empty() {
        return Err(format!("{:?}", status.errors));
    }
    let page = page.map_err(|error| error.to_string())?;
    let is_shown = |name: &str| {
        let is_found = |field: &query::ResultField| field.name.eq_ignore_ascii_case(name);
        status.kind == ResultKind::Records
            || name == "_messagetime"
            || page.fields.iter().any(is_found)
    };
    let rows = page.rows.iter().map(|row| {
        // Records show null as an empty text.
        let cells = row
            .iter()
            .filter(|(name, value)| is_shown(name) && !value.is_empty());
        cells
            .map(|(name, value)| (name.to_lowercase(), value.to_string()))
            .collect()
    });
    Ok((status.kind, rows.collect()))
}

/// Whether two values are the same, as texts or as numbers.
fn is_same(one: &str, other: &str) -> bool {
    let numbers = (one.parse::<f64>(), other.parse::<f64>());
    let (Ok(a), Ok(b)) = numbers else {
        return one == other;
    };
    one == other || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

fn is_same_row(one: &Row, other: &Row) -> bool {
    let mut pairs = one.iter().zip(other);
    one.len() == other.len() && pairs.all(|((a, x), (b, y))| a == b && is_same(x, y))
}

/// What is different, in words.
fn difference(pinned: &Pinned, kind: ResultKind, rows: &[Row]) -> Option<String> {
    if pinned.kind != format!("{kind:?}").to_lowercase() {
        return Some(format!("{kind:?} instead of {}", pinned.kind));
    }
    let in_order = pinned.order.iter().all(|name| {
        let mut pairs = pinned.rows.iter().zip(rows);
        pairs.all(|(one, other)| match (one.get(name), other.get(name)) {
            (Some(one), Some(other)) => is_same(one, other),
            (one, other) => one == other,
        })
    });
    let mut left: Vec<&Row> = rows.iter().collect();
    let missing: Vec<&Row> = pinned
        .rows
        .iter()
        .filter(|wanted| {
            let place = left.iter().position(|row| is_same_row(row, wanted));
            place.map(|place| left.swap_remove(place)).is_none()
        })
        .collect();
    if missing.is_empty() && left.is_empty() {
        return (!in_order).then(|| format!("not in the order of {:?}", pinned.order));
    }
    let some = |rows: &[&Row]| {
        let some: Vec<String> = rows
            .iter()
            .take(ROWS_SHOWN)
            .map(|row| format!("    {row:?}"))
            .collect();
        some.join("\n")
    };
    Some(format!(
        "{} of {} rows are missing:\n{}\n  {} others are there:\n{}",
        missing.len(),
        pinned.rows.len(),
        some(&missing),
        left.len(),
        some(&left)
    ))
}

#[tokio::test]
async fn published_queries_answer_what_another_program_computed() {
    let Some(path) = std::env::var_os(CORPUS_VARIABLE) else {
        eprintln!("not run: {CORPUS_VARIABLE} names no file of published queries");
        return;
    };
    let corpus = corpus(Path::new(&path));
    let data = tempfile::tempdir().unwrap();
    let threats = data.path().join("lookups/threat");
    std::fs::create_dir_all(&threats).unwrap();
    std::fs::copy(folder("corpus_events/threats.csv"), threats.join("cs.csv")).unwrap();
    let (searches, ingest) = golden_logs::searches(events(), data.path()).await;
    let mut wrong = Vec::new();
    let all = pinned();
    for pinned in &all {
        let Some(text) = corpus.get(&pinned.id) else {
            wrong.push(format!("{}: not in {}", pinned.id, path.display()));
            continue;
        };
        let different = match answer(&searches, text).await {
            Ok((kind, rows)) => difference(pinned, kind, &rows),
            Err(error) => Some(error),
        };
        wrong.extend(different.map(|different| format!("{}: {different}", pinned.id)));
    }
    ingest.close().await;
    assert!(
        wrong.is_empty(),
        "{} of {} answers are different\n{}",
        wrong.len(),
        all.len(),
        wrong.join("\n")
    );
    eprintln!("{} published queries answered as pinned", all.len());
}

#[test]
fn enough_queries_have_pinned_rows() {
    let pinned = pinned();
    let ids: HashSet<&str> = pinned.iter().map(|pinned| pinned.id.as_str()).collect();
    assert_eq!(ids.len(), pinned.len(), "an id is there twice");
    assert!(ids.len() >= PINNED_MIN);
    assert!(pinned.iter().all(|pinned| !pinned.rows.is_empty()));
    assert!(events().len() > 1_000);
}

#[test]
fn parameters_become_stars() {
    assert_eq!(
        filled("a={{x.y}} | where b = \"{{{z}}}\" {{"),
        "a=* | where b = \"*\" {{"
    );
}
