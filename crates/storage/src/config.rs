//! The `[storage]` section of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where a node keeps its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The folder that holds everything: `catalog.sqlite`, `wal/` and `segments/`. It is made
    /// if it is not there.
    pub data_dir: PathBuf,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            data_dir: PathBuf::from("data"),
        }
    }
}

impl StoreConfig {
    /// Returns the configuration of a store in `data_dir`.
    pub fn at(data_dir: impl Into<PathBuf>) -> Self {
        StoreConfig {
            data_dir: data_dir.into(),
        }
    }
}
