//! Every kind of extraction under its name, for operators and for SQL.

use super::anchors::Anchors;
use super::delimited::Delimited;
use super::key_values::KeyValues;
use super::patterns::Patterns;
use super::xml::Xml;
use super::{Build, boxed};
use crate::functions::json::fields::JsonFields;

/// One kind of extraction: what it is called and what it makes of its constants.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(super) build: Build,
    /// Whether every match of a text is wanted, and not only the first.
    pub(crate) is_multi: bool,
}

impl Kind {
    const fn new(name: &'static str, build: Build) -> Self {
        Kind {
            name,
            build,
            is_multi: false,
        }
    }
}

pub(crate) const ANCHORS: Kind = Kind::new("parse_anchors", |constants| {
    Some(Box::new(Anchors::new(constants.first()?)))
});
pub(crate) const PATTERNS: Kind = Kind::new("parse_patterns", |constants| {
    boxed(Patterns::new(constants))
});
pub(crate) const PATTERNS_MULTI: Kind = Kind {
    name: "parse_patterns_multi",
    is_multi: true,
    ..PATTERNS
};
pub(crate) const XML: Kind = Kind::new("parse_xml", |constants| boxed(Xml::new(constants)));
pub(crate) const JSON: Kind =
    Kind::new("json_fields", |constants| boxed(JsonFields::new(constants)));
pub(crate) const CSV: Kind = Kind::new("parse_csv", |constants| boxed(Delimited::new(constants)));
pub(crate) const SPLIT: Kind = Kind {
    name: "parse_split",
    ..CSV
};
pub(crate) const KEY_VALUES: Kind = Kind::new("parse_key_values", |constants| {
    boxed(KeyValues::new(constants))
});

/// All of them.
pub(crate) const KINDS: [Kind; 8] = [
    ANCHORS,
    PATTERNS,
    PATTERNS_MULTI,
    XML,
    JSON,
    CSV,
    SPLIT,
    KEY_VALUES,
];
