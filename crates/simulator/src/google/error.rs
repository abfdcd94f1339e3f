//! Errors in the form of Google's APIs: `{"error":{"code","message","status","details"}}`.

use axum::http::StatusCode;
use serde_json::{Value, json};

/// An error of the simulated API.
#[derive(Debug, PartialEq)]
pub(crate) struct GoogleError {
    status: StatusCode,
    kind: &'static str,
    message: String,
    details: Vec<Value>,
}

impl GoogleError {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        GoogleError {
            status: StatusCode::BAD_REQUEST,
            kind: "INVALID_ARGUMENT",
            message: message.into(),
            details: Vec::new(),
        }
    }

    pub(crate) fn bad_token() -> Self {
        Self::invalid("page_token doesn't match arguments from the request")
    }

    pub(crate) fn no_call() -> Self {
        GoogleError {
            status: StatusCode::NOT_FOUND,
            kind: "NOT_FOUND",
            message: "Requested entity was not found.".to_owned(),
            details: Vec::new(),
        }
    }

    pub(crate) fn unavailable() -> Self {
        GoogleError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "UNAVAILABLE",
            message: "The service is currently unavailable.".to_owned(),
            details: Vec::new(),
        }
    }

    /// The quota of a minute is used up. Google does not say how long to wait.
    pub(crate) fn quota(project: &str, per_minute: u32) -> Self {
        GoogleError {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "RESOURCE_EXHAUSTED",
            message: format!(
                "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per \
                 minute' of service 'logging.googleapis.com' for consumer '{project}'."
            ),
            details: vec![json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "RATE_LIMIT_EXCEEDED",
                "domain": "googleapis.com",
                "metadata": {
                    "service": "logging.googleapis.com",
                    "quota_limit": "ReadRequestsPerMinutePerProject",
                    "quota_limit_value": per_minute.to_string(),
                    "consumer": project,
                },
            })],
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn body(&self) -> Value {
        let mut error = json!({
            "code": self.status.as_u16(),
            "message": self.message,
            "status": self.kind,
        });
        if !self.details.is_empty() {
            error["details"] = json!(self.details);
        }
        json!({"error": error})
    }
}
