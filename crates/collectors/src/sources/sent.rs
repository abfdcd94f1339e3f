//! What was sent to add a source: the keys of its `[[sources]]` table, as JSON. Pure.
//!
//! Secrets are told as `***`. Who sends `***` back means the value that is there.

use serde_json::{Map, Value};

use crate::error::{CollectorsError, Result};
use crate::registry::SourceConfig;

/// The settings of a source.
pub type Sent = Map<String, Value>;

/// Stands for a secret; [`crate::Secret`] is told so.
const HIDDEN: &str = "***";
/// A secret is sent where these lead: with another value it must be written anew, or whoever may
/// change a source could learn its secrets.
const DESTINATIONS: &[&str] = &["collector", "account", "endpoint_url", "authority_url"];

/// Reads the configuration.
///
/// # Errors
/// Says which key is not understood.
pub(super) fn parse(sent: &Sent) -> Result<SourceConfig> {
    serde_json::from_value(Value::Object(sent.clone()))
        .map_err(|error| CollectorsError::NotUnderstood(error.to_string()))
}

/// The form in which it is kept.
pub(super) fn text(sent: &Sent) -> String {
    Value::Object(sent.clone()).to_string()
}

/// Reads the form in which it is kept.
pub(super) fn of_text(text: &str) -> serde_json::Result<Sent> {
    serde_json::from_str(text)
}

/// The settings without secrets: of those that were sent, or all.
pub(super) fn shown(config: &SourceConfig, sent: Option<&Sent>) -> Value {
    let mut shown = serde_json::to_value(config).unwrap_or_default();
    if let Some(sent) = sent {
        keep_those_of(&mut shown, sent);
    }
    shown
}

fn keep_those_of(shown: &mut Value, sent: &Sent) {
    let Value::Object(shown) = shown else {
        return;
    };
    shown.retain(|key, _| sent.contains_key(key));
    for (key, shown) in shown {
        if let Some(Value::Object(sent)) = sent.get(key) {
            keep_those_of(shown, sent);
        }
    }
}

/// Puts the values that are there where `***` was sent.
///
/// # Errors
/// If there is no such value, or it would go to another place than before.
pub(super) fn completed(mut sent: Sent, before: Option<&Sent>) -> Result<Sent> {
    let mut completed = Vec::new();
    complete(&mut sent, before, &mut completed)?;
    if let (Some(setting), Some(before)) = (completed.pop(), before) {
        for key in DESTINATIONS {
            let (now, then) = (found(&sent, key), found(before, key));
            if now != then {
                return Err(CollectorsError::Hidden {
                    setting,
                    problem: format!("cannot be kept because {key} is another; write it anew"),
                });
            }
        }
    }
    Ok(sent)
}

fn complete(sent: &mut Sent, before: Option<&Sent>, completed: &mut Vec<String>) -> Result<()> {
    for (key, value) in sent {
        let there = before.and_then(|before| before.get(key));
        match value {
            Value::Object(inner) => complete(inner, there.and_then(Value::as_object), completed)?,
            Value::String(text) if text == HIDDEN => {
                let there = there.ok_or_else(|| CollectorsError::Hidden {
                    setting: key.clone(),
                    problem: format!("is `{HIDDEN}`, but there is no value to keep; write one"),
                })?;
                *value = there.clone();
                completed.push(key.clone());
            }
            _ => {}
        }
    }
    Ok(())
}

/// The setting of this name, at whatever depth.
fn found<'a>(sent: &'a Sent, key: &str) -> Option<&'a Value> {
    let inner = || sent.values().filter_map(Value::as_object);
    sent.get(key)
        .or_else(|| inner().find_map(|inner| inner.get(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Sent {
        serde_json::from_value(value).unwrap()
    }

    fn azure(key: &str, endpoint_url: &str) -> Sent {
        object(json!({
            "collector": "azure_table_storage", "name": "t", "account": "shophost",
            "endpoint_url": endpoint_url, "credentials": {"account_key": key},
        }))
    }

    #[test]
    fn secrets_are_not_shown_and_only_what_was_sent_is() {
        let sent = azure("aGVsbG8=", "http://127.0.0.1:1");
        let shown = shown(&parse(&sent).unwrap(), Some(&sent));
        assert_eq!(shown, Value::Object(azure("***", "http://127.0.0.1:1")));
    }

    #[test]
    fn what_was_hidden_is_kept() {
        let before = azure("aGVsbG8=", "http://127.0.0.1:1");
        let again = azure("***", "http://127.0.0.1:1");
        assert_eq!(completed(again, Some(&before)).unwrap(), before);
    }

    #[test]
    fn a_hidden_value_is_not_sent_elsewhere() {
        let before = azure("aGVsbG8=", "http://127.0.0.1:1");
        let elsewhere = azure("***", "http://127.0.0.1:2");
        let error = completed(elsewhere, Some(&before)).unwrap_err();
        assert!(error.to_string().contains("endpoint_url"), "{error}");
        let error = completed(azure("***", ""), None).unwrap_err();
        assert!(error.to_string().contains("no value to keep"), "{error}");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let sent = object(json!({"collector": "otlp", "name": "a", "token": "t", "tokn": "x"}));
        let error = parse(&sent).unwrap_err().to_string();
        assert!(error.contains("unknown field `tokn`"), "{error}");
    }
}
