//! `/api/v1/monitors`: Sumo Logic's monitors API, over one flat folder.
//!
//! Each monitor is written as Sumo Logic writes it. `definition` beside that is all of it, in the
//! words of a monitor file; where a request has it, it counts and the rest is ignored.

use ::alerting::{AlertingError, MonitorView, Origin};
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use content::{Monitor, SumoMonitor};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::{ApiError, Result};
use crate::routes::{Shared, body};
use crate::time_range::TimeRangeBody;

/// The id of the one folder.
const ROOT: &str = "0000000000000001";
/// Monitors in one answer to a search.
const SEARCH_MAX: usize = 1_000;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route(
            "/api/v1/monitors",
            post(create).get(list).delete(delete_many),
        )
        .route("/api/v1/monitors/root", get(root))
        .route("/api/v1/monitors/search", get(search))
        .route("/api/v1/monitors/usageInfo", get(usage))
        .route("/api/v1/monitors/disable", put(disable))
        .route("/api/v1/monitors/replay", post(replay))
        .route(
            "/api/v1/monitors/{id}",
            get(read).put(update).delete(delete),
        )
        .route("/api/v1/monitors/{id}/path", get(path))
        .route("/api/v1/monitors/{id}/export", get(export))
        .route("/api/v1/monitors/{id}/import", post(import))
}

/// A monitor in a request.
#[derive(Deserialize, utoipa::ToSchema)]
pub(crate) struct MonitorBody {
    /// The version that is changed; for changes only.
    version: Option<u64>,
    /// All of it, in the words of a monitor file.
    #[schema(value_type = Option<Object>)]
    definition: Option<Monitor>,
    /// As Sumo Logic writes it.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    sumo: SumoMonitor,
}

impl MonitorBody {
    fn monitor(self) -> Result<Monitor> {
        let monitor = match self.definition {
            Some(monitor) => monitor,
            None => self.sumo.to_monitor().map_err(AlertingError::from)?,
        };
        Ok(monitor)
    }
}

fn shown(view: &MonitorView) -> Value {
    let monitor = &view.watched.monitor;
    let mut shown = json!(SumoMonitor::from_monitor(monitor));
    let (version, modified_at, file) = match &view.watched.origin {
        Origin::File(file) => (1, 0, Some(file.display().to_string())),
        Origin::Packaged => (1, 0, None),
        Origin::Catalog {
            version,
            modified_at,
        } => (*version, modified_at.millis(), None),
    };
    let is_changeable = matches!(view.watched.origin, Origin::Catalog { .. });
    let more = json!({
        "type": "MonitorsLibraryMonitorResponse",
        "contentType": "Monitor",
        "id": view.watched.id,
        "parentId": ROOT,
        "version": version,
        "modifiedAt": modified_at,
        "isSystem": false,
        "isMutable": is_changeable,
        "isLocked": false,
        "status": status(view),
        "file": file,
        "definition": monitor.as_ref(),
        "state": state(view),
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

/// Sumo Logic's words.
fn status(view: &MonitorView) -> Vec<&'static str> {
    if !view.watched.monitor.enabled {
        return vec!["Disabled"];
    }
    match (view.state.severity(), view.state.phase()) {
        (Some(content::Severity::Critical), _) => vec!["Critical"],
        (Some(content::Severity::Warning), _) => vec!["Warning"],
        (None, ::alerting::Phase::NoData) => vec!["MissingData"],
        (None, _) => vec!["Normal"],
    }
}

/// Where it stands, in our words.
fn state(view: &MonitorView) -> Value {
    let groups: Vec<Value> = view
        .state
        .groups
        .iter()
        .map(|(fingerprint, group)| {
            json!({
                "fingerprint": fingerprint,
                "labels": group.labels,
                "phase": group.phase.name(),
                "since": group.since.millis(),
                "value": group.value,
                "severity": group.alert.as_ref().map(|alert| alert.severity.name()),
                "alert": group.alert.as_ref().map(|alert| &alert.id),
            })
        })
        .collect();
    let problems: Vec<Value> = view
        .state
        .problems
        .iter()
        .map(|(problem, state)| json!({ "problem": problem.name(), "text": state.text, "since": state.since.millis() }))
        .collect();
    json!({
        "phase": view.state.phase().name(),
        "severity": view.state.severity().map(content::Severity::name),
        "evaluatedTo": view.state.evaluated_to.map(model::Timestamp::millis),
        "groups": groups,
        "problems": problems,
    })
}

/// Makes a monitor.
#[utoipa::path(
    post, path = "/api/v1/monitors", tag = "monitors", request_body = MonitorBody,
    responses((status = 200, body = Object), (status = 400, description = "It cannot work"))
)]
pub(crate) async fn create(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let monitor = body::<MonitorBody>(&headers, &bytes)?.monitor()?;
    Ok(Json(shown(&node.alerting.create_monitor(monitor).await?)))
}

/// Lists all monitors with their states.
#[utoipa::path(get, path = "/api/v1/monitors", tag = "monitors", responses((status = 200, body = Object)))]
pub(crate) async fn list(State(node): State<Shared>) -> Json<Value> {
    let monitors: Vec<Value> = node.alerting.monitors().iter().map(shown).collect();
    Json(json!({ "monitors": monitors }))
}

/// The folder of all monitors.
#[utoipa::path(get, path = "/api/v1/monitors/root", tag = "monitors", responses((status = 200, body = Object)))]
pub(crate) async fn root(State(node): State<Shared>) -> Json<Value> {
    let children: Vec<Value> = node.alerting.monitors().iter().map(shown).collect();
    Json(json!({
        "type": "MonitorsLibraryFolderResponse",
        "contentType": "Folder",
        "id": ROOT,
        "name": "Root",
        "description": "",
        "parentId": "0000000000000000",
        "version": 0,
        "isSystem": true,
        "isMutable": false,
        "children": children,
    }))
}

/// What is looked for.
#[derive(Deserialize)]
pub(crate) struct Search {
    query: Option<String>,
    limit: Option<usize>,
    offset: Option<usize>,
}

/// Finds monitors by their names and descriptions.
#[utoipa::path(
    get, path = "/api/v1/monitors/search", tag = "monitors",
    params(("query" = Option<String>, Query), ("limit" = Option<usize>, Query), ("offset" = Option<usize>, Query)),
    responses((status = 200, body = Vec<Object>))
)]
pub(crate) async fn search(
    State(node): State<Shared>,
    Query(search): Query<Search>,
) -> Json<Value> {
    let words = search.query.unwrap_or_default().to_lowercase();
    let found: Vec<Value> = node
        .alerting
        .monitors()
        .iter()
        .filter(|view| {
            let monitor = &view.watched.monitor;
            let text = format!("{} {}", monitor.name, monitor.description).to_lowercase();
            words.split_whitespace().all(|word| text.contains(word))
        })
        .skip(search.offset.unwrap_or(0))
        .take(search.limit.unwrap_or(100).min(SEARCH_MAX))
        .map(|view| json!({ "item": shown(view), "path": format!("/{}", view.watched.monitor.name) }))
        .collect();
    Json(found.into())
}

/// How many monitors there are.
#[utoipa::path(get, path = "/api/v1/monitors/usageInfo", tag = "monitors", responses((status = 200, body = Vec<Object>)))]
pub(crate) async fn usage(State(node): State<Shared>) -> Json<Value> {
    let monitors = node.alerting.monitors();
    let is_metrics =
        |view: &&MonitorView| view.watched.monitor.language == query::Language::Metrics;
    let metrics = monitors.iter().filter(is_metrics).count();
    let usage = |kind: &str, count: usize| json!({ "monitorType": kind, "usage": count, "limit": Value::Null, "total": count });
    Json(json!([
        usage("Logs", monitors.len() - metrics),
        usage("Metrics", metrics)
    ]))
}

/// Returns one monitor.
#[utoipa::path(
    get, path = "/api/v1/monitors/{id}", tag = "monitors", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "There is none"))
)]
pub(crate) async fn read(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    Ok(Json(shown(&node.alerting.monitor(&id)?)))
}

/// Changes a monitor; `version` is the one that was read.
#[utoipa::path(
    put, path = "/api/v1/monitors/{id}", tag = "monitors", params(("id" = String, Path)), request_body = MonitorBody,
    responses((status = 200, body = Object), (status = 409, description = "Somebody else has changed it, or it is kept in a file"))
)]
pub(crate) async fn update(
    State(node): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let body: MonitorBody = body(&headers, &bytes)?;
    let missing = || {
        ApiError::bad(
            "content:invalid",
            "`version` is missing; give the one that was read",
        )
    };
    let version = body.version.ok_or_else(missing)?;
    let view = node
        .alerting
        .update_monitor(&id, version, body.monitor()?)
        .await?;
    Ok(Json(shown(&view)))
}

/// Removes a monitor.
#[utoipa::path(
    delete, path = "/api/v1/monitors/{id}", tag = "monitors", params(("id" = String, Path)),
    responses((status = 204), (status = 404, description = "There is none"))
)]
pub(crate) async fn delete(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    node.alerting.delete_monitor(&id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Which monitors are meant.
#[derive(Deserialize)]
pub(crate) struct Ids {
    /// Their ids, with commas between them.
    ids: String,
}

impl Ids {
    fn all(&self) -> impl Iterator<Item = &str> {
        self.ids
            .split(',')
            .map(str::trim)
            .filter(|id| !id.is_empty())
    }
}

/// Removes several monitors.
#[utoipa::path(
    delete, path = "/api/v1/monitors", tag = "monitors", params(("ids" = String, Query)),
    responses((status = 200, body = Object))
)]
pub(crate) async fn delete_many(
    State(node): State<Shared>,
    Query(ids): Query<Ids>,
) -> Result<Json<Value>> {
    for id in ids.all() {
        node.alerting.delete_monitor(id).await?;
    }
    Ok(Json(json!({})))
}

/// Stops evaluating monitors.
#[utoipa::path(
    put, path = "/api/v1/monitors/disable", tag = "monitors", params(("ids" = String, Query)),
    responses((status = 200, body = Object))
)]
pub(crate) async fn disable(
    State(node): State<Shared>,
    Query(ids): Query<Ids>,
) -> Result<Json<Value>> {
    let mut monitors = Vec::new();
    for id in ids.all() {
        let view = node.alerting.monitor(id)?;
        let mut monitor = view.watched.monitor.as_ref().clone();
        monitor.enabled = false;
        let version = match view.watched.origin {
            Origin::Catalog { version, .. } => version,
            // The update tells where it is kept.
            Origin::File(_) | Origin::Packaged => 0,
        };
        monitors.push(shown(
            &node.alerting.update_monitor(id, version, monitor).await?,
        ));
    }
    Ok(Json(json!({ "monitors": monitors })))
}

/// Where a monitor lies.
#[utoipa::path(
    get, path = "/api/v1/monitors/{id}/path", tag = "monitors", params(("id" = String, Path)),
    responses((status = 200, body = Object))
)]
pub(crate) async fn path(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let view = node.alerting.monitor(&id)?;
    let name = &view.watched.monitor.name;
    let items = json!([{ "id": ROOT, "name": "Root" }, { "id": id, "name": name }]);
    Ok(Json(
        json!({ "pathItems": items, "path": format!("/{name}") }),
    ))
}

/// A monitor as a file: as Sumo Logic exports it, and as TOML.
#[utoipa::path(
    get, path = "/api/v1/monitors/{id}/export", tag = "monitors", params(("id" = String, Path)),
    responses((status = 200, body = Object))
)]
pub(crate) async fn export(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let view = node.alerting.monitor(&id)?;
    let monitor = view.watched.monitor.as_ref();
    let mut exported = json!(SumoMonitor::from_monitor(monitor));
    exported["type"] = "MonitorsLibraryMonitorExport".into();
    exported["definition"] = json!(monitor);
    Ok(Json(exported))
}

/// Makes a monitor of an export.
#[utoipa::path(
    post, path = "/api/v1/monitors/{id}/import", tag = "monitors", params(("id" = String, Path, description = "The folder")),
    request_body = MonitorBody, responses((status = 200, body = Object))
)]
pub(crate) async fn import(
    State(node): State<Shared>,
    Path(_folder): Path<String>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    create(State(node), headers, bytes).await
}

/// A monitor to try out on the past.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplayBody {
    /// The monitor, in the words of a monitor file.
    #[schema(value_type = Object)]
    definition: Monitor,
    time_range: TimeRangeBody,
}

/// What a monitor would have done: values, changes of state, and how often people would have been told.
#[utoipa::path(
    post, path = "/api/v1/monitors/replay", tag = "monitors", request_body = ReplayBody,
    responses((status = 200, body = Object), (status = 400, description = "It cannot work"))
)]
pub(crate) async fn replay(
    State(node): State<Shared>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>> {
    let body: ReplayBody = body(&headers, &bytes)?;
    let range = body.time_range.resolve(node.clock.now())?;
    let replay = node.alerting.replay(&body.definition, range, None).await?;
    Ok(Json(json!(replay)))
}
