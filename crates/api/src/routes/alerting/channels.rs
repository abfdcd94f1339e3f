//! `/api/v1/channels` and `/api/v1/notifications`: ways to tell people, and what was told.

use ::alerting::{Attempt, Notification, channel_kinds};
use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::error::Result;
use crate::routes::Shared;

/// Messages in the list.
const MESSAGES_MAX: usize = 200;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/channels", get(list))
        .route("/api/v1/channels/{name}/test", post(test))
        .route("/api/v1/notifications", get(notifications))
}

/// Lists the channels, without their secrets, and the kinds there are.
#[utoipa::path(get, path = "/api/v1/channels", tag = "alerts", responses((status = 200, body = Object)))]
pub(crate) async fn list(State(node): State<Shared>) -> Json<Value> {
    Json(json!({ "channels": node.alerting.channels(), "kinds": channel_kinds() }))
}

/// Sends a test message through a channel, and says what came of it.
#[utoipa::path(
    post, path = "/api/v1/channels/{name}/test", tag = "alerts", params(("name" = String, Path)),
    responses((status = 200, body = Object), (status = 404, description = "There is none"))
)]
pub(crate) async fn test(
    State(node): State<Shared>,
    Path(name): Path<String>,
) -> Result<Json<Value>> {
    let (outcome, text) = match node.alerting.test_channel(&name).await? {
        Attempt::Sent(text) => ("sent", text),
        Attempt::Failed(text, _) => ("failed", text),
        Attempt::Refused(text) => ("refused", text),
    };
    Ok(Json(json!({ "outcome": outcome, "text": text })))
}

/// Lists the newest messages and what became of them.
#[utoipa::path(get, path = "/api/v1/notifications", tag = "alerts", responses((status = 200, body = Object)))]
pub(crate) async fn notifications(State(node): State<Shared>) -> Result<Json<Value>> {
    let messages = node.alerting.messages(MESSAGES_MAX).await?;
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| {
            let title = serde_json::from_str::<Notification>(&message.body);
            json!({
                "id": message.id,
                "channel": message.channel,
                "state": message.state.name(),
                "title": title.map(|notification| notification.title()).unwrap_or_default(),
                "attempts": message.attempts,
                "createdAt": message.created_at.millis(),
                "dueAt": message.due_at.millis(),
                "outcome": message.outcome,
            })
        })
        .collect();
    Ok(Json(json!({ "notifications": messages })))
}
