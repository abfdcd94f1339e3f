//! The monitors that are watched: those of files, and those made through the API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use content::Monitor;
use model::Timestamp;
use storage::catalog::{Catalog, SavedMonitor};

use crate::{AlertingError, Result};

/// How the file of a monitor ends.
const FILE_ENDING: &str = ".monitor.toml";

/// A monitor that is watched.
#[derive(Clone, Debug)]
pub struct Watched {
    /// Its name for ever: `<folder>:<file>` for one of a file.
    pub id: String,
    /// What it is.
    pub monitor: Arc<Monitor>,
    /// Where it is kept.
    pub origin: Origin,
}

/// Where a monitor is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the program: it came with an app.
    Packaged,
    /// In a file, and changed there.
    File(PathBuf),
    /// In the catalog.
    Catalog {
        /// Grows with every change, from 1.
        version: u64,
        /// When it was changed.
        modified_at: Timestamp,
    },
}

/// All monitors of a node.
#[derive(Debug)]
pub(crate) struct Monitors {
    catalog: Catalog,
    all: Mutex<BTreeMap<String, Watched>>,
}

impl Monitors {
    /// Reads the monitors of the folders and of the catalog. A file with a mistake is told in the
    /// log and left out, so that it does not keep the node from starting.
    /// Of equal ids the file counts before the one of an app.
    pub(crate) async fn load(
        catalog: Catalog,
        apps: &[String],
        folders: &[PathBuf],
    ) -> Result<Monitors> {
        let mut all = BTreeMap::new();
        for app in apps {
            package(app, &mut all)?;
        }
        for folder in folders {
            read_folder(folder, folder, &mut all)?;
        }
        for saved in catalog.saved_monitors().await? {
            match Monitor::parse(&saved.body) {
                Ok(monitor) => drop(all.insert(saved.id.clone(), watched(&saved, monitor))),
                Err(error) => {
                    tracing::error!(monitor = %saved.id, %error, "monitor is not watched")
                }
            }
        }
        Ok(Monitors {
            catalog,
            all: Mutex::new(all),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Watched>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns all, by id.
    pub(crate) fn list(&self) -> Vec<Watched> {
        self.lock().values().cloned().collect()
    }

    /// Returns one.
    pub(crate) fn get(&self, id: &str) -> Result<Watched> {
        let found = self.lock().get(id).cloned();
        found.ok_or_else(|| AlertingError::Unknown {
            what: "monitor",
            name: id.to_owned(),
        })
    }

    /// Saves a new monitor, or the next version of the one that was read as `version`.
    pub(crate) async fn save(
        &self,
        id: &str,
        version: u64,
        monitor: Monitor,
        now: Timestamp,
    ) -> Result<Watched> {
        monitor.check()?;
        if let Ok(Watched { origin, .. }) = self.get(id) {
            changeable(id, origin)?;
        }
        let body = toml::to_string(&monitor).map_err(|error| {
            AlertingError::Setting(format!("cannot write the monitor: {error}"))
        })?;
        let saved = SavedMonitor {
            id: id.to_owned(),
            version: version + 1,
            modified_at: now,
            body,
        };
        if !self.catalog.save_monitor(&saved).await? {
            return Err(AlertingError::Changed(id.to_owned()));
        }
        let watched = watched(&saved, monitor);
        self.lock().insert(id.to_owned(), watched.clone());
        Ok(watched)
    }

    /// Removes a monitor that was made through the API.
    pub(crate) async fn delete(&self, id: &str) -> Result<()> {
        changeable(id, self.get(id)?.origin)?;
        self.catalog.delete_monitor(id).await?;
        self.lock().remove(id);
        Ok(())
    }
}

/// Whether a monitor is kept where the API may change it.
fn changeable(id: &str, origin: Origin) -> Result<()> {
    match origin {
        Origin::Catalog { .. } => Ok(()),
        Origin::File(file) => Err(AlertingError::KeptInFile {
            name: id.to_owned(),
            file,
        }),
        Origin::Packaged => Err(AlertingError::KeptInApp {
            name: id.to_owned(),
        }),
    }
}

/// Takes the monitors of an app that came with the program.
fn package(app: &str, all: &mut BTreeMap<String, Watched>) -> Result<()> {
    let known = all.len();
    for (id, text) in content::packaged_monitors() {
        if id.split_once(':').is_some_and(|(of, _)| of == app) {
            let monitor = Arc::new(Monitor::parse(text)?);
            let watched = Watched {
                id: (*id).to_owned(),
                monitor,
                origin: Origin::Packaged,
            };
            all.insert(watched.id.clone(), watched);
        }
    }
    match all.len() > known {
        true => Ok(()),
        false => Err(AlertingError::Unknown {
            what: "app with monitors",
            name: app.to_owned(),
        }),
    }
}

fn watched(saved: &SavedMonitor, monitor: Monitor) -> Watched {
    Watched {
        id: saved.id.clone(),
        monitor: Arc::new(monitor),
        origin: Origin::Catalog {
            version: saved.version,
            modified_at: saved.modified_at,
        },
    }
}

fn read_folder(root: &Path, folder: &Path, all: &mut BTreeMap<String, Watched>) -> Result<()> {
    let unreadable = |source| AlertingError::Unreadable {
        path: folder.to_owned(),
        source,
    };
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            read_folder(root, &path, all)?;
            continue;
        }
        let relative = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let Some(id) = relative.strip_suffix(FILE_ENDING) else {
            continue;
        };
        // Ids stand in addresses, where a slash means something else.
        let id = id.replace('/', ":");
        let text = std::fs::read_to_string(&path).map_err(|source| AlertingError::Unreadable {
            path: path.clone(),
            source,
        })?;
        match Monitor::parse(&text) {
            Ok(monitor) => {
                let monitor = Arc::new(monitor);
                all.insert(
                    id.clone(),
                    Watched {
                        id,
                        monitor,
                        origin: Origin::File(path),
                    },
                );
            }
            Err(error) => tracing::error!(file = %path.display(), %error, "monitor is not watched"),
        }
    }
    Ok(())
}
