//! `contains`: is a text part of another?

use crate::functions::entry::{Entry, test};
use crate::functions::kernels::Run;

pub(super) const ENTRIES: &[Entry] = &[Entry::new(
    "contains",
    2,
    "contains(text, part)",
    "Whether the text holds the part, in the same case; also written `text contains part`.",
    &[
        "* | where contains(_raw, \"ERROR\")",
        "* | where _raw contains \"ERROR\"",
    ],
    |_, a| test("text_contains", CONTAINS, a),
)];

/// `text_contains(text, part)`.
pub(crate) const CONTAINS: Run = Run::Holds(|_| Some(&[]));
