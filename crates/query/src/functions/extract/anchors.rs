//! `parse "a * b *"`: what stands between literal anchors.
//!
//! Each `*` takes as little as it can; the first place of every anchor is the right one, so there is
//! never a way back, and the search runs at the speed of `memmem`.

use std::sync::Arc;

use memchr::memmem::Finder;

use super::{Extract, Part};
use crate::functions::region::Needle;

/// The anchors around the parts.
#[derive(Debug)]
pub(crate) struct Anchors {
    first: Finder<'static>,
    /// What ends each part; `None` is the end of the text.
    ends: Vec<Option<Finder<'static>>>,
    needle: Option<Arc<Needle>>,
}

impl Anchors {
    /// Anchors of a text in which each `*` is a part.
    pub(crate) fn new(text: &str) -> Self {
        let mut literals = text.split('*');
        let first = literals.next().unwrap_or_default();
        let finder = |text: &str| Finder::new(text.as_bytes()).into_owned();
        let literals: Vec<&str> = literals.collect();
        let ends = literals.iter().enumerate().map(|(index, literal)| {
            let takes_rest = literal.is_empty() && index + 1 == literals.len();
            (!takes_rest).then(|| finder(literal))
        });
        Anchors {
            first: finder(first),
            ends: ends.collect(),
            needle: longest_literal(text).and_then(Needle::new).map(Arc::new),
        }
    }
}

/// The longest literal that every text with these anchors holds.
pub(crate) fn longest_literal(text: &str) -> Option<&str> {
    text.split('*')
        .max_by_key(|literal| literal.len())
        .filter(|literal| !literal.is_empty())
}

impl Extract for Anchors {
    fn parts(&self) -> usize {
        self.ends.len()
    }

    fn needle(&self) -> Option<Arc<Needle>> {
        self.needle.clone()
    }

    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool {
        let bytes = text.as_bytes();
        let Some(found) = self.first.find(bytes) else {
            return false;
        };
        let mut start = found + self.first.needle().len();
        for (end, part) in self.ends.iter().zip(parts.iter_mut()) {
            let rest = bytes.get(start..).unwrap_or_default();
            let (stop, next) = match end {
                None => (text.len(), text.len()),
                Some(end) => match end.find(rest) {
                    Some(found) => (start + found, start + found + end.needle().len()),
                    None => {
                        parts.fill(Part::Nothing);
                        return false;
                    }
                },
            };
            *part = text.get(start..stop).map_or(Part::Nothing, Part::Text);
            start = next;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(anchors: &str, text: &str) -> Option<Vec<String>> {
        let mut anchors = Anchors::new(anchors);
        let mut parts = vec![Part::Nothing; anchors.parts()];
        let is_found = anchors.extract(text, &mut parts);
        is_found.then(|| {
            parts
                .into_iter()
                .map(|part| match part {
                    Part::Text(text) => text.to_owned(),
                    other => format!("{other:?}"),
                })
                .collect()
        })
    }

    #[test]
    fn each_part_is_as_short_as_it_can_be() {
        assert_eq!(parts("a=* b=*", "x a=1 b=2 c").unwrap(), ["1", "2 c"]);
        assert_eq!(parts("*:*;", "k:v;w;").unwrap(), ["k", "v"]);
        assert_eq!(parts("[*]", "a] [b] [c]").unwrap(), ["b"]);
        assert_eq!(parts("a*b", "xay"), None);
        assert_eq!(parts("ü*ö", "aüßö").unwrap(), ["ß"]);
    }

    proptest::proptest! {
        #[test]
        fn anchors_find_what_the_lazy_pattern_finds(
            anchors in "[ab ]{0,2}\\*[ab ]{1,2}\\*[ab ]{0,2}",
            text in "[ab ]{0,12}",
        ) {
            let mut pattern = String::from("(?s)");
            let literals: Vec<&str> = anchors.split('*').collect();
            for (index, literal) in literals.iter().enumerate() {
                if index > 0 {
                    let is_rest = index + 1 == literals.len() && literal.is_empty();
                    pattern.push_str(if is_rest { "(.*)" } else { "(.*?)" });
                }
                pattern.push_str(&regex::escape(literal));
            }
            let expected = regex::Regex::new(&pattern).unwrap().captures(&text).map(|found| {
                vec![found[1].to_owned(), found[2].to_owned()]
            });
            proptest::prop_assert_eq!(parts(&anchors, &text), expected);
        }
    }
}
