//! All content that a node has: what is embedded in the program, and the folder of its user in front of it.
//!
//! The user's folder is read whenever it is asked for, so that an edited file is seen at once. What is broken
//! in it is told and does not hide the rest.

use std::collections::BTreeMap;
use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::embedded::FILES;
use crate::{App, Dashboard};

/// How the files of dashboards end.
pub const DASHBOARD_FILE: &str = ".dashboard.toml";
const APP_FILE: &str = "app.toml";

/// Where content comes from.
#[derive(Clone, Debug)]
pub struct Library {
    embedded: Arc<Shelf>,
    folder: Option<PathBuf>,
    /// Held while a file is compared and replaced.
    writing: Arc<Mutex<()>>,
}

/// Everything there is, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Shelf {
    /// The apps, by their folders' names.
    pub apps: BTreeMap<String, AppFolder>,
    /// What could not be read.
    pub broken: Vec<Broken>,
}

/// An app with its dashboards.
#[derive(Clone, Debug, Default)]
pub struct AppFolder {
    /// What `app.toml` says; a folder may do without.
    pub app: Option<App>,
    /// Its dashboards, by name.
    pub dashboards: BTreeMap<String, StoredDashboard>,
}

/// A dashboard, and where it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredDashboard {
    /// What the file says.
    pub dashboard: Dashboard,
    /// The file, relative to the folder of dashboards.
    pub file: String,
    /// Whether it comes from the user's folder.
    pub is_own: bool,
    /// Differs when the text of the file does.
    pub revision: String,
}

/// A file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub file: String,
    /// Why.
    pub why: String,
}

impl Library {
    /// What is embedded, with the files of `folder` (`<app>/*.dashboard.toml`) in front of it.
    pub fn new(folder: Option<PathBuf>) -> Library {
        let mut shelf = Shelf::default();
        for (file, text) in FILES {
            shelf.put(file, text, false);
        }
        Library {
            embedded: Arc::new(shelf),
            folder,
            writing: Arc::default(),
        }
    }

    /// The user's folder.
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// Whether a dashboard of this id comes with the program.
    pub fn is_packaged(&self, id: &str) -> bool {
        self.embedded.dashboard(id).is_some()
    }

    /// Waits until no other file is being written.
    pub(crate) fn lock(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns everything there is now. Reads the user's folder.
    pub fn shelf(&self) -> Shelf {
        let mut shelf = Shelf::clone(&self.embedded);
        if let Some(folder) = &self.folder
            && let Err(error) = shelf.read(folder)
        {
            shelf.broken.push(Broken {
                file: folder.display().to_string(),
                why: format!("cannot read the folder of dashboards: {error}"),
            });
        }
        shelf
    }
}

impl Shelf {
    /// The dashboard with this id, `<app>/<name>`.
    pub fn dashboard(&self, id: &str) -> Option<&StoredDashboard> {
        let (app, name) = id.split_once('/')?;
        self.apps.get(app)?.dashboards.get(name)
    }

    fn read(&mut self, folder: &Path) -> io::Result<()> {
        for app in sorted(folder)?.into_iter().filter(|path| path.is_dir()) {
            for file in sorted(&app)? {
                let name = |path: &Path| {
                    path.file_name()
                        .map(|name| name.to_string_lossy().into_owned())
                };
                let (Some(app), Some(name)) = (name(&app), name(&file)) else {
                    continue;
                };
                if name == APP_FILE || name.ends_with(DASHBOARD_FILE) {
                    self.put(&format!("{app}/{name}"), &fs::read_to_string(&file)?, true);
                }
            }
        }
        Ok(())
    }

    /// Takes a file; what had its place before is replaced.
    fn put(&mut self, file: &str, text: &str, is_own: bool) {
        let Some((app, name)) = file.split_once('/') else {
            return;
        };
        let folder = self.apps.entry(app.to_owned()).or_default();
        let result = match name.strip_suffix(DASHBOARD_FILE) {
            Some(name) => Dashboard::parse(text).map(|dashboard| {
                let stored = StoredDashboard {
                    dashboard,
                    file: file.to_owned(),
                    is_own,
                    revision: revision(text),
                };
                folder.dashboards.insert(name.to_owned(), stored);
            }),
            None => App::parse(text).map(|app| folder.app = Some(app)),
        };
        if let Err(error) = result {
            self.broken.push(Broken {
                file: file.to_owned(),
                why: error.to_string(),
            });
        }
    }
}

fn revision(text: &str) -> String {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn sorted(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = entries.collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_embedded_is_right() {
        let shelf = Library::new(None).shelf();
        assert_eq!(shelf.broken, []);
        for (app, folder) in &shelf.apps {
            let listed = &folder.app.as_ref().unwrap().dashboards;
            let mut there: Vec<&String> = folder.dashboards.keys().collect();
            let mut wanted: Vec<&String> = listed.iter().collect();
            there.sort();
            wanted.sort();
            assert_eq!(there, wanted, "`dashboards` of {app}/app.toml");
            for stored in folder.dashboards.values() {
                let found = stored.dashboard.check();
                assert!(found.is_empty(), "{}: {found:#?}", stored.file);
                for link in stored
                    .dashboard
                    .panels
                    .iter()
                    .flat_map(|panel| &panel.links)
                {
                    let target = shelf.dashboard(&link.dashboard);
                    assert!(
                        target.is_some(),
                        "{} links to {}",
                        stored.file,
                        link.dashboard
                    );
                }
            }
        }
    }

    #[test]
    fn every_file_is_embedded() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../dashboards");
        let own = Library::new(Some(folder)).shelf();
        let embedded = Library::new(None).shelf();
        let names = |shelf: &Shelf| -> Vec<String> {
            let files = shelf.apps.values().flat_map(|app| app.dashboards.values());
            files.map(|stored| stored.file.clone()).collect()
        };
        assert_eq!(names(&own), names(&embedded), "`FILES` in embedded.rs");
    }
}
