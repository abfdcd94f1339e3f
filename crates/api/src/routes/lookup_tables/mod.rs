//! `/api/v1/lookupTables`: tables that queries look values up in, declared, filled and removed as
//! Sumo Logic's clients do it. Work is done when the answer comes; its jobs are only told for those who
//! ask for them.

mod bodies;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use model::limits::LOOKUP_BYTES_MAX;
use serde::Deserialize;
use serde_json::{Value, json};
use storage::{LookupField, LookupInfo, LookupSchema, LookupWrite, Lookups, StorageError};

pub(crate) use bodies::{Cell, Declaration, Field, RowDelete, RowUpdate, Update};
use bodies::{check_limits, moment, shown};

use super::Shared;
use crate::error::{ApiError, Result};
use crate::multipart;

/// What a form adds to a file.
const FORM_BYTES_MAX: usize = 64 << 10;

pub(crate) fn router() -> Router<Shared> {
    let file_bytes_max = usize::try_from(LOOKUP_BYTES_MAX).unwrap_or(usize::MAX);
    Router::new()
        .route("/api/v1/lookupTables", get(list).post(create))
        .route(
            "/api/v1/lookupTables/{id}",
            get(describe).put(update).delete(remove),
        )
        .route("/api/v1/lookupTables/{id}/csv", get(download))
        .route("/api/v1/lookupTables/{id}/truncate", post(truncate))
        .route("/api/v1/lookupTables/{id}/row", put(put_row))
        .route("/api/v1/lookupTables/{id}/deleteTableRow", put(delete_row))
        .route("/api/v1/lookupTables/jobs/{id}/status", get(job))
        .route(
            "/api/v1/lookupTables/{id}/upload",
            post(upload).layer(DefaultBodyLimit::max(
                file_bytes_max.saturating_add(FORM_BYTES_MAX),
            )),
        )
}

/// How rows are uploaded.
#[derive(Deserialize)]
pub(crate) struct UploadOptions {
    #[serde(default)]
    merge: bool,
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let message = error.to_string();
        match error {
            StorageError::NoLookup { .. } => {
                ApiError::new(StatusCode::NOT_FOUND, "lookup.not_found", message)
            }
            StorageError::Lookup { .. } => ApiError::bad("lookup.invalid", message),
            other => {
                tracing::error!(error = %other, "cannot use a lookup table");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                ApiError::new(
                    status,
                    "internal",
                    "the disk refused; the node's log says why",
                )
            }
        }
    }
}

/// Works on the tables without holding up others.
async fn with<T: Send + 'static>(
    node: &Shared,
    work: impl FnOnce(&Lookups) -> Result<T> + Send + 'static,
) -> Result<T> {
    let lookups = node.store.lookups().clone();
    let done = tokio::task::spawn_blocking(move || work(&lookups)).await;
    done.unwrap_or_else(|error| {
        tracing::error!(%error, "work on a lookup table failed inside");
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Err(ApiError::new(
            status,
            "internal",
            "the request failed inside",
        ))
    })
}

fn found(lookups: &Lookups, id: &str) -> Result<LookupInfo> {
    lookups.of_id(id)?.ok_or_else(|| {
        let message = format!("no lookup table has the id `{id}`");
        ApiError::new(StatusCode::NOT_FOUND, "lookup.not_found", message)
    })
}

/// Work that is done already, under an id that says so.
fn done(id: &str, kind: &str, node: &Shared) -> Value {
    json!({ "id": format!("{id}-{kind}-{}", node.clock.now().millis()) })
}

/// Lists all tables, those included that lie in the folder without having been declared.
#[utoipa::path(
    get, path = "/api/v1/lookupTables", tag = "lookup tables",
    responses((status = 200, body = Object))
)]
pub(crate) async fn list(State(node): State<Shared>) -> Result<Json<Value>> {
    with(&node, |lookups| {
        let all = lookups.list()?;
        let all = all.iter().map(|info| shown(lookups, info));
        Ok(Json(json!({ "data": all.collect::<Result<Vec<_>>>()? })))
    })
    .await
}

/// Declares a table, which has no rows yet.
#[utoipa::path(
    post, path = "/api/v1/lookupTables", tag = "lookup tables", request_body = Declaration,
    responses((status = 200, body = Object))
)]
pub(crate) async fn create(
    State(node): State<Shared>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let asked: Declaration = super::body(&headers, &body)?;
    check_limits(asked.ttl, asked.size_limit_action.as_deref())?;
    let folder = asked.parent_folder_id.filter(|id| id.starts_with('/'));
    let name = match asked.name.contains('/') {
        true => asked.name,
        false => format!("{}/{}", folder.as_deref().unwrap_or("/Library"), asked.name),
    };
    let fields = asked.fields.into_iter().map(|field| LookupField {
        name: field.field_name,
        field_type: field.field_type,
    });
    let schema = LookupSchema {
        description: asked.description,
        fields: fields.collect(),
        keys: asked.primary_keys,
        created_ms: node.clock.now().millis(),
    };
    with(&node, move |lookups| {
        if lookups.info(&name)?.is_some() {
            let message = format!("there is a lookup table `{name}` already");
            return Err(ApiError::bad("lookup.exists", message));
        }
        lookups.declare(&name, &schema)?;
        let info = lookups.info(&name)?;
        let info = info.ok_or(StorageError::NoLookup { name })?;
        Ok(Json(shown(lookups, &info)?))
    })
    .await
}

/// Describes a table.
#[utoipa::path(
    get, path = "/api/v1/lookupTables/{id}", tag = "lookup tables",
    params(("id" = String, Path)), responses((status = 200, body = Object))
)]
pub(crate) async fn describe(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        Ok(Json(shown(lookups, &info)?))
    })
    .await
}

/// Changes the description of a table.
#[utoipa::path(
    put, path = "/api/v1/lookupTables/{id}", tag = "lookup tables", request_body = Update,
    params(("id" = String, Path)), responses((status = 200, body = Object))
)]
pub(crate) async fn update(
    State(node): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let asked: Update = super::body(&headers, &body)?;
    check_limits(asked.ttl, asked.size_limit_action.as_deref())?;
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        let Some(schema) = info.schema else {
            let message = "the table lies in the folder `lookups` and has never been declared";
            return Err(ApiError::bad("lookup.undeclared", message));
        };
        let schema = LookupSchema {
            description: asked.description,
            ..schema
        };
        lookups.declare(&info.name, &schema)?;
        let info = found(lookups, &id)?;
        Ok(Json(shown(lookups, &info)?))
    })
    .await
}

/// Removes a table.
#[utoipa::path(
    delete, path = "/api/v1/lookupTables/{id}", tag = "lookup tables",
    params(("id" = String, Path)), responses((status = 204))
)]
pub(crate) async fn remove(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<StatusCode> {
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        lookups.delete(&info.name)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Gives the rows of a table as CSV.
#[utoipa::path(
    get, path = "/api/v1/lookupTables/{id}/csv", tag = "lookup tables",
    params(("id" = String, Path)), responses((status = 200, body = String))
)]
pub(crate) async fn download(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<impl IntoResponse> {
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        let file = info.name.rsplit('/').next().unwrap_or_default();
        let file = file.replace(|c: char| !c.is_ascii_alphanumeric() && c != '-', "_");
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (
                CONTENT_DISPOSITION,
                format!("attachment; filename=\"{file}.csv\""),
            ),
        ];
        Ok((headers, lookups.csv(&info.name)?))
    })
    .await
}

/// Fills a table from a CSV file whose first line names the columns, as a form with a file or as the
/// body alone. With `merge=true` the rows are added, and those with the same keys replaced.
#[utoipa::path(
    post, path = "/api/v1/lookupTables/{id}/upload", tag = "lookup tables",
    request_body(content = String, content_type = "text/csv"),
    params(("id" = String, Path), ("merge" = Option<bool>, Query)),
    responses((status = 200, body = Object))
)]
pub(crate) async fn upload(
    State(node): State<Shared>,
    Path(id): Path<String>,
    Query(options): Query<UploadOptions>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>> {
    let file = multipart::file(&headers, &body)
        .map_err(|message| ApiError::bad("lookup.upload", message))?;
    let answer = done(&id, "upload", &node);
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        let rows = storage::lookup_rows(&file).map_err(|problem| StorageError::Lookup {
            name: info.name.clone(),
            problem,
        })?;
        let mode = match options.merge {
            true => LookupWrite::Merge,
            false => LookupWrite::Replace,
        };
        let count = lookups.write(&info.name, &rows, mode)?;
        tracing::info!(table = info.name, rows = count, "lookup table written");
        Ok(Json(answer))
    })
    .await
}

/// Removes all rows of a table.
#[utoipa::path(
    post, path = "/api/v1/lookupTables/{id}/truncate", tag = "lookup tables",
    params(("id" = String, Path)), responses((status = 200, body = Object))
)]
pub(crate) async fn truncate(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let answer = done(&id, "truncate", &node);
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        lookups.truncate(&info.name)?;
        Ok(Json(answer))
    })
    .await
}

/// Writes one row; a row with the same keys is replaced.
#[utoipa::path(
    put, path = "/api/v1/lookupTables/{id}/row", tag = "lookup tables", request_body = RowUpdate,
    params(("id" = String, Path)), responses((status = 204))
)]
pub(crate) async fn put_row(
    State(node): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode> {
    let asked: RowUpdate = super::body(&headers, &body)?;
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        let cells = asked.row.into_iter();
        let cells: Vec<(String, String)> = cells
            .map(|cell| (cell.column_name, cell.column_value))
            .collect();
        lookups.put_row(&info.name, &cells)?;
        Ok(StatusCode::NO_CONTENT)
    })
    .await
}

/// Removes the row with these keys.
#[utoipa::path(
    put, path = "/api/v1/lookupTables/{id}/deleteTableRow", tag = "lookup tables",
    request_body = RowDelete, params(("id" = String, Path)), responses((status = 204))
)]
pub(crate) async fn delete_row(
    State(node): State<Shared>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode> {
    let asked: RowDelete = super::body(&headers, &body)?;
    with(&node, move |lookups| {
        let info = found(lookups, &id)?;
        let keys = asked.primary_key.into_iter();
        let keys: Vec<(String, String)> = keys
            .map(|cell| (cell.column_name, cell.column_value))
            .collect();
        match lookups.remove_row(&info.name, &keys)? {
            true => Ok(StatusCode::NO_CONTENT),
            false => {
                let message = "no row has these keys";
                let status = StatusCode::NOT_FOUND;
                Err(ApiError::new(status, "lookup.row_not_found", message))
            }
        }
    })
    .await
}

/// Tells how an upload or a truncation went. What failed was refused at once and has no job, so every
/// job has succeeded.
#[utoipa::path(
    get, path = "/api/v1/lookupTables/jobs/{id}/status", tag = "lookup tables",
    params(("id" = String, Path)), responses((status = 200, body = Object))
)]
pub(crate) async fn job(
    State(node): State<Shared>,
    Path(job): Path<String>,
) -> Result<Json<Value>> {
    with(&node, move |lookups| {
        let parts: Vec<&str> = job.split('-').collect();
        let [id, kind, millis] = parts.as_slice() else {
            return Err(ApiError::not_found());
        };
        let at = moment(millis.parse().map_err(|_| ApiError::not_found())?);
        let info = found(lookups, id)?;
        Ok(Json(json!({
            "jobId": job,
            "status": "Success",
            "statusMessages": [],
            "errors": [],
            "warnings": [],
            "lookupContentId": info.id,
            "lookupName": info.name.rsplit('/').next(),
            "lookupContentPath": format!("/{}", info.name),
            "requestType": match *kind {
                "truncate" => "DeleteTableData",
                _ => "BulkMerge",
            },
            "createdAt": at,
            "modifiedAt": at,
        })))
    })
    .await
}
