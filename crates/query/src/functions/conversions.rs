//! Casts between texts and numbers, and measures of texts.

use super::kernels::Run;

/// `to_number(text)`: null where the text is no number.
pub(crate) const NUMBER: Run = Run::Number(|row, _| {
    let [Some(text)] = row else { return None };
    text.trim().parse().ok()
});

/// `number_text(number)`: without a fraction if it has none.
pub(crate) const TEXT: Run = Run::Text(|row, _| {
    let [Some(text)] = row else { return None };
    Some(text.strip_suffix(".0").unwrap_or(text).to_owned())
});

/// `text_size(text)`: bytes.
pub(crate) const SIZE: Run = Run::Number(|row, _| {
    let [Some(text)] = row else { return None };
    u32::try_from(text.len()).ok().map(f64::from)
});

/// `text_length(text)`: characters.
pub(crate) const LENGTH: Run = Run::Number(|row, _| {
    let [Some(text)] = row else { return None };
    u32::try_from(text.chars().count()).ok().map(f64::from)
});
