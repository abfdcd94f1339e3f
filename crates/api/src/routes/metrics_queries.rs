//! `/api/v1/metricsQueries`: Sumo Logic's metrics query API.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use axum::{Json, Router};
use model::limits;
use query::{MetricsQuery, MetricsRequest, MetricsRow, MetricsSeries};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Shared;
use crate::error::{ApiError, Result};
use crate::time_range::TimeRangeBody;

/// Points that a series has at most, if its row does not say how long its buckets are.
const POINTS_WANTED: usize = 300;

pub(crate) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/metricsQueries", post(run))
}

/// What to ask the metrics.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsQueries {
    /// The rows; all are answered.
    queries: Vec<MetricsQueryRow>,
    time_range: TimeRangeBody,
}

/// One row.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsQueryRow {
    /// By which other rows refer to it (`#A`); `A`, `B` … if not given.
    row_id: Option<String>,
    /// A selector, optionally with operators; or a formula of other rows.
    query: String,
    /// The length of a time bucket in milliseconds.
    quantization: Option<i64>,
    /// What becomes of the samples of a bucket: `Avg`, `Sum`, `Min`, `Max` or `Count`.
    rollup: Option<String>,
    /// How far in the past to look, in milliseconds.
    timeshift: Option<i64>,
}

/// The answer.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsAnswer {
    #[schema(value_type = Vec<Object>)]
    query_result: Vec<Value>,
    /// Always empty: a mistake in one row refuses all.
    #[schema(value_type = Object)]
    errors: Value,
}

impl MetricsQueryRow {
    fn into_query(self, index: usize) -> Result<MetricsQuery> {
        let id = self.row_id.unwrap_or_else(|| row_name(index));
        check_text(&id, &self.query)?;
        if self.quantization.is_some_and(|millis| millis < 1) {
            let message = format!("`quantization` of row {id} is not positive");
            return Err(ApiError::bad("metrics:invalid_quantization", message));
        }
        Ok(MetricsQuery {
            id,
            query: self.query,
            quantization_ms: self.quantization,
            rollup: self.rollup,
            timeshift_ms: self.timeshift.unwrap_or(0),
        })
    }
}

/// `A`, `B` … `Z`.
fn row_name(index: usize) -> String {
    let letters = u8::try_from(index % 26).unwrap_or(0);
    char::from(b'A' + letters).to_string()
}

/// A row's name is letters and digits, its query neither empty nor too long.
pub(super) fn check_text(id: &str, query: &str) -> Result<()> {
    let code = "metrics:invalid_query";
    if id.is_empty() || !id.chars().all(char::is_alphanumeric) {
        let message = format!("`rowId` is `{id}`; write letters and digits");
        return Err(ApiError::bad(code, message));
    }
    if query.trim().is_empty() {
        return Err(ApiError::bad(
            code,
            format!("`query` of row {id} is missing"),
        ));
    }
    if query.chars().count() > limits::QUERY_CHARS_MAX {
        let max = limits::QUERY_CHARS_MAX;
        return Err(ApiError::bad(
            code,
            format!("`query` of row {id} is longer than QUERY_CHARS_MAX = {max} characters"),
        ));
    }
    Ok(())
}

/// Asks, and gives mistakes the code of this API.
pub(super) async fn ask(node: &Shared, request: &MetricsRequest) -> Result<Vec<MetricsRow>> {
    for (index, row) in request.rows.iter().enumerate() {
        let mut before = request.rows[..index].iter();
        if before.any(|other| other.id.eq_ignore_ascii_case(&row.id)) {
            let message = format!("two rows are called {}", row.id);
            return Err(ApiError::bad("metrics:invalid_query", message));
        }
    }
    let answer = node.searches.engine().metrics(request).await;
    answer.map_err(|error| ApiError::from(error).of_metrics())
}

/// Asks the metrics and waits for the answer.
#[utoipa::path(
    post, path = "/api/v1/metricsQueries", tag = "metrics", request_body = MetricsQueries,
    responses((status = 200, body = MetricsAnswer), (status = 400, description = "A row has mistakes"))
)]
pub(crate) async fn run(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<MetricsAnswer>> {
    let body: MetricsQueries = super::body(&headers, &bytes)?;
    let range = body.time_range.resolve(node.clock.now())?;
    let rows = body.queries.into_iter().enumerate();
    let request = MetricsRequest {
        rows: rows
            .map(|(index, row)| row.into_query(index))
            .collect::<Result<_>>()?,
        range,
        points_wanted: POINTS_WANTED,
    };
    let rows = ask(&node, &request).await?;
    Ok(Json(MetricsAnswer {
        query_result: rows.iter().map(result).collect(),
        errors: json!({ "id": Value::Null, "errors": [] }),
    }))
}

fn result(row: &MetricsRow) -> Value {
    let series: Vec<Value> = row.series.iter().map(time_series).collect();
    let shift = match row.timeshift_ms {
        0 => Value::Null,
        millis => format!("-{}s", millis / 1_000).into(),
    };
    json!({
        "rowId": row.id,
        "timeSeriesList": {
            "timeSeries": series,
            "unit": Value::Null,
            "timeShiftLabel": shift,
            "quantization": row.step_ms,
        },
    })
}

fn time_series(series: &MetricsSeries) -> Value {
    let dimensions: Map<String, Value> = series
        .dimensions
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    let mut object = json!({
        "metricDefinition": { "metric": series.metric, "dimensions": dimensions },
        "points": { "timestamps": series.times_ms, "values": series.values },
    });
    if let Some(band) = &series.band {
        object["outlier"] = band_of(band);
    }
    object
}

/// What `outlier` found; not part of Sumo Logic's API.
pub(super) fn band_of(band: &query::MetricsBand) -> Value {
    json!({ "lower": band.lower, "upper": band.upper, "isOutside": band.is_outside })
}
