//! Questions about one value, and the choice between two.

mod blank;
mod choice;
mod numeric;

use super::entry::Entry;

/// The functions of this family.
pub(super) const ENTRIES: &[&[Entry]] = &[blank::ENTRIES, choice::ENTRIES, numeric::ENTRIES];
