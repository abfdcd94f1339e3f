//! JSON in texts: paths, several paths in one pass, flattening, lists.

mod array;
pub(crate) mod fields;
pub(crate) mod flatten;
pub(crate) mod path;

use super::entry::Entry;

/// The functions of this family.
pub(super) const ENTRIES: &[&[Entry]] = &[array::ENTRIES];
