//! What Pub/Sub pushes (<https://cloud.google.com/pubsub/docs/push>): an entry in an envelope, or the
//! entry alone if the subscription unwraps it. Pure.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::is_shallow_json;
use model::limits::JSON_DEPTH_MAX;
use serde_json::Value;

use crate::support::receive::{BodyLimit, Refused};

/// The largest request: Pub/Sub takes messages of up to 10 MB
/// (<https://cloud.google.com/pubsub/quotas>), which base64 and the attributes make larger.
pub(super) const LIMIT: BodyLimit = BodyLimit {
    name: "PUBSUB_REQUEST_BYTES_MAX",
    bytes: 16 << 20,
};

/// Takes the entry out of a body. What is not JSON is a text.
///
/// # Errors
/// If the body is broken.
pub(super) fn entry(body: &[u8]) -> Result<Value, Refused> {
    let body = json(body)?
        .ok_or_else(|| Refused::bad("the body is not JSON: Pub/Sub pushes an envelope"))?;
    let is_envelope = body.get("subscription").is_some() && body.get("message").is_some();
    if !is_envelope {
        return Ok(body);
    }
    let data = body.pointer("/message/data");
    let data = data
        .and_then(Value::as_str)
        .ok_or_else(|| Refused::bad("the message has no data, or data that is no text"))?;
    let data = STANDARD
        .decode(data)
        .map_err(|error| Refused::bad(format!("the data of the message is not base64: {error}")))?;
    let text = || Value::String(String::from_utf8_lossy(&data).into_owned());
    Ok(json(&data)?.unwrap_or_else(text))
}

/// Reads JSON; `None` if it is something else.
fn json(text: &[u8]) -> Result<Option<Value>, Refused> {
    if !is_shallow_json(text) {
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            format!("the message is nested more deeply than JSON_DEPTH_MAX = {JSON_DEPTH_MAX}"),
        ));
    }
    Ok(serde_json::from_slice(text).ok())
}
