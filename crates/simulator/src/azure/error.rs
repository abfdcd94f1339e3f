//! Errors in the forms of Azure Storage: XML of the blob service, JSON of the table service
//! (<https://learn.microsoft.com/rest/api/storageservices/status-and-error-codes2>).

use axum::http::StatusCode;
use serde_json::json;

/// An error of the simulated services.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AzureError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    message: &'static str,
    /// What is wrong with a signature.
    detail: Option<String>,
}

impl AzureError {
    const fn new(status: StatusCode, code: &'static str, message: &'static str) -> Self {
        AzureError {
            status,
            code,
            message,
            detail: None,
        }
    }

    pub(super) fn unauthenticated(detail: impl Into<String>) -> Self {
        AzureError {
            detail: Some(detail.into()),
            ..Self::new(
                StatusCode::FORBIDDEN,
                "AuthenticationFailed",
                "Server failed to authenticate the request. Make sure the value of Authorization \
                 header is formed correctly including the signature.",
            )
        }
    }

    /// The request says nothing about who sends it.
    pub(super) const fn anonymous() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "NoAuthenticationInformation",
            "Server failed to authenticate the request. Please refer to the information in the \
             www-authenticate header.",
        )
    }

    pub(super) const fn busy() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "ServerBusy",
            "The server is busy.",
        )
    }

    pub(super) const fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "Server encountered an internal error. Please try again after some time.",
        )
    }

    pub(super) const fn no_container() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ContainerNotFound",
            "The specified container does not exist.",
        )
    }

    pub(super) const fn no_blob() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "BlobNotFound",
            "The specified blob does not exist.",
        )
    }

    pub(super) const fn no_table() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "TableNotFound",
            "The table specified does not exist.",
        )
    }

    pub(super) const fn no_resource() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "ResourceNotFound",
            "The specified resource does not exist.",
        )
    }

    pub(super) const fn not_modified() -> Self {
        Self::new(
            StatusCode::NOT_MODIFIED,
            "ConditionNotMet",
            "The condition specified using HTTP conditional header(s) is not met.",
        )
    }

    pub(super) fn condition_not_met() -> Self {
        AzureError {
            status: StatusCode::PRECONDITION_FAILED,
            ..Self::not_modified()
        }
    }

    pub(super) const fn invalid_range() -> Self {
        Self::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            "InvalidRange",
            "The range specified is invalid for the current size of the resource.",
        )
    }

    pub(super) const fn invalid_header() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidHeaderValue",
            "The value for one of the HTTP headers is not in the correct format.",
        )
    }

    pub(super) const fn invalid_query() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidQueryParameterValue",
            "Value for one of the query parameters specified in the request URI is invalid.",
        )
    }

    pub(super) const fn out_of_range() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "OutOfRangeQueryParameterValue",
            "One of the query parameters specified in the request URI is outside the permissible \
             range.",
        )
    }

    /// A filter that cannot be read, of the table service.
    pub(super) const fn invalid_input() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidInput",
            "One of the request inputs is not valid.",
        )
    }

    /// Of the table service, which has no form but JSON any more.
    pub(super) const fn media_type() -> Self {
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "AtomFormatNotSupported",
            "Atom format is not supported.",
        )
    }

    pub(super) const fn method() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "UnsupportedHttpVerb",
            "The resource doesn't support specified Http Verb.",
        )
    }

    /// The body of the blob service's answer.
    pub(super) fn xml(&self, request_id: &str, time: &str) -> String {
        let detail = self.detail.as_deref().map_or_else(String::new, |detail| {
            let detail = super::xml::escape(detail);
            format!("<AuthenticationErrorDetail>{detail}</AuthenticationErrorDetail>")
        });
        format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{}</Code><Message>{}\n\
             RequestId:{request_id}\nTime:{time}</Message>{detail}</Error>",
            self.code, self.message
        )
    }

    /// The body of the table service's answer.
    pub(super) fn json(&self, request_id: &str, time: &str) -> String {
        let message = format!("{}\nRequestId:{request_id}\nTime:{time}", self.message);
        let message = json!({"lang": "en-US", "value": message});
        json!({"odata.error": {"code": self.code, "message": message}}).to_string()
    }
}
