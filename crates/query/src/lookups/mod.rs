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
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

pub(crate) use function::value;
pub(crate) use geo::PLACE_COLUMNS;

/// A table in which values can be found.
pub(crate) trait LookupTable: std::fmt::Debug + Send + Sync {
    /// What `lookup *` gives.
    fn columns(&self) -> Vec<String>;

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

/// A table, and when its file was changed.
type Loaded = (SystemTime, Arc<dyn LookupTable>);

/// The tables of a node, read when they are first asked for and again when their files change.
#[derive(Debug, Default)]
pub(crate) struct LookupTables {
    folder: PathBuf,
    loaded: Mutex<HashMap<PathBuf, Loaded>>,
}

impl LookupTables {
    /// The tables in `folder`, which need not exist.
    pub(crate) fn at(folder: PathBuf) -> Self {
        LookupTables {
            folder,
            loaded: Mutex::default(),
        }
    }

    /// Finds the table that a query calls `name`.
    ///
    /// # Errors
    /// In words: there is no such table, or its file cannot be read.
    pub(crate) fn open(&self, name: &str) -> Result<Found, String> {
        let Some(place) = place(name) else {
            return Err(format!("`{name}` cannot be the name of a table"));
        };
        let path = self.folder.join(&place);
        let changed = match std::fs::metadata(&path).and_then(|file| file.modified()) {
            Ok(changed) => changed,
            Err(_) if is_common(name) => {
                return Ok(Found::NotSetUp {
                    warning: format!(
                        "`{name}` is not set up, so its fields are null: put a file at \
                         `lookups/{}` in the data directory",
                        place.display()
                    ),
                });
            }
            Err(_) => {
                return Err(format!(
                    "there is no table `{name}`: put a CSV file at `lookups/{}` in the data \
                     directory",
                    place.display()
                ));
            }
        };
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, table)) = loaded.get(&path)
            && *known == changed
        {
            return Ok(Found::Table(Arc::clone(table)));
        }
        let table =
            read(&path).map_err(|problem| format!("table `{name}` cannot be read: {problem}"))?;
        loaded.insert(path, (changed, Arc::clone(&table)));
        Ok(Found::Table(table))
    }
}

fn read(path: &Path) -> Result<Arc<dyn LookupTable>, String> {
    if path.extension().is_some_and(|ending| ending == "mmdb") {
        return Ok(Arc::new(geo::Database::read(path)?));
    }
    Ok(Arc::new(csv::Table::read(path)?))
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
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
    let rest = rest.trim_matches(['/', '"', ' ']);
    let rest = rest.strip_suffix(".csv").unwrap_or(rest);
    let place = PathBuf::from(format!("{rest}.csv"));
    let is_inside = place
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (is_inside && !rest.is_empty()).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_files_below_the_folder() {
        let found = |name| place(name).map(|place| place.display().to_string());
        assert_eq!(
            found("path://\"/Library/a b\"").as_deref(),
            Some("Library/a b.csv")
        );
        assert_eq!(found("shared/iocs").as_deref(), Some("shared/iocs.csv"));
        assert_eq!(found("sumo://threat/cs").as_deref(), Some("threat/cs.csv"));
        assert_eq!(found("https://a.b/c.csv").as_deref(), Some("a.b/c.csv"));
        assert_eq!(found("geo://location").as_deref(), Some("geo.mmdb"));
        assert_eq!(found("path://../../etc/passwd"), None);
        assert_eq!(found("path://a/../../b"), None);
        assert_eq!(found(""), None);
    }

    #[test]
    fn a_table_is_read_again_when_its_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let tables = LookupTables::at(folder.path().to_owned());
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
                .contains("lookups/nobody.csv")
        );
        assert!(matches!(
            tables.open("geo://location"),
            Ok(Found::NotSetUp { .. })
        ));
    }
}
