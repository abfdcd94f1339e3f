//! Paths into JSON, also into JSON that stands behind other text: `a.b[0]`, `a[*].b`, `..b`,
//! `a[1:3]`, `['odd key']`, `a.length()`.

use model::limits::JSON_DEPTH_MAX;
use serde_json::Value;
use sonic_rs::{JsonValueTrait as _, LazyValue, PointerNode};

use crate::functions::kernels::Run;

/// Braces at which JSON is looked for in a text that begins with something else.
const BEGINNINGS_MAX: usize = 16;

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Key(String),
    /// From the end if negative.
    Index(i64),
    Each,
    /// The elements from and up to an index.
    Slice(Option<i64>, Option<i64>),
    /// Several keys of one object, or elements of one list.
    Any(Vec<Step>),
    /// What follows is looked for at every depth.
    Deep,
    Length,
}

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    Null,
    Text(String),
}

/// A path, ready to be followed.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    steps: Vec<Step>,
    /// The same for the fast way, if the path is only keys and places.
    pointer: Option<Vec<PointerNode>>,
}

/// `json_path(text, path)`.
pub(crate) const FIND: Run = Run::Text(|row, matchers| {
    let [Some(text), Some(path)] = row else {
        return None;
    };
    match matchers.path(path)?.find(text) {
        Found::Text(text) => Some(text),
        _ => None,
    }
});

/// `json_may_hold(text, part)`: false only if no text in the JSON can hold the part. What JSON need
/// not escape stands as it is, unless a writer escapes everything; some escape `/`.
pub(crate) const MAY_HOLD: Run = Run::Holds(|part| {
    let is_plain = |byte: u8| (b' '..=b'~').contains(&byte) && !b"\"\\ {}[],:".contains(&byte);
    // Lists, objects and fractions may be written anew.
    let is_fraction = part.contains(['.', 'e', 'E']) && part.parse::<f64>().is_ok();
    if !part.bytes().all(is_plain) || is_fraction {
        return None;
    }
    Some(match part.contains('/') {
        true => &["\\u00", "\\/"],
        false => &["\\u00"],
    })
});

impl Path {
    /// Reads a path; `None` if it makes no sense.
    pub(crate) fn parse(text: &str) -> Option<Path> {
        let steps = steps(text)?;
        let pointer = steps
            .iter()
            .map(|step| match step {
                Step::Key(key) => Some(PointerNode::Key(key.clone().into())),
                Step::Index(index) => Some(PointerNode::Index(usize::try_from(*index).ok()?)),
                _ => None,
            })
            .collect();
        Some(Path { steps, pointer })
    }

    /// Whether it leads to one value, by keys and places.
    pub(crate) fn is_simple(&self) -> bool {
        self.pointer.is_some()
    }

    /// The keys, if it is nothing but keys.
    pub(super) fn keys(&self) -> Option<Vec<&str>> {
        let keys = self.steps.iter().map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            _ => None,
        });
        let keys: Vec<&str> = keys.collect::<Option<_>>()?;
        (!keys.is_empty()).then_some(keys)
    }

    /// Follows the path in a text.
    pub(crate) fn find(&self, text: &str) -> Found {
        match self.get(text) {
            Some(Ok(value)) => found(&value),
            Some(Err(())) => Found::Nothing,
            None => embedded(text).map_or(Found::Nothing, |value| self.find_in(&value)),
        }
    }

    /// The short way: to the value and no further. `None` if only the long way can tell,
    /// `Some(Err(()))` if there surely is no such value.
    pub(super) fn get<'a>(&self, text: &'a str) -> Option<Result<LazyValue<'a>, ()>> {
        let pointer = self
            .pointer
            .as_deref()
            .filter(|pointer| !pointer.is_empty())?;
        let json = beginning(text)?;
        match sonic_rs::get(json, pointer) {
            Ok(value) => Some(Ok(value)),
            Err(error) if error.is_not_found() && is_object(json) => Some(Err(())),
            Err(_) => None,
        }
    }

    /// Follows the path in a value.
    pub(crate) fn find_in(&self, value: &Value) -> Found {
        let is_list = self.steps.iter().any(|step| {
            matches!(
                step,
                Step::Each | Step::Slice(..) | Step::Any(_) | Step::Deep
            )
        });
        let mut results = Vec::new();
        let exists = walk(value, &self.steps, &mut results);
        if is_list {
            let is_deep = self.steps.contains(&Step::Deep);
            if !exists || is_deep && results.is_empty() {
                return Found::Nothing;
            }
            return Found::Text(Value::Array(results).to_string());
        }
        match results.pop() {
            None => Found::Nothing,
            Some(Value::Null) => Found::Null,
            Some(Value::String(text)) => Found::Text(text),
            Some(other) => Found::Text(other.to_string()),
        }
    }
}

/// The text from its first brace or bracket on; `None` if what follows may be nested so deeply that
/// the lazy reader, which knows no limit, would run out of stack.
pub(super) fn beginning(text: &str) -> Option<&str> {
    let mut opening = memchr::memchr2_iter(b'{', b'[', text.as_bytes());
    let json = text.get(opening.next()?..)?;
    let is_shallow =
        opening.nth(JSON_DEPTH_MAX).is_none() || model::is_shallow_json(json.as_bytes());
    is_shallow.then_some(json)
}

/// Whether what begins here is surely the JSON that is meant, and not `[INFO] {…}`.
pub(super) fn is_object(json: &str) -> bool {
    json.starts_with("{\"") || json.starts_with("{}") || json.starts_with("[{\"")
}

/// A lazily read value as text: lists and objects without blanks between their parts.
pub(super) fn found(value: &LazyValue<'_>) -> Found {
    if let Some(text) = value.as_str() {
        return Found::Text(text.to_owned());
    }
    let raw = value.as_raw_str();
    if raw == "null" {
        return Found::Null;
    }
    if raw.starts_with(['{', '[']) && raw.contains([' ', '\n', '\t', '\r']) {
        let parsed: Option<Value> = serde_json::from_str(raw).ok();
        return Found::Text(parsed.map_or_else(|| raw.to_owned(), |value| value.to_string()));
    }
    Found::Text(raw.to_owned())
}

/// The JSON in a text: all of it, or what begins at a brace or bracket.
pub(crate) fn embedded(text: &str) -> Option<Value> {
    let starts = memchr::memchr2_iter(b'{', b'[', text.as_bytes());
    starts
        .take(BEGINNINGS_MAX)
        .filter_map(|start| first(text.get(start..)?))
        .find(|value| value.is_object() || value.get(0).is_some_and(|first| !first.is_number()))
        .or_else(|| first(text.trim_start()).filter(Value::is_array))
}

fn first(text: &str) -> Option<Value> {
    serde_json::Deserializer::from_str(text)
        .into_iter::<Value>()
        .next()?
        .ok()
}

fn steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path.trim();
    rest = rest.strip_prefix('$').unwrap_or(rest);
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix("..") {
            steps.push(Step::Deep);
            rest = tail;
            if rest.is_empty() {
                return None;
            }
        }
        rest = rest.strip_prefix('.').unwrap_or(rest);
        if let Some(inner) = rest.strip_prefix('[') {
            let end = closing(inner)?;
            steps.push(bracket(inner.get(..end)?)?);
            rest = inner.get(end + 1..)?;
            continue;
        }
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let key = rest.get(..end)?;
        rest = rest.get(end..)?;
        match key {
            "" => {}
            "*" => steps.push(Step::Each),
            "length()" | "size()" => steps.push(Step::Length),
            _ => steps.push(Step::Key(key.to_owned())),
        }
    }
    Some(steps)
}

/// Where the bracket ends, past quoted keys.
fn closing(inner: &str) -> Option<usize> {
    let mut quote = None;
    for (index, character) in inner.char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if matches!(character, '\'' | '"') => quote = Some(character),
            None if character == ']' => return Some(index),
            None => {}
        }
    }
    None
}

fn bracket(inside: &str) -> Option<Step> {
    let inside = inside.trim();
    let unquoted = |text: &str| -> Option<String> {
        let quote = text
            .chars()
            .next()
            .filter(|first| matches!(first, '\'' | '"'))?;
        let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
        Some(inner.to_owned())
    };
    if inside == "*" {
        return Some(Step::Each);
    }
    if let Some(key) = unquoted(inside).filter(|key| !key.contains("','") && !key.contains("', '"))
    {
        return Some(Step::Key(key));
    }
    if inside.contains(',') {
        let parts = inside.split(',').map(|part| bracket(part.trim()));
        return Some(Step::Any(parts.collect::<Option<_>>()?));
    }
    if let Some((from, to)) = inside.split_once(':') {
        let end = |text: &str| match text.trim() {
            "" => Some(None),
            number => number.parse().ok().map(Some),
        };
        return Some(Step::Slice(end(from)?, end(to)?));
    }
    if let Ok(index) = inside.parse() {
        return Some(Step::Index(index));
    }
    // `[name]` without quotes is read as a key.
    let is_name = inside
        .chars()
        .all(|character| character.is_alphanumeric() || matches!(character, '_' | '-' | ' '));
    (is_name && !inside.is_empty()).then(|| Step::Key(inside.to_owned()))
}

/// Collects what the steps lead to; says whether the place itself exists.
fn walk(value: &Value, steps: &[Step], results: &mut Vec<Value>) -> bool {
    let Some((step, rest)) = steps.split_first() else {
        results.push(value.clone());
        return true;
    };
    // JSON is often text inside JSON.
    if let Value::String(text) = value
        && text.trim_start().starts_with(['{', '['])
        && let Some(inner) = first(text)
    {
        return walk(&inner, steps, results);
    }
    match step {
        Step::Key(key) => match value {
            Value::Object(object) => object
                .get(key)
                .is_some_and(|value| walk(value, rest, results)),
            _ => false,
        },
        Step::Index(index) => value.as_array().is_some_and(|list| {
            place(*index, list.len())
                .and_then(|place| list.get(place))
                .is_some_and(|value| walk(value, rest, results))
        }),
        Step::Each if value.is_array() || value.is_object() => {
            for value in children(value) {
                walk(value, rest, results);
            }
            true
        }
        Step::Each => false,
        Step::Slice(from, to) => value.as_array().is_some_and(|list| {
            let end = |index: &Option<i64>, default: usize| {
                index.map_or(default, |index| clamped(index, list.len()))
            };
            let (from, to) = (end(from, 0), end(to, list.len()));
            let part = list.get(from..to.max(from)).unwrap_or_default();
            for value in part {
                walk(value, rest, results);
            }
            true
        }),
        Step::Any(options) => {
            let mut exists = false;
            for option in options {
                let steps: Vec<Step> = [option.clone()].into_iter().chain(rest.to_vec()).collect();
                exists |= walk(value, &steps, results);
            }
            exists
        }
        Step::Deep => {
            walk(value, rest, results);
            for child in children(value) {
                walk(child, steps, results);
            }
            true
        }
        Step::Length => {
            let length = match value {
                Value::Array(list) => list.len(),
                Value::Object(object) => object.len(),
                _ => return false,
            };
            results.push(Value::from(length));
            true
        }
    }
}

fn children(value: &Value) -> Vec<&Value> {
    match value {
        Value::Object(object) => object.values().collect(),
        Value::Array(list) => list.iter().collect(),
        _ => Vec::new(),
    }
}

/// A place in a list; negative ones count from the end.
fn place(index: i64, length: usize) -> Option<usize> {
    match usize::try_from(index) {
        Ok(index) => Some(index),
        Err(_) => length.checked_sub(usize::try_from(index.unsigned_abs()).ok()?),
    }
}

fn clamped(index: i64, length: usize) -> usize {
    place(index, length).unwrap_or(0).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, path: &str) -> Option<String> {
        match Path::parse(path)?.find(text) {
            Found::Text(text) => Some(text),
            _ => None,
        }
    }

    #[test]
    fn paths_reach_into_objects_lists_and_text() {
        let text =
            r#"[x] INFO {"a":{"b":[{"c":1},{"c":"x"}]},"k k":true,"n":null,"t":"{\"u\": 5}"}"#;
        for (path, expected) in [
            ("a.b[1].c", Some("x")),
            ("$.a.b[-1].c", Some("x")),
            ("a.b[*].c", Some(r#"[1,"x"]"#)),
            ("a.b[0:1].c", Some("[1]")),
            ("a.b.length()", Some("2")),
            ("..c", Some(r#"[1,"x"]"#)),
            ("..zz", None),
            ("['k k']", Some("true")),
            ("t.u", Some("5")),
            ("n", None),
            ("a.b[9].c", None),
            ("a.x[*]", None),
        ] {
            assert_eq!(find(text, path).as_deref(), expected, "{path}");
        }
        assert_eq!(
            Path::parse("n").map(|path| path.find(text)),
            Some(Found::Null)
        );
        assert_eq!(find("no json", "a"), None);
        assert_eq!(find(r#"[{"a":1},{"a":2}]"#, "[1].a").as_deref(), Some("2"));
        assert_eq!(find("[3, 4]", "[1]").as_deref(), Some("4"));
    }

    #[test]
    fn a_path_that_makes_no_sense_is_none() {
        for path in ["a[", "a[?]", "a.."] {
            assert!(Path::parse(path).is_none(), "{path}");
        }
    }
}
