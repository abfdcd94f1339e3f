//! Several paths of one text in one pass.

use sonic_rs::PointerTree;

use super::path::{Found, Path, beginning, embedded, found, is_object};
use crate::functions::extract::{Extract, Part};

/// `json "a", "b.c"`: one part for each path.
#[derive(Debug)]
pub(crate) struct JsonFields {
    paths: Vec<Path>,
    /// All paths at once, if they are only keys: places and keys of one value would collide.
    tree: Option<PointerTree>,
}

impl JsonFields {
    pub(crate) fn new(paths: &[String]) -> Option<Self> {
        let paths: Vec<Path> = paths
            .iter()
            .map(|path| Path::parse(path))
            .collect::<Option<_>>()?;
        let are_keys = paths.len() > 1 && paths.iter().all(Path::is_keys);
        let tree = are_keys.then(|| {
            let mut tree = PointerTree::new();
            for path in &paths {
                tree.add_path(path.pointer.iter().flatten());
            }
            tree
        });
        Some(JsonFields { paths, tree })
    }

    /// All paths in one pass over JSON that is surely JSON.
    fn at_once(&self, text: &str, parts: &mut [Part<'_>]) -> Option<()> {
        let tree = self.tree.as_ref()?;
        let json = beginning(text).filter(|json| is_object(json))?;
        let values = sonic_rs::get_many(json, tree).ok()?;
        for (part, value) in parts.iter_mut().zip(values) {
            *part = value.map_or(Part::Nothing, |value| found(&value).into());
        }
        Some(())
    }
}

impl Extract for JsonFields {
    fn parts(&self) -> usize {
        self.paths.len()
    }

    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool {
        if self.at_once(text, parts).is_none() {
            let is_simple = self.paths.len() == 1 || self.paths.iter().all(Path::is_keys);
            let value = if is_simple { None } else { embedded(text) };
            for (path, part) in self.paths.iter().zip(parts.iter_mut()) {
                *part = match &value {
                    Some(value) => path.find_in(value),
                    None => path.find(text),
                }
                .into();
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
