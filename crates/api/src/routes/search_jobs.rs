//! `/api/v1/search/jobs`: Sumo Logic's search job API.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::tz::TimeZone;
use model::{TimeRange, Timestamp, limits};
use query::{
    Filter, Language, Page, ResultField, ResultKind, SearchId, SearchRequest, SearchStatus,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use crate::error::{ApiError, Result};

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/search/jobs", post(create))
        .route("/api/v1/search/jobs/{id}", get(status).delete(cancel))
        .route("/api/v1/search/jobs/{id}/messages", get(messages))
        .route("/api/v1/search/jobs/{id}/records", get(records))
}

/// What to search for. Keys that are `null` count as not given.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Job {
    query: Option<String>,
    /// ISO 8601, in `timeZone` unless it names an offset; or milliseconds since the epoch.
    #[schema(value_type = String)]
    from: Value,
    /// As `from`; not part of the range.
    #[schema(value_type = String)]
    to: Value,
    /// A name such as `Europe/Berlin`; `UTC` if not given.
    #[serde(alias = "timezone")]
    time_zone: Option<String>,
    by_receipt_time: Option<bool>,
    /// `AutoParse` or `Manual`.
    auto_parsing_mode: Option<String>,
    /// `log` (the default) or `sql`.
    #[schema(value_type = Option<String>)]
    language: Option<Language>,
    /// Conditions beside the text: each has `field`, `value` and perhaps `negated`.
    #[schema(value_type = Option<Vec<Object>>)]
    filters: Option<Vec<Filter>>,
    /// `false` saves an aggregate query the counting of its messages over time.
    requires_raw_messages: Option<bool>,
}

impl Job {
    pub(super) fn request(self) -> Result<SearchRequest> {
        let query = self.query.filter(|query| !query.trim().is_empty());
        let query =
            query.ok_or_else(|| ApiError::bad("searchjob.no.query", "`query` is missing"))?;
        if query.chars().count() > limits::QUERY_CHARS_MAX {
            let max = limits::QUERY_CHARS_MAX;
            return Err(ApiError::bad(
                "searchjob.parse.error",
                format!("the query is longer than {max} characters"),
            ));
        }
        let time_zone = zone(self.time_zone.as_deref())?;
        let start = moment(&self.from, &time_zone).map_err(|why| {
            ApiError::bad("searchjob.invalid.timestamp.from", format!("`from` {why}"))
        })?;
        let end = moment(&self.to, &time_zone).map_err(|why| {
            ApiError::bad("searchjob.invalid.timestamp.to", format!("`to` {why}"))
        })?;
        if end < start {
            return Err(ApiError::bad(
                "searchjob.to.smaller.than.from",
                "`to` is before `from`",
            ));
        }
        let filters = self.filters.unwrap_or_default();
        if filters.len() > limits::FILTERS_MAX {
            let max = limits::FILTERS_MAX;
            let message = format!("there are more than {max} filters (FILTERS_MAX)");
            return Err(ApiError::bad("searchjob.too.many.filters", message));
        }
        let mode = self.auto_parsing_mode.unwrap_or_default();
        Ok(SearchRequest {
            query,
            filters,
            // Equal ends ask for the moment itself.
            range: TimeRange::new(start, end.max(start.saturating_add_nanos(1))),
            time_zone,
            by_receipt_time: self.by_receipt_time.unwrap_or(false),
            auto_parse: ["autoparse", "intelligent", "verbose"]
                .contains(&mode.to_ascii_lowercase().as_str()),
            language: self.language.unwrap_or_default(),
            histogram_by_level: self.requires_raw_messages.unwrap_or(true),
        })
    }
}

fn zone(name: Option<&str>) -> Result<TimeZone> {
    match name.map(str::trim) {
        None => Ok(TimeZone::UTC),
        Some("") => Err(ApiError::bad(
            "searchjob.empty.timezone",
            "`timeZone` is empty",
        )),
        Some("UTC" | "Etc/UTC" | "Z") => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name).map_err(|_| {
            ApiError::bad(
                "searchjob.unknown.timezone",
                format!("time zone `{name}` is not known; use a name such as `Europe/Berlin`"),
            )
        }),
    }
}

fn moment(value: &Value, zone: &TimeZone) -> std::result::Result<Timestamp, String> {
    let text = match value {
        Value::Number(number) => {
            return millis(
                number
                    .as_i64()
                    .or_else(|| number.as_f64().map(|millis| millis as i64)),
            );
        }
        Value::String(text) => text.trim(),
        Value::Null => return Err("is missing".to_owned()),
        _ => return Err("must be text or a number".to_owned()),
    };
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return millis(text.parse().ok());
    }
    let parsed = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        Ok::<_, jiff::Error>(civil.to_zoned(zone.clone())?.timestamp())
    });
    parsed
        .ok()
        .and_then(|moment| i64::try_from(moment.as_nanosecond()).ok())
        .map(Timestamp::from_nanos)
        .ok_or_else(|| {
            format!("`{text}` is neither ISO 8601 (2026-01-31T12:00:00) nor milliseconds")
        })
}

fn millis(value: Option<i64>) -> std::result::Result<Timestamp, String> {
    value
        .map(Timestamp::from_millis)
        .ok_or_else(|| "is no number of milliseconds".to_owned())
}

/// Starts a search.
#[utoipa::path(
    post, path = "/api/v1/search/jobs", tag = "search", request_body = Job,
    responses((status = 202, body = Object), (status = 400, body = Object))
)]
pub(crate) async fn create(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response> {
    let job: Job = super::body(&headers, &body)?;
    let id = node.searches.start(job.request()?).await?.to_string();
    let href = format!("/api/v1/search/jobs/{id}");
    let answer = json!({ "id": id, "link": { "rel": "self", "href": href } });
    let headers = [(LOCATION, location(&headers, &href))];
    Ok((StatusCode::ACCEPTED, headers, Json(answer)).into_response())
}

/// The absolute address, as the client sees the node.
fn location(headers: &HeaderMap, path: &str) -> String {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    match text("host") {
        Some(host) => format!(
            "{}://{host}{path}",
            text("x-forwarded-proto").unwrap_or("http")
        ),
        None => path.to_owned(),
    }
}

/// How far a search is; buckets, errors and warnings are what the last call did not tell.
#[utoipa::path(
    get, path = "/api/v1/search/jobs/{id}", tag = "search", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Object))
)]
pub(crate) async fn status(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let news = node.searches.status_news(&SearchId::new(&id));
    let status = news.ok_or_else(|| ApiError::unknown_search(&id))?;
    let buckets: Vec<Value> = status
        .histogram
        .iter()
        .map(|bucket| {
            json!({
                "startTimestamp": bucket.start_ms,
                "length": bucket.length_ms,
                "count": bucket.count,
            })
        })
        .collect();
    Ok(Json(json!({
        "state": status.state.name(),
        "messageCount": status.message_count,
        "histogramBuckets": buckets,
        "pendingErrors": status.errors,
        "pendingWarnings": status.warnings,
        "recordCount": status.record_count,
    })))
}

/// Everything about a search, not only the news.
pub(super) fn whole(status: &SearchStatus) -> Value {
    let buckets: Vec<Value> = status
        .histogram
        .iter()
        .map(|bucket| {
            let levels: Map<String, Value> = bucket
                .levels
                .iter()
                .map(|(level, count)| ((*level).to_owned(), (*count).into()))
                .collect();
            json!({
                "startTimestamp": bucket.start_ms,
                "length": bucket.length_ms,
                "count": bucket.count,
                "levels": levels,
            })
        })
        .collect();
    json!({
        "state": status.state.name(),
        "kind": match status.kind {
            ResultKind::Messages => "messages",
            ResultKind::Records => "records",
        },
        "query": &*status.query,
        "messageCount": status.message_count,
        "messagesKept": status.messages_kept,
        "recordCount": status.record_count,
        "histogram": buckets,
        "pendingErrors": status.errors,
        "pendingWarnings": status.warnings,
        "rowsScanned": status.rows_scanned,
        "bytesScanned": status.bytes_scanned,
        "bytesTotal": status.bytes_total,
        "elapsedMs": status.elapsed_ms,
        "limited": status.limited,
        "fields": fields(&status.fields),
    })
}

fn fields(fields: &[ResultField]) -> Value {
    fields
        .iter()
        .map(|field| {
            json!({
                "name": field.name.to_lowercase(),
                "fieldType": field.field_type,
                "keyField": field.is_key,
            })
        })
        .collect()
}

/// Which part of the results.
#[derive(Deserialize, utoipa::IntoParams)]
pub(crate) struct Part {
    #[param(value_type = Option<i64>)]
    offset: Option<String>,
    #[param(value_type = Option<i64>)]
    limit: Option<String>,
}

impl Part {
    /// Without a limit the largest page is given, because clients leave it out.
    fn bounds(&self) -> Result<(usize, usize)> {
        let number = |text: &Option<String>, default: i64, code| match text {
            None => Ok(default),
            Some(text) => text
                .parse::<i64>()
                .map_err(|_| ApiError::bad(code, format!("`{text}` is not a whole number"))),
        };
        let offset = number(&self.offset, 0, "searchjob.offset.negative")?;
        let max = limits::PAGE_ROWS_MAX;
        let limit = number(&self.limit, max as i64, "searchjob.limit.negative")?;
        let offset = usize::try_from(offset)
            .map_err(|_| ApiError::bad("searchjob.offset.negative", "`offset` is negative"))?;
        let limit = usize::try_from(limit)
            .map_err(|_| ApiError::bad("searchjob.limit.negative", "`limit` is negative"))?;
        if limit == 0 {
            return Err(ApiError::bad("searchjob.limit.zero", "`limit` is zero"));
        }
        Ok((offset, limit.min(max)))
    }
}

fn page(page: Page, name: &str) -> Value {
    let rows: Vec<Value> = page
        .rows
        .into_iter()
        .map(|row| {
            let map: Map<String, Value> = row
                .into_iter()
                .map(|(name, value)| (name.to_lowercase(), value.into()))
                .collect();
            json!({ "map": map })
        })
        .collect();
    json!({ "fields": fields(&page.fields), name: rows })
}

/// Messages, newest first.
#[utoipa::path(
    get, path = "/api/v1/search/jobs/{id}/messages", tag = "search",
    params(("id" = String, Path), Part),
    responses((status = 200, body = Object), (status = 404, body = Object))
)]
pub(crate) async fn messages(
    State(node): State<Shared>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Value>> {
    let (offset, limit) = part.bounds()?;
    let found = node.searches.messages(&SearchId::new(id), offset, limit)?;
    Ok(Json(page(found, "messages")))
}

/// Records: the rows of an aggregate query.
#[utoipa::path(
    get, path = "/api/v1/search/jobs/{id}/records", tag = "search",
    params(("id" = String, Path), Part),
    responses((status = 200, body = Object), (status = 400, body = Object))
)]
pub(crate) async fn records(
    State(node): State<Shared>,
    Path(id): Path<String>,
    Query(part): Query<Part>,
) -> Result<Json<Value>> {
    let (offset, limit) = part.bounds()?;
    let found = node.searches.records(&SearchId::new(id), offset, limit)?;
    Ok(Json(page(found, "records")))
}

/// Stops a search and forgets its results.
#[utoipa::path(
    delete, path = "/api/v1/search/jobs/{id}", tag = "search", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Object))
)]
pub(crate) async fn cancel(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    if node.searches.cancel(&SearchId::new(&id)) {
        Ok(Json(json!({ "id": id })))
    } else {
        Err(ApiError::unknown_search(&id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_iso_in_the_zone_or_milliseconds() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let at = |value: Value| moment(&value, &zone).map(Timestamp::millis);
        assert_eq!(at(json!(1000)), Ok(1000));
        assert_eq!(at(json!("1000")), Ok(1000));
        assert_eq!(at(json!("2026-01-31T12:00:00")), Ok(1_769_857_200_000));
        assert_eq!(at(json!("2026-01-31T12:00:00Z")), Ok(1_769_860_800_000));
        assert!(at(json!("yesterday")).is_err());
        assert!(at(Value::Null).is_err());
    }
}
