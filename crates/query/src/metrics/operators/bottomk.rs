//! `bottomk`: keeps the series that rank lowest, in each group.

use super::topk;
use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "bottomk",
        kind: UnitKind::Operator,
        syntax: "bottomk(<n>, <formula of avg, max, latest …>) [by <dimension>, …]",
        summary: "Keeps the series that rank lowest, in each group.",
        examples: &["metric=Duration | bottomk(5, avg)"],
    },
    read,
};

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    topk::ranked(stage, true)
}
