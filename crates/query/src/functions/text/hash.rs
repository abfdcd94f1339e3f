//! `hash`: a digest of a text.

use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;

use super::hex::of_bytes;
use crate::functions::entry::{Entry, text};
use crate::functions::kernels::Run;
use crate::plan::planner::Typed;

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "hash",
    1,
    "hash(text [, \"md5\"|\"sha1\"|\"sha2_256\"|\"murmur3_128\"])",
    "A digest of a text in hexadecimal digits; MD5 unless another is named.",
    &["* | hash(function, \"sha2_256\") as x"],
    |planner, a| {
        let name = a.get(1).and_then(Typed::constant);
        if let Some(name) = name.filter(|name| digest(name, "").is_none()) {
            let message = format!("there is no digest `{name}`");
            planner.complain(message, "`md5`, `sha1`, `sha2_256` or `murmur3_128`");
        }
        text("text_hash", HASH, a)
    },
)
.up_to(2)];

const HASH: Run = Run::Text(|row, _| {
    let text = (*row.first()?)?;
    let name = row.get(1).copied().flatten().unwrap_or("md5");
    digest(name, text)
});

fn digest(name: &str, text: &str) -> Option<String> {
    match name.to_ascii_lowercase().as_str() {
        "md5" => Some(of_bytes(&Md5::digest(text))),
        "sha1" => Some(of_bytes(&Sha1::digest(text))),
        "sha2_256" | "sha256" => Some(of_bytes(&Sha256::digest(text))),
        "murmur3_128" => Some(murmur3(text.as_bytes())),
        _ => None,
    }
}

/// MurmurHash3, the 128-bit variant for 64-bit machines, with seed 0.
fn murmur3(bytes: &[u8]) -> String {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let word = |part: &[u8]| {
        let mut padded = [0; 8];
        padded[..part.len()].copy_from_slice(part);
        u64::from_le_bytes(padded)
    };
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let (mut h1, mut h2) = (0_u64, 0_u64);
    let blocks = bytes.chunks_exact(16);
    let (tail1, tail2) = blocks.remainder().split_at(blocks.remainder().len().min(8));
    for block in blocks {
        let (first, second) = block.split_at(8);
        h1 ^= mix1(word(first));
        h1 = h1.rotate_left(27).wrapping_add(h2);
        h1 = h1.wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(word(second));
        h2 = h2.rotate_left(31).wrapping_add(h1);
        h2 = h2.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    h2 ^= mix2(word(tail2));
    h1 ^= mix1(word(tail1));
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    format!("{h1:016x}{h2:016x}")
}

fn finish(mut value: u64) -> u64 {
    value ^= value >> 33;
    value = value.wrapping_mul(0xff51_afd7_ed55_8ccd);
    value ^= value >> 33;
    value = value.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur_gives_the_published_values() {
        assert_eq!(murmur3(b""), "00000000000000000000000000000000");
        assert_eq!(murmur3(b"hello"), "cbd8a7b341bd9b025b1e906a48ae1d19");
        assert_eq!(
            murmur3(b"The quick brown fox jumps over the lazy dog"),
            "e34bbc7bbc071b6c7a433ca9c49a9347"
        );
    }
}
