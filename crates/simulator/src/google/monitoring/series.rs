//! `timeSeries.list`: pages of points, of each series the newest first
//! (<https://cloud.google.com/monitoring/api/ref_v3/rest/v3/projects.timeSeries/list>).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::execution::Execution;
use super::metric::{METRICS, Metric};
use crate::executions::MINUTE_MS;
use crate::google::error::GoogleError;
use crate::google::service::{Context, State, parse, text};
use crate::random::mix_text;

/// The most points of a page.
const PAGE_POINTS_MAX: usize = 100_000;
/// At most so many empty pages come in a row.
const EMPTY_PAGES_MAX: u32 = 3;

/// What a page token says.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Token {
    /// How many points were on the pages before.
    offset: usize,
    /// All pages show what was counted when the first was asked for.
    as_of_ms: i64,
    /// What the request asked for; the token fits no other.
    scope: u64,
    empty_pages: u32,
}

/// What a request asks for.
struct Asked {
    metric: &'static Metric,
    start: Timestamp,
    end: Timestamp,
    size: usize,
    token: Token,
}

/// Answers `timeSeries.list`.
pub(crate) fn list(
    state: &mut State,
    context: Context<'_>,
    query: &BTreeMap<String, String>,
) -> Result<Value, GoogleError> {
    let asked = asked(query, context.now)?;
    let (metric, token, nuisances) = (asked.metric, asked.token, context.nuisances);
    if token.empty_pages < EMPTY_PAGES_MAX && state.random.chance(nuisances.empty_pages) {
        let next = Token {
            empty_pages: token.empty_pages + 1,
            ..token
        };
        return Ok(json!({"nextPageToken": seal(&next)}));
    }
    let is_missing = state.random.chance(nuisances.missing_series);
    let as_of = Timestamp::from_millis(token.as_of_ms);
    let mut all = all(state, metric, (asked.start, asked.end), as_of);
    let (page, has_more) = cut(&mut all, (token.offset, asked.size));
    let mut series: Vec<Value> = page
        .iter()
        .map(|(series, points)| shown(metric, context.project, series, points))
        .collect();
    let mut answer = json!({});
    if is_missing {
        series.truncate(series.len() / 2);
        answer["executionErrors"] = json!([{
            "code": 14, "message": "Some time series could not be read in time.",
        }]);
    }
    if !series.is_empty() {
        answer["timeSeries"] = json!(series);
    }
    if has_more {
        let next = Token {
            offset: token.offset + asked.size,
            empty_pages: 0,
            ..token
        };
        answer["nextPageToken"] = json!(seal(&next));
    }
    Ok(answer)
}

fn asked(query: &BTreeMap<String, String>, now: Timestamp) -> Result<Asked, GoogleError> {
    let given = |name: &str| query.get(name).map_or("", String::as_str);
    let moment = |name: &str| {
        parse(given(name)).ok_or_else(|| GoogleError::invalid(format!("{name} is invalid")))
    };
    let end = moment("interval.endTime")?;
    let start = match given("interval.startTime") {
        "" => end,
        _ => moment("interval.startTime")?,
    };
    let scope = ["filter", "interval.startTime", "interval.endTime"]
        .iter()
        .fold(1, |scope, name| mix_text(scope, given(name)));
    let token = match given("pageToken") {
        "" => Token {
            offset: 0,
            as_of_ms: now.millis(),
            scope,
            empty_pages: 0,
        },
        token => open(token, scope).ok_or_else(GoogleError::bad_token)?,
    };
    let size = given("pageSize").parse().unwrap_or(0);
    Ok(Asked {
        metric: metric(given("filter"))?,
        start,
        end,
        size: match size {
            0 => PAGE_POINTS_MAX,
            size => PAGE_POINTS_MAX.min(size),
        },
        token,
    })
}

/// The one metric type that a filter must name.
fn metric(filter: &str) -> Result<&'static Metric, GoogleError> {
    let named = filter
        .split_once("metric.type")
        .and_then(|(_, rest)| rest.trim_start().strip_prefix('='))
        .and_then(|rest| rest.trim().strip_prefix('"')?.strip_suffix('"'))
        .ok_or_else(|| GoogleError::invalid("The filter must specify exactly one metric type."))?;
    METRICS
        .iter()
        .find(|metric| metric.metric_type == named)
        .ok_or_else(|| GoogleError::no_metric(named))
}

/// What tells one series of a metric from another: an execution of it, and the labels.
type Key = (&'static str, Vec<String>);

/// One series: an execution of it, and its points, the newest first.
#[derive(Debug)]
struct Series<'a> {
    example: &'a Execution,
    points: Vec<(Timestamp, Value)>,
}

/// All points whose periods end behind `start` and not behind `end`.
fn all<'a>(
    state: &'a State,
    metric: &Metric,
    range: (Timestamp, Timestamp),
    as_of: Timestamp,
) -> Vec<Series<'a>> {
    // A period that ends behind `start` may have begun before it.
    let start = Timestamp::from_millis(range.0.millis() + 1 - MINUTE_MS);
    let mut series: BTreeMap<Key, Series<'a>> = BTreeMap::new();
    for (minute, executions) in state.executions.minutes((start, range.1), as_of) {
        let mut groups: BTreeMap<Key, Vec<&Execution>> = BTreeMap::new();
        for one in executions.into_iter().filter(|one| metric.tells_of(one)) {
            let labels = metric.labels.iter().map(|name| Metric::label(name, one));
            let key = (one.function.name, labels.collect());
            groups.entry(key).or_default().push(one);
        }
        for (key, group) in groups {
            let entry = series.entry(key).or_insert_with(|| Series {
                example: group[0],
                points: Vec::new(),
            });
            entry.points.insert(0, (minute, metric.value(&group)));
        }
    }
    series.into_values().collect()
}

type Page<'a> = Vec<(&'a Execution, Vec<(Timestamp, Value)>)>;

/// Takes the page behind so many points; also says whether there is more.
fn cut<'a>(all: &mut [Series<'a>], (offset, size): (usize, usize)) -> (Page<'a>, bool) {
    let mut page = Vec::new();
    let mut place = 0;
    for series in all {
        let points = std::mem::take(&mut series.points).into_iter();
        let mut taken = Vec::new();
        for point in points {
            if place >= offset + size {
                if !taken.is_empty() {
                    page.push((series.example, taken));
                }
                return (page, true);
            }
            if place >= offset {
                taken.push(point);
            }
            place += 1;
        }
        if !taken.is_empty() {
            page.push((series.example, taken));
        }
    }
    (page, false)
}

fn shown(
    metric: &Metric,
    project: &str,
    example: &Execution,
    points: &[(Timestamp, Value)],
) -> Value {
    let labels = metric.labels.iter();
    let labels: BTreeMap<&str, String> = labels
        .map(|name| (*name, Metric::label(name, example)))
        .collect();
    let points = points.iter().map(|(begin, value)| {
        let end = text(begin.saturating_add_millis(MINUTE_MS));
        let start = match metric.kind() {
            "GAUGE" => end.clone(),
            _ => text(*begin),
        };
        json!({"interval": {"startTime": start, "endTime": end}, "value": value})
    });
    json!({
        "metric": {"type": metric.metric_type, "labels": labels},
        "resource": metric.resource(project, example),
        "metricKind": metric.kind(),
        "valueType": metric.value_type(),
        "unit": metric.unit,
        "points": points.collect::<Vec<_>>(),
    })
}

fn seal(token: &Token) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_string(token).unwrap_or_default())
}

fn open(text: &str, scope: u64) -> Option<Token> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let token: Token = serde_json::from_slice(&bytes).ok()?;
    (token.scope == scope).then_some(token)
}
