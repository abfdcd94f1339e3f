//! Internet addresses and networks.

mod address;
mod network;

use super::entry::Entry;

/// The functions of this family.
pub(super) const ENTRIES: &[&[Entry]] = &[address::ENTRIES, network::ENTRIES];
