//! Texts joined, cut, measured.

use crate::functions::entry::{Entry, long, text};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "concat",
        1,
        "concat(a, b, …)",
        "The texts one after another; null counts as empty.",
        &["* | concat(account, \"/\", function) as x"],
        |_, a| text("text_concat", CONCAT, a),
    )
    .up_to(100),
    Entry::new(
        "length",
        1,
        "length(text)",
        "Number of characters.",
        &["* | length(_raw) as n"],
        |_, a| long("text_length", LENGTH, a),
    )
    .or(&["strlen", "len"]),
    Entry::new(
        "substring",
        2,
        "substring(text, start [, end])",
        "The characters from `start`, counted from 0, up to `end`.",
        &["* | substring(_raw, 0, 10) as x"],
        |_, a| text("text_part", PART, a),
    )
    .or(&["substr"])
    .up_to(3),
    Entry::new(
        "trim",
        1,
        "trim(text)",
        "Without the white space around it.",
        &["* | trim(_raw) as x"],
        |_, a| text("text_trim", TRIM, a),
    ),
];

const CONCAT: Run = Run::Text(|row, _| Some(row.iter().copied().flatten().collect()));

const TRIM: Run = Run::Text(|row, _| Some((*row.first()?)?.trim().to_owned()));

/// `text_length(text)`: characters.
const LENGTH: Run = Run::Number(|row, _| {
    let count = (*row.first()?)?.chars().count();
    u32::try_from(count).ok().map(f64::from)
});

const PART: Run = Run::Text(|row, _| {
    let text = (*row.first()?)?;
    let place = |index: usize| -> Option<usize> {
        let number = crate::functions::casts::number((*row.get(index)?)?)?;
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates: before the beginning is the beginning"
        )]
        Some(number as usize)
    };
    let start = place(1)?;
    let end = match row.get(2) {
        Some(_) => place(2)?,
        None => usize::MAX,
    };
    let length = end.saturating_sub(start);
    Some(text.chars().skip(start).take(length).collect())
});
