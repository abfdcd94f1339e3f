//! Amazon CloudWatch's metrics as a server: ListMetrics and GetMetricData in Smithy's RPC v2
//! protocol with CBOR (`cbor`), about the fleet's invocations (`meters`).

mod cbor;
mod get_metric_data;
mod list_metrics;
mod meters;

use std::sync::Arc;

use aws_smithy_cbor::Encoder;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::error::AwsError;
use super::{Service, region};

pub(super) use self::get_metric_data::get_metric_data;
pub(super) use self::list_metrics::list_metrics;
pub(super) use self::meters::{Meters, MetricSums};

/// Where clients of the protocol send their requests.
pub(super) const PATH: &str = "/service/GraniteServiceVersion20100801/operation/{operation}";
const PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
const PROTOCOL_NAME: &str = "rpc-v2-cbor";
const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/cbor");
/// The fleet's only namespace.
const NAMESPACE: &str = "AWS/Lambda";
/// The dimension that names a function.
const FUNCTION_NAME: &str = "FunctionName";

/// Answers one call.
pub(super) async fn call(
    State(service): State<Arc<Service>>,
    Path(operation): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let is_cbor = headers
        .get(PROTOCOL)
        .is_some_and(|name| name == PROTOCOL_NAME);
    let answer = match is_cbor {
        true => region(&headers).and_then(|_| service.call_metrics(&operation, &body)),
        false => Err(AwsError::unknown_operation()),
    };
    let (status, body) = match answer {
        Ok(body) => (StatusCode::OK, body),
        Err(error) => (error.status(), refused(&error)),
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, CONTENT_TYPE);
    headers.insert(PROTOCOL, HeaderValue::from_static(PROTOCOL_NAME));
    if let Ok(id) = HeaderValue::from_str(&service.request_id()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// An error as the body of a response.
fn refused(error: &AwsError) -> Vec<u8> {
    let mut body = Encoder::new(Vec::new());
    body.map(2);
    body.str("__type").str(error.kind());
    body.str("message").str(error.message());
    body.into_writer()
}

/// Reads the body of a request.
fn request<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    cbor::read(body)
        .ok()
        .and_then(|value| serde_json::from_value(value).ok())
        .ok_or_else(AwsError::serialization)
}

#[cfg(test)]
mod tests;
