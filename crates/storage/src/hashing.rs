//! Quick hashing of what is hashed already, or nearly so.

use std::hash::Hasher;

/// For keys that are hashes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// For views of text, which hold either the text or its beginning and its place.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ViewHasher(u64);

impl Hasher for ViewHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    #[allow(
        clippy::cast_possible_truncation,
        reason = "both halves are used, one after the other"
    )]
    fn write_u128(&mut self, view: u128) {
        const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
        let folded = (view as u64).wrapping_mul(SPREAD) ^ (view >> 64) as u64;
        let spread = folded.wrapping_mul(SPREAD);
        self.0 = spread ^ (spread >> 32);
    }
}
