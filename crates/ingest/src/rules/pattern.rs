//! A regular expression in the configuration, compiled when it is read, so that a mistake in it
//! is reported with its place.

use regex::Regex;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// A compiled pattern may take so much memory, in bytes.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// A regular expression. Two are equal if their texts are.
#[derive(Clone, Debug)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// The mistake in words, with its position.
    pub fn new(text: &str) -> Result<Pattern, String> {
        regex::RegexBuilder::new(text)
            .size_limit(PATTERN_BYTES_MAX)
            .build()
            .map(Pattern)
            .map_err(|error| format!("cannot use the pattern: {error}"))
    }

    pub(super) fn regex(&self) -> &Regex {
        &self.0
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Pattern::new(&text).map_err(D::Error::custom)
    }
}

impl Serialize for Pattern {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.0.as_str())
    }
}
