//! Errors in the two forms of Resource Manager: with the member `error`, and Azure Monitor's own
//! without.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// An error of the simulated API.
#[derive(Debug, PartialEq)]
pub(crate) struct ManagementError {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl ManagementError {
    fn of(status: StatusCode, code: &str, message: &str) -> Self {
        ManagementError {
            status,
            body: json!({"error": {"code": code, "message": message}}),
        }
    }

    pub(super) fn anonymous() -> Self {
        Self::of(
            StatusCode::UNAUTHORIZED,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing or its token is unknown.",
        )
    }

    pub(super) fn no_subscription(id: &str) -> Self {
        let message = format!("The subscription '{id}' could not be found.");
        Self::of(StatusCode::NOT_FOUND, "SubscriptionNotFound", &message)
    }

    pub(super) fn no_resource(path: &str) -> Self {
        let message = format!("The Resource '{path}' was not found.");
        Self::of(StatusCode::NOT_FOUND, "ResourceNotFound", &message)
    }

    /// The quota is used up for so many seconds.
    pub(super) fn throttled(seconds: i64) -> Self {
        let message = format!(
            "Number of requests for the subscription exceeded the limit. Please try again after \
             '{seconds}' seconds."
        );
        Self::of(
            StatusCode::TOO_MANY_REQUESTS,
            "ResourceRequestsThrottled",
            &message,
        )
    }

    pub(crate) fn internal() -> Self {
        let message = "Encountered internal server error.";
        Self::of(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            message,
        )
    }

    /// What Azure Monitor does not take.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        ManagementError {
            status: StatusCode::BAD_REQUEST,
            body: json!({"code": "BadRequest", "message": message.into()}),
        }
    }
}

impl IntoResponse for ManagementError {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
