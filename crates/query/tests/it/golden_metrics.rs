//! Golden cases of the metrics language: `golden_metrics/<operator>.toml` holds samples and
//! queries, `<operator>.expected` what they answer. `UPDATE_EXPECT=1` writes the answers.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use model::{EventBatch, Sample, Series, TimeRange, Timestamp};
use query::{Engine, EngineConfig, MetricsQuery, MetricsRequest, MetricsSeries, QueryError};
use serde::Deserialize;

use crate::golden::{self, ZERO_MS};

const FOLDER: &str = "golden_metrics";

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
        Err(QueryError::Invalid(found)) => text.extend(found.iter().map(golden::mistake)),
        Err(error) => writeln!(text, "error: {error}").unwrap(),
    }
    text
}

async fn run(name: &str) {
    let file: File = golden::read(FOLDER, name);
    let data = tempfile::tempdir().unwrap();
    let batch = EventBatch {
        samples: samples(&file.samples),
        ..EventBatch::default()
    };
    let (store, ingest) = golden::node(data.path(), batch).await;
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
    golden::compare(FOLDER, name, &answers);
}

#[tokio::test]
async fn queries_answer_as_written_down() {
    for name in golden::names(FOLDER) {
        run(&name).await;
    }
}

#[test]
fn every_operator_has_a_case() {
    let names = golden::names(FOLDER);
    let texts: String = names
        .iter()
        .map(|name| golden::text(FOLDER, name))
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
