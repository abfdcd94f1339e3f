//! The only map from errors to status codes and bodies.
//!
//! Sumo Logic has two shapes of error bodies; ours has the keys of both.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use query::{Diagnostic, QueryError};
use serde_json::{Map, Value, json};

/// An error as a client sees it.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    diagnostics: Vec<Diagnostic>,
}

pub(crate) type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        ApiError {
            status,
            code,
            message: message.into(),
            diagnostics: Vec::new(),
        }
    }

    /// The client's mistake.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        ApiError::new(StatusCode::BAD_REQUEST, code, message)
    }

    pub(crate) fn unauthorized() -> Self {
        ApiError::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "access id or access key is missing or wrong",
        )
    }

    pub(crate) fn not_found() -> Self {
        ApiError::new(StatusCode::NOT_FOUND, "notfound", "there is nothing here")
    }

    pub(crate) fn method() -> Self {
        ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method.unsupported",
            "this path does not know the method",
        )
    }

    pub(crate) fn starting() -> Self {
        ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "starting",
            "the node is starting, its log is being replayed; try again in a moment",
        )
    }

    pub(crate) fn unknown_search(id: &str) -> Self {
        ApiError::new(
            StatusCode::NOT_FOUND,
            "searchjob.jobid.invalid",
            format!("no search has the id `{id}`; it may have been cancelled or forgotten"),
        )
    }

    /// The same error under the codes of the metrics API.
    pub(crate) fn of_metrics(mut self) -> Self {
        self.code = match self.code {
            "searchjob.parse.error" => "metrics:invalid_query",
            "searchjob.to.smaller.than.from" => "timerange:invalid",
            other => other,
        };
        self
    }

    pub(crate) fn too_many(message: impl Into<String>) -> Self {
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "rate.limit.exceeded",
            message,
        )
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        let message = error.to_string();
        match error {
            QueryError::Invalid(diagnostics) => ApiError {
                diagnostics,
                ..ApiError::bad("searchjob.parse.error", message)
            },
            QueryError::EmptyRange => ApiError::bad("searchjob.to.smaller.than.from", message),
            QueryError::TooManySearches { .. } => ApiError::too_many(message),
            QueryError::UnknownSearch(id) => ApiError::unknown_search(&id),
            QueryError::NoRecords => {
                ApiError::bad("searchjob.no.records.not.an.aggregation.query", message)
            }
            QueryError::TooManyRows | QueryError::TooManyPoints | QueryError::TooManySeries => {
                ApiError::bad("metrics:too_much", message)
            }
            QueryError::TooManyStageRows | QueryError::TooManyStageBytes | QueryError::Step(_) => {
                ApiError::bad("searchjob.stage.error", message)
            }
            QueryError::Engine(cause) => {
                tracing::error!(error = %cause, "request failed");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut body = Map::new();
        body.insert("status".into(), self.status.as_u16().into());
        body.insert("id".into(), error_id().into());
        body.insert("code".into(), self.code.into());
        body.insert("message".into(), self.message.clone().into());
        body.insert(
            "errors".into(),
            json!([{ "code": self.code, "message": self.message }]),
        );
        if !self.diagnostics.is_empty() {
            let diagnostics = self.diagnostics.iter().map(diagnostic).collect();
            body.insert("diagnostics".into(), Value::Array(diagnostics));
        }
        (self.status, Json(Value::Object(body))).into_response()
    }
}

/// A diagnostic as editors read it: `start` and `end` are bytes of the text.
pub(crate) fn diagnostic(found: &Diagnostic) -> Value {
    json!({
        "severity": found.severity,
        "message": found.message,
        "start": found.span.start,
        "end": found.span.end,
        "line": found.line,
        "column": found.column,
        "expected": found.expected,
        "suggestion": found.suggestion,
        "unit": found.unit,
    })
}

/// Three groups of five, as Sumo Logic writes them; for finding the request again.
fn error_id() -> String {
    use std::hash::{BuildHasher, Hasher, RandomState};
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let mut random = u128::from(RandomState::new().build_hasher().finish()) << 64
        | u128::from(RandomState::new().build_hasher().finish());
    let mut id = String::with_capacity(17);
    for place in 0..15 {
        if place > 0 && place % 5 == 0 {
            id.push('-');
        }
        id.push(char::from(LETTERS[(random & 31) as usize]));
        random >>= 5;
    }
    id
}
