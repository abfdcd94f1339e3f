//! `entries:write`: entries of clients, with the defaults of the request filled in.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::error::GoogleError;
use super::service::{Context, State, parse, text};
use super::store::Entry;

const DAY_MS: i64 = 24 * 3_600_000;
/// Entries may be so old …
const PAST_MS: i64 = 30 * DAY_MS;
/// … or so far ahead.
const FUTURE_MS: i64 = DAY_MS;
const LABELS_MAX: usize = 64;

/// Answers `entries:write`.
pub(super) fn entries(
    state: &mut State,
    context: Context<'_>,
    body: &Value,
) -> Result<Value, GoogleError> {
    let entries = body["entries"].as_array().map_or(&[][..], Vec::as_slice);
    if entries.is_empty() {
        return Err(GoogleError::invalid("entries is empty"));
    }
    let entries: Vec<Map<String, Value>> = entries
        .iter()
        .map(|entry| with_defaults(entry, body))
        .collect::<Result<_, _>>()?;
    if body["dryRun"] == json!(true) {
        return Ok(json!({}));
    }
    for entry in entries {
        append(state, context, entry)?;
    }
    Ok(json!({}))
}

/// The entry, with what the request says about all of them.
fn with_defaults(entry: &Value, request: &Value) -> Result<Map<String, Value>, GoogleError> {
    let Value::Object(entry) = entry else {
        return Err(GoogleError::invalid("an entry is no object"));
    };
    let mut entry = entry.clone();
    for name in ["logName", "resource"] {
        if entry.get(name).is_none_or(Value::is_null) {
            entry.insert(name.to_owned(), request[name].clone());
        }
    }
    if !entry["logName"].is_string() {
        return Err(GoogleError::invalid("Log name is missing or invalid"));
    }
    if !entry["resource"]["type"].is_string() {
        return Err(GoogleError::invalid(
            "A monitored resource must be specified",
        ));
    }
    let mut labels = request["labels"].as_object().cloned().unwrap_or_default();
    labels.extend(
        entry
            .get("labels")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
    );
    if labels.len() > LABELS_MAX {
        return Err(GoogleError::invalid("Log entry has more than 64 labels"));
    }
    if !labels.is_empty() {
        entry.insert("labels".to_owned(), Value::Object(labels));
    }
    Ok(entry)
}

fn append(
    state: &mut State,
    context: Context<'_>,
    mut entry: Map<String, Value>,
) -> Result<(), GoogleError> {
    let now = context.now;
    let time = match entry.get("timestamp").and_then(Value::as_str) {
        Some(time) => parse(time).ok_or_else(|| GoogleError::invalid("Invalid timestamp"))?,
        None => now,
    };
    if time > now.saturating_add_millis(FUTURE_MS) {
        return Err(GoogleError::invalid(
            "Log entry has a timestamp too far in the future",
        ));
    }
    if time < now.saturating_add_millis(-PAST_MS) {
        // Beyond the retention of its bucket: accepted, and gone.
        return Ok(());
    }
    let insert_id = match entry.get("insertId").and_then(Value::as_str) {
        Some(id) if !id.is_empty() => id.to_owned(),
        _ => format!("w{:016x}", state.random.bits()),
    };
    entry.insert("timestamp".to_owned(), json!(text(time)));
    entry.insert("insertId".to_owned(), json!(insert_id));
    entry.insert("receiveTimestamp".to_owned(), json!(text(now)));
    let owner = &entry["resource"]["labels"];
    let owner = owner["function_name"]
        .as_str()
        .or_else(|| {
            entry
                .get("labels")?
                .get("goog-drz-cloudfunctions-id")?
                .as_str()
        })
        .or_else(|| owner["service_name"].as_str())
        .unwrap_or_default();
    let delay_ms = i64::from(context.nuisances.ingestion_delay_ms);
    let entry = Entry {
        owner: Arc::from(owner),
        visible: now.saturating_add_millis(delay_ms),
        value: Value::Object(entry),
    };
    state.store.append(time, &insert_id, entry);
    Ok(())
}
