//! A request as both services see it, and the headers that all of their answers have.

use axum::body::Body;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use model::Timestamp;

use super::error::AzureError;
use super::times;

/// Which service is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Blob,
    Table,
}

/// A request without a body: both services are only read.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) kind: Kind,
    pub(super) method: &'a Method,
    pub(super) headers: &'a HeaderMap,
    /// The path as it was sent: `/{account}/{container}/{blob}`.
    pub(super) raw_path: &'a str,
    /// What stands behind the account, decoded.
    pub(super) path: String,
    pub(super) parameters: Vec<(String, String)>,
}

impl<'a> Request<'a> {
    /// Takes a request to `account` apart.
    pub(super) fn new(
        kind: Kind,
        (method, uri): (&'a Method, &'a Uri),
        headers: &'a HeaderMap,
        account: &str,
    ) -> Result<Request<'a>, AzureError> {
        let raw_path = uri.path();
        let path = percent_encoding::percent_decode_str(raw_path)
            .decode_utf8()
            .map_err(|_| AzureError::no_resource())?;
        let path = path
            .strip_prefix('/')
            .and_then(|path| path.strip_prefix(account))
            .filter(|path| path.is_empty() || path.starts_with('/'))
            .ok_or_else(AzureError::no_resource)?;
        let axum::extract::Query(parameters) =
            axum::extract::Query::try_from_uri(uri).map_err(|_| AzureError::invalid_query())?;
        Ok(Request {
            kind,
            method,
            headers,
            raw_path,
            path: path.trim_start_matches('/').to_owned(),
            parameters,
        })
    }

    /// The value of a header; empty, if there is none.
    pub(super) fn header(&self, name: &str) -> &'a str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The value of a parameter of the query.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// When the client says that it sent the request.
    pub(super) fn date(&self) -> &'a str {
        match self.header("x-ms-date") {
            "" => self.header("date"),
            date => date,
        }
    }
}

/// An answer of a service.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The answer to a request that failed.
    pub(super) fn failed(
        kind: Kind,
        error: &AzureError,
        (request_id, now): (&str, Timestamp),
    ) -> Answer {
        let time = times::with_ticks(now);
        let (content_type, body) = match kind {
            Kind::Blob => ("application/xml", error.xml(request_id, &time)),
            Kind::Table => (
                "application/json;odata=minimalmetadata;streaming=true;charset=utf-8",
                error.json(request_id, &time),
            ),
        };
        let mut headers = vec![("x-ms-error-code", error.code.to_owned())];
        if error.status == StatusCode::UNAUTHORIZED {
            let challenge = "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize resource_id=https://storage.azure.com";
            headers.push(("www-authenticate", challenge.to_owned()));
        }
        let body = match error.status {
            StatusCode::NOT_MODIFIED => Vec::new(),
            _ => {
                headers.push(("content-type", content_type.to_owned()));
                body.into_bytes()
            }
        };
        Answer {
            status: error.status,
            headers,
            body,
        }
    }

    /// The answer as HTTP; that to HEAD has no body.
    pub(super) fn into_response(
        self,
        (method, headers): (&Method, &HeaderMap),
        (request_id, now): (&str, Timestamp),
    ) -> Response {
        let mut response = Response::builder()
            .status(self.status)
            .header("x-ms-request-id", request_id)
            .header("date", times::header(now));
        for name in ["x-ms-version", "x-ms-client-request-id"] {
            if let Some(value) = headers.get(name) {
                response = response.header(name, value);
            }
        }
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        let body = match *method {
            Method::HEAD => Body::empty(),
            _ => Body::from(self.body),
        };
        response.body(body).unwrap_or_default()
    }
}
