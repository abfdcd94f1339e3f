//! Monitors, alerts, mutes and channels.

pub(crate) mod alerts;
pub(crate) mod channels;
pub(crate) mod monitors;
pub(crate) mod mutes;

use ::alerting::AlertingError;
use axum::Router;
use axum::http::StatusCode;

use super::Shared;
use crate::error::ApiError;

pub(crate) fn router() -> Router<Shared> {
    Router::new()
        .merge(alerts::router())
        .merge(channels::router())
        .merge(monitors::router())
        .merge(mutes::router())
}

impl From<AlertingError> for ApiError {
    fn from(error: AlertingError) -> Self {
        let message = error.to_string();
        match error {
            AlertingError::Unknown { .. } => {
                ApiError::new(StatusCode::NOT_FOUND, "content:not_found", message)
            }
            AlertingError::Setting(_) | AlertingError::Monitor(_) | AlertingError::Failed(_) => {
                ApiError::bad("content:invalid", message)
            }
            AlertingError::KeptInFile { .. }
            | AlertingError::KeptInApp { .. }
            | AlertingError::Changed(_) => {
                ApiError::new(StatusCode::CONFLICT, "content:conflict", message)
            }
            AlertingError::Query(error) => error.into(),
            AlertingError::Unreadable { .. }
            | AlertingError::Client(_)
            | AlertingError::Storage(_)
            | AlertingError::Decode(..) => {
                tracing::error!(error = &error as &dyn std::error::Error, "request failed");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
            }
        }
    }
}
