//! Lookup tables: CSV files in the folder `lookups` of the data directory, which people and queries
//! write and queries read.
//!
//! `a/b.csv` holds the rows, its first line the columns. Beside it, `a/b.table.json` may declare what
//! the table is meant to hold ([`LookupSchema`]); a file that somebody put there by hand needs none.
//! A table is replaced as a whole, by a rename: readers see all of a change or nothing of it.

mod rows;

use std::fs;
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use arrow::array::RecordBatch;
use model::limits::LOOKUP_BYTES_MAX;
use serde::{Deserialize, Serialize};

pub use rows::{lookup_rows, read_csv};

use crate::disk::{Disk, TEMPORARY_SUFFIX};
use crate::{Result, StorageError};

/// The name of a declaration ends so.
const SCHEMA_SUFFIX: &str = "table.json";

/// The type that a column is declared to have. Values are kept as text whatever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LookupType {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Int,
    /// A whole number.
    Long,
    /// A number.
    Double,
    /// Anything.
    String,
}

/// A declared column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupField {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub field_type: LookupType,
}

/// What a table is meant to hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookupSchema {
    /// What people should know about it.
    #[serde(default)]
    pub description: String,
    /// Its columns.
    pub fields: Vec<LookupField>,
    /// The columns that together tell rows apart; of rows with equal values the last stays.
    #[serde(default)]
    pub keys: Vec<String>,
    /// When it was declared, in milliseconds since the epoch.
    #[serde(default)]
    pub created_ms: i64,
}

/// One table, without its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupInfo {
    /// Its name in queries: `shared/a`, or `Library/a b` for `path://"/Library/a b"`.
    pub name: String,
    /// Names it where names are unwieldy.
    pub id: String,
    /// Its declaration.
    pub schema: Option<LookupSchema>,
    /// The size of its file; nothing, if it has not had rows yet.
    pub bytes: u64,
    /// When its rows were changed last, in milliseconds since the epoch.
    pub changed_ms: i64,
}

/// What becomes of the rows that are there when others are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookupWrite {
    /// They go.
    Replace,
    /// They stay, unless a new row has the same keys.
    Merge,
}

/// The tables of a node. Clones share the folder and take turns at writing.
#[derive(Clone, Debug, Default)]
pub struct Lookups {
    disk: Disk,
    folder: PathBuf,
    /// How many changes there have been; held while one is made.
    changes: Arc<Mutex<u64>>,
}

impl Lookups {
    /// The tables in `folder`, which need not exist.
    pub fn at(disk: Disk, folder: PathBuf) -> Lookups {
        Lookups {
            disk,
            folder,
            changes: Arc::default(),
        }
    }

    /// Where the tables lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Grows with every change that is made here: the time of a file is too coarse to tell two apart.
    pub fn changes(&self) -> u64 {
        *self.turn()
    }

    /// Every table, by name.
    ///
    /// # Errors
    /// If a folder or a declaration cannot be read.
    pub fn list(&self) -> Result<Vec<LookupInfo>> {
        let mut names = Vec::new();
        collect_names(&self.folder, "", &mut names)?;
        names.sort_unstable();
        names.dedup();
        let infos = names.iter().map(|name| self.info(name));
        infos.filter_map(Result::transpose).collect()
    }

    /// The table of that name.
    ///
    /// # Errors
    /// If its declaration cannot be read.
    pub fn info(&self, name: &str) -> Result<Option<LookupInfo>> {
        let Some(place) = lookup_place(name) else {
            return Ok(None);
        };
        let schema = self.schema(&place)?;
        let path = self.folder.join(&place);
        let file = match fs::metadata(&path) {
            Ok(file) => Some(file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(StorageError::io("look at", &path)(error)),
        };
        if schema.is_none() && file.is_none() {
            return Ok(None);
        }
        let name = place.with_extension("").display().to_string();
        let changed = file.as_ref().and_then(|file| file.modified().ok());
        let created_ms = schema.as_ref().map_or(0, |schema| schema.created_ms);
        Ok(Some(LookupInfo {
            id: id(&name),
            name,
            bytes: file.as_ref().map_or(0, fs::Metadata::len),
            changed_ms: changed.map_or(created_ms, millis),
            schema,
        }))
    }

    /// The table of that id.
    ///
    /// # Errors
    /// If a folder or a declaration cannot be read.
    pub fn of_id(&self, id: &str) -> Result<Option<LookupInfo>> {
        let mut all = self.list()?.into_iter();
        Ok(all.find(|info| info.id.eq_ignore_ascii_case(id)))
    }

    /// The rows of a table, every value a text; empty, if it is only declared.
    ///
    /// # Errors
    /// [`StorageError::NoLookup`]; if the file is too large or no table.
    pub fn rows(&self, name: &str) -> Result<RecordBatch> {
        let place = self.place(name)?;
        let path = self.folder.join(&place);
        if path.exists() {
            return read_csv(&path).map_err(|problem| refused(name, problem));
        }
        match self.schema(&place)? {
            Some(schema) => rows::empty(&schema).map_err(|problem| refused(name, problem)),
            None => Err(StorageError::NoLookup { name: name.into() }),
        }
    }

    /// Declares a table, which stays as it is otherwise.
    ///
    /// # Errors
    /// If the declaration contradicts itself, or the disk refuses.
    pub fn declare(&self, name: &str, schema: &LookupSchema) -> Result<()> {
        rows::check_schema(schema).map_err(|problem| refused(name, problem))?;
        let place = self.place(name)?;
        let text = serde_json::to_vec_pretty(schema);
        let text = text.map_err(|error| refused(name, error.to_string()))?;
        let mut turn = self.turn();
        *turn += 1;
        self.put(&place.with_extension(SCHEMA_SUFFIX), &text)
    }

    /// Writes rows into a table, which is made if it is not there; returns how many it has then.
    ///
    /// # Errors
    /// If rows do not fit the declaration, the table would become too large, or the disk refuses.
    pub fn write(&self, name: &str, new: &RecordBatch, mode: LookupWrite) -> Result<usize> {
        let place = self.place(name)?;
        let mut turn = self.turn();
        *turn += 1;
        let schema = self.schema(&place)?;
        let earlier = match mode {
            LookupWrite::Merge if self.folder.join(&place).exists() => Some(self.rows(name)?),
            _ => None,
        };
        let joined = rows::join(schema.as_ref(), earlier.as_ref(), new);
        let joined = joined.map_err(|problem| refused(name, problem))?;
        self.put_rows(name, &place, &joined)
    }

    /// The rows as CSV; the first line names the columns.
    ///
    /// # Errors
    /// As [`Lookups::rows`].
    pub fn csv(&self, name: &str) -> Result<Vec<u8>> {
        rows::write_csv(&self.rows(name)?).map_err(|problem| refused(name, problem))
    }

    /// Writes one row, given as columns and values; a row with the same keys is replaced.
    ///
    /// # Errors
    /// As [`Lookups::write`].
    pub fn put_row(&self, name: &str, cells: &[(String, String)]) -> Result<usize> {
        let row = rows::row(cells).map_err(|problem| refused(name, problem))?;
        self.write(name, &row, LookupWrite::Merge)
    }

    /// Removes the row with these values of the key columns; says whether there was one.
    ///
    /// # Errors
    /// If the table is not there, has not these keys, or the disk refuses.
    pub fn remove_row(&self, name: &str, keys: &[(String, String)]) -> Result<bool> {
        let place = self.place(name)?;
        let mut turn = self.turn();
        *turn += 1;
        let before = self.rows(name)?;
        let after = rows::without(&before, keys).map_err(|problem| refused(name, problem))?;
        if after.num_rows() < before.num_rows() {
            self.put_rows(name, &place, &after)?;
        }
        Ok(after.num_rows() < before.num_rows())
    }

    /// Removes all rows; the columns stay.
    ///
    /// # Errors
    /// If the table is not there, or the disk refuses.
    pub fn truncate(&self, name: &str) -> Result<()> {
        let place = self.place(name)?;
        let mut turn = self.turn();
        *turn += 1;
        let none = self.rows(name)?.slice(0, 0);
        self.put_rows(name, &place, &none).map(drop)
    }

    /// Removes a table; says whether there was one.
    ///
    /// # Errors
    /// If the disk refuses.
    pub fn delete(&self, name: &str) -> Result<bool> {
        let place = self.place(name)?;
        let mut turn = self.turn();
        *turn += 1;
        let is_there = self.info(name)?.is_some();
        let path = self.folder.join(&place);
        self.disk.delete(&path)?;
        self.disk.delete(&path.with_extension(SCHEMA_SUFFIX))?;
        if let Some(folder) = path.parent().filter(|_| is_there) {
            self.disk.sync_dir(folder)?;
        }
        Ok(is_there)
    }

    fn place(&self, name: &str) -> Result<PathBuf> {
        let problem = "the name must be a path of folders and a table, such as `shared/owners`";
        lookup_place(name).ok_or_else(|| refused(name, problem.to_owned()))
    }

    fn schema(&self, place: &Path) -> Result<Option<LookupSchema>> {
        let path = self.folder.join(place).with_extension(SCHEMA_SUFFIX);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StorageError::io("read", &path)(error)),
        };
        let schema = serde_json::from_slice(&text);
        let name = place.with_extension("").display().to_string();
        let problem = |error| format!("its declaration cannot be read: {error}");
        schema
            .map(Some)
            .map_err(|error| refused(&name, problem(error)))
    }

    fn put_rows(&self, name: &str, place: &Path, rows: &RecordBatch) -> Result<usize> {
        let text = rows::write_csv(rows).map_err(|problem| refused(name, problem))?;
        if text.len() as u64 > LOOKUP_BYTES_MAX {
            let problem = format!(
                "it would have {} bytes, and {LOOKUP_BYTES_MAX} are the most (LOOKUP_BYTES_MAX)",
                text.len()
            );
            return Err(refused(name, problem));
        }
        self.put(place, &text)?;
        Ok(rows.num_rows())
    }

    fn put(&self, place: &Path, bytes: &[u8]) -> Result<()> {
        let path = self.folder.join(place);
        let folder = path.parent().unwrap_or(&self.folder);
        self.disk.create_dir(folder)?;
        let mut temporary = path.clone().into_os_string();
        temporary.push(TEMPORARY_SUFFIX);
        let mut file = self.disk.create(Path::new(&temporary))?;
        file.write_all(bytes)
            .map_err(StorageError::io("write", file.path()))?;
        self.disk.publish(&file, &path)?;
        self.disk.sync_dir(folder)
    }

    fn turn(&self) -> MutexGuard<'_, u64> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(name: &str, problem: String) -> StorageError {
    StorageError::Lookup {
        name: name.to_owned(),
        problem,
    }
}

/// Where the file of a table stands below the folder; nowhere, if the name leads outside.
///
/// `path://"/a/b"`, `/a/b` and `a/b.csv` are one table; of `https://host/a.csv` the copy is at `host/a`.
pub fn lookup_place(name: &str) -> Option<PathBuf> {
    let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
    let rest = rest.trim_matches(['/', '"', ' ']);
    let rest = rest.strip_suffix(".csv").unwrap_or(rest);
    let place = PathBuf::from(format!("{rest}.csv"));
    let is_inside = place
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    (is_inside && !rest.is_empty()).then_some(place)
}

fn collect_names(folder: &Path, within: &str, names: &mut Vec<String>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(StorageError::io("list", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(StorageError::io("list", folder))?;
        let Ok(file) = entry.file_name().into_string() else {
            continue;
        };
        if entry.path().is_dir() {
            collect_names(&entry.path(), &format!("{within}{file}/"), names)?;
            continue;
        }
        let name = file
            .strip_suffix(".csv")
            .or_else(|| file.strip_suffix(&format!(".{SCHEMA_SUFFIX}")));
        names.extend(name.map(|name| format!("{within}{name}")));
    }
    Ok(())
}

fn id(name: &str) -> String {
    format!("{:016X}", xxhash_rust::xxh3::xxh3_64(name.as_bytes()))
}

fn millis(at: SystemTime) -> i64 {
    let since = at.duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

#[cfg(test)]
mod tests;
