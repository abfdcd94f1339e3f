//! Files of segments that no catalog row names: left by a crash, a full disk, a merge that was
//! stopped. They do not exist for anybody, and are deleted.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use object_store::path::Path as ObjectPath;

use crate::disk::Disk;
use crate::files::Remote;
use crate::segment::{SEGMENTS_DIR, folder_of};
use crate::{Result, StorageError, Table};

/// Ids are UUIDs in hexadecimal digits; files of a segment begin with its id.
const ID_CHARS: usize = 32;

/// Returns the files below `data_dir` that belong to none of the segments `known`, by id.
pub(crate) fn find(data_dir: &Path, known: &HashSet<&str>) -> Result<Vec<PathBuf>> {
    let mut orphans = Vec::new();
    for table in Table::ALL {
        let folder = folder_of(data_dir, table);
        if !folder.is_dir() {
            continue;
        }
        for file in fs::read_dir(&folder).map_err(StorageError::io("list", &folder))? {
            let file = file.map_err(StorageError::io("list", &folder))?;
            let name = file.file_name();
            let is_orphan = name.to_str().is_some_and(|name| is_unknown(name, known));
            // A segment's name is taken only when it is finished: what is temporary is not.
            let is_unfinished = name
                .to_string_lossy()
                .ends_with(crate::disk::TEMPORARY_SUFFIX);
            if is_orphan || is_unfinished {
                orphans.push(file.path());
            }
        }
    }
    orphans.sort();
    Ok(orphans)
}

/// Whether a file is named like one of a segment's, but of none that is known.
fn is_unknown(name: &str, known: &HashSet<&str>) -> bool {
    let id = name.split('.').next().unwrap_or_default();
    id.len() == ID_CHARS && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && !known.contains(id)
}

/// Returns the objects that belong to none of the segments `known`, by id.
pub(crate) async fn find_remote(remote: &Remote, known: &HashSet<&str>) -> Result<Vec<ObjectPath>> {
    let mut orphans = remote.list(SEGMENTS_DIR).await?;
    orphans.retain(|path| path.filename().is_some_and(|name| is_unknown(name, known)));
    orphans.sort();
    Ok(orphans)
}

/// Deletes what [`find_remote`] finds. Nobody may be sending segments meanwhile.
pub(crate) async fn delete_remote(remote: &Remote, known: &HashSet<&str>) -> Result<usize> {
    let orphans = find_remote(remote, known).await?;
    for path in &orphans {
        remote.delete(path).await?;
        tracing::info!(
            path = remote.name(path),
            "deleted an object that no catalog row names"
        );
    }
    Ok(orphans.len())
}

/// Deletes what [`find`] finds. Nobody may be writing segments meanwhile.
pub(crate) fn delete(disk: &Disk, data_dir: &Path, known: &HashSet<&str>) -> Result<usize> {
    let orphans = find(data_dir, known)?;
    for path in &orphans {
        disk.delete(path)?;
        tracing::info!(path = %path.display(), "deleted a file that no catalog row names");
    }
    Ok(orphans.len())
}
