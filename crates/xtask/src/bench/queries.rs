//! The ten questions, in our language and in the peer's, and how ours are asked.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};

use super::Timing;
use super::compare::{Answer, Bounds, difference};
use super::data_set::DataSet;
use super::node::Node;

/// What is quick is asked more often, unless once is enough, until so much time has gone: CPU time is counted in
/// hundredths of a second.
const MEASURED_MIN: Duration = Duration::from_secs(1);
const RUNS_MAX: usize = 200;
/// A page of results as a client asks for it.
const PAGE_ROWS: usize = 100;
const RECORDS_MAX: usize = 10_000;

/// Means may differ by so much of their size: numbers are added in another order.
const MEAN_TOLERANCE: f64 = 1e-6;

/// What an answer consists of.
#[derive(Clone, Copy, Debug)]
pub(super) enum Shape {
    /// Messages, newest first; compared by how many there are of each moment.
    Messages,
    /// One value for each combination of these keys.
    Records {
        keys: &'static [&'static str],
        value: &'static str,
    },
    /// The same with percentiles, which are estimates: the peer says, exactly, between which
    /// values each must lie.
    Estimates {
        keys: &'static [&'static str],
        value: &'static str,
    },
}

/// One question in both languages.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) log: String,
    /// Columns are called as in our answer.
    pub(super) sql: String,
    /// Of estimates: what gives the columns `low` and `high` in the peer's language.
    pub(super) bounds: Option<&'static str>,
    pub(super) shape: Shape,
}

const COUNT: Shape = Shape::Records {
    keys: &[],
    value: "_count",
};

const MESSAGE_SQL: &str = "SELECT toUnixTimestamp64Milli(_time) AS _messagetime, function, stream, level, message FROM logs";

/// A 95th percentile that is estimated lies between these two: what is estimated is the rank, and a
/// rank of few values says little about the value.
const BOUNDS_SQL: &str = "SELECT function, \
     toUnixTimestamp(toStartOfInterval(_time, INTERVAL 5 MINUTE)) * 1000 AS _timeslice, \
     quantileExactInclusive(0.9)(duration) AS low, quantileExactInclusive(0.99)(duration) AS high \
     FROM (SELECT function, _time, toFloat64OrNull(extract(message, 'Duration: ([0-9.]+) ms')) AS duration \
     FROM logs WHERE hasToken(lower(message), 'report') AND message LIKE '%Duration: % ms%') \
     GROUP BY function, _timeslice";

/// The ten. The peer gets each in the form that is quickest for it.
pub(super) fn questions(data_set: &DataSet) -> Vec<Question> {
    let id = &data_set.needle;
    let mut all = vec![Question {
        name: "needle: all lines of one request id",
        log: format!("\"{id}\""),
        sql: format!(
            "{MESSAGE_SQL} WHERE hasAllTokens(lower(message), '{id}') AND message LIKE '%{id}%' \
             ORDER BY _time DESC LIMIT {PAGE_ROWS}"
        ),
        bounds: None,
        shape: Shape::Messages,
    }];
    all.extend(FIXED.iter().map(|(name, log, sql, shape)| Question {
        name,
        log: (*log).to_owned(),
        sql: (*sql).replace("MESSAGES", MESSAGE_SQL),
        bounds: matches!(shape, Shape::Estimates { .. }).then_some(BOUNDS_SQL),
        shape: *shape,
    }));
    all
}

type Fixed = (&'static str, &'static str, &'static str, Shape);

const FIXED: &[Fixed] = &[
    (
        "phrase \"Task timed out\", count",
        "\"Task timed out\" | count",
        "SELECT count() AS _count FROM logs \
         WHERE hasAllTokens(lower(message), 'task timed out') AND message LIKE '%Task timed out%'",
        COUNT,
    ),
    (
        "keyword ERROR, count by function",
        "ERROR | count by function",
        "SELECT function, count() AS _count FROM logs WHERE hasToken(lower(message), 'error') GROUP BY function",
        Shape::Records {
            keys: &["function"],
            value: "_count",
        },
    ),
    (
        "REPORT: parse the duration, p95 by function and 5 minutes",
        "REPORT | parse \"Duration: * ms\" as duration | timeslice 5m \
         | pct(duration, 95) as p95 by function, _timeslice",
        "SELECT function, toUnixTimestamp(toStartOfInterval(_time, INTERVAL 5 MINUTE)) * 1000 AS _timeslice, \
         quantileTDigest(0.95)(toFloat64OrZero(extract(message, 'Duration: ([0-9.]+) ms'))) AS p95 \
         FROM logs WHERE hasToken(lower(message), 'report') AND message LIKE '%Duration: % ms%' \
         GROUP BY function, _timeslice",
        Shape::Estimates {
            keys: &["function", "_timeslice"],
            value: "p95",
        },
    ),
    (
        "last 100 lines of one function",
        "function=checkout-api | limit 100",
        "MESSAGES WHERE function = 'checkout-api' ORDER BY _time DESC LIMIT 100",
        Shape::Messages,
    ),
    (
        "histogram of everything by minute",
        "* | timeslice 1m | count by _timeslice",
        "SELECT toUnixTimestamp(toStartOfMinute(_time)) * 1000 AS _timeslice, count() AS _count \
         FROM logs GROUP BY _timeslice",
        Shape::Records {
            keys: &["_timeslice"],
            value: "_count",
        },
    ),
    (
        "JSON field: average latency where the path starts with /api/cart, by function",
        "* | json \"path\", \"latency_ms\" as path, latency_ms | where path matches \"/api/cart*\" \
         | avg(latency_ms) as average by function",
        "SELECT function, avg(JSONExtractFloat(message, 'latency_ms')) AS average FROM logs \
         WHERE hasAllTokens(lower(message), 'path latency_ms') AND message LIKE '%\"path\":\"/api/cart%' \
         AND startsWith(JSONExtractString(message, 'path'), '/api/cart') GROUP BY function",
        Shape::Records {
            keys: &["function"],
            value: "average",
        },
    ),
    (
        "substring that is no word, count",
        "*onditionalCheckFail* | count",
        "SELECT count() AS _count FROM logs WHERE message LIKE '%onditionalCheckFail%'",
        COUNT,
    ),
    (
        "regular expression status=5[0-9][0-9], count",
        "* | parse regex \"status=(?<status>5[0-9][0-9])\" | count",
        "SELECT count() AS _count FROM logs \
         WHERE hasToken(lower(message), 'status') AND match(message, 'status=5[0-9][0-9]')",
        COUNT,
    ),
    (
        "top 10 values of a parsed field",
        "* | parse \"user=* scope\" as user | count by user | sort by _count, user asc | limit 10",
        "SELECT extract(message, 'user=(.*?) scope') AS user, count() AS _count FROM logs \
         WHERE hasAllTokens(lower(message), 'user scope') AND message LIKE '%user=% scope%' \
         GROUP BY user ORDER BY _count DESC, user LIMIT 10",
        Shape::Records {
            keys: &["user"],
            value: "_count",
        },
    ),
];

/// Asks a question until its figures are steady. The first time is not counted.
pub(super) fn ask(
    node: &Node,
    data_set: &DataSet,
    question: &Question,
    runs: usize,
) -> Result<(Timing, Answer)> {
    let answer = ask_once(node, data_set, question)
        .with_context(|| format!("cannot ask `{}`", question.log))?
        .1;
    let cpu_before = node.cpu_seconds()?;
    let started = Instant::now();
    let mut walls = Vec::new();
    while walls.len() < runs.max(1)
        || (runs > 1 && started.elapsed() < MEASURED_MIN && walls.len() < RUNS_MAX)
    {
        let (wall, again) = ask_once(node, data_set, question)?;
        // Estimates differ with the order in which parts come together.
        let is_estimate = matches!(question.shape, Shape::Estimates { .. });
        if !is_estimate && let Some(what) = difference(&again, &answer, MEAN_TOLERANCE) {
            bail!("`{}` was answered in two ways: {what}", question.log);
        }
        walls.push(wall.as_secs_f64() * 1e3);
    }
    let cpu_ms = (node.cpu_seconds()? - cpu_before) * 1e3 / walls.len() as f64;
    walls.sort_by(f64::total_cmp);
    let timing = Timing {
        wall_ms: walls[walls.len() / 2],
        cpu_ms,
    };
    Ok((timing, answer))
}

/// As a client sees it: from the question to the first page of the finished answer.
fn ask_once(node: &Node, data_set: &DataSet, question: &Question) -> Result<(Duration, Answer)> {
    let is_records = !matches!(question.shape, Shape::Messages);
    let body = json!({
        "query": question.log,
        "from": data_set.first_ms,
        "to": data_set.last_ms + 1,
        "timeZone": "UTC",
        "requiresRawMessages": !is_records,
    });
    let started = Instant::now();
    let job = node.post("/api/v1/search/jobs", &body)?;
    let path = format!(
        "/api/v1/search/jobs/{}",
        job["id"].as_str().context("a search without an id")?
    );
    let lines = node.text(&format!("{path}/stream"))?;
    let status: Value = serde_json::from_str(lines.lines().last().unwrap_or_default())
        .context("the stream ended without a status")?;
    if let Some(error) = status["pendingErrors"][0].as_str() {
        bail!("{error}");
    }
    let (kind, limit) = match question.shape {
        Shape::Messages => ("messages", PAGE_ROWS),
        Shape::Records { .. } | Shape::Estimates { .. } => ("records", RECORDS_MAX),
    };
    let page = node.get(&format!("{path}/{kind}?offset=0&limit={limit}"))?;
    let wall = started.elapsed();
    node.delete(&path)?;
    let rows = page[kind].as_array().context("a page without rows")?;
    let maps = rows.iter().filter_map(|row| row["map"].as_object());
    Ok((wall, answer(question.shape, maps)))
}

/// What is wrong with our answer, if anything is.
pub(super) fn mistake(
    shape: Shape,
    ours: &Answer,
    theirs: &Answer,
    bounds: &Bounds,
) -> Option<String> {
    match shape {
        Shape::Estimates { .. } => super::compare::outside(ours, bounds),
        _ => difference(ours, theirs, MEAN_TOLERANCE),
    }
}

/// How many rows an answer has.
pub(super) fn rows(shape: Shape, answer: &Answer) -> usize {
    match shape {
        Shape::Records { .. } | Shape::Estimates { .. } => answer.len(),
        Shape::Messages => answer
            .values()
            .filter_map(|count| count.parse::<usize>().ok())
            .sum(),
    }
}

/// Brings rows of either side into the form in which they are compared.
pub(super) fn answer<'a>(
    shape: Shape,
    rows: impl Iterator<Item = &'a Map<String, Value>>,
) -> Answer {
    match shape {
        Shape::Records { keys, value } | Shape::Estimates { keys, value } => {
            rows.map(|row| (key(row, keys), text(row, value))).collect()
        }
        Shape::Messages => {
            let mut counts = std::collections::BTreeMap::<String, u64>::new();
            for row in rows {
                *counts.entry(text(row, "_messagetime")).or_default() += 1;
            }
            let pairs = counts.into_iter();
            pairs
                .map(|(moment, count)| (moment, count.to_string()))
                .collect()
        }
    }
}

/// Brings the peer's bounds into the form in which they are compared.
pub(super) fn bounds(shape: Shape, rows: &[Map<String, Value>]) -> Bounds {
    let Shape::Estimates { keys, .. } = shape else {
        return Bounds::new();
    };
    let number = |row: &Map<String, Value>, name: &str| row.get(name).and_then(Value::as_f64);
    rows.iter()
        .filter_map(|row| Some((key(row, keys), (number(row, "low")?, number(row, "high")?))))
        .collect()
}

fn key(row: &Map<String, Value>, names: &[&str]) -> String {
    let values: Vec<String> = names.iter().map(|name| text(row, name)).collect();
    values.join(", ")
}

fn text(row: &Map<String, Value>, name: &str) -> String {
    match row.get(name) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
