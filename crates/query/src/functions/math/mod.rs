//! Numbers to numbers: everything that `java.lang.Math` has, and distances on the globe.

mod choice;
mod haversine;
mod powers;
mod rounding;
mod trigonometry;

use super::entry::Entry;

/// The functions of this family.
pub(super) const ENTRIES: &[&[Entry]] = &[
    choice::ENTRIES,
    haversine::ENTRIES,
    powers::ENTRIES,
    rounding::ENTRIES,
    trigonometry::ENTRIES,
];
