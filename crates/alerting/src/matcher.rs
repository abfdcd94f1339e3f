//! Conditions on an alert's labels, as mutes, routes and inhibitions ask for them.

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize};

use crate::state::Labels;

/// A condition on one label; `alertname`, `monitor` and `severity` are labels, too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Matcher {
    /// The label.
    pub name: String,
    /// The value, or a pattern.
    pub value: String,
    /// Whether `value` is a regular expression, for the whole value of the label.
    #[serde(default)]
    pub is_regex: bool,
    /// `false` turns the condition round.
    #[serde(default = "yes")]
    pub is_equal: bool,
}

fn yes() -> bool {
    true
}

impl Matcher {
    /// Reads a matcher as Alertmanager writes it: `severity="critical"`, `function!="auth"`,
    /// `function=~"checkout-.*"`, `function!~"test-.*"`; the quotes may be missing.
    ///
    /// # Errors
    /// What is wrong, and how it would be right.
    pub fn parse(text: &str) -> Result<Matcher, String> {
        let Some(at) = text.find(['=', '!']) else {
            return Err(format!(
                "`{text}` is no matcher; write a label, `=`, `!=`, `=~` or `!~`, and a value, such as `severity=\"critical\"`"
            ));
        };
        let (name, rest) = text.split_at(at);
        let signs = [
            ("=~", true, true),
            ("!~", true, false),
            ("!=", false, false),
            ("=", false, true),
        ];
        let found = signs.iter().find_map(|(sign, is_regex, is_equal)| {
            Some((rest.strip_prefix(sign)?, *is_regex, *is_equal))
        });
        let (Some((value, is_regex, is_equal)), name) = (found, name.trim()) else {
            return Err(format!(
                "`{text}` is no matcher; a `!` stands before `=` or `~`"
            ));
        };
        if name.is_empty() {
            return Err(format!("`{text}` names no label before its sign"));
        }
        let value = value.trim();
        let bare = value
            .strip_prefix('"')
            .and_then(|value| value.strip_suffix('"'));
        let matcher = Matcher {
            name: name.to_owned(),
            value: bare.unwrap_or(value).to_owned(),
            is_regex,
            is_equal,
        };
        matcher.check()?;
        Ok(matcher)
    }

    /// Checks the pattern.
    pub(crate) fn check(&self) -> Result<(), String> {
        let checked = self.pattern().map(|_| ());
        checked.map_err(|error| format!("the pattern for `{}` is not valid: {error}", self.name))
    }

    fn pattern(&self) -> Result<Option<Regex>, regex::Error> {
        let whole = || Regex::new(&format!("^(?:{})$", self.value));
        self.is_regex.then(whole).transpose()
    }

    /// Whether a label that is there is asked for.
    pub(crate) fn says_something(&self) -> bool {
        self.is_equal && !self.value.is_empty()
    }

    fn matches(&self, labels: &Labels) -> bool {
        // A label that is not there is empty.
        let value = labels.get(&self.name).map_or("", String::as_str);
        let is_like = match self.pattern() {
            Ok(Some(pattern)) => pattern.is_match(value),
            Ok(None) => value == self.value,
            Err(_) => return false,
        };
        is_like == self.is_equal
    }
}

/// Whether labels are as all of `matchers` ask.
pub(crate) fn all_match(matchers: &[Matcher], labels: &Labels) -> bool {
    matchers.iter().all(|matcher| matcher.matches(labels))
}

/// Matchers written as texts.
pub(crate) fn from_texts<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Matcher>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let matchers = texts.iter().map(|text| Matcher::parse(text));
    matchers
        .collect::<Result<_, _>>()
        .map_err(serde::de::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matchers_are_read_as_alertmanager_writes_them() {
        let read = |text: &str| {
            let matcher = Matcher::parse(text).unwrap();
            (
                matcher.name,
                matcher.value,
                matcher.is_regex,
                matcher.is_equal,
            )
        };
        let is = |name: &str, value: &str, is_regex, is_equal| {
            (name.to_owned(), value.to_owned(), is_regex, is_equal)
        };
        assert_eq!(
            read("severity=\"critical\""),
            is("severity", "critical", false, true)
        );
        assert_eq!(
            read("function =~ pay-.*"),
            is("function", "pay-.*", true, true)
        );
        assert_eq!(read("a!=\"x=y\""), is("a", "x=y", false, false));
        assert_eq!(read("a!~\"t|u\""), is("a", "t|u", true, false));
    }

    #[test]
    fn what_is_no_matcher_is_refused_with_words() {
        for (text, why) in [
            ("severity", "is no matcher"),
            ("=x", "names no label"),
            ("a!x", "a `!` stands before"),
            ("a=~\"(\"", "the pattern for `a` is not valid"),
        ] {
            let mistake = Matcher::parse(text).unwrap_err();
            assert!(mistake.contains(why), "{text}: {mistake}");
        }
    }
}
