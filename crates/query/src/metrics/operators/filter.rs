//! `filter`: keeps the series, or the points, that meet a condition; the older name of `where`.

use super::where_;
use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "filter",
        kind: UnitKind::Operator,
        syntax: "filter <condition> [(all | atleast <n>) (first | any | last) <duration>]",
        summary: "Keeps the series, or the points, that meet a condition; `where` under its older name.",
        examples: &["metric=Duration | filter max > 1000"],
    },
    read,
};

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    where_::read(stage)
}
