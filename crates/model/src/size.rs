//! Sizes in the configuration are text, such as `"512MB"`, or a plain number of bytes.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// Decimal units as disks are sold, binary units as memory is counted.
const UNITS: [(&str, u64); 9] = [
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
];

/// Reads a size such as `256MB` and returns it in bytes.
///
/// # Errors
/// The mistake in words.
pub fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, unit)| text.strip_suffix(name).map(|number| (number, *unit)))
        .unwrap_or((text, 1));
    number
        .trim()
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("`{text}` is not a size; write it like \"256MB\" or \"2GiB\""))
}

/// For `#[serde(deserialize_with)]`.
///
/// # Errors
/// If it is neither a number nor a size.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected a size such as \"256MB\", or a number of bytes"
    )]
    enum Size {
        Bytes(u64),
        Text(String),
    }
    match Size::deserialize(from)? {
        Size::Bytes(bytes) => Ok(bytes),
        Size::Text(text) => parse(&text).map_err(D::Error::custom),
    }
}

/// For `#[serde(serialize_with)]`.
///
/// # Errors
/// If the serializer takes no number.
pub fn serialize<S: Serializer>(bytes: &u64, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_become_bytes() {
        assert_eq!(parse("10"), Ok(10));
        assert_eq!(parse("10B"), Ok(10));
        assert_eq!(parse("256MB"), Ok(256_000_000));
        assert_eq!(parse("1 GiB"), Ok(1 << 30));
        assert!(parse("-1MB").is_err());
        assert!(parse("1.5GB").is_err());
        assert!(parse("99999999TB").is_err());
    }
}
