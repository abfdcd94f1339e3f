//! Which rows hold a word, for words that few rows hold.
//!
//! Pages say where to look; these lists are the answer itself: the word stands, as a word, in the
//! messages of these rows and of no others. So text that was only to be searched for such a word
//! need not be read at all. Words are told apart by keys of 64 bits: two words of one segment that
//! had the same key would be taken for one.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use tantivy::directory::OwnedBytes;

use super::tokens::{Kind, each_token, fold, token_key};
use super::{PAGE_ROWS, Pages};
use crate::hashing::KeyHasher;

/// A word is listed if it stands in at most one of so many rows of the segment.
const SHARE_MIN: u32 = 32;
/// While a segment grows, a word may be in so many rows more: what is frequent at its beginning may
/// be rare in the end.
const ROWS_SPARE: u32 = 4_096;
/// All lists of a segment take at most so many bytes a row; the longest have to go.
const BYTES_PER_ROW_MAX: usize = 2;
/// The key of a word, and where its list ends.
const ENTRY_BYTES: usize = 8 + 4;
const COUNT_BYTES: usize = 4;

/// A word as the index knows them: letters and `_`, or very short with digits; in any case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word(String);

impl Word {
    /// Returns `text` as a word; `None` if it is not exactly one.
    pub fn new(text: &str) -> Option<Word> {
        let folded = fold(text);
        let mut is_word = false;
        each_token(folded.as_bytes(), |token| {
            let is_whole = token.bytes.len() == folded.len();
            is_word = is_whole && token.is_ascii && token.kind() == Kind::Word;
        });
        is_word.then_some(Word(folded))
    }

    /// The word, folded.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Rows of one segment, by number, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(Vec<u32>);

impl Rows {
    /// Keeps the rows that `other` holds too.
    pub fn keep(&mut self, other: &Rows) {
        let mut others = other.0.iter().peekable();
        self.0.retain(|row| {
            while others.next_if(|other| *other < row).is_some() {}
            others.peek() == Some(&row)
        });
    }

    /// Adds the rows of `other`.
    pub fn add(&mut self, other: &Rows) {
        self.0.extend_from_slice(&other.0);
        self.0.sort_unstable();
        self.0.dedup();
    }

    /// Keeps the rows that lie on `pages`.
    pub fn keep_on(&mut self, pages: &Pages) {
        self.0
            .retain(|row| pages.contains(*row as usize / PAGE_ROWS));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The numbers of those from `start` on and before `end`, ascending.
    pub fn between(&self, start: usize, end: usize) -> &[u32] {
        let from = self.0.partition_point(|row| (*row as usize) < start);
        let to = self.0.partition_point(|row| (*row as usize) < end);
        self.0.get(from..to).unwrap_or_default()
    }

    /// How many pages hold one of them.
    pub fn page_count(&self) -> usize {
        let page = |row: &u32| *row as usize / PAGE_ROWS;
        self.0.chunk_by(|a, b| page(a) == page(b)).count()
    }
}

/// Rows in ascending order, each once.
impl FromIterator<u32> for Rows {
    fn from_iter<T: IntoIterator<Item = u32>>(rows: T) -> Self {
        Rows(rows.into_iter().collect())
    }
}

/// The rows of one word under construction.
#[derive(Debug, Default)]
pub(super) struct RowList {
    /// The distance of each row from the one behind the row before, in groups of seven bits.
    bytes: Vec<u8>,
    /// Behind the last row.
    next: u32,
    count: u32,
    is_too_long: bool,
}

impl RowList {
    /// Adds a row, which is the last one or behind it.
    pub(super) fn push(&mut self, row: u32) {
        if self.is_too_long || row < self.next {
            return;
        }
        let mut distance = row - self.next;
        while distance >= 0x80 {
            self.bytes.push(distance as u8 | 0x80);
            distance >>= 7;
        }
        self.bytes.push(distance as u8);
        self.next = row + 1;
        self.count += 1;
        if self.count > ROWS_SPARE + row / SHARE_MIN {
            self.bytes = Vec::new();
            self.is_too_long = true;
        }
    }
}

/// Returns the lists of a segment of `rows` rows as they are stored; `None` if they would take too
/// much. `lists` are by the keys of their words.
pub(super) fn pack<'a>(
    rows: u64,
    lists: impl Iterator<Item = (u64, &'a RowList)>,
) -> Option<Vec<u8>> {
    let mut lists: Vec<_> = lists.filter(|(_, list)| list.count > 0).collect();
    let count_max = rows / u64::from(SHARE_MIN);
    let bytes_max = usize::try_from(rows).ok()? * BYTES_PER_ROW_MAX;
    let mut bytes_left = bytes_max.checked_sub(lists.len() * ENTRY_BYTES)?;
    lists.sort_unstable_by_key(|(_, list)| list.count);
    // A word whose list is empty has one that is too long.
    let mut kept: Vec<(u64, &[u8])> = Vec::with_capacity(lists.len());
    for (key, list) in lists {
        let is_kept = u64::from(list.count) <= count_max && list.bytes.len() <= bytes_left;
        let bytes = if is_kept { list.bytes.as_slice() } else { &[] };
        bytes_left -= bytes.len();
        kept.push((key, bytes));
    }
    kept.sort_unstable_by_key(|(key, _)| *key);
    let mut packed = Vec::new();
    packed.extend_from_slice(&u32::try_from(kept.len()).ok()?.to_le_bytes());
    let mut end = 0;
    for (key, bytes) in &kept {
        end += u32::try_from(bytes.len()).ok()?;
        packed.extend_from_slice(&key.to_le_bytes());
        packed.extend_from_slice(&end.to_le_bytes());
    }
    kept.iter()
        .for_each(|(_, bytes)| packed.extend_from_slice(bytes));
    Some(packed)
}

/// The lists of a segment.
#[derive(Clone, Debug)]
pub(super) struct RowLists(pub(super) OwnedBytes);

impl RowLists {
    /// Returns the rows whose messages hold `word`; `None` if they are not known.
    pub(super) fn with(&self, word: &Word) -> Option<Rows> {
        let (count, rest) = self.0.split_first_chunk::<COUNT_BYTES>()?;
        let count = u32::from_le_bytes(*count) as usize;
        let (entries, bytes) = rest.split_at_checked(count.checked_mul(ENTRY_BYTES)?)?;
        let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
        let key_of = |entry: &[u8; ENTRY_BYTES]| {
            let key = entry.first_chunk().copied();
            u64::from_le_bytes(key.unwrap_or_default())
        };
        let end_of = |entry: &[u8; ENTRY_BYTES]| {
            let end = entry.last_chunk().copied();
            u32::from_le_bytes(end.unwrap_or_default()) as usize
        };
        let Ok(place) = entries.binary_search_by_key(&token_key(word.0.as_bytes()), key_of) else {
            return Some(Rows::default());
        };
        let start = place
            .checked_sub(1)
            .map_or(0, |last| end_of(&entries[last]));
        let list = bytes.get(start..end_of(&entries[place]))?;
        (!list.is_empty()).then(|| Rows(unpack(list)))
    }
}

fn unpack(list: &[u8]) -> Vec<u32> {
    let mut rows = Vec::with_capacity(list.len());
    let (mut next, mut distance, mut shift) = (0u32, 0u32, 0);
    for byte in list {
        distance |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        shift += 7;
        if byte & 0x80 == 0 {
            let row = next.saturating_add(distance);
            rows.push(row);
            next = row.saturating_add(1);
            (distance, shift) = (0, 0);
        }
    }
    rows
}

/// What is known of the words of a segment while it grows, by their keys.
pub(super) type ByKey<T> = HashMap<u64, T, BuildHasherDefault<KeyHasher>>;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_one_token() {
        for text in ["error", "ERROR", "timed_out", "s3", "_"] {
            let word = Word::new(text).unwrap();
            assert_eq!(word.text(), text.to_ascii_lowercase());
        }
        for text in [
            "", " ", "a b", "a-b", "5xx", "abc123", "12", "é", "aé", "error ",
        ] {
            assert_eq!(Word::new(text), None, "{text}");
        }
    }

    #[test]
    fn rows_are_joined_and_cut() {
        let mut rows = Rows(vec![1, 5, 2_048, 9_000]);
        assert_eq!(rows.between(5, 9_000), [5, 2_048]);
        assert_eq!(rows.page_count(), 3);
        rows.add(&Rows(vec![0, 5, 7]));
        assert_eq!(rows, Rows(vec![0, 1, 5, 7, 2_048, 9_000]));
        rows.keep(&Rows(vec![1, 2, 7, 9_000, 9_001]));
        assert_eq!(rows, Rows(vec![1, 7, 9_000]));
        let mut pages = Pages::none(5);
        pages.insert(0);
        rows.keep_on(&pages);
        assert_eq!(rows, Rows(vec![1, 7]));
    }

    proptest! {
        #[test]
        fn what_is_packed_is_read_again(
            lists in prop::collection::btree_map("[a-c]{1,3}", prop::collection::btree_set(0..40_000u32, 0..300), 0..8),
        ) {
            let mut built: Vec<(u64, RowList)> = Vec::new();
            for (word, rows) in &lists {
                let mut list = RowList::default();
                for row in rows {
                    list.push(*row);
                    list.push(*row);
                }
                built.push((token_key(word.as_bytes()), list));
            }
            let rows_max = 8_192;
            let packed = pack(rows_max, built.iter().map(|(key, list)| (*key, list))).unwrap();
            prop_assert!(packed.len() <= rows_max as usize * BYTES_PER_ROW_MAX + COUNT_BYTES);
            let read = RowLists(OwnedBytes::new(packed));
            for (word, rows) in &lists {
                let found = read.with(&Word::new(word).unwrap());
                let is_listed = rows.len() as u64 <= rows_max / u64::from(SHARE_MIN);
                prop_assert_eq!(found, is_listed.then(|| Rows(rows.iter().copied().collect())));
            }
            prop_assert_eq!(read.with(&Word::new("absent").unwrap()), Some(Rows::default()));
        }

        #[test]
        fn damage_is_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            RowLists(OwnedBytes::new(bytes)).with(&Word::new("a").unwrap());
        }
    }
}
