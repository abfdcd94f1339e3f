//! A set of pages of one segment.

/// Pages by number, from 0 to one less than [`Pages::len`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pages {
    bits: Vec<u64>,
    len: usize,
}

impl Pages {
    /// No page of `len`.
    pub fn none(len: usize) -> Self {
        Pages {
            bits: vec![0; len.div_ceil(64)],
            len,
        }
    }

    /// All pages.
    pub fn all(len: usize) -> Self {
        let mut bits = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), beyond @ 1..) = (bits.last_mut(), len % 64) {
            *last = (1 << beyond) - 1;
        }
        Pages { bits, len }
    }

    /// The set as words of 64 pages each, the first page in the lowest bit.
    pub(super) fn words(&self) -> &[u64] {
        &self.bits
    }

    /// Adds a page.
    pub fn insert(&mut self, page: usize) {
        debug_assert!(page < self.len, "page {page} of {}", self.len);
        if let Some(bits) = self.bits.get_mut(page / 64) {
            *bits |= 1 << (page % 64);
        }
    }

    /// Whether it holds a page.
    pub fn contains(&self, page: usize) -> bool {
        let bits = self.bits.get(page / 64).copied().unwrap_or(0);
        bits & (1 << (page % 64)) != 0
    }

    /// Keeps the pages that `other` holds too.
    pub fn keep(&mut self, other: &Pages) {
        for (mine, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *mine &= theirs;
        }
    }

    /// Adds the pages of `other`.
    pub fn add(&mut self, other: &Pages) {
        for (mine, theirs) in self.bits.iter_mut().zip(&other.bits) {
            *mine |= theirs;
        }
    }

    /// How many pages the segment has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// How many pages are in the set.
    pub fn count(&self) -> usize {
        self.bits
            .iter()
            .map(|bits| bits.count_ones() as usize)
            .sum()
    }

    /// Whether no page is in the set.
    pub fn is_empty(&self) -> bool {
        self.bits.iter().all(|bits| *bits == 0)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        self.bits
            .iter()
            .flat_map(|bits| bits.to_le_bytes())
            .collect()
    }

    /// Reads what [`Pages::to_bytes`] wrote.
    pub(super) fn from_bytes(bytes: &[u8], len: usize) -> Option<Self> {
        let (words, rest) = bytes.as_chunks::<8>();
        let is_whole = rest.is_empty() && words.len() == len.div_ceil(64);
        is_whole.then(|| Pages {
            bits: words.iter().map(|word| u64::from_le_bytes(*word)).collect(),
            len,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_joined_and_cut() {
        let mut some = Pages::none(130);
        some.insert(0);
        some.insert(129);
        let mut all = Pages::all(130);
        assert_eq!(all.count(), 130);
        all.keep(&some);
        assert_eq!(all, some);
        assert_eq!(Pages::from_bytes(&some.to_bytes(), 130), Some(some.clone()));
        assert_eq!(Pages::from_bytes(&some.to_bytes(), 193), None);
        assert!(some.contains(129) && !some.contains(64));
        assert!(Pages::none(0).is_empty());
    }
}
