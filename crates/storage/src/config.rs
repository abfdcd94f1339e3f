//! The `[storage]` section of the configuration.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use model::{duration, size};
use serde::{Deserialize, Serialize};

use crate::files::Remote;
use crate::{CompactConfig, Result, RetentionConfig};

/// Where a node keeps its data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The folder that holds everything: `catalog.sqlite`, `wal/` and `segments/`. It is made
    /// if it is not there.
    pub data_dir: PathBuf,
    /// The PostgreSQL database that holds the catalog, as `postgres://user:password@host/name`;
    /// without it the catalog is the file `catalog.sqlite`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<CatalogUrl>,
    /// Where segments rest, if not on the local disk: `s3://bucket/folder`,
    /// `gs://bucket/folder` or `az://container/folder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How the object store is reached, by the names of its client's options.
    pub url_options: BTreeMap<String, Secret>,
    /// With `url`: how many bytes of copies are kept on the local disk.
    #[serde(with = "size")]
    pub cache_bytes_max: u64,
    /// How often the store looks what is to be merged, dropped or deleted.
    #[serde(with = "duration")]
    pub upkeep_interval: Duration,
    /// How long the files of segments that were merged or dropped are kept, for searches that
    /// began before. No search may run longer.
    #[serde(with = "duration")]
    pub deletion_grace: Duration,
    /// When segments are merged.
    pub compaction: CompactConfig,
    /// How long data is kept.
    pub retention: RetentionConfig,
}

impl Default for StoreConfig {
    fn default() -> Self {
        StoreConfig {
            data_dir: PathBuf::from("data"),
            catalog: None,
            url: None,
            url_options: BTreeMap::new(),
            cache_bytes_max: 10 << 30,
            upkeep_interval: Duration::from_secs(5),
            deletion_grace: Duration::from_secs(10 * 60),
            compaction: CompactConfig::default(),
            retention: RetentionConfig::default(),
        }
    }
}

/// Where a catalog's database is. Holds a password, which is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CatalogUrl(String);

impl CatalogUrl {
    /// Returns the address of a database.
    pub fn new(url: impl Into<String>) -> Self {
        CatalogUrl(url.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CatalogUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// A value that may be a secret, and is not shown.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Returns a value that is not shown.
    pub fn new(value: impl Into<String>) -> Self {
        Secret(value.into())
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl StoreConfig {
    /// Says whether the address of the object store is understood, without asking it anything.
    ///
    /// # Errors
    /// If it is not.
    pub fn validate(&self) -> Result<()> {
        self.remote().map(drop)
    }

    pub(crate) fn remote(&self) -> Result<Option<Remote>> {
        let url = self.url.as_ref();
        url.map(|url| Remote::at(url, &self.url_options))
            .transpose()
    }

    /// Returns the configuration of a store in `data_dir`.
    pub fn at(data_dir: impl Into<PathBuf>) -> Self {
        StoreConfig {
            data_dir: data_dir.into(),
            ..StoreConfig::default()
        }
    }
}
