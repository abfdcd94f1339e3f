//! Files of segments that no catalog row names: left by a crash, a full disk, a merge that was
//! stopped. They do not exist for anybody, and are deleted.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::Disk;
use crate::segment::folder_of;
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
            let id = name.to_str().and_then(|name| name.split('.').next());
            let is_orphan = id.is_some_and(|id| {
                id.len() == ID_CHARS
                    && id.bytes().all(|byte| byte.is_ascii_hexdigit())
                    && !known.contains(id)
            });
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

/// Deletes what [`find`] finds. Nobody may be writing segments meanwhile.
pub(crate) fn delete(disk: &Disk, data_dir: &Path, known: &HashSet<&str>) -> Result<usize> {
    let orphans = find(data_dir, known)?;
    for path in &orphans {
        disk.delete(path)?;
        tracing::info!(path = %path.display(), "deleted a file that no catalog row names");
    }
    Ok(orphans.len())
}
