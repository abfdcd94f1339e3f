//! Errors in the form of Google's APIs: `{"error":{"code","message","status","details"}}`.

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::quota::Limit;

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

    pub(crate) fn no_metric(metric_type: &str) -> Self {
        GoogleError {
            message: format!(
                "Cannot find metric(s) that match type = \"{metric_type}\". If a metric was created \
                 recently, it could take up to 10 minutes to become available."
            ),
            ..GoogleError::no_call()
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
    pub(crate) fn quota(limit: &Limit, project: &str, per_minute: u32) -> Self {
        let Limit {
            service,
            metric,
            name,
            ..
        } = limit;
        GoogleError {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "RESOURCE_EXHAUSTED",
            message: format!(
                "Quota exceeded for quota metric '{metric}' and limit '{metric} per minute' of \
                 service '{service}' for consumer '{project}'."
            ),
            details: vec![json!({
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "RATE_LIMIT_EXCEEDED",
                "domain": "googleapis.com",
                "metadata": {
                    "service": service,
                    "quota_limit": name,
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
