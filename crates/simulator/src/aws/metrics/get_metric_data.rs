//! GetMetricData: statistics of metrics by period, in pages of which some come in part.

use std::collections::BTreeMap;

use aws_smithy_cbor::Encoder;
use aws_smithy_types::DateTime;
use serde::Deserialize;

use super::meters::{MINUTE_MS, statistic};
use super::{FUNCTION_NAME, NAMESPACE, request};
use crate::aws::error::AwsError;
use crate::aws::service::State;
use crate::aws::token::{open_name, seal_name};

const QUERIES_MAX: usize = 500;
const DATAPOINTS_MAX: i64 = 100_800;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    metric_data_queries: Vec<Query>,
    start_time: f64,
    end_time: f64,
    scan_by: Option<String>,
    max_datapoints: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: Option<MetricStat>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: Metric,
    period: i64,
    stat: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    namespace: String,
    metric_name: String,
    #[serde(default)]
    dimensions: Vec<Dimension>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

/// What a query is answered with on a page.
struct Answer<'a> {
    id: &'a str,
    points: Vec<(i64, f64)>,
    is_complete: bool,
}

/// Answers GetMetricData. The token says how many samples the pages before had, and when the first
/// was asked for: all pages tell what was counted then.
pub(crate) fn get_metric_data(
    state: &mut State,
    now_ms: i64,
    body: &[u8],
) -> Result<Vec<u8>, AwsError> {
    let request: Request = request(body)?;
    let most = check(&request)?;
    let (before, asked_ms) = match request.next_token.as_deref() {
        None => (0, now_ms),
        Some(token) => place(token).ok_or_else(AwsError::invalid_next_token)?,
    };
    let is_descending = request.scan_by.as_deref() != Some("TimestampAscending");
    let mut all = Vec::new();
    for query in &request.metric_data_queries {
        all.push((query.id.as_str(), points(state, asked_ms, &request, query)?));
    }
    let count: usize = all.iter().map(|(_, points)| points.len()).sum();
    let left = count.saturating_sub(before);
    let room = match state.random.chance(state.meters.partial()) {
        true => most.min(left / 2 + 1),
        false => most,
    };
    let (mut skipped, mut taken) = (before, 0);
    let answers: Vec<Answer<'_>> = all
        .into_iter()
        .map(|(id, mut points)| {
            if is_descending {
                points.reverse();
            }
            let begin = skipped.min(points.len());
            skipped -= begin;
            let end = points.len().min(begin + (room - taken));
            taken += end - begin;
            Answer {
                id,
                is_complete: end == points.len(),
                points: points.drain(begin..end).collect(),
            }
        })
        .collect();
    let end = before + taken;
    let next = (end < count).then(|| seal_name(&format!("{end} {asked_ms}")));
    Ok(written(&answers, next.as_deref()))
}

/// What a token says.
fn place(token: &str) -> Option<(usize, i64)> {
    let text = open_name(token).ok()?;
    let (before, asked_ms) = text.split_once(' ')?;
    Some((before.parse().ok()?, asked_ms.parse().ok()?))
}

/// Checks a request; returns how many samples a page may have.
fn check(request: &Request) -> Result<usize, AwsError> {
    if request.metric_data_queries.len() > QUERIES_MAX {
        return Err(AwsError::validation(format!(
            "The collection MetricDataQueries must not have a size greater than {QUERIES_MAX}."
        )));
    }
    if request.start_time >= request.end_time {
        return Err(AwsError::validation(
            "The parameter StartTime must be less than the parameter EndTime.",
        ));
    }
    match request.max_datapoints.unwrap_or(DATAPOINTS_MAX) {
        most @ 1..=DATAPOINTS_MAX => Ok(most as usize),
        most => Err(AwsError::out_of_bounds(
            most,
            "maxDatapoints",
            "in its bounds",
        )),
    }
}

/// All samples of a query, in the order of time.
fn points(
    state: &State,
    asked_ms: i64,
    request: &Request,
    query: &Query,
) -> Result<Vec<(i64, f64)>, AwsError> {
    let Some(asked) = &query.metric_stat else {
        return Err(AwsError::validation("Expressions are not simulated."));
    };
    let (metric, period_ms) = (&asked.metric, asked.period * 1_000);
    if period_ms < MINUTE_MS || period_ms % MINUTE_MS != 0 {
        return Err(AwsError::validation(
            "The parameter Period must be a multiple of 60.",
        ));
    }
    let function = match metric.dimensions.as_slice() {
        [] => None,
        [only] if only.name == FUNCTION_NAME => Some(only.value.as_str()),
        _ => return Ok(Vec::new()),
    };
    if metric.namespace != NAMESPACE {
        return Ok(Vec::new());
    }
    let times = (
        floor(request.start_time, MINUTE_MS),
        floor(request.end_time, MINUTE_MS),
        period_ms,
    );
    let periods: BTreeMap<i64, Vec<f64>> =
        state
            .meters
            .values(&metric.metric_name, function, times, asked_ms);
    let points = periods.into_iter().map(|(time, mut values)| {
        statistic(&asked.stat, &mut values)
            .map(|value| (time, value))
            .ok_or_else(|| AwsError::validation("The parameter Stat is not valid."))
    });
    points.collect()
}

fn floor(seconds: f64, period_ms: i64) -> i64 {
    let time_ms = (seconds * 1_000.0) as i64;
    time_ms - time_ms.rem_euclid(period_ms)
}

fn written(answers: &[Answer<'_>], next_token: Option<&str>) -> Vec<u8> {
    let mut body = Encoder::new(Vec::new());
    body.begin_map()
        .str("MetricDataResults")
        .array(answers.len());
    for answer in answers {
        body.map(5);
        body.str("Id").str(answer.id);
        body.str("Label").str(answer.id);
        body.str("Timestamps").array(answer.points.len());
        for (time_ms, _) in &answer.points {
            body.timestamp(&DateTime::from_millis(*time_ms));
        }
        body.str("Values").array(answer.points.len());
        for (_, value) in &answer.points {
            body.double(*value);
        }
        let status = match answer.is_complete {
            true => "Complete",
            false => "PartialData",
        };
        body.str("StatusCode").str(status);
    }
    if let Some(token) = next_token {
        body.str("NextToken").str(token);
    }
    body.end();
    body.into_writer()
}
