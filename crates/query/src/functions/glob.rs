//! Globs over whole texts: `*` stands for any characters, everything else for itself, in its case.

use memchr::memmem::Finder;

/// A glob, cut at its stars.
#[derive(Debug)]
pub(crate) struct Glob {
    first: String,
    middle: Vec<Finder<'static>>,
    /// What follows the last star; `None` if there is no star.
    last: Option<String>,
}

impl Glob {
    pub(crate) fn new(glob: &str) -> Self {
        let mut pieces = glob.split('*');
        let first = pieces.next().unwrap_or_default().to_owned();
        let last = pieces.next_back().map(str::to_owned);
        let middle = pieces
            .filter(|piece| !piece.is_empty())
            .map(|piece| Finder::new(piece).into_owned())
            .collect();
        Glob {
            first,
            middle,
            last,
        }
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        let Some(last) = &self.last else {
            return text == self.first;
        };
        let rest = text.strip_prefix(self.first.as_str());
        let Some(rest) = rest.and_then(|rest| rest.strip_suffix(last.as_str())) else {
            return false;
        };
        // The first place of each piece leaves most room for the next.
        let mut rest = rest.as_bytes();
        for piece in &self.middle {
            let Some(found) = piece.find(rest) else {
                return false;
            };
            rest = rest.get(found + piece.needle().len()..).unwrap_or_default();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::text_search::glob_pattern;

    proptest::proptest! {
        #[test]
        fn a_glob_is_what_its_pattern_is(glob in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let pattern = regex::Regex::new(&glob_pattern(&glob, false)).unwrap();
            proptest::prop_assert_eq!(Glob::new(&glob).is_match(&text), pattern.is_match(&text));
        }
    }
}
