//! `keyvalue`: the values that follow keys, as `key=value`, `key: value` or `key -> value`.

use regex::Regex;
use serde_json::Value;

use super::{Extract, Part};
use crate::functions::java_pattern::translate;
use crate::functions::json::flatten::{FIELDS_MAX, object, put};
use crate::functions::kernels::Run;
use crate::functions::matcher::Matcher;

/// The value after each key.
#[derive(Debug)]
pub(crate) struct KeyValues {
    keys: Vec<Option<Regex>>,
    fancy: Vec<Option<Matcher>>,
}

/// What follows a key if nothing else is said.
const VALUE: &str = r#"[ \t]*(?::|->|=)[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s,;&|]+))"#;

impl KeyValues {
    /// Reads the constants of a call: the pattern of a value (empty: inferred), then the keys.
    pub(crate) fn new(constants: &[String]) -> Option<Self> {
        let (value, keys) = constants.split_first()?;
        let value = if value.is_empty() {
            VALUE.to_owned()
        } else {
            translate(value)
        };
        let patterns: Vec<String> = keys.iter().map(|key| key_pattern(key, &value)).collect();
        let fast: Vec<Option<Regex>> = patterns
            .iter()
            .map(|pattern| Regex::new(pattern).ok())
            .collect();
        let fancy = patterns
            .iter()
            .zip(&fast)
            .map(|(pattern, fast)| match fast {
                Some(_) => Some(None),
                None => Matcher::compile(pattern).ok().map(Some),
            });
        let fancy = fancy.collect::<Option<_>>()?;
        Some(KeyValues { keys: fast, fancy })
    }
}

/// A key is a whole word: `port` is not in `sport=1`.
fn key_pattern(key: &str, value: &str) -> String {
    let key = regex::escape(key);
    format!(r#"(?s)(?:^|[^0-9A-Za-z_.\-])["']?{key}["']?{value}"#)
}

impl Extract for KeyValues {
    fn parts(&self) -> usize {
        self.keys.len()
    }

    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool {
        let matchers = self.keys.iter().zip(&self.fancy);
        for ((fast, fancy), part) in matchers.zip(parts.iter_mut()) {
            let found = match (fast, fancy) {
                (Some(regex), _) => regex.captures(text).and_then(|found| {
                    found
                        .iter()
                        .skip(1)
                        .flatten()
                        .next()
                        .map(|group| group.as_str())
                }),
                (None, Some(Matcher::Fancy(regex))) => {
                    let found = regex.captures(text).ok().flatten();
                    found.and_then(|found| {
                        found
                            .iter()
                            .skip(1)
                            .flatten()
                            .next()
                            .map(|group| group.as_str())
                    })
                }
                _ => None,
            };
            *part = found.map_or(Part::Nothing, Part::Text);
        }
        !parts.contains(&Part::Nothing)
    }
}

/// `key_values(fields, text, delimiter)`: `fields` with all keys and values of the text, which win.
pub(crate) const MERGE: Run = Run::Text(|row, matchers| {
    let [fields, text, Some(delimiter)] = row else {
        return None;
    };
    let mut merged = object(*fields);
    if let Some(Matcher::Fast(regex)) = matchers.get(&pairs_pattern(delimiter)) {
        let found = regex.captures_iter(text.unwrap_or_default());
        for found in found.take(FIELDS_MAX) {
            let mut groups = found.iter().skip(1).flatten();
            if let (Some(key), Some(value)) = (groups.next(), groups.next()) {
                let key = key.as_str().replace(['-', '.'], "_");
                put(&mut merged, key, Value::from(value.as_str()));
            }
        }
    }
    Some(Value::Object(merged).to_string())
});

fn pairs_pattern(delimiter: &str) -> String {
    let between = match delimiter {
        "" => r"(?::|->|=)".to_owned(),
        _ => regex::escape(delimiter),
    };
    format!(
        r#"["']?([A-Za-z_][0-9A-Za-z_.\-]*)["']?[ \t]*{between}[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([^\s,;&|]+))"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(value: &str, keys: &[&str], text: &str) -> Vec<String> {
        let constants: Vec<String> = [value]
            .iter()
            .chain(keys)
            .map(|text| (*text).to_owned())
            .collect();
        let mut values = KeyValues::new(&constants).unwrap();
        let mut parts = vec![Part::Nothing; keys.len()];
        values.extract(text, &mut parts);
        let shown = parts.into_iter().map(|part| match part {
            Part::Text(text) => text.to_owned(),
            _ => "-".to_owned(),
        });
        shown.collect()
    }

    #[test]
    fn values_follow_whole_keys() {
        let text = r#"sport=80 port=443 msg="a b" user: bob, t -> 5"#;
        let found = values("", &["port", "msg", "user", "t", "x"], text);
        assert_eq!(found, ["443", "a b", "bob", "5", "-"]);
        let found = values("=(.*?)(?:\\s|$)", &["port", "sport"], text);
        assert_eq!(found, ["443", "80"]);
    }
}
