//! Tables that queries look values up in: CSV files and MaxMind databases in the folder `lookups`
//! of the data directory.
//!
//! | in a query | file |
//! |---|---|
//! | `path://"/a/b"`, `shared/a`, any other name | `a/b.csv`, `shared/a.csv` |
//! | `https://host/a.csv` | `host/a.csv`: a copy, for nothing is fetched |
//! | `sumo://threat/cs` | `threat/cs.csv`, with the columns `threat,type,actor,raw,threatlevel` |
//! | `geo://location` | `geo.mmdb`, a City database |
//! | `asn://default` | `asn.mmdb`, an ASN database |

mod csv;
mod function;
mod geo;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arrow::array::RecordBatch;
use storage::Lookups;

pub(crate) use function::{TABLE, VALUE, register};
pub(crate) use geo::PLACE_COLUMNS;

/// A table in which values can be found.
pub(crate) trait LookupTable: std::fmt::Debug + Send + Sync {
    /// What `lookup *` gives.
    fn columns(&self) -> Vec<String>;

    /// Everything that it holds, if that can be listed.
    fn rows(&self) -> Option<&RecordBatch> {
        None
    }

    /// A table with an index on these columns, in this order.
    fn by(&self, keys: &[String]) -> Result<Arc<dyn Keyed>, String>;
}

/// A table that is asked by certain columns.
pub(crate) trait Keyed: std::fmt::Debug + Send + Sync {
    /// The value of `column` in the row with these keys.
    fn find(&self, keys: &[&str], column: &str) -> Option<String>;
}

/// What a name in a query leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A table.
    Table(Arc<dyn LookupTable>),
    /// Nothing is set up under a name that every installation may have: all values are null.
    NotSetUp {
        /// What the user should know.
        warning: String,
    },
}

/// What tells whether a file has changed: its time, its length, and how many changes were made here.
type Version = (SystemTime, u64, u64);

/// A table as it was at a version.
type Loaded = (Version, Arc<dyn LookupTable>);

/// The tables of a node, read when they are first asked for and again when their files change.
#[derive(Debug, Default)]
pub(crate) struct LookupTables {
    lookups: Lookups,
    loaded: Mutex<HashMap<PathBuf, Loaded>>,
}

impl LookupTables {
    /// Those of a store.
    pub(crate) fn of(lookups: Lookups) -> Self {
        LookupTables {
            lookups,
            loaded: Mutex::default(),
        }
    }

    /// Where they are written.
    pub(crate) fn lookups(&self) -> &Lookups {
        &self.lookups
    }

    /// Finds the table that a query calls `name`.
    ///
    /// # Errors
    /// In words: there is no such table, or its file cannot be read.
    pub(crate) fn open(&self, name: &str) -> Result<Found, String> {
        let Some(place) = place(name) else {
            return Err(format!("`{name}` cannot be the name of a table"));
        };
        let changes = self.lookups.changes();
        let path = self.lookups.folder().join(&place);
        let version = match std::fs::metadata(&path) {
            Ok(file) => {
                let changed = file.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                (changed, file.len(), changes)
            }
            Err(_) if is_common(name) => {
                return Ok(Found::NotSetUp {
                    warning: format!(
                        "`{name}` is not set up, so its fields are null: put a file at \
                         `lookups/{}` in the data directory",
                        place.display()
                    ),
                });
            }
            Err(_) => return self.declared(name),
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, table)) = loaded.get(&path)
            && *known == version
        {
            return Ok(Found::Table(Arc::clone(table)));
        }
        let table =
            read(&path).map_err(|problem| format!("table `{name}` cannot be read: {problem}"))?;
        loaded.insert(path, (version, Arc::clone(&table)));
        Ok(Found::Table(table))
    }

    /// A table that has no rows yet.
    fn declared(&self, name: &str) -> Result<Found, String> {
        let rows = self.lookups.rows(name).map_err(|error| error.to_string())?;
        Ok(Found::Table(Arc::new(csv::Table::new(rows))))
    }
}

fn read(path: &Path) -> Result<Arc<dyn LookupTable>, String> {
    if path.extension().is_some_and(|ending| ending == "mmdb") {
        return Ok(Arc::new(geo::Database::read(path)?));
    }
    Ok(Arc::new(csv::Table::new(storage::read_csv(path)?)))
}

/// Whether published queries take it for granted that there is such a table.
fn is_common(name: &str) -> bool {
    ["geo://", "asn://", "sumo://"]
        .iter()
        .any(|start| name.starts_with(start))
}

/// Where the file of a table stands below the folder; nowhere, if the name leads outside.
fn place(name: &str) -> Option<PathBuf> {
    if name.starts_with("geo://") {
        return Some("geo.mmdb".into());
    }
    if name.starts_with("asn://") {
        return Some("asn.mmdb".into());
    }
    storage::lookup_place(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_of_addresses_have_places_of_their_own() {
        assert_eq!(place("geo://location"), Some("geo.mmdb".into()));
        assert_eq!(place("asn://default"), Some("asn.mmdb".into()));
        assert_eq!(place("shared/iocs"), Some("shared/iocs.csv".into()));
    }

    #[test]
    fn a_table_is_read_again_when_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let lookups = Lookups::at(storage::disk::Disk::default(), folder.path().to_owned());
        let tables = LookupTables::of(lookups);
        let ask = || match tables.open("users").unwrap() {
            Found::Table(table) => {
                let by_id = table.by(&["id".to_owned()]).unwrap();
                by_id.find(&["B"], "Name")
            }
            other => panic!("{other:?}"),
        };
        let file = folder.path().join("users.csv");
        std::fs::write(&file, "id,name\na,Ann\nb,\"Bo, B\"\n").unwrap();
        assert_eq!(ask().as_deref(), Some("Bo, B"));
        std::fs::write(&file, "id,name\nb,Bert\n").unwrap();
        let later = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(4_000_000_000);
        std::fs::File::options()
            .write(true)
            .open(&file)
            .unwrap()
            .set_modified(later)
            .unwrap();
        assert_eq!(ask().as_deref(), Some("Bert"));
        assert!(
            tables
                .open("nobody")
                .unwrap_err()
                .contains("no lookup table `nobody`")
        );
        assert!(matches!(
            tables.open("geo://location"),
            Ok(Found::NotSetUp { .. })
        ));
    }
}
