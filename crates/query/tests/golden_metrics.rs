//! Golden cases of the metrics language: `golden_metrics/<operator>.toml` holds samples and
//! queries, `<operator>.expected` what they answer. `UPDATE_EXPECT=1` writes the answers.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use expect_test::expect_file;
use ingest::{Ingest, IngestConfig};
use model::{EventBatch, EventSink, ManualClock, Sample, Series, TimeRange, Timestamp};
use query::{Engine, EngineConfig, MetricsQuery, MetricsRequest, MetricsSeries, QueryError};
use serde::Deserialize;
use storage::{Store, StoreConfig};

/// 2025-11-23T14:00:00Z: times in the cases count seconds from here.
const ZERO_MS: i64 = 1_763_906_400_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// One series a line: `metric dimension=value … : seconds=value …`.
    samples: String,
    /// `[start, end)` in seconds.
    range: [i64; 2],
    #[serde(rename = "case")]
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    /// What is shown, in words.
    about: String,
    /// The rows by name; all of them are answered.
    rows: BTreeMap<String, String>,
    range: Option<[i64; 2]>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden_metrics")
}

fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(Result::unwrap);
    let mut names: Vec<String> = files
        .map(|file| file.file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .collect();
    names.sort();
    names
}

fn samples(text: &str) -> Vec<Sample> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.flat_map(series).collect()
}

fn series(line: &str) -> Vec<Sample> {
    let (series, points) = line.split_once(" : ").unwrap();
    let mut words = series.split_whitespace();
    let metric = words.next().unwrap().to_owned();
    let mut dimensions: BTreeMap<String, String> = words
        .map(|word| word.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let statistic = dimensions.remove("statistic").map(Arc::from);
    let series = Arc::new(Series { metric, dimensions });
    let points = points.split_whitespace().map(|point| {
        let (seconds, value) = point.split_once('=').unwrap();
        let seconds: i64 = seconds.parse().unwrap();
        Sample {
            series: Arc::clone(&series),
            time: Some(Timestamp::from_millis(ZERO_MS + seconds * 1_000)),
            statistic: statistic.clone(),
            value: value.parse().unwrap(),
        }
    });
    points.collect()
}

fn shown(series: &MetricsSeries) -> String {
    let mut text = format!("  {}", series.metric);
    for (name, value) in &series.dimensions {
        write!(text, " {name}={value}").unwrap();
    }
    text.push_str(" :");
    for (place, (time, value)) in series.times_ms.iter().zip(&series.values).enumerate() {
        let seconds = (time - ZERO_MS) / 1_000;
        write!(text, " {seconds}={}", (value * 1e6).round() / 1e6).unwrap();
        let band = series.band.as_ref();
        if band.is_some_and(|band| band.is_outside[place]) {
            text.push('!');
        }
    }
    text + "\n"
}

async fn answer(engine: &Engine, file: &File, case: &Case) -> String {
    let [start, end] = case.range.unwrap_or(file.range);
    let moment = |seconds: i64| Timestamp::from_millis(ZERO_MS + seconds * 1_000);
    let rows = case.rows.iter().map(|(id, query)| MetricsQuery {
        id: id.clone(),
        query: query.clone(),
        ..MetricsQuery::default()
    });
    let request = MetricsRequest {
        rows: rows.collect(),
        range: TimeRange::new(moment(start), moment(end)),
        points_wanted: 300,
    };
    let mut text = String::new();
    match engine.metrics(&request).await {
        Ok(rows) => {
            for row in rows {
                writeln!(text, "{} ({} s)", row.id, row.step_ms / 1_000).unwrap();
                row.series.iter().for_each(|series| text += &shown(series));
            }
        }
        Err(QueryError::Invalid(found)) => {
            for found in found {
                write!(text, "error at {}: {}", found.column, found.message).unwrap();
                if let Some(expected) = found.expected {
                    write!(text, "; expected {expected}").unwrap();
                }
                if let Some(suggestion) = found.suggestion {
                    write!(text, "; did you mean `{suggestion}`?").unwrap();
                }
                text.push('\n');
            }
        }
        Err(error) => writeln!(text, "error: {error}").unwrap(),
    }
    text
}

async fn run(name: &str) {
    let text = std::fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap();
    let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let data = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(ZERO_MS)));
    let store = Store::open(StoreConfig::at(data.path()), clock)
        .await
        .unwrap();
    let ingest = Ingest::start(store.clone(), IngestConfig::default())
        .await
        .unwrap();
    let batch = EventBatch {
        samples: samples(&file.samples),
        ..EventBatch::default()
    };
    ingest.append(batch).await.unwrap();
    ingest.flush().await.unwrap();
    let engine = Engine::new(store, &EngineConfig::default()).unwrap();
    let mut answers = String::new();
    for case in &file.cases {
        writeln!(answers, "# {}", case.about).unwrap();
        for (id, query) in &case.rows {
            writeln!(answers, "{id}: {query}").unwrap();
        }
        answers += &answer(&engine, &file, case).await;
        answers.push('\n');
    }
    ingest.close().await;
    expect_file![folder().join(format!("{name}.expected"))].assert_eq(&answers);
}

#[tokio::test]
async fn queries_answer_as_written_down() {
    for name in names() {
        run(&name).await;
    }
}

#[test]
fn every_operator_has_a_case() {
    let texts: String = names()
        .iter()
        .map(|name| std::fs::read_to_string(folder().join(format!("{name}.toml"))).unwrap())
        .collect();
    let missing: Vec<&str> = query::metrics_descriptors()
        .iter()
        .map(|descriptor| descriptor.name)
        .filter(|name| !texts.contains(&format!("| {name}")))
        .collect();
    assert!(
        missing.is_empty(),
        "operators without a golden case: {missing:?}"
    );
}
