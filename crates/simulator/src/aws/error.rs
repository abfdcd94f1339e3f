//! Errors in the form of CloudWatch Logs: `{"__type", "message"}` under a 400, a 500 or a 503.

use axum::http::StatusCode;
use serde_json::json;

/// An error of the simulated API.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AwsError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl AwsError {
    fn bad(kind: &'static str, message: impl Into<String>) -> Self {
        AwsError {
            status: StatusCode::BAD_REQUEST,
            kind,
            message: message.into(),
        }
    }

    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterException", message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::bad("ValidationException", message)
    }

    pub(crate) fn invalid_token() -> Self {
        Self::invalid_parameter("The specified nextToken is invalid.")
    }

    pub(crate) fn access_denied(operation: &str, resource: &str) -> Self {
        Self::bad(
            "AccessDeniedException",
            format!(
                "User: arn:aws:iam::123456789012:user/simulated is not authorized to perform: \
                 logs:{operation} on resource: {resource} because no identity-based policy allows \
                 the logs:{operation} action"
            ),
        )
    }

    pub(crate) fn no_group() -> Self {
        Self::bad(
            "ResourceNotFoundException",
            "The specified log group does not exist.",
        )
    }

    pub(crate) fn no_stream() -> Self {
        Self::bad(
            "ResourceNotFoundException",
            "The specified log stream does not exist.",
        )
    }

    pub(crate) fn group_exists() -> Self {
        Self::bad(
            "ResourceAlreadyExistsException",
            "The specified log group already exists",
        )
    }

    pub(crate) fn stream_exists() -> Self {
        Self::bad(
            "ResourceAlreadyExistsException",
            "The specified log stream already exists",
        )
    }

    pub(crate) fn throttled() -> Self {
        Self::bad("ThrottlingException", "Rate exceeded")
    }

    pub(crate) fn unknown_operation() -> Self {
        Self::bad("UnknownOperationException", "")
    }

    pub(crate) fn missing_authentication() -> Self {
        Self::bad(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        )
    }

    pub(crate) fn serialization() -> Self {
        Self::bad("SerializationException", "")
    }

    /// The errors of CloudWatch, where they are other than those of its logs.
    pub(crate) fn invalid_value(message: impl Into<String>) -> Self {
        Self::bad("InvalidParameterValueException", message)
    }

    pub(crate) fn invalid_next_token() -> Self {
        Self::bad("InvalidNextToken", "Invalid next token")
    }

    pub(crate) fn unavailable() -> Self {
        AwsError {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "ServiceUnavailableException",
            message: "The service cannot complete the request.".to_owned(),
        }
    }

    /// The error of a number outside of its bounds.
    pub(crate) fn out_of_bounds(value: i64, name: &str, constraint: &str) -> Self {
        Self::invalid_parameter(format!(
            "1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: \
             Member must have value {constraint}"
        ))
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// What it is called.
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn body(&self) -> Vec<u8> {
        json!({"__type": self.kind, "message": self.message})
            .to_string()
            .into_bytes()
    }
}

/// Checks a page size against the largest that the operation allows, which is also the default.
pub(crate) fn page_size(limit: Option<i64>, most: i64) -> Result<usize, AwsError> {
    let limit = limit.unwrap_or(most);
    match limit {
        ..1 => Err(AwsError::out_of_bounds(
            limit,
            "limit",
            "greater than or equal to 1",
        )),
        limit if limit > most => Err(AwsError::out_of_bounds(
            limit,
            "limit",
            &format!("less than or equal to {most}"),
        )),
        limit => Ok(limit as usize),
    }
}
