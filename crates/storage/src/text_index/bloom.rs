//! One split-block bloom filter per page, each sized for the keys of its page.
//!
//! One size for all pages is a trap: pages of JSON hold several times the keys of others, and
//! their filters would overflow.

use super::Pages;

const BLOCK_WORDS: usize = 8;
pub(super) const BLOCK_BYTES: usize = BLOCK_WORDS * 4;
/// With 8 bits set per key, one absent key in about 300 is let through.
const BITS_PER_KEY: usize = 12;
/// Odd numbers that spread a hash over the words of a block, as in Parquet's filters.
const SALTS: [u32; BLOCK_WORDS] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

fn masks(key: u64) -> [u32; BLOCK_WORDS] {
    SALTS.map(|salt| 1 << ((key as u32).wrapping_mul(salt) >> 27))
}

/// Which of `blocks` a key falls into.
fn block_of(key: u64, blocks: usize) -> usize {
    (((key >> 32) * blocks as u64) >> 32) as usize
}

/// Filters under construction.
#[derive(Debug, Default)]
pub(super) struct BloomBuilder {
    /// Blocks before the end of each page.
    ends: Vec<u32>,
    words: Vec<u32>,
}

impl BloomBuilder {
    /// Adds the filter of the next page.
    pub(super) fn add_page(&mut self, keys: &[u64]) {
        let blocks = (keys.len() * BITS_PER_KEY).div_ceil(BLOCK_WORDS * 32);
        let first = self.words.len();
        self.words.resize(first + blocks * BLOCK_WORDS, 0);
        for &key in keys {
            let block = first + block_of(key, blocks) * BLOCK_WORDS;
            let words = &mut self.words[block..block + BLOCK_WORDS];
            for (word, mask) in words.iter_mut().zip(masks(key)) {
                *word |= mask;
            }
        }
        self.ends.push((self.words.len() / BLOCK_WORDS) as u32);
    }

    /// The ends of the pages and the blocks, as they are stored.
    pub(super) fn finish(self) -> (Vec<u8>, Vec<u8>) {
        let bytes = |words: Vec<u32>| words.into_iter().flat_map(u32::to_le_bytes).collect();
        (bytes(self.ends), bytes(self.words))
    }
}

/// Returns those of `pages` whose filter may hold `key`. `ends` and `blocks` are as stored.
pub(super) fn pages_with(key: u64, pages: &Pages, ends: &[u8], blocks: &[u8]) -> Pages {
    let masks = masks(key);
    let (ends, _) = ends.as_chunks::<4>();
    let mut found = Pages::none(pages.len());
    let mut first = 0;
    for (page, end) in ends.iter().enumerate().take(pages.len()) {
        let end = u32::from_le_bytes(*end) as usize;
        let count = end.saturating_sub(first);
        if count > 0 && pages.contains(page) {
            let at = (first + block_of(key, count)) * BLOCK_BYTES;
            let (words, _) = blocks
                .get(at..at + BLOCK_BYTES)
                .unwrap_or(&[])
                .as_chunks::<4>();
            let holds = |(word, mask): (&[u8; 4], &u32)| u32::from_le_bytes(*word) & mask != 0;
            if words.iter().zip(&masks).all(holds) {
                found.insert(page);
            }
        }
        first = end;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn every_key_is_found_and_hardly_any_other() {
        let mut builder = BloomBuilder::default();
        let keys =
            |page: u64| (0..page * 500).map(move |n| xxh3_64(&(page << 32 | n).to_le_bytes()));
        for page in 0..8 {
            builder.add_page(&keys(page).collect::<Vec<_>>());
        }
        let (ends, blocks) = builder.finish();
        let all = Pages::all(8);
        let mut false_hits = 0;
        for page in 0..8 {
            for key in keys(page) {
                let found = pages_with(key, &all, &ends, &blocks);
                assert!(found.contains(page as usize));
                false_hits += found.count() - 1;
            }
        }
        assert!(false_hits < 14_000 * 7 / 100, "{false_hits}");
    }
}
