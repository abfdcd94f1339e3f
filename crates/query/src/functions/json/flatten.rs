//! JSON objects as flat fields: `{"a":{"b":[1]}}` is `a.b[0]` = 1. Merged into the events' further
//! fields, whose names need not be known beforehand.

use serde_json::{Map, Value};

use super::path::{Found, embedded, found};
use crate::functions::kernels::Run;

/// Fields taken from one message (Sumo Logic's own limit).
pub(crate) const FIELDS_MAX: usize = 100;

/// Which fields are taken.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Options {
    /// Only these, in any case; all if there are none.
    pub(crate) keys: Vec<String>,
    /// Deeper values stay JSON.
    pub(crate) depth_max: Option<usize>,
    /// Whether lists are taken apart, too.
    pub(crate) takes_lists: bool,
}

impl Options {
    /// Whether a field of this flat name is taken.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let depth = 1 + name.matches('.').count() + name.matches('[').count();
        let is_key = |key: &String| key.eq_ignore_ascii_case(name);
        self.depth_max.is_none_or(|max| depth <= max)
            && (self.takes_lists || !name.contains('['))
            && (self.keys.is_empty() || self.keys.iter().any(is_key))
    }
}

/// `json_flatten(fields, text, options)`: `fields` with those of the JSON in `text`, which win.
pub(crate) const MERGE: Run = Run::Text(|row, _| {
    let [fields, text, Some(options)] = row else {
        return None;
    };
    let options: Options = serde_json::from_str(options).ok()?;
    let mut merged = object(*fields);
    if let Some(Value::Object(found)) = text.and_then(last_object) {
        for (name, value) in flat(&found, &options) {
            put(&mut merged, name, value);
        }
    }
    Some(Value::Object(merged).to_string())
});

/// `field_named(fields, name)`: the further field of this name, in any case.
pub(crate) const NAMED: Run = Run::Text(|row, _| {
    let [Some(fields), Some(name)] = row else {
        return None;
    };
    if let Ok(value) = sonic_rs::get(*fields, [*name]) {
        return match found(&value) {
            Found::Text(text) => Some(text),
            _ => None,
        };
    }
    let last = name.rsplit(['.', '_', '-', ' ']).next().unwrap_or(name);
    if !holds_ignoring_case(fields, last) {
        return None;
    }
    let fields = object(Some(fields));
    let mut fields = fields.iter();
    let (_, value) = fields.find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    text_of(value)
});

/// `json_auto(text, name)`: the flat field of this name in the JSON of a message, in any case.
pub(crate) const AUTO: Run = Run::Text(|row, matchers| {
    let [Some(text), Some(name)] = row else {
        return None;
    };
    // A key that is written so somewhere is likely meant, and a lazy look is fast.
    if let Some(Ok(value)) = matchers.path(name)?.get(text)
        && let Found::Text(text) = found(&value)
    {
        return Some(text);
    }
    let key = name.rsplit('.').next().unwrap_or(name);
    if !holds_ignoring_case(text, key) {
        return None;
    }
    let Value::Object(found) = embedded(text)? else {
        return None;
    };
    let options = Options {
        keys: vec![(*name).to_owned()],
        takes_lists: name.contains('['),
        ..Options::default()
    };
    flat(&found, &options)
        .into_iter()
        .next()
        .and_then(|(_, value)| text_of(&value))
});

/// Whether a key may be in a text: names may be written in another case, with `_` for blanks, or
/// with a place in a list.
fn holds_ignoring_case(text: &str, key: &str) -> bool {
    let Some(first) = key.bytes().next().filter(u8::is_ascii_alphabetic) else {
        return true;
    };
    if !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return true;
    }
    let bytes = text.as_bytes();
    let (lower, upper) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(lower, upper, bytes).any(|start| {
        let part = bytes.get(start..start + key.len());
        part.is_some_and(|part| part.eq_ignore_ascii_case(key.as_bytes()))
    })
}

/// Text as it is, other values as JSON; null is nothing.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// The fields that a text holds.
pub(crate) fn object(text: Option<&str>) -> Map<String, Value> {
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// Adds a field; a field of the same name in another case goes.
pub(crate) fn put(fields: &mut Map<String, Value>, name: String, value: Value) {
    fields.retain(|known, _| !known.eq_ignore_ascii_case(&name));
    fields.insert(name, value);
}

/// The JSON object nearest to the end of a message.
fn last_object(text: &str) -> Option<Value> {
    let trimmed = text.trim();
    if let Ok(value @ Value::Object(_)) = serde_json::from_str(trimmed) {
        return Some(value);
    }
    embedded(trimmed)
}

/// The fields of an object under their flat names, in order.
fn flat(object: &Map<String, Value>, options: &Options) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    for (key, value) in object {
        descend(&name_of(key), value, 1, options, &mut found);
    }
    found.truncate(FIELDS_MAX);
    found
}

/// Blanks become `_`, so that a name can be written without quotes.
fn name_of(key: &str) -> String {
    key.replace(' ', "_")
}

fn descend(
    name: &str,
    value: &Value,
    depth: usize,
    options: &Options,
    found: &mut Vec<(String, Value)>,
) {
    let is_wanted = |name: &str| {
        options.keys.is_empty()
            || options
                .keys
                .iter()
                .any(|key| key.eq_ignore_ascii_case(name))
    };
    if found.len() >= FIELDS_MAX {
        return;
    }
    let goes_on = options.depth_max.is_none_or(|max| depth < max) || depth == 0;
    match value {
        Value::Object(object) if goes_on => {
            // An object that is asked for by its own name is taken whole.
            if !options.keys.is_empty() && is_wanted(name) {
                found.push((name.to_owned(), value.clone()));
            }
            for (key, value) in object {
                descend(
                    &format!("{name}.{}", name_of(key)),
                    value,
                    depth + 1,
                    options,
                    found,
                );
            }
        }
        Value::Array(list) if options.takes_lists && goes_on => {
            for (index, value) in list.iter().enumerate() {
                descend(
                    &format!("{name}[{index}]"),
                    value,
                    depth + 1,
                    options,
                    found,
                );
            }
        }
        _ if is_wanted(name) => found.push((name.to_owned(), value.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str, options: &Options) -> String {
        let found: Value = serde_json::from_str(text).unwrap();
        let flat = flat(found.as_object().unwrap(), options);
        let pairs = flat.iter().map(|(name, value)| format!("{name}={value}"));
        pairs.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn objects_become_dotted_names() {
        let text = r#"{"a":{"b":1,"c d":{"e":"x"}},"l":[{"m":2}]}"#;
        assert_eq!(
            names(text, &Options::default()),
            r#"a.b=1 a.c_d.e="x" l=[{"m":2}]"#
        );
        let deep = Options {
            takes_lists: true,
            ..Options::default()
        };
        assert_eq!(names(text, &deep), r#"a.b=1 a.c_d.e="x" l[0].m=2"#);
        let shallow = Options {
            depth_max: Some(1),
            ..Options::default()
        };
        assert_eq!(
            names(text, &shallow),
            r#"a={"b":1,"c d":{"e":"x"}} l=[{"m":2}]"#
        );
        let some = Options {
            keys: vec!["A.B".into(), "a.c_d".into()],
            ..Options::default()
        };
        assert_eq!(names(text, &some), r#"a.b=1 a.c_d={"e":"x"}"#);
    }
}
