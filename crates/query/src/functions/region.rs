//! Patterns over a column of text, without looking at every row.
//!
//! Rows of a page lie one behind the other in one buffer. A word that every match must hold is
//! looked for in the whole buffer at once, in any case; only rows around a hit are given to the
//! pattern. Where a column repeats few texts, each is looked at once.

use aho_corasick::Span;
use aho_corasick::packed::Searcher;
use datafusion::arrow::array::{Array, BooleanArray, BooleanBufferBuilder, StringViewArray};

use memchr::memmem::Finder;

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
/// So many letters of a word are looked for at once, in both cases.
const WINDOW: usize = 3;

/// A word to be looked for in any case.
#[derive(Debug)]
pub(crate) struct Needle {
    /// Lower-case.
    word: Vec<u8>,
    /// Where its rarest letters stand.
    window: usize,
    /// Finds these in any case; processors without vectors have none.
    finder: Option<Searcher>,
    /// Whether a stranger may stand for one of its letters.
    has_strangers: bool,
}

impl Needle {
    /// Returns the needle for a word; `None` if it is not ASCII or too short to be worth it.
    pub(crate) fn new(word: &str) -> Option<Needle> {
        let word = word.to_ascii_lowercase().into_bytes();
        if !word.is_ascii() || word.len() < WINDOW {
            return None;
        }
        let rank = |byte: &u8| BY_RARITY.iter().position(|known| known == byte);
        // Letters beside something else, as in `s=5`, are rarer than those within a word.
        let commonness = |letters: &[u8]| -> (bool, usize) {
            let is_word = letters.iter().all(u8::is_ascii_alphanumeric);
            let ranks = letters.iter().map(|byte| rank(byte).unwrap_or(0));
            (is_word, ranks.sum())
        };
        let windows = word.windows(WINDOW).enumerate();
        let (window, letters) = windows.min_by_key(|(_, letters)| commonness(letters))?;
        Some(Needle {
            window,
            finder: Searcher::new(cases(letters)),
            has_strangers: word.contains(&b's') || word.contains(&b'k'),
            word,
        })
    }

    /// Returns where the needle stands first in `text` from `start` on.
    fn find(&self, text: &[u8], start: usize) -> Option<usize> {
        let mut from = start + self.window;
        loop {
            let found = self.candidate(text, from)?;
            let start = found - self.window;
            let there = text.get(start..start + self.word.len());
            if there.is_some_and(|there| there.eq_ignore_ascii_case(&self.word)) {
                return Some(start);
            }
            from = found + 1;
        }
    }

    /// Where the rarest letters may stand first from `from` on.
    fn candidate(&self, text: &[u8], from: usize) -> Option<usize> {
        if from >= text.len() {
            return None;
        }
        if let Some(finder) = &self.finder {
            let span = Span::from(from..text.len());
            return Some(finder.find_in(text, span)?.start());
        }
        let letter = *self.word.get(self.window)?;
        let found = memchr::memchr2(letter, letter.to_ascii_uppercase(), text.get(from..)?);
        Some(from + found?)
    }
}

/// A few letters in all combinations of upper and lower case.
fn cases(letters: &[u8]) -> Vec<Vec<u8>> {
    let mut cases = vec![letters.to_vec()];
    for (place, letter) in letters.iter().enumerate() {
        if letter.is_ascii_lowercase() {
            let mut others = cases.clone();
            others
                .iter_mut()
                .for_each(|case| case[place] = letter.to_ascii_uppercase());
            cases.append(&mut others);
        }
    }
    cases
}

/// Which rows of `texts` match; every match of `matcher` must hold `needle`. Null where the text
/// is null.
pub(crate) fn matches(matcher: &Matcher, needle: &Needle, texts: &StringViewArray) -> BooleanArray {
    let mut found = BooleanBufferBuilder::new(texts.len());
    found.append_n(texts.len(), false);
    candidates(needle, texts, |row| {
        let is_match = match is_repeated(texts, row) {
            true => found.get_bit(row - 1),
            false => matcher.is_match(texts.value(row)),
        };
        found.set_bit(row, is_match);
    });
    BooleanArray::new(found.finish(), texts.nulls().cloned())
}

/// Visits every row of `texts` that may hold `needle`, in order.
pub(crate) fn candidates(needle: &Needle, texts: &StringViewArray, mut visit: impl FnMut(usize)) {
    let length = needle.word.len();
    each_run(texts, |run| match run {
        Rows::One(row) => visit(row),
        Rows::Run(run) if needle.has_strangers && run.has_strangers(texts) => {
            (run.first..run.end).for_each(&mut visit);
        }
        Rows::Run(run) => run.search(
            texts,
            length,
            |text, from| needle.find(text, from),
            &mut visit,
        ),
    });
}

/// Which rows of `texts` hold one of `parts`, in the same case. Null where the text is null.
pub(crate) fn hold(parts: &[&Finder<'_>], texts: &StringViewArray) -> BooleanArray {
    let mut found = BooleanBufferBuilder::new(texts.len());
    found.append_n(texts.len(), false);
    each_run(texts, |run| {
        for part in parts {
            match &run {
                Rows::One(row) if part.find(texts.value(*row).as_bytes()).is_some() => {
                    found.set_bit(*row, true);
                }
                Rows::One(_) => {}
                Rows::Run(run) => run.search(
                    texts,
                    part.needle().len(),
                    |text, from| Some(from + part.find(text.get(from..)?)?),
                    &mut |row| found.set_bit(row, true),
                ),
            }
        }
    });
    BooleanArray::new(found.finish(), texts.nulls().cloned())
}

/// Rows that are searched together.
enum Rows {
    One(usize),
    Run(Run),
}

/// Visits all rows that are not null.
fn each_run(texts: &StringViewArray, mut visit: impl FnMut(Rows)) {
    let mut row = 0;
    while row < texts.len() {
        match Run::at(texts, row) {
            Some(run) => {
                row = run.end;
                visit(Rows::Run(run));
            }
            None => {
                if texts.is_valid(row) {
                    visit(Rows::One(row));
                }
                row += 1;
            }
        }
    }
}

/// Whether a row has the very text of the row before. Equal views of one array are equal texts, and
/// columns of few values are made of few views.
fn is_repeated(texts: &StringViewArray, row: usize) -> bool {
    let views = texts.views();
    row > 0 && views[row] == views[row - 1] && texts.is_valid(row) == texts.is_valid(row - 1)
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

    /// The texts of the run, behind whatever stands before them.
    fn bytes<'a>(&self, texts: &'a StringViewArray) -> &'a [u8] {
        let buffer = texts.data_buffers()[self.buffer].as_slice();
        buffer.get(..self.bytes.end).unwrap_or_default()
    }

    fn has_strangers(&self, texts: &StringViewArray) -> bool {
        let text = self.bytes(texts).get(self.bytes.start..);
        let text = text.unwrap_or_default();
        let holds = |stranger: &&str| memchr::memmem::find(text, stranger.as_bytes()).is_some();
        !text.is_ascii() && STRANGERS.iter().any(holds)
    }

    /// Visits the rows that hold what `find` finds in a text from a place on, which is `length`
    /// bytes long.
    fn search(
        &self,
        texts: &StringViewArray,
        length: usize,
        find: impl Fn(&[u8], usize) -> Option<usize>,
        visit: &mut impl FnMut(usize),
    ) {
        let bytes = self.bytes(texts);
        let (mut row, mut from) = (self.first, self.bytes.start);
        while let Some(hit) = find(bytes, from) {
            let Some((_, start, end)) = self.row_at(texts, &mut row, hit) else {
                break;
            };
            if start <= hit && hit + length <= end {
                visit(row);
                from = end;
            } else {
                from = hit + 1;
            }
        }
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

    proptest! {
        #[test]
        fn the_same_rows_hold_parts_as_one_by_one(
            texts in prop::collection::vec(prop::option::of("[ab/]{0,9}(a/b|\\\\/|xx)?[ab ]{0,16}"), 0..40),
        ) {
            let texts: StringViewArray = texts.iter().map(Option::as_deref).collect();
            let parts = [Finder::new("a/b"), Finder::new("\\/")];
            let is_held = |text: &str| text.contains("a/b") || text.contains("\\/");
            let expected: BooleanArray = texts.iter().map(|text| text.map(is_held)).collect();
            prop_assert_eq!(hold(&[&parts[0], &parts[1]], &texts), expected);
        }
    }

    #[test]
    fn words_that_are_no_use_are_refused() {
        assert!(Needle::new("").is_none());
        assert!(Needle::new("ab").is_none());
        assert!(Needle::new("é12").is_none());
        let task = Needle::new("Task").unwrap();
        assert_eq!(task.find(b"a taSK tAsK", 0), Some(2));
        assert_eq!(task.find(b"a taSK tAsK", 3), Some(7));
        assert_eq!(task.find(b"a taSK tAs", 3), None);
    }
}
