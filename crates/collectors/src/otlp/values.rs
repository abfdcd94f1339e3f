//! Attributes as text, moments, and what of a request was left out and why. Pure.

use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::Timestamp;
use serde_json::Value as Json;

use super::messages::any_value::Value;
use super::messages::{AnyValue, KeyValue};
use crate::support::receive::Refused;

/// Bytes that a request may take in memory, where the attributes of a resource stand with every
/// record of it.
const OTLP_EXPANDED_BYTES_MAX: usize = 512 << 20;

/// A value as text: text as it is, what has parts as JSON, bytes in base64; nothing for no value.
pub(super) fn text(value: Option<AnyValue>) -> Option<String> {
    Some(match value?.value? {
        Value::Text(text) => text,
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        Value::Bytes(bytes) => STANDARD.encode(bytes),
        parts @ (Value::Array(_) | Value::Map(_)) => {
            json(AnyValue { value: Some(parts) }).to_string()
        }
    })
}

fn json(value: AnyValue) -> Json {
    match value.value {
        None => Json::Null,
        Some(Value::Text(text)) => Json::String(text),
        Some(Value::Bool(flag)) => Json::Bool(flag),
        Some(Value::Int(number)) => Json::from(number),
        // JSON has no numbers that are not finite.
        Some(Value::Double(number)) if !number.is_finite() => Json::String(number.to_string()),
        Some(Value::Double(number)) => Json::from(number),
        Some(Value::Bytes(bytes)) => Json::String(STANDARD.encode(bytes)),
        Some(Value::Array(array)) => array.values.into_iter().map(json).collect(),
        Some(Value::Map(map)) => {
            let pairs = map.values.into_iter();
            let pairs = pairs.map(|KeyValue { key, value }| (key, value.map_or(Json::Null, json)));
            Json::Object(pairs.collect())
        }
    }
}

/// Attributes with their texts, without those that have no name or no value.
pub(super) fn texts(attributes: Vec<KeyValue>) -> impl Iterator<Item = (String, String)> {
    attributes
        .into_iter()
        .filter_map(|KeyValue { key, value }| {
            let text = text(value).filter(|_| !key.is_empty())?;
            Some((key, text))
        })
}

/// A time as the protocol writes it; 0 means that there is none.
///
/// # Errors
/// If it is later than the year 2262.
pub(super) fn moment(unix_nanos: u64) -> Result<Option<Timestamp>, String> {
    match i64::try_from(unix_nanos) {
        Ok(0) => Ok(None),
        Ok(nanos) => Ok(Some(Timestamp::from_nanos(nanos))),
        Err(_) => Err(format!("the time {unix_nanos} is later than the year 2262")),
    }
}

/// What of a request was not stored although the rest was.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct LeftOut {
    pub(crate) count: i64,
    /// Why the first was not.
    first: String,
}

impl LeftOut {
    pub(super) fn add(&mut self, why: impl FnOnce() -> String) {
        if self.count == 0 {
            self.first = why();
        }
        self.count += 1;
    }

    /// What the sender is told; nothing if all was stored.
    pub(crate) fn told(&self, what: &str) -> Option<String> {
        let LeftOut { count, first } = self;
        (*count > 0).then(|| format!("not stored: {count} {what}; the first: {first}"))
    }
}

/// The memory that is left for a request.
#[derive(Debug)]
pub(super) struct Room(usize);

impl Default for Room {
    fn default() -> Self {
        Room(OTLP_EXPANDED_BYTES_MAX)
    }
}

impl Room {
    /// Takes some of it.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), Refused> {
        let left = self.0.checked_sub(bytes).ok_or_else(|| {
            Refused::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!(
                    "with the attributes of its resources the request takes more than \
                     OTLP_EXPANDED_BYTES_MAX = {OTLP_EXPANDED_BYTES_MAX} bytes; nothing of it was \
                     stored; send smaller requests"
                ),
            )
        })?;
        self.0 = left;
        Ok(())
    }
}

/// What names and texts take in memory, about.
pub(super) fn bytes_of<'a>(pairs: impl IntoIterator<Item = (&'a String, &'a String)>) -> usize {
    const EACH: usize = 2 * size_of::<String>();
    let pairs = pairs.into_iter();
    pairs
        .map(|(name, text)| name.len() + text.len() + EACH)
        .sum()
}
