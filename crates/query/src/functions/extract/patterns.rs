//! `parse regex`: the groups of patterns. Of several patterns the first that matches counts.

use std::sync::Arc;

use fancy_regex::Regex as FancyRegex;
use regex::{CaptureLocations, Regex};

use super::{Extract, Part};
use crate::functions::backtracker::{Backtracker, Outcome};
use crate::functions::matcher::Matcher;
use crate::functions::region::Needle;
use crate::scan;

/// Patterns and the part that each of their groups fills.
pub(crate) struct Patterns {
    patterns: Vec<Pattern>,
    parts: usize,
    needle: Option<Arc<Needle>>,
}

enum Pattern {
    Fast {
        /// Finds the same sooner, where the pattern is simple and the text does not need many ways.
        backtracker: Option<Box<Backtracker>>,
        regex: Regex,
        locations: CaptureLocations,
        /// (group, part)
        groups: Vec<(usize, usize)>,
    },
    Fancy {
        regex: Arc<FancyRegex>,
        groups: Vec<(usize, usize)>,
    },
}

impl Patterns {
    /// Reads patterns whose parts are called `names`: of named groups by name, of the others by
    /// place (`1`, `2`, …).
    pub(crate) fn new(patterns: &[String]) -> Option<Self> {
        let names = names(patterns)?;
        let needle = match patterns {
            [only] => scan::word_in(only).and_then(|word| Needle::new(&word)),
            _ => None,
        };
        let patterns = patterns.iter().map(|pattern| {
            let matcher = Matcher::compile(pattern).ok()?;
            let place = |name: &String| {
                names
                    .iter()
                    .position(|known| known.eq_ignore_ascii_case(name))
            };
            let groups: Vec<(usize, usize)> = groups(&matcher)
                .iter()
                .filter_map(|(group, name)| Some((*group, place(name)?)))
                .collect();
            Some(match matcher {
                Matcher::Fast(regex) => Pattern::Fast {
                    backtracker: Backtracker::new(pattern).map(Box::new),
                    locations: regex.capture_locations(),
                    regex,
                    groups,
                },
                Matcher::Fancy(regex) => Pattern::Fancy { regex, groups },
            })
        });
        Some(Patterns {
            patterns: patterns.collect::<Option<_>>()?,
            parts: names.len(),
            needle: needle.map(Arc::new),
        })
    }
}

/// The groups of a pattern that fill fields: the named ones, or all if none has a name.
fn groups(matcher: &Matcher) -> Vec<(usize, String)> {
    let named = matcher.groups();
    if named.is_empty() {
        let all = 1..=matcher.group_count();
        return all.map(|group| (group, group.to_string())).collect();
    }
    named
}

/// The names of all parts, each once.
pub(crate) fn names(patterns: &[String]) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for pattern in patterns {
        for (_, name) in groups(&Matcher::compile(pattern).ok()?) {
            if !names.iter().any(|known| known.eq_ignore_ascii_case(&name)) {
                names.push(name);
            }
        }
    }
    Some(names)
}

impl Pattern {
    /// Fills the parts; returns the start and end of the match. A group that took no part is an
    /// empty text.
    fn find<'a>(
        &mut self,
        text: &'a str,
        start: usize,
        parts: &mut [Part<'a>],
    ) -> Option<(usize, usize)> {
        match self {
            Pattern::Fast {
                backtracker,
                regex,
                locations,
                groups,
            } => {
                if let Some(backtracker) = backtracker {
                    match backtracker.find(text, start) {
                        Outcome::NoMatch => return None,
                        Outcome::GivenUp => {}
                        Outcome::Match(begin, end) => {
                            for (group, part) in groups {
                                let span = backtracker.group(*group);
                                let text = span.and_then(|(start, end)| text.get(start..end));
                                fill(parts, *part, text);
                            }
                            return Some((begin, end));
                        }
                    }
                }
                let found = regex.captures_read_at(locations, text, start)?;
                for (group, part) in groups {
                    let span = locations.get(*group);
                    let text = span.and_then(|(start, end)| text.get(start..end));
                    fill(parts, *part, text);
                }
                Some((found.start(), found.end()))
            }
            Pattern::Fancy { regex, groups } => {
                let found = regex.captures_from_pos(text, start).ok()??;
                for (group, part) in groups {
                    fill(parts, *part, found.get(*group).map(|group| group.as_str()));
                }
                let whole = found.get(0)?;
                Some((whole.start(), whole.end()))
            }
        }
    }
}

fn fill<'a>(parts: &mut [Part<'a>], part: usize, text: Option<&'a str>) {
    let Some(place) = parts.get_mut(part) else {
        return;
    };
    match text {
        Some(text) => *place = Part::Text(text),
        // The same name may stand in another branch of the pattern.
        None if *place == Part::Nothing => *place = Part::Text(""),
        None => {}
    }
}

impl Extract for Patterns {
    fn parts(&self) -> usize {
        self.parts
    }

    fn needle(&self) -> Option<Arc<Needle>> {
        self.needle.clone()
    }

    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool {
        self.extract_from(text, 0, parts).is_some()
    }

    fn extract_from<'a>(
        &mut self,
        text: &'a str,
        start: usize,
        parts: &mut [Part<'a>],
    ) -> Option<usize> {
        let mut patterns = self.patterns.iter_mut();
        let (begin, end) = patterns.find_map(|pattern| pattern.find(text, start, parts))?;
        if end > begin {
            return Some(end);
        }
        // An empty match must not be found again.
        let step = text.get(end..).and_then(|rest| rest.chars().next());
        Some(end + step.map_or(1, char::len_utf8))
    }
}
