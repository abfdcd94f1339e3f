//! `isNumeric`, `luhn`: what is in a text?

use crate::functions::casts::number;
use crate::functions::entry::{Entry, test};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[
    Entry::new(
        "isNumeric",
        1,
        "isNumeric(text)",
        "Whether the text is a number.",
        &["* | where isNumeric(account)"],
        |_, a| test("is_numeric", NUMERIC, a),
    ),
    Entry::new(
        "luhn",
        1,
        "luhn(text)",
        "Whether the digits of a text have a right check digit, as card numbers do.",
        &["* | where luhn(\"4539578763621486\")"],
        |_, a| test("luhn", LUHN, a),
    ),
];

const NUMERIC: Run =
    Run::Test(|row, _| Some(row.first()?.is_some_and(|text| number(text).is_some())));

const LUHN: Run = Run::Test(|row, _| {
    let text = (*row.first()?)?;
    let digits: Vec<u32> = text
        .chars()
        .filter(|character| !matches!(character, ' ' | '-'))
        .map(|character| character.to_digit(10))
        .collect::<Option<_>>()
        .unwrap_or_default();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    Some(digits.len() > 1 && sum.is_multiple_of(10))
});
