//! `/api/v2/dashboards`: the dashboards as Sumo Logic's API tells them.

use axum::extract::{Path, Query, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Shared;
use super::dashboards::shelf;
use crate::error::{ApiError, Result};

/// Between app and name in an id: theirs have no slash.
const SEPARATOR: char = ':';
/// Dashboards of a page if the request does not say it, and at most.
const PAGE_DEFAULT: usize = 100;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v2/dashboards", get(list))
        .route("/api/v2/dashboards/{id}", get(show))
}

/// Which dashboards.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    limit: Option<usize>,
    /// `next` of the page before.
    token: Option<String>,
}

/// The dashboards, a page at a time.
#[utoipa::path(
    get, path = "/api/v2/dashboards", tag = "dashboards",
    params(("limit" = Option<usize>, Query), ("token" = Option<String>, Query)),
    responses((status = 200, body = Object))
)]
pub(crate) async fn list(
    State(node): State<Shared>,
    Query(wanted): Query<Wanted>,
) -> Result<Json<Value>> {
    let shelf = shelf(&node).await?;
    let all: Vec<Value> = shelf
        .apps
        .iter()
        .flat_map(|(app, folder)| {
            let dashboards = folder.dashboards.iter();
            dashboards.map(move |(name, stored)| {
                content::to_sumo(&format!("{app}{SEPARATOR}{name}"), &stored.dashboard)
            })
        })
        .collect();
    let first = match wanted.token.as_deref().unwrap_or("0").parse::<usize>() {
        Ok(first) if first <= all.len() => first,
        _ => {
            return Err(ApiError::bad(
                "dashboard:invalid_token",
                "`token` is not one that was given",
            ));
        }
    };
    let limit = wanted.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_DEFAULT);
    let end = (first + limit).min(all.len());
    let next = (end < all.len()).then(|| end.to_string());
    Ok(Json(json!({ "dashboards": all[first..end], "next": next })))
}

/// One dashboard.
#[utoipa::path(
    get, path = "/api/v2/dashboards/{id}", tag = "dashboards", params(("id" = String, Path)),
    responses((status = 200, body = Object), (status = 404, body = Object))
)]
pub(crate) async fn show(
    State(node): State<Shared>,
    Path(id): Path<String>,
) -> Result<Json<Value>> {
    let stored = super::dashboards::find(&shelf(&node).await?, &id.replace(SEPARATOR, "/"))?;
    Ok(Json(content::to_sumo(&id, &stored.dashboard)))
}
