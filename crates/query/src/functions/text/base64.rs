//! Base64.

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};

use crate::functions::entry::{Entry, text};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "base64Encode",
        1,
        "base64Encode(text)",
        "The text in Base64.",
        &["* | base64Encode(\"hello\") as x"],
        |_, a| text("base64_encode", ENCODE, a),
    ),
    Entry::new(
        "base64Decode",
        1,
        "base64Decode(text)",
        "The text that was written in Base64; null if it was not.",
        &["* | base64Decode(\"aGVsbG8=\") as x"],
        |_, a| text("base64_decode", DECODE, a),
    ),
];

/// Senders leave the padding out as often as not.
const EITHER_PADDING: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const ENCODE: Run = Run::Text(|row, _| Some(STANDARD.encode((*row.first()?)?)));

const DECODE: Run = Run::Text(|row, _| {
    let bytes = EITHER_PADDING.decode((*row.first()?)?.trim()).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
});
