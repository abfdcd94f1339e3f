//! Extraction rules: what stands in messages becomes fields when it arrives, so that queries
//! need not parse it.

use model::LogEvent;
use regex::Regex;
use serde::{Deserialize, Serialize};

use super::Pattern;
use crate::Condition;

/// One rule. Where it finds nothing, the event stays as it is; a field that the event has
/// already keeps its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtractionRule {
    /// What people call it.
    pub name: String,
    /// Which events it is for; all if not said.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// A text with a `*` for each field, as after `parse` in a query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parse: Option<Anchors>,
    /// The names of what the `*` stand for.
    #[serde(default, rename = "as", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// In place of `parse`: a regular expression with named groups, which become fields.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<Pattern>,
}

impl ExtractionRule {
    pub(super) fn validate(&self) -> Result<(), String> {
        let name = &self.name;
        match (&self.parse, &self.regex) {
            (Some(anchors), None) => {
                let stars = anchors.stars();
                if stars == 0 || stars != self.names.len() {
                    return Err(format!(
                        "extraction rule `{name}`: `parse` has {stars} `*`, but `as` has {} names; give one name for each `*`",
                        self.names.len()
                    ));
                }
            }
            (None, Some(pattern)) => {
                if pattern.regex().capture_names().flatten().next().is_none() {
                    return Err(format!(
                        "extraction rule `{name}`: `regex` has no named group; write (?<field>…)"
                    ));
                }
            }
            _ => {
                return Err(format!(
                    "extraction rule `{name}` needs either `parse` with `as`, or `regex`"
                ));
            }
        }
        Ok(())
    }

    pub(super) fn apply(&self, event: &mut LogEvent) {
        if self
            .condition
            .as_ref()
            .is_some_and(|condition| !condition.fits(event))
        {
            return;
        }
        let found: Vec<(String, String)> = match (&self.parse, &self.regex) {
            (Some(anchors), _) => groups(&anchors.regex, &event.message, |index| {
                self.names.get(index.checked_sub(1)?).cloned()
            }),
            (None, Some(pattern)) => {
                let names: Vec<_> = pattern.regex().capture_names().collect();
                groups(pattern.regex(), &event.message, |index| {
                    names.get(index).copied().flatten().map(str::to_owned)
                })
            }
            (None, None) => Vec::new(),
        };
        for (name, value) in found {
            if !event.fields.iter().any(|(known, _)| *known == name) {
                event.fields.push((name, value));
            }
        }
    }
}

fn groups(
    regex: &Regex,
    text: &str,
    name: impl Fn(usize) -> Option<String>,
) -> Vec<(String, String)> {
    let Some(captures) = regex.captures(text) else {
        return Vec::new();
    };
    captures
        .iter()
        .enumerate()
        .filter_map(|(index, group)| Some((name(index)?, group?.as_str().to_owned())))
        .collect()
}

/// A text with `*` for what is to be taken.
#[derive(Clone, Debug)]
pub struct Anchors {
    text: String,
    regex: Regex,
}

impl Anchors {
    fn stars(&self) -> usize {
        self.text.matches('*').count()
    }
}

impl PartialEq for Anchors {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Anchors {}

impl Serialize for Anchors {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Anchors {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let mut pattern = String::from("(?s)");
        let parts: Vec<&str> = text.split('*').collect();
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                // What the last star stands for ends with the text, if nothing follows it.
                let is_open = index + 1 == parts.len() && part.is_empty();
                pattern.push_str(if is_open { "(.*)$" } else { "(.*?)" });
            }
            pattern.push_str(&regex::escape(part));
        }
        let regex = Regex::new(&pattern).map_err(serde::de::Error::custom)?;
        Ok(Anchors { text, regex })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(value: serde_json::Value) -> ExtractionRule {
        serde_json::from_value(value).unwrap()
    }

    fn fields(rule: &ExtractionRule, message: &str) -> Vec<(String, String)> {
        let mut event = LogEvent {
            message: message.to_owned(),
            fields: vec![("known".to_owned(), "before".to_owned())],
            ..LogEvent::default()
        };
        rule.apply(&mut event);
        event.fields.remove(0);
        event.fields
    }

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn anchors_and_groups_become_fields() {
        let anchors = rule(serde_json::json!({
            "name": "orders", "parse": "order * by *", "as": ["order", "customer"],
        }));
        anchors.validate().unwrap();
        assert_eq!(
            fields(&anchors, "an order 17 by Ann Lee"),
            [pair("order", "17"), pair("customer", "Ann Lee")]
        );
        assert!(fields(&anchors, "nothing to see").is_empty());
        let groups = rule(serde_json::json!({
            "name": "ms", "regex": r"took (?<took>\d+)ms(?: in (?<zone>\w+))?",
        }));
        groups.validate().unwrap();
        assert_eq!(fields(&groups, "it took 12ms"), [pair("took", "12")]);
    }

    #[test]
    fn a_field_that_is_known_keeps_its_value() {
        let again = rule(serde_json::json!({"name": "x", "parse": "k=* ", "as": ["known"]}));
        assert!(fields(&again, "k=after ").is_empty());
    }

    #[test]
    fn a_rule_is_only_for_events_that_it_names() {
        let other = rule(serde_json::json!({
            "name": "x", "where": {"function": "other"}, "parse": "k=*", "as": ["k"],
        }));
        assert!(fields(&other, "k=1").is_empty());
    }

    #[test]
    fn mistakes_are_explained() {
        let complaint = |value| rule(value).validate().unwrap_err();
        let few = complaint(serde_json::json!({"name": "x", "parse": "a * b *", "as": ["a"]}));
        assert!(few.contains("2 `*`, but `as` has 1 names"), "{few}");
        let none = complaint(serde_json::json!({"name": "x", "regex": "a"}));
        assert!(none.contains("no named group"), "{none}");
        let nothing = complaint(serde_json::json!({"name": "x"}));
        assert!(nothing.contains("needs either"), "{nothing}");
    }
}
