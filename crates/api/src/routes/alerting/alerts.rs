//! `/api/v1/alerts`: what fires, what fired, and who cares.

use ::alerting::{Alert, HistoryEntry};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use model::{TimeRange, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::Result;
use crate::routes::{Shared, body};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
/// How far the list goes back, if the request does not say it.
const LIST_DAYS: i64 = 7;
/// How far the history of a monitor goes back.
const HISTORY_DAYS: i64 = 30;
/// Alerts that changed so long before or after are called related.
const RELATED_MS: i64 = HOUR_MS / 2;
/// How much of the time before the alert its chart shows.
const BEFORE_MS: i64 = HOUR_MS / 2;
/// How much of the time after its end.
const AFTER_MS: i64 = HOUR_MS / 6;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/alerts", get(list))
        .route("/api/v1/alerts/{id}", get(read))
        .route("/api/v1/alerts/{id}/chart", get(chart))
        .route("/api/v1/alerts/{id}/acknowledge", post(acknowledge))
}

fn shown(alert: &Alert) -> Value {
    let news = &alert.news;
    json!({
        "id": news.id,
        "monitorId": alert.monitor,
        "monitorName": alert.monitor_name,
        "isOpen": alert.is_open,
        "state": news.word(),
        "severity": news.severity.name(),
        "labels": news.labels,
        "value": news.value,
        "worst": news.worst,
        "valueName": news.value_name,
        "threshold": news.threshold,
        "sentence": news.sentence(),
        "problem": news.problem,
        "isFlapping": news.is_flapping,
        "isMuted": alert.is_muted,
        "beganAt": news.began_at.millis(),
        "changedAt": alert.changed_at.millis(),
        "samples": news.samples.iter().map(|line| json!({
            "time": line.time.millis(), "function": line.function, "text": line.text,
        })).collect::<Vec<_>>(),
        "searchUrl": news.search_url,
        "acknowledgement": alert.acknowledgement.as_ref().map(|one| json!({
            "by": one.by, "note": one.note, "at": one.at.millis(),
        })),
    })
}

fn event(entry: &HistoryEntry) -> Value {
    let mut event = entry.what.clone();
    event["at"] = entry.at.millis().into();
    event
}

/// How far back.
#[derive(Deserialize)]
pub(crate) struct Since {
    /// In milliseconds since the epoch.
    since: Option<i64>,
}

/// Lists the open alerts, and those that changed since a moment (seven days ago, if not said).
#[utoipa::path(
    get, path = "/api/v1/alerts", tag = "alerts", params(("since" = Option<i64>, Query)),
    responses((status = 200, body = Object))
)]
pub(crate) async fn list(
    State(node): State<Shared>,
    Query(since): Query<Since>,
) -> Result<Json<Value>> {
    let earliest = node.clock.now().millis() - LIST_DAYS * DAY_MS;
    let since = Timestamp::from_millis(since.since.unwrap_or(earliest));
    let alerts = node.alerting.alerts(since).await?;
    Ok(Json(
        json!({ "alerts": alerts.iter().map(shown).collect::<Vec<_>>() }),
    ))
}

/// Returns an alert: what happened to it, its monitor, what else happened then, and the earlier
/// alerts of the same group.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}", tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "There is none"))
)]
pub(crate) async fn read(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let (alert, history) = node.alerting.alert(&id).await?;
    let began_ms = alert.news.began_at.millis();
    let around = node
        .alerting
        .alerts(Timestamp::from_millis(began_ms - RELATED_MS))
        .await?;
    let is_related = |other: &&Alert| {
        other.news.id != id && (other.news.began_at.millis() - began_ms).abs() <= RELATED_MS
    };
    let related: Vec<Value> = around.iter().filter(is_related).map(shown).collect();
    let since = Timestamp::from_millis(node.clock.now().millis() - HISTORY_DAYS * DAY_MS);
    let all = node.alerting.alerts_of(&alert.monitor, since).await?;
    let same = all
        .iter()
        .filter(|other| other.news.fingerprint == alert.news.fingerprint);
    let earlier: Vec<Value> = same.map(shown).collect();
    let monitor = node.alerting.monitor(&alert.monitor).ok();
    Ok(Json(json!({
        "alert": shown(&alert),
        "history": history.iter().map(event).collect::<Vec<_>>(),
        "related": related,
        "earlier": earlier,
        "monitor": monitor.map(|view| json!({ "id": view.watched.id, "definition": view.watched.monitor.as_ref() })),
    })))
}

/// The values of the alert's group before, during and after it, asked now with the monitor's query.
#[utoipa::path(
    get, path = "/api/v1/alerts/{id}/chart", tag = "alerts", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "There is none"))
)]
pub(crate) async fn chart(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let (alert, _) = node.alerting.alert(&id).await?;
    let view = node.alerting.monitor(&alert.monitor)?;
    let monitor = &view.watched.monitor;
    let now_ms = node.clock.now().millis() - monitor.delay().nanos() / 1_000_000;
    let end_ms = match alert.is_open {
        true => now_ms,
        false => now_ms.min(alert.changed_at.millis() + AFTER_MS),
    };
    let range = TimeRange::new(
        Timestamp::from_millis(alert.news.began_at.millis() - BEFORE_MS),
        Timestamp::from_millis(end_ms),
    );
    let replay = node
        .alerting
        .replay(monitor, range, Some(&alert.news.labels))
        .await?;
    Ok(Json(json!(replay)))
}

/// Somebody cares.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct AcknowledgeBody {
    /// Who.
    by: String,
    /// With which words.
    #[serde(default)]
    note: String,
}

/// Says that somebody cares for an alert: it is not told again while it stays as it is.
#[utoipa::path(
    post, path = "/api/v1/alerts/{id}/acknowledge", tag = "alerts", params(("id" = String, Path)),
    request_body = AcknowledgeBody, responses((status = 204), (status = 404, description = "There is none"))
)]
pub(crate) async fn acknowledge(
    State(node): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<StatusCode> {
    let body: AcknowledgeBody = body(&headers, &bytes)?;
    node.alerting.acknowledge(&id, body.by, body.note).await?;
    Ok(StatusCode::NO_CONTENT)
}
