//! Texts to texts, and what is in them.

mod base64;
mod case;
mod contains;
mod format;
mod hash;
mod hex;
mod link;
mod parts;
mod replace;
mod url;

pub(crate) use contains::CONTAINS;

use super::entry::Entry;

/// The functions of this family.
pub(super) const ENTRIES: &[&[Entry]] = &[
    base64::ENTRIES,
    case::ENTRIES,
    contains::ENTRIES,
    format::ENTRIES,
    hash::ENTRIES,
    hex::ENTRIES,
    link::ENTRIES,
    parts::ENTRIES,
    replace::ENTRIES,
    url::ENTRIES,
];
