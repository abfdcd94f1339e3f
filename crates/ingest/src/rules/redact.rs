//! Redaction rules: what must never be written is masked, or replaced by a digest that still
//! tells equal from different.

use std::borrow::Cow;
use std::fmt::Write;

use model::LogEvent;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::Pattern;
use crate::Condition;

/// Bytes of a digest that are written, as two hexadecimal digits each.
const DIGEST_BYTES: usize = 8;

/// One rule: what its pattern fits, in messages and in the values of fields, is replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedactionRule {
    /// What people call it.
    pub name: String,
    /// Which events it is for; all if not said.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// What is replaced: of a pattern with a group named `secret` only that group.
    pub regex: Pattern,
    /// By what.
    #[serde(default)]
    pub action: Redaction,
    /// For `action = "hash"`: goes before the secret. Without one that nobody knows, short
    /// secrets could be guessed from their digests.
    #[serde(default, skip_serializing)]
    pub salt: String,
}

/// What takes the place of a secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redaction {
    /// `***`.
    #[default]
    Mask,
    /// `#` and the beginning of a SHA-256 digest: equal secrets get equal digests.
    Hash,
}

/// The group that holds the secret, where not all that a pattern fits is one.
const SECRET: &str = "secret";
const MASK: &str = "***";

impl RedactionRule {
    pub(super) fn validate(&self) -> Result<(), String> {
        let name = &self.name;
        if self.regex.regex().is_match("") {
            return Err(format!(
                "redaction rule `{name}`: `regex` fits the empty text, so it would fit everywhere"
            ));
        }
        match self.action {
            Redaction::Hash if self.salt.is_empty() => Err(format!(
                "redaction rule `{name}`: `action = \"hash\"` needs a `salt`; short secrets could be guessed from their digests"
            )),
            _ => Ok(()),
        }
    }

    pub(super) fn apply(&self, event: &mut LogEvent) {
        if self
            .condition
            .as_ref()
            .is_some_and(|condition| !condition.fits(event))
        {
            return;
        }
        if let Cow::Owned(message) = self.redact(&event.message) {
            event.message = message;
        }
        for (_, value) in &mut event.fields {
            if let Cow::Owned(redacted) = self.redact(value) {
                *value = redacted;
            }
        }
    }

    fn redact<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.regex
            .regex()
            .replace_all(text, |captures: &regex::Captures<'_>| {
                let whole = captures.get(0).map_or("", |whole| whole.as_str());
                let start = captures.get(0).map_or(0, |whole| whole.start());
                match captures.name(SECRET) {
                    None => self.replacement(whole),
                    Some(secret) => {
                        let (before, rest) = whole.split_at(secret.start() - start);
                        let (secret, after) = rest.split_at(secret.len());
                        format!("{before}{}{after}", self.replacement(secret))
                    }
                }
            })
    }
}

impl RedactionRule {
    fn replacement(&self, secret: &str) -> String {
        match self.action {
            Redaction::Mask => MASK.to_owned(),
            Redaction::Hash => {
                let salted = Sha256::new_with_prefix(&self.salt);
                let digest = salted.chain_update(secret).finalize();
                let mut text = String::from("#");
                for byte in digest.iter().take(DIGEST_BYTES) {
                    // Writing to a text does not fail.
                    let _infallible = write!(text, "{byte:02x}");
                }
                text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(value: serde_json::Value) -> RedactionRule {
        serde_json::from_value(value).unwrap()
    }

    fn redacted(rule: &RedactionRule, message: &str) -> String {
        let mut event = LogEvent {
            message: message.to_owned(),
            fields: vec![("copy".to_owned(), message.to_owned())],
            ..LogEvent::default()
        };
        rule.apply(&mut event);
        assert_eq!(event.fields[0].1, event.message);
        event.message
    }

    #[test]
    fn secrets_are_masked_in_messages_and_fields() {
        let cards = rule(serde_json::json!({"name": "cards", "regex": r"\b\d{16}\b"}));
        cards.validate().unwrap();
        assert_eq!(
            redacted(&cards, "card 4111111111111111, again 4111111111111111"),
            "card ***, again ***"
        );
        assert_eq!(redacted(&cards, "order 17"), "order 17");
    }

    #[test]
    fn of_a_pattern_with_a_secret_only_that_is_replaced() {
        let token =
            rule(serde_json::json!({"name": "t", "regex": r#""token":"(?<secret>[^"]*)""#}));
        assert_eq!(
            redacted(&token, r#"{"token":"abc","ä":1}"#),
            r#"{"token":"***","ä":1}"#
        );
    }

    #[test]
    fn digests_tell_equal_from_different() {
        let hash = |salt: &str| {
            rule(serde_json::json!({
                "name": "mail", "regex": r"\w+@\w+", "action": "hash", "salt": salt,
            }))
        };
        let mail = hash("pepper");
        let first = redacted(&mail, "a@x");
        assert_eq!(first.len(), 1 + 2 * DIGEST_BYTES);
        assert_eq!(redacted(&mail, "a@x"), first);
        assert_ne!(redacted(&mail, "b@x"), first);
        assert_ne!(redacted(&hash("other"), "a@x"), first);
    }

    #[test]
    fn mistakes_are_explained() {
        let everywhere = rule(serde_json::json!({"name": "x", "regex": "a*"}));
        assert!(
            everywhere
                .validate()
                .unwrap_err()
                .contains("would fit everywhere")
        );
        let bare =
            rule(serde_json::json!({"name": "x", "regex": "a", "action": "hash", "salt": ""}));
        assert!(bare.validate().unwrap_err().contains("needs a `salt`"));
        let broken = serde_json::json!({"name": "x", "regex": "a(b"});
        let error = serde_json::from_value::<RedactionRule>(broken).unwrap_err();
        assert!(error.to_string().contains("unclosed group"), "{error}");
    }
}
