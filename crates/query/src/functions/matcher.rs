//! Compiled patterns and paths, and where each thread keeps them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::tz::TimeZone;

use super::glob::Glob;
use super::json::path::Path;
use super::region::Needle;
use super::time::pattern::Pattern as DatePattern;
use crate::scan;

thread_local! {
    static MATCHERS: RefCell<Matchers> = RefCell::default();
}

/// Lends what this thread has compiled.
pub(super) fn with_matchers<T>(run: impl FnOnce(&mut Matchers) -> T) -> T {
    MATCHERS.with_borrow_mut(run)
}

/// Steps that a pattern with look-around may take over one text; then it does not match.
const BACKTRACKS_MAX: usize = 100_000;

/// What a thread keeps before it starts afresh.
const COMPILED_MAX: usize = 1_000;

/// Things made of texts, made once.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    places: HashMap<String, usize>,
    made: Vec<Option<T>>,
    /// The key that was asked for last: constants are asked for row after row.
    last: Option<(String, usize)>,
}

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Cache {
            places: HashMap::new(),
            made: Vec::new(),
            last: None,
        }
    }
}

impl<T> Cache<T> {
    /// What `make` makes of `key`; `None` if it could not.
    pub(crate) fn get(
        &mut self,
        key: &str,
        make: impl FnOnce(&str) -> Option<T>,
    ) -> Option<&mut T> {
        if let Some((last, place)) = &self.last
            && last == key
        {
            return self.made.get_mut(*place)?.as_mut();
        }
        if self.made.len() >= COMPILED_MAX {
            *self = Cache::default();
        }
        let place = *self.places.entry(key.to_owned()).or_insert_with(|| {
            self.made.push(make(key));
            self.made.len() - 1
        });
        self.last = Some((key.to_owned(), place));
        self.made.get_mut(place)?.as_mut()
    }
}

/// The patterns, paths and zones that a thread has read.
#[derive(Debug, Default)]
pub(crate) struct Matchers {
    patterns: Cache<Matcher>,
    needles: Cache<Option<Needle>>,
    globs: Cache<Glob>,
    paths: Cache<Path>,
    dates: Cache<Arc<DatePattern>>,
    zones: Cache<TimeZone>,
}

impl Matchers {
    pub(crate) fn get(&mut self, pattern: &str) -> Option<&Matcher> {
        let made = self
            .patterns
            .get(pattern, |pattern| Matcher::compile(pattern).ok());
        made.map(|matcher| &*matcher)
    }

    /// The pattern, and a word that every match of it holds, if there is one.
    pub(crate) fn with_needle(&mut self, pattern: &str) -> Option<(&Matcher, Option<&Needle>)> {
        let needle = self.needles.get(pattern, |pattern| {
            Some(scan::word_in(pattern).and_then(|word| Needle::new(&word)))
        });
        let needle = needle?.as_ref();
        let matcher = self
            .patterns
            .get(pattern, |pattern| Matcher::compile(pattern).ok())?;
        Some((matcher, needle))
    }

    pub(crate) fn glob(&mut self, glob: &str) -> Option<&Glob> {
        let made = self.globs.get(glob, |glob| Some(Glob::new(glob)));
        made.map(|glob| &*glob)
    }

    pub(crate) fn date(&mut self, pattern: &str) -> Option<Arc<DatePattern>> {
        let made = self
            .dates
            .get(pattern, |pattern| Some(Arc::new(DatePattern::new(pattern))));
        made.map(|pattern| Arc::clone(pattern))
    }

    pub(crate) fn zone(&mut self, name: &str) -> Option<TimeZone> {
        self.zones
            .get(name, super::time::zone)
            .map(|zone| zone.clone())
    }

    pub(crate) fn path(&mut self, path: &str) -> Option<&Path> {
        self.paths.get(path, Path::parse).map(|path| &*path)
    }
}

/// A compiled pattern: the fast engine where it can, the one with look-around where it must.
#[derive(Clone, Debug)]
pub(crate) enum Matcher {
    Fast(regex::Regex),
    Fancy(Arc<fancy_regex::Regex>),
}

impl Matcher {
    pub(crate) fn compile(pattern: &str) -> Result<Self, String> {
        match regex::Regex::new(pattern) {
            Ok(regex) => Ok(Matcher::Fast(regex)),
            Err(error) => fancy_regex::RegexBuilder::new(pattern)
                .backtrack_limit(BACKTRACKS_MAX)
                .build()
                .map(|regex| Matcher::Fancy(Arc::new(regex)))
                .map_err(|_| {
                    error
                        .to_string()
                        .lines()
                        .last()
                        .unwrap_or_default()
                        .trim_start_matches("error: ")
                        .to_owned()
                }),
        }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        match self {
            Matcher::Fast(regex) => regex.is_match(text),
            Matcher::Fancy(regex) => regex.is_match(text).unwrap_or(false),
        }
    }

    /// How many groups there are, without the whole.
    pub(crate) fn group_count(&self) -> usize {
        match self {
            Matcher::Fast(regex) => regex.captures_len() - 1,
            Matcher::Fancy(regex) => regex.captures_len() - 1,
        }
    }

    /// The names of the groups, by index.
    pub(crate) fn groups(&self) -> Vec<(usize, String)> {
        let names: Vec<Option<&str>> = match self {
            Matcher::Fast(regex) => regex.capture_names().collect(),
            Matcher::Fancy(regex) => regex.capture_names().collect(),
        };
        names
            .into_iter()
            .enumerate()
            .filter_map(|(index, name)| Some((index, name?.to_owned())))
            .collect()
    }

    pub(crate) fn replace_all(&self, text: &str, by: &str) -> String {
        match self {
            Matcher::Fast(regex) => regex.replace_all(text, by).into_owned(),
            Matcher::Fancy(regex) => regex
                .try_replacen(text, 0, by)
                .map_or_else(|_| text.to_owned(), |replaced| replaced.into_owned()),
        }
    }
}
