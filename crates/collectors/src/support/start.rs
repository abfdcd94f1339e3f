//! How far back an origin is read that is new to the source: a setting of all pulled sources.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::duration;

/// How far back an origin is read that is new to the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// From the first event that it can hold.
    #[default]
    Creation,
    /// From the moment of its discovery.
    Now,
    /// So long before its discovery.
    Before(Duration),
}

impl<'de> Deserialize<'de> for Start {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        match text.as_str() {
            "creation" => Ok(Start::Creation),
            "now" => Ok(Start::Now),
            other => duration::parse(other).map(Start::Before).map_err(|_| {
                serde::de::Error::custom(format!(
                    "`{other}` is no start; write \"creation\", \"now\" or a duration like \"14d\""
                ))
            }),
        }
    }
}

impl Serialize for Start {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Start::Creation => to.serialize_str("creation"),
            Start::Now => to.serialize_str("now"),
            Start::Before(before) => duration::serialize(before, to),
        }
    }
}
