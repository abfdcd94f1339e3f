//! `/api/v1/dashboards`: the dashboards there are, what one of them shows, and its queries with what a reader
//! has chosen put into them. The queries are run by the search and metrics APIs. A change is saved as a file.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use content::{Choices, Dashboard, Library, SaveError, Shelf, StoredDashboard};
use model::{TimeRange, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Shared;
use crate::error::{ApiError, Result};

/// The app of dashboards that were imported or made in the browser.
const OWN_APP: &str = "own";

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/dashboards", get(list))
        .route("/api/v1/dashboards/import", post(import))
        .route(
            "/api/v1/dashboards/{app}/{name}",
            get(show).put(save).delete(remove),
        )
        .route("/api/v1/dashboards/{app}/{name}/queries", post(queries))
}

/// What a reader has chosen.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Chosen {
    /// Milliseconds since the epoch.
    from: i64,
    /// Milliseconds since the epoch; not part of the range.
    to: i64,
    /// The chosen values by variable; a variable that is not named has its default, and `*` means all.
    #[serde(default)]
    variables: BTreeMap<String, Vec<String>>,
    /// A dashboard that is not saved yet, in place of the one that is.
    #[schema(value_type = Option<Object>)]
    dashboard: Option<Dashboard>,
}

/// A dashboard to save.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DashboardBody {
    /// That of the dashboard that was read; none for a new one.
    revision: Option<String>,
    /// All of it, in the words of its file.
    #[schema(value_type = Object)]
    dashboard: Dashboard,
}

/// Which dashboard is meant.
#[derive(Debug, Deserialize)]
pub(crate) struct Read {
    /// That of the dashboard that was read.
    revision: String,
}

/// The apps with their dashboards, and the files that could not be read.
#[utoipa::path(get, path = "/api/v1/dashboards", tag = "dashboards", responses((status = 200, body = Object)))]
pub(crate) async fn list(State(node): State<Shared>) -> Result<Json<Value>> {
    let shelf = shelf(&node).await?;
    let mut folders: Vec<_> = shelf.apps.iter().collect();
    folders.sort_by_key(|(_, folder)| folder.app.as_ref().map_or(0, |app| app.order));
    let apps: Vec<Value> = folders
        .into_iter()
        .map(|(name, folder)| app(name, folder))
        .collect();
    let broken = shelf.broken.iter();
    let broken: Vec<Value> = broken
        .map(|broken| json!({ "file": broken.file, "message": broken.why }))
        .collect();
    Ok(Json(json!({ "apps": apps, "broken": broken })))
}

fn app(id: &str, folder: &content::AppFolder) -> Value {
    let app = folder.app.as_ref();
    // In the app's order; what it does not list comes after it.
    let listed = app.map(|app| app.dashboards.as_slice()).unwrap_or_default();
    let place = |name: &String| {
        listed
            .iter()
            .position(|other| other == name)
            .unwrap_or(usize::MAX)
    };
    let mut names: Vec<&String> = folder.dashboards.keys().collect();
    names.sort_by_key(|name| place(name));
    let dashboards: Vec<Value> = names
        .into_iter()
        .map(|name| {
            let stored = &folder.dashboards[name];
            json!({
                "id": format!("{id}/{name}"),
                "title": stored.dashboard.title,
                "description": stored.dashboard.description,
                "panels": stored.dashboard.panels.len(),
                "isOwn": stored.is_own,
            })
        })
        .collect();
    json!({
        "id": id,
        "title": app.map_or(id, |app| &app.title),
        "description": app.map_or("", |app| &app.description),
        "sources": app.map(|app| app.sources.as_slice()).unwrap_or_default(),
        "dashboards": dashboards,
    })
}

/// One dashboard as its file says it; `format.md` of the dashboards documents the keys.
#[utoipa::path(
    get, path = "/api/v1/dashboards/{app}/{name}", tag = "dashboards",
    params(("app" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Object))
)]
pub(crate) async fn show(
    State(node): State<Shared>,
    Path((app, name)): Path<(String, String)>,
) -> Result<Json<Value>> {
    let id = format!("{app}/{name}");
    let stored = find(&shelf(&node).await?, &id)?;
    Ok(Json(shown(&node.library, &id, stored)))
}

fn shown(library: &Library, id: &str, stored: StoredDashboard) -> Value {
    let mut shown = json!(stored.dashboard);
    shown["id"] = id.into();
    shown["file"] = stored.file.into();
    shown["isOwn"] = stored.is_own.into();
    shown["isPackaged"] = library.is_packaged(id).into();
    shown["revision"] = stored.revision.into();
    shown
}

/// Saves a dashboard as a file of the user's folder, where it takes the place of a packaged one; comments of a
/// file that is replaced are not kept. `revision` is the one that was read, or nothing for a new dashboard.
#[utoipa::path(
    put, path = "/api/v1/dashboards/{app}/{name}", tag = "dashboards", request_body = DashboardBody,
    params(("app" = String, Path), ("name" = String, Path)),
    responses(
        (status = 200, body = Object), (status = 400, description = "It would not work"),
        (status = 409, description = "Somebody else has changed it"),
    )
)]
pub(crate) async fn save(
    State(node): State<Shared>,
    Path((app, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let body: DashboardBody = super::body(&headers, &body)?;
    let (id, library) = (format!("{app}/{name}"), node.library.clone());
    let saved = blocking(move || {
        let stored = library.save(&id, body.revision.as_deref(), &body.dashboard)?;
        Ok(shown(&library, &id, stored))
    });
    saved.await?.map(Json).map_err(|error| not_saved(&error))
}

/// Removes a saved dashboard; a packaged one of the same id is there again.
#[utoipa::path(
    delete, path = "/api/v1/dashboards/{app}/{name}", tag = "dashboards",
    params(("app" = String, Path), ("name" = String, Path), ("revision" = String, Query)),
    responses((status = 204), (status = 404, description = "None is saved"), (status = 409, description = "Somebody else has changed it"))
)]
pub(crate) async fn remove(
    State(node): State<Shared>,
    Path((app, name)): Path<(String, String)>,
    Query(read): Query<Read>,
) -> Result<StatusCode> {
    let library = node.library.clone();
    let removed = blocking(move || library.remove(&format!("{app}/{name}"), &read.revision));
    let removed = removed.await?.map(|()| StatusCode::NO_CONTENT);
    removed.map_err(|error| not_saved(&error))
}

/// Saves the dashboards of an export of Sumo Logic, a dashboard or a folder, in the app `own`; nothing is
/// overwritten. The notes of each say what is different from the original.
#[utoipa::path(
    post, path = "/api/v1/dashboards/import", tag = "dashboards", request_body = Object,
    responses((status = 200, body = Object), (status = 400, description = "There is no dashboard in it"))
)]
pub(crate) async fn import(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let export: Value = super::body(&headers, &body)?;
    let library = node.library.clone();
    let saved = blocking(move || import_all(&library, &export)).await?;
    let saved = saved.map_err(|error| not_saved(&error))?;
    match saved.is_empty() {
        true => Err(ApiError::bad(
            "dashboard:invalid",
            "there is no dashboard in the file; export a dashboard or a folder of them as JSON",
        )),
        false => Ok(Json(json!({ "dashboards": saved }))),
    }
}

fn import_all(library: &Library, export: &Value) -> std::result::Result<Vec<Value>, SaveError> {
    let mut saved = Vec::new();
    for imported in content::from_sumo(export) {
        let shelf = library.shelf();
        let wish = format!("{OWN_APP}/{}", imported.name);
        let mut numbered = (2..).map(|number| format!("{wish}-{number}"));
        let mut id = wish.clone();
        while shelf.dashboard(&id).is_some() {
            id = numbered.next().unwrap_or_default();
        }
        let stored = library.save(&id, None, &imported.dashboard)?;
        saved.push(json!({ "id": id, "title": stored.dashboard.title, "notes": imported.notes }));
    }
    Ok(saved)
}

fn not_saved(error: &SaveError) -> ApiError {
    let (status, code) = match error {
        SaveError::Id(_) | SaveError::Problems(_) | SaveError::Unwritable(_) => {
            (StatusCode::BAD_REQUEST, "dashboard:invalid")
        }
        SaveError::NotSaved(_) => (StatusCode::NOT_FOUND, "dashboard:not_found"),
        SaveError::NoFolder | SaveError::Changed(_) | SaveError::Broken { .. } => {
            (StatusCode::CONFLICT, "dashboard:changed")
        }
        SaveError::Io { .. } => {
            tracing::error!(%error, "a dashboard was not saved");
            (StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    };
    ApiError::new(status, code, error.to_string())
}

/// The queries of a dashboard, ready to run: of its panels by name, with `@shift` behind those that look at an
/// earlier range, and of its variables.
#[utoipa::path(
    post, path = "/api/v1/dashboards/{app}/{name}/queries", tag = "dashboards", request_body = Chosen,
    params(("app" = String, Path), ("name" = String, Path)),
    responses((status = 200, body = Object), (status = 400, body = Object), (status = 404, body = Object))
)]
pub(crate) async fn queries(
    State(node): State<Shared>,
    Path((app, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let chosen: Chosen = super::body(&headers, &body)?;
    if chosen.to <= chosen.from {
        return Err(ApiError::bad(
            "timerange:invalid",
            "`to` is not after `from`",
        ));
    }
    let dashboard = match chosen.dashboard {
        Some(draft) => draft,
        None => find(&shelf(&node).await?, &format!("{app}/{name}"))?.dashboard,
    };
    let start = Timestamp::from_millis(chosen.from);
    let choices = Choices {
        values: chosen.variables,
        range: TimeRange::new(start, Timestamp::from_millis(chosen.to)),
    };
    Ok(Json(json!({
        "sliceMs": dashboard.slice_ms(&choices),
        "queries": of_panels(&dashboard, &choices)?,
        "variables": of_variables(&dashboard, &choices)?,
    })))
}

fn of_panels(dashboard: &Dashboard, choices: &Choices) -> Result<Map<String, Value>> {
    let mut filled = Map::new();
    for (name, query) in &dashboard.queries {
        let now = dashboard
            .fill(query, None, choices)
            .map_err(|error| refused(&error))?;
        filled.insert(name.clone(), json!(now));
    }
    for panel in &dashboard.panels {
        let Some(shift) = &panel.compare else {
            continue;
        };
        for name in &panel.queries {
            if let Some(query) = dashboard.queries.get(name) {
                let before = dashboard
                    .fill(query, Some(shift), choices)
                    .map_err(|error| refused(&error))?;
                filled.insert(format!("{name}@{shift}"), json!(before));
            }
        }
    }
    Ok(filled)
}

fn of_variables(dashboard: &Dashboard, choices: &Choices) -> Result<Map<String, Value>> {
    let mut filled = Map::new();
    for variable in &dashboard.variables {
        if let Some(query) = variable.choices() {
            let query = dashboard
                .fill(&query, None, choices)
                .map_err(|error| refused(&error))?;
            filled.insert(variable.name.clone(), json!(query));
        }
    }
    Ok(filled)
}

fn refused(error: &content::FillError) -> ApiError {
    ApiError::bad("dashboard:invalid", error.to_string())
}

/// Everything there is now; reads files.
pub(super) async fn shelf(node: &Shared) -> Result<Shelf> {
    let library = node.library.clone();
    blocking(move || library.shelf()).await
}

/// Runs what reads or writes files.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "work on the files of dashboards ended too early");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the dashboards could not be read or written; the log of the node says why",
        )
    })
}

pub(super) fn find(shelf: &Shelf, id: &str) -> Result<StoredDashboard> {
    let found = shelf.dashboard(id).cloned();
    found.ok_or_else(|| {
        let broken = shelf
            .broken
            .iter()
            .find(|broken| broken.file.starts_with(&format!("{id}.")));
        let message = match broken {
            Some(broken) => format!("{}: {}", broken.file, broken.why),
            None => format!("no dashboard is called `{id}`"),
        };
        ApiError::new(StatusCode::NOT_FOUND, "dashboard:not_found", message)
    })
}
