//! Several paths of one text in one pass.

use std::borrow::Cow;

use sonic_rs::{JsonValueTrait as _, LazyValue};

use super::path::{Found, Path, beginning, embedded, found, is_object};
use crate::functions::extract::{Extract, Part};

/// `json "a", "b.c"`: one part for each path.
#[derive(Debug)]
pub(crate) struct JsonFields {
    paths: Vec<Path>,
    /// All paths at once, if they are only keys.
    tree: Option<Vec<Node>>,
}

/// A key, the parts that it fills, and the keys inside it.
#[derive(Debug)]
struct Node {
    key: String,
    parts: Vec<usize>,
    inside: Vec<Node>,
}

impl JsonFields {
    pub(crate) fn new(paths: &[String]) -> Option<Self> {
        let paths: Vec<Path> = paths
            .iter()
            .map(|path| Path::parse(path))
            .collect::<Option<_>>()?;
        let mut tree = Vec::new();
        for (part, path) in paths.iter().enumerate() {
            add(&mut tree, &path.keys().unwrap_or_default(), part);
        }
        let are_keys = paths.len() > 1 && paths.iter().all(|path| path.keys().is_some());
        Some(JsonFields {
            paths,
            tree: are_keys.then_some(tree),
        })
    }

    /// All paths in one pass over JSON that is surely JSON.
    fn at_once<'a>(&self, text: &'a str, parts: &mut [Part<'a>]) -> Option<()> {
        let tree = self.tree.as_ref()?;
        let json = beginning(text).filter(|json| json.starts_with('{') && is_object(json))?;
        let mut missing = parts.len();
        fill(json, tree, parts, &mut missing)
    }
}

fn add(nodes: &mut Vec<Node>, keys: &[&str], part: usize) {
    let Some((key, rest)) = keys.split_first() else {
        return;
    };
    let place = nodes
        .iter()
        .position(|node| node.key == *key)
        .unwrap_or_else(|| {
            nodes.push(Node {
                key: (*key).to_owned(),
                parts: Vec::new(),
                inside: Vec::new(),
            });
            nodes.len() - 1
        });
    let node = &mut nodes[place];
    if rest.is_empty() {
        node.parts.push(part);
    } else {
        add(&mut node.inside, rest, part);
    }
}

/// Goes through an object until nothing is missing; `None` if it cannot be read so.
fn fill<'a>(
    json: &'a str,
    nodes: &[Node],
    parts: &mut [Part<'a>],
    missing: &mut usize,
) -> Option<()> {
    for entry in sonic_rs::to_object_iter(json) {
        let (key, value) = entry.ok()?;
        let Some(node) = nodes.iter().find(|node| node.key == key) else {
            continue;
        };
        for part in &node.parts {
            // Of a key that stands twice, the first counts.
            if parts[*part] == Part::Nothing {
                parts[*part] = part_of(&value);
                *missing -= 1;
            }
        }
        if !node.inside.is_empty() {
            match value.as_raw_cow() {
                Cow::Borrowed(inside) if inside.starts_with('{') => {
                    fill(inside, &node.inside, parts, missing)?;
                }
                // JSON as text inside JSON, or a list: the long way knows them.
                Cow::Borrowed(inside) if inside.starts_with(['"', '[']) => return None,
                _ => {}
            }
        }
        if *missing == 0 {
            break;
        }
    }
    Some(())
}

/// A value as a part of its text, without a copy where it is written as it is meant.
fn part_of<'a>(value: &LazyValue<'a>) -> Part<'a> {
    if let Cow::Borrowed(raw) = value.as_raw_cow() {
        let inside = raw
            .strip_prefix('"')
            .and_then(|inside| inside.strip_suffix('"'));
        match inside {
            Some(inside) if !inside.contains('\\') => return Part::Text(inside),
            None if value.is_number() || value.is_boolean() => return Part::Text(raw),
            _ => {}
        }
    }
    found(value).into()
}

impl Extract for JsonFields {
    fn parts(&self) -> usize {
        self.paths.len()
    }

    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool {
        if self.at_once(text, parts).is_none() {
            parts.fill(Part::Nothing);
            match self.paths.as_slice() {
                [path] => {
                    parts[0] = match path.get(text) {
                        Some(Ok(value)) => part_of(&value),
                        Some(Err(())) => Part::Nothing,
                        None => path.find(text).into(),
                    }
                }
                paths => {
                    let value = embedded(text);
                    for (path, part) in paths.iter().zip(parts.iter_mut()) {
                        *part = value
                            .as_ref()
                            .map_or(Part::Nothing, |value| path.find_in(value).into());
                    }
                }
            }
        }
        !parts.contains(&Part::Nothing)
    }
}

impl From<Found> for Part<'_> {
    fn from(found: Found) -> Self {
        match found {
            Found::Nothing => Part::Nothing,
            Found::Null => Part::Null,
            Found::Text(text) => Part::Owned(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// The short way through the text and the long way through its value agree.
        #[test]
        fn at_once_is_as_one_by_one(
            text in r#"(\[x\] )?\{("[abc]":(1|2\.5|null|"x"|"\\"y"|\{"[ab]":("z"|\[1, 2\]|\{"a":true\})\}|"\{\\"a\\":5\}"),?){0,4}\}?"#,
        ) {
            let paths = ["a", "b", "a.b", "b.a", "a.a.a", "c"].map(str::to_owned);
            let mut fields = JsonFields::new(&paths).unwrap();
            let mut parts = vec![Part::Nothing; paths.len()];
            fields.extract(&text, &mut parts);
            let value = embedded(&text);
            for (path, part) in paths.iter().zip(parts) {
                // What can be read only in part is read as far as it goes.
                let Some(value) = &value else { continue };
                let path = Path::parse(path).unwrap();
                let part = match part {
                    Part::Nothing => Found::Nothing,
                    Part::Null => Found::Null,
                    Part::Text(text) => Found::Text(text.to_owned()),
                    Part::Owned(text) => Found::Text(text),
                };
                let first_counts = value.as_object().is_some_and(|object| {
                    text.matches("\":").count() == count(value) && !object.is_empty()
                });
                if first_counts {
                    proptest::prop_assert_eq!(part, path.find_in(value), "{}", text);
                }
            }
        }
    }

    /// Keys of a value at every depth: fewer than are written if one stands twice.
    fn count(value: &serde_json::Value) -> usize {
        match value {
            serde_json::Value::Object(object) => {
                object.len() + object.values().map(count).sum::<usize>()
            }
            serde_json::Value::Array(list) => list.iter().map(count).sum(),
            _ => 0,
        }
    }

    #[test]
    fn json_of_any_depth_is_survived() {
        let deep = format!("{{\"a\":{}", "[".repeat(200_000));
        for paths in [vec!["b"], vec!["b", "c"], vec!["a[0]"], vec!["..b"]] {
            let paths: Vec<String> = paths.into_iter().map(str::to_owned).collect();
            let mut fields = JsonFields::new(&paths).unwrap();
            let mut parts = vec![Part::Nothing; paths.len()];
            assert!(!fields.extract(&deep, &mut parts));
        }
    }
}
