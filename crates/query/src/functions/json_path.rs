//! Finds a path in JSON, also in JSON that stands behind other text.

use serde_json::Value;

/// One step of a path.
#[derive(Debug, PartialEq)]
enum Step {
    Key(String),
    Index(usize),
    Each,
}

/// Returns the value at `path` as text; objects and lists as JSON.
pub(crate) fn find(text: &str, path: &str) -> Option<String> {
    let value = embedded(text)?;
    let found = walk(&value, &steps(path)?)?;
    match found {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}

/// The JSON in a text: all of it, or what begins at a brace or bracket.
pub(crate) fn embedded(text: &str) -> Option<Value> {
    let trimmed = text.trim_start();
    if trimmed.starts_with(['{', '['])
        && let Some(value) = first(trimmed)
    {
        return Some(value);
    }
    text.match_indices('{')
        .take(3)
        .find_map(|(index, _)| first(text.get(index..)?))
}

fn first(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .next()?
        .ok()
}

/// Whether a path can be read.
pub(crate) fn is_path(path: &str) -> bool {
    steps(path).is_some()
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path.trim().trim_start_matches('$');
    while !rest.is_empty() {
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inner) = rest.strip_prefix('[') {
            let end = inner.find(']')?;
            let inside = inner.get(..end)?.trim();
            let key = inside.trim_matches(['\'', '"']);
            steps.push(match inside {
                "*" => Step::Each,
                _ if key.len() < inside.len() => Step::Key(key.to_owned()),
                _ => Step::Index(inside.parse().ok()?),
            });
            rest = inner.get(end + 1..)?;
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let key = rest.get(..end)?;
        if !key.is_empty() {
            steps.push(Step::Key(key.to_owned()));
        }
        rest = rest.get(end..)?;
    }
    Some(steps)
}

fn walk(value: &Value, steps: &[Step]) -> Option<Value> {
    let Some((step, rest)) = steps.split_first() else {
        return Some(value.clone());
    };
    match step {
        Step::Key(key) => match value {
            Value::Object(object) => walk(object.get(key)?, rest),
            Value::String(text) if text.trim_start().starts_with('{') => {
                walk(first(text)?.get(key)?, rest)
            }
            _ => None,
        },
        Step::Index(index) => walk(value.get(index)?, rest),
        Step::Each => {
            let found: Vec<Value> = value
                .as_array()?
                .iter()
                .filter_map(|item| walk(item, rest))
                .collect();
            Some(Value::Array(found))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_reach_into_objects_lists_and_text() {
        let text = r#"INFO {"a":{"b":[{"c":1},{"c":"x"}]},"k k":true,"n":null}"#;
        assert_eq!(find(text, "a.b[1].c").as_deref(), Some("x"));
        assert_eq!(find(text, "a.b[*].c").as_deref(), Some(r#"[1,"x"]"#));
        assert_eq!(find(text, "['k k']").as_deref(), Some("true"));
        assert_eq!(find(text, "n"), None);
        assert_eq!(find("no json", "a"), None);
    }
}
