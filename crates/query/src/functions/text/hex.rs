//! Hexadecimal digits.

use crate::functions::casts::number;
use crate::functions::entry::{Entry, text};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "decToHex",
        1,
        "decToHex(x)",
        "A whole number in hexadecimal digits.",
        &["* | decToHex(255) as x"],
        |_, a| text("hex_of_number", OF_NUMBER, a),
    ),
    Entry::new(
        "hexToAscii",
        1,
        "hexToAscii(text)",
        "The text whose bytes are written in hexadecimal digits; null if they are not.",
        &["* | hexToAscii(\"4869\") as x"],
        |_, a| text("hex_to_text", TO_TEXT, a),
    ),
    Entry::new(
        "asciiToHex",
        1,
        "asciiToHex(text)",
        "The bytes of a text in hexadecimal digits.",
        &["* | asciiToHex(\"Hi\") as x"],
        |_, a| text("hex_of_text", OF_TEXT, a),
    ),
];

const OF_NUMBER: Run = Run::Text(|row, _| {
    let value = (*row.first()?)?;
    #[allow(clippy::cast_possible_truncation, reason = "saturates, as in Java")]
    let whole: i64 = value
        .trim()
        .parse()
        .ok()
        .or_else(|| number(value).map(|value| value as i64))?;
    Some(format!("{whole:X}"))
});

const TO_TEXT: Run = Run::Text(|row, _| {
    let digits = (*row.first()?)?.trim().as_bytes();
    let bytes = digits.chunks(2).map(|pair| {
        let pair = str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Vec<u8> = bytes.collect::<Option<_>>()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
});

const OF_TEXT: Run = Run::Text(|row, _| Some(of_bytes((*row.first()?)?.as_bytes())));

/// Two digits a byte, in small letters.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
