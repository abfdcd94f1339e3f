//! Percent signs of addresses, as HTML forms write them: a blank is `+`.

use std::fmt::Write;

use crate::functions::entry::{Entry, text};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "urlEncode",
        1,
        "urlEncode(text)",
        "The text as it may stand in an address.",
        &["* | urlEncode(\"a b&c\") as x"],
        |_, a| {
            text(
                "url_encode",
                Run::Text(|row, _| Some(encode((*row.first()?)?))),
                a,
            )
        },
    ),
    Entry::new(
        "urlDecode",
        1,
        "urlDecode(text)",
        "The text that was written for an address.",
        &["* | urlDecode(\"a+b%26c\") as x"],
        |_, a| {
            text(
                "url_decode",
                Run::Text(|row, _| Some(decode((*row.first()?)?))),
                a,
            )
        },
    ),
];

fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'.' | b'-' | b'*' | b'_' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(encoded, "%{byte:02X}")),
        }
    }
    encoded
}

/// A percent sign without two digits stays.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let Some((first, rest)) = bytes.split_first() {
        let digits = rest.get(..2).filter(|_| *first == b'%');
        let value = digits
            .and_then(|digits| str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, value) {
            (_, Some(value)) => {
                decoded.push(value);
                bytes = rest.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', _) => decoded.push(b' '),
            (other, _) => decoded.push(*other),
        }
        bytes = rest;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_comes_back() {
        let text = "a b&c=ü/100% +";
        assert_eq!(encode(text), "a+b%26c%3D%C3%BC%2F100%25+%2B");
        assert_eq!(decode(&encode(text)), text);
        assert_eq!(decode("100% of %zz"), "100% of %zz");
    }
}
