//! One split-block bloom filter per page, each sized for the keys of its page.
//!
//! One size for all pages is a trap: pages of JSON hold several times the keys of others, and
//! their filters would overflow.

use super::Pages;

const BLOCK_WORDS: usize = 8;
/// With 8 bits set per key, one absent key in about a thousand is let through. With 12 bits a key, two
/// of 29,603 pages of 20 GB let an id through that was not on them; each costs a file opened and a
/// page read.
const BITS_PER_KEY: usize = 16;
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
///
/// Filters of a large store are not in any cache of the processor, and each block is a line of its
/// own. So one word of many blocks is read before anything is decided by it: the reads do not wait
/// for each other.
pub(super) fn pages_with(key: u64, pages: &Pages, ends: &[u8], blocks: &[u8]) -> Pages {
    let masks = masks(key);
    let (ends, _) = ends.as_chunks::<4>();
    let (words, _) = blocks.as_chunks::<4>();
    let end_of = |page: usize| ends.get(page).map_or(0, |end| u32::from_le_bytes(*end)) as usize;
    let mut found = Pages::none(pages.len());
    for (number, asked) in pages.words().iter().enumerate() {
        let start = number * 64;
        let mut places = [0; 64];
        let mut may_hold = 0;
        each_bit(*asked, |bit| {
            let page = start + bit;
            let first = page.checked_sub(1).map_or(0, end_of);
            let count = end_of(page).saturating_sub(first);
            places[bit] = (first + block_of(key, count)) * BLOCK_WORDS;
            let word = words.get(places[bit]).copied().unwrap_or([u8::MAX; 4]);
            let holds = u32::from_le_bytes(word) & masks[0] != 0;
            may_hold |= u64::from(holds & (count > 0)) << bit;
        });
        each_bit(may_hold, |bit| {
            let block = words.get(places[bit]..places[bit] + BLOCK_WORDS);
            let holds = |(word, mask): (&[u8; 4], &u32)| u32::from_le_bytes(*word) & mask != 0;
            if block.unwrap_or_default().iter().zip(&masks).all(holds) {
                found.insert(start + bit);
            }
        });
    }
    found
}

/// Calls `each` with the number of every bit that is set, the lowest first.
fn each_bit(mut bits: u64, mut each: impl FnMut(usize)) {
    while bits != 0 {
        each(bits.trailing_zeros() as usize);
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn every_key_is_found_and_hardly_any_other() {
        const PAGES: u64 = 150;
        let mut builder = BloomBuilder::default();
        let key = |page: u64, n: u64| xxh3_64(&(page << 32 | n).to_le_bytes());
        let keys = |page: u64| (0..page % 8 * 50).map(move |n| key(page, n));
        for page in 0..PAGES {
            builder.add_page(&keys(page).collect::<Vec<_>>());
        }
        let (ends, blocks) = builder.finish();
        let all = Pages::all(PAGES as usize);
        let (mut asked, mut false_hits) = (0, 0);
        for page in 0..PAGES {
            for key in keys(page) {
                let found = pages_with(key, &all, &ends, &blocks);
                assert!(found.contains(page as usize));
                asked += PAGES as usize - 1;
                false_hits += found.count() - 1;
            }
        }
        assert!(false_hits * 100 < asked, "{false_hits} of {asked}");
    }
}
