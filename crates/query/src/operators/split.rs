//! `split`: takes the pieces between delimiters.

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "split",
        kind: UnitKind::Operator,
        syntax: "split <field> [delim='<c>'] [escape='<c>'] [quote='<c>'] extract <n> as <field>, … | <field>, _, …",
        summary: "Takes the pieces of a text between delimiters, commas unless another is named.",
        examples: &["* | split _raw delim=':' extract 1 as user, 2 as account"],
    },
    |tokens, planner| super::csv::apply(tokens, planner, "split"),
);
