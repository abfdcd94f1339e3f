//! Patterns over a column of text, without looking at every row.
//!
//! Rows of a page lie one behind the other in one buffer. A word that every match must hold is
//! looked for in the whole buffer at once, in any case; only rows around a hit are given to the
//! pattern.

use datafusion::arrow::array::{Array, BooleanArray, BooleanBufferBuilder, StringViewArray};

use super::matcher::Matcher;

/// Rows may lie apart by so many bytes and still be searched together.
const GAP_BYTES_MAX: usize = 64;
/// Texts up to this length lie in the views themselves.
const INLINE_BYTES_MAX: usize = 12;
/// Letters beyond ASCII that are taken for `s` and `k` when case is ignored.
const STRANGERS: [&str; 2] = ["\u{17f}", "\u{212a}"];
/// How often letters occur in log lines: the rarest first.
const BY_RARITY: &[u8] =
    b"zqxjkvwy~^`#%&@!;?<>\\+*$|{}[]()'_\tbgfhpmucldnisrotae=\"/,.:-0123456789 ";

/// A word to be looked for in any case.
#[derive(Debug)]
pub(crate) struct Needle {
    /// Lower-case.
    word: Vec<u8>,
    /// Where its rarest letter stands.
    rarest: usize,
    /// Whether a stranger may stand for one of its letters.
    has_strangers: bool,
}

impl Needle {
    /// Returns the needle for a word; `None` if it is not ASCII or too short to be worth it.
    pub(crate) fn new(word: &str) -> Option<Needle> {
        let word = word.to_ascii_lowercase().into_bytes();
        let rank = |byte: &u8| {
            BY_RARITY
                .iter()
                .position(|known| known == byte)
                .unwrap_or(0)
        };
        let (rarest, _) = word.iter().enumerate().min_by_key(|(_, byte)| rank(byte))?;
        let has_strangers = word.contains(&b's') || word.contains(&b'k');
        (word.is_ascii() && word.len() > 2).then_some(Needle {
            word,
            rarest,
            has_strangers,
        })
    }

    /// Returns where the needle stands first in `text`.
    fn find(&self, text: &[u8]) -> Option<usize> {
        let letter = *self.word.get(self.rarest)?;
        let mut from = self.rarest;
        loop {
            let rest = text.get(from..)?;
            let hit = if letter.is_ascii_lowercase() {
                memchr::memchr2(letter, letter.to_ascii_uppercase(), rest)?
            } else {
                memchr::memchr(letter, rest)?
            };
            let start = from + hit - self.rarest;
            let found = text.get(start..start + self.word.len())?;
            if found.eq_ignore_ascii_case(&self.word) {
                return Some(start);
            }
            from += hit + 1;
        }
    }
}

/// Which rows of `texts` match; every match of `matcher` must hold `needle`. Null where the text
/// is null.
pub(crate) fn matches(matcher: &Matcher, needle: &Needle, texts: &StringViewArray) -> BooleanArray {
    let mut found = BooleanBufferBuilder::new(texts.len());
    found.append_n(texts.len(), false);
    let mut row = 0;
    while row < texts.len() {
        row = match Run::at(texts, row) {
            Some(run) => run.search(matcher, needle, texts, &mut found),
            None => {
                found.set_bit(
                    row,
                    texts.is_valid(row) && matcher.is_match(texts.value(row)),
                );
                row + 1
            }
        };
    }
    BooleanArray::new(found.finish(), texts.nulls().cloned())
}

/// Where a text that is not in its view lies: which buffer, from where to where.
fn place(view: u128) -> Option<(usize, usize, usize)> {
    let length = (view as u32) as usize;
    let start = ((view >> 96) as u32) as usize;
    (length > INLINE_BYTES_MAX).then_some((((view >> 64) as u32) as usize, start, start + length))
}

/// Rows whose texts lie one behind the other.
struct Run {
    first: usize,
    end: usize,
    buffer: usize,
    bytes: std::ops::Range<usize>,
}

impl Run {
    /// The run that begins at `row`, if its text is not short.
    fn at(texts: &StringViewArray, row: usize) -> Option<Run> {
        let views = texts.views();
        let (buffer, start, mut end) = place(views[row]).filter(|_| texts.is_valid(row))?;
        let mut next = row + 1;
        while next < views.len()
            && texts.is_valid(next)
            && let Some((other, begins, ends)) = place(views[next])
            && other == buffer
            && begins >= end
            && begins - end <= GAP_BYTES_MAX
        {
            end = ends;
            next += 1;
        }
        Some(Run {
            first: row,
            end: next,
            buffer,
            bytes: start..end,
        })
    }

    /// Marks the rows that match; returns the row behind the run.
    fn search(
        &self,
        matcher: &Matcher,
        needle: &Needle,
        texts: &StringViewArray,
        found: &mut BooleanBufferBuilder,
    ) -> usize {
        let buffer = texts.data_buffers()[self.buffer].as_slice();
        let Some(bytes) = buffer.get(..self.bytes.end) else {
            return self.end;
        };
        let region = bytes.get(self.bytes.start..).unwrap_or_default();
        let is_stranger = |text: &str| memchr::memmem::find(region, text.as_bytes()).is_some();
        if needle.has_strangers
            && !region.is_ascii()
            && STRANGERS.iter().any(|text| is_stranger(text))
        {
            for row in self.first..self.end {
                found.set_bit(row, matcher.is_match(texts.value(row)));
            }
            return self.end;
        }
        let (mut row, mut from) = (self.first, self.bytes.start);
        while let Some(hit) = bytes.get(from..).and_then(|rest| needle.find(rest)) {
            let hit = from + hit;
            let Some((_, start, end)) = self.row_at(texts, &mut row, hit) else {
                break;
            };
            if start <= hit && hit + needle.word.len() <= end {
                found.set_bit(row, matcher.is_match(texts.value(row)));
                from = end;
            } else {
                from = hit + 1;
            }
        }
        self.end
    }

    /// Moves `row` to the first row that ends behind `hit`.
    fn row_at(
        &self,
        texts: &StringViewArray,
        row: &mut usize,
        hit: usize,
    ) -> Option<(usize, usize, usize)> {
        while *row < self.end {
            let place = place(texts.views()[*row])?;
            if place.2 > hit {
                return Some(place);
            }
            *row += 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_same_rows_match_as_one_by_one(
            texts in prop::collection::vec(
                prop::option::of("[aEerRoO \u{17f}\u{212a}sS]{0,9}([eE]rro[rs]|[k\u{212a}S]ey)?[ x]{0,16}"), 0..40),
            first in 0..5usize,
        ) {
            let all: StringViewArray = texts.iter().map(Option::as_deref).collect();
            // A slice of a column that was filtered: rows lie apart.
            let kept: StringViewArray = all.slice(first.min(all.len()), all.len() - first.min(all.len()));
            for (pattern, word) in [("(?i)(?-u:\\b)error", "error"), ("(?i)erros", "erros"), ("(?i)key", "key"), ("Key", "key")] {
                let matcher = Matcher::compile(pattern).unwrap();
                let expected: BooleanArray = kept
                    .iter()
                    .map(|text| text.map(|text| matcher.is_match(text)))
                    .collect();
                let needle = Needle::new(word).unwrap();
                prop_assert_eq!(matches(&matcher, &needle, &kept), expected);
            }
        }
    }

    #[test]
    fn words_that_are_no_use_are_refused() {
        assert!(Needle::new("").is_none());
        assert!(Needle::new("ab").is_none());
        assert!(Needle::new("é12").is_none());
        assert_eq!(Needle::new("Task").unwrap().find(b"a taSK tAsK"), Some(2));
    }
}
