//! `/api/v1/metrics/results`: Sumo Logic's older metrics API, which its Python SDK calls.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use model::{TimeRange, Timestamp};
use query::{MetricsQuery, MetricsRequest, MetricsRow, MetricsSeries};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Shared;
use super::metrics_queries::{ask, band_of, check_text};
use crate::error::Result;

/// Points that a series has at most, if the request does not say it.
const POINTS_WANTED: usize = 600;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/metrics/results", post(run))
}

/// What to ask the metrics.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsResults {
    /// The rows; all are answered.
    query: Vec<MetricsResultsRow>,
    /// Milliseconds since the epoch.
    start_time: i64,
    /// Milliseconds since the epoch; not part of the range.
    end_time: i64,
    /// Points that a series should have.
    requested_data_points: Option<usize>,
    /// Points that a series may have.
    max_data_points: Option<usize>,
    /// The length of a time bucket in seconds.
    desired_quantization_in_sec: Option<i64>,
}

/// One row.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsResultsRow {
    query: String,
    row_id: String,
}

/// The answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsResultsAnswer {
    #[schema(value_type = Vec<Object>)]
    response: Vec<Value>,
    #[schema(value_type = Object)]
    query_info: Value,
}

/// Asks the metrics and waits for the answer.
#[utoipa::path(
    post, path = "/api/v1/metrics/results", tag = "metrics", request_body = MetricsResults,
    responses((status = 200, body = MetricsResultsAnswer), (status = 400, description = "A row has mistakes"))
)]
pub(crate) async fn run(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<MetricsResultsAnswer>> {
    let body: MetricsResults = super::body(&headers, &bytes)?;
    let mut rows = Vec::new();
    for row in body.query {
        check_text(&row.row_id, &row.query)?;
        rows.push(MetricsQuery {
            id: row.row_id,
            query: row.query,
            quantization_ms: body
                .desired_quantization_in_sec
                .filter(|seconds| *seconds > 0)
                .map(|seconds| seconds.saturating_mul(1_000)),
            ..MetricsQuery::default()
        });
    }
    let wanted = body.requested_data_points.unwrap_or(POINTS_WANTED);
    let request = MetricsRequest {
        rows,
        range: TimeRange::new(
            Timestamp::from_millis(body.start_time),
            Timestamp::from_millis(body.end_time),
        ),
        points_wanted: wanted.min(body.max_data_points.unwrap_or(wanted)),
    };
    let rows = ask(&node, &request).await?;
    let step_ms = rows.iter().map(|row| row.step_ms).max();
    Ok(Json(MetricsResultsAnswer {
        response: rows.iter().map(result).collect(),
        query_info: json!({
            "startTime": body.start_time,
            "endTime": body.end_time,
            "desiredQuantizationInSecs": body.desired_quantization_in_sec,
            "actualQuantizationInSecs": step_ms.map(|millis| millis / 1_000),
        }),
    }))
}

fn result(row: &MetricsRow) -> Value {
    let results: Vec<Value> = row.series.iter().map(series).collect();
    json!({ "rowId": row.id, "results": results })
}

/// The points are rolled up once, as the query says: what other rollups would give is left empty.
fn series(series: &MetricsSeries) -> Value {
    let metric = Some(("metric", series.metric.as_str())).filter(|(_, name)| !name.is_empty());
    let others = series.dimensions.iter();
    let others = others.map(|(name, value)| (name.as_str(), value.as_str()));
    let dimensions: Vec<Value> = metric
        .into_iter()
        .chain(others)
        .map(|(name, value)| json!({ "key": name, "value": value }))
        .collect();
    json!({
        "metric": { "dimensions": dimensions, "algoId": 1 },
        "datapoints": {
            "timestamp": series.times_ms,
            "value": series.values,
            "max": [],
            "min": [],
            "avg": [],
            "count": [],
            "outlierParams": series.band.as_ref().map(band_of),
        },
    })
}
