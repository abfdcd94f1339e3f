//! Dashboards that are saved from the UI: a file in the user's folder, written whole or not at all, and only over
//! what its writer has read.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use crate::library::{DASHBOARD_FILE, Library, StoredDashboard};
use crate::{Dashboard, Problem};

/// Letters of the name of an app or a dashboard at most.
const NAME_MAX: usize = 64;
/// Bytes of a file at most.
const FILE_BYTES_MAX: usize = 1 << 20;

/// Why a dashboard was not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The id cannot be the name of a file.
    #[error(
        "`{0}` cannot be the id of a dashboard; write app/name, each of at most {NAME_MAX} letters, digits, `-` and `_`"
    )]
    Id(String),
    /// There is no folder to save to.
    #[error(
        "dashboards cannot be saved: name a folder with `dashboards_dir` in `[content]` of the configuration"
    )]
    NoFolder,
    /// It is not what was read.
    #[error("`{0}` has been changed since it was read; nothing was saved, load it again")]
    Changed(String),
    /// There is none, or it comes with the program.
    #[error("no saved dashboard is called `{0}`; the packaged ones cannot be removed")]
    NotSaved(String),
    /// The file that would be replaced has a mistake.
    #[error("{file} cannot be read, and is not overwritten: {why}")]
    Broken {
        /// The file, relative to the folder.
        file: String,
        /// Its mistake.
        why: String,
    },
    /// It would not work.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
    /// It is too long, or has something that no file can hold.
    #[error("the dashboard cannot be written as a file of at most {FILE_BYTES_MAX} bytes: {0}")]
    Unwritable(String),
    /// The disk.
    #[error("cannot write {file} in the folder of dashboards: {source}")]
    Io {
        /// The file, relative to the folder.
        file: String,
        /// What the system says.
        source: io::Error,
    },
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(Problem::to_string).collect();
    lines.join("\n")
}

impl Library {
    /// Saves a dashboard to the user's folder and returns it as it is kept. `revision` is that of the one that was
    /// read; without it, there must be none. A packaged dashboard is not changed: the file takes its place.
    ///
    /// # Errors
    /// If it has been changed since, would not work, or cannot be written; nothing is changed then.
    pub fn save(
        &self,
        id: &str,
        revision: Option<&str>,
        dashboard: &Dashboard,
    ) -> Result<StoredDashboard, SaveError> {
        let file = file_of(id)?;
        let folder = self.folder().ok_or(SaveError::NoFolder)?;
        let problems = dashboard.check();
        if !problems.is_empty() {
            return Err(SaveError::Problems(problems));
        }
        let text = text_of(dashboard)?;
        let _writing = self.lock();
        self.compare(id, &file, revision)?;
        let failed = |source| SaveError::Io {
            file: file.clone(),
            source,
        };
        replace(&folder.join(&file), &text).map_err(failed)?;
        let saved = self.shelf().dashboard(id).cloned();
        saved.ok_or_else(|| SaveError::Changed(id.to_owned()))
    }

    /// Removes a saved dashboard; the packaged one of the same id takes its place again.
    ///
    /// # Errors
    /// If it is not in the user's folder, has been changed since it was read, or cannot be removed.
    pub fn remove(&self, id: &str, revision: &str) -> Result<(), SaveError> {
        let file = file_of(id)?;
        let folder = self.folder().ok_or(SaveError::NoFolder)?;
        let _writing = self.lock();
        let is_saved = |stored: &StoredDashboard| stored.is_own;
        if !self.shelf().dashboard(id).is_some_and(is_saved) {
            return Err(SaveError::NotSaved(id.to_owned()));
        }
        self.compare(id, &file, Some(revision))?;
        fs::remove_file(folder.join(&file)).map_err(|source| SaveError::Io { file, source })
    }

    fn compare(&self, id: &str, file: &str, revision: Option<&str>) -> Result<(), SaveError> {
        let shelf = self.shelf();
        if let Some(broken) = shelf.broken.iter().find(|broken| broken.file == file) {
            return Err(SaveError::Broken {
                file: file.to_owned(),
                why: broken.why.clone(),
            });
        }
        let kept = shelf.dashboard(id).map(|stored| stored.revision.as_str());
        match kept == revision {
            true => Ok(()),
            false => Err(SaveError::Changed(id.to_owned())),
        }
    }
}

fn text_of(dashboard: &Dashboard) -> Result<String, SaveError> {
    let unwritable = |why: String| SaveError::Unwritable(why);
    let text = dashboard
        .to_file()
        .map_err(|error| unwritable(error.to_string()))?;
    if text.len() > FILE_BYTES_MAX {
        return Err(unwritable(format!("it has {} bytes", text.len())));
    }
    match Dashboard::parse(&text) {
        Ok(read) if read == *dashboard => Ok(text),
        Ok(_) => Err(unwritable("it would read differently".to_owned())),
        Err(error) => Err(unwritable(error.to_string())),
    }
}

fn file_of(id: &str) -> Result<String, SaveError> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_name = |name: &str| (1..=NAME_MAX).contains(&name.len()) && name.chars().all(is_letter);
    match id.split_once('/') {
        Some((app, name)) if is_name(app) && is_name(name) => Ok(format!("{id}{DASHBOARD_FILE}")),
        _ => Err(SaveError::Id(id.to_owned())),
    }
}

/// Writes beside the file and renames, so that a reader sees the old text or the new one.
fn replace(file: &Path, text: &str) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let beside = file.with_extension("new");
    let mut writer = File::create(&beside)?;
    writer.write_all(text.as_bytes())?;
    writer.sync_all()?;
    fs::rename(&beside, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OVERVIEW: &str = "serverless-overview/overview";

    fn dashboard(title: &str) -> Dashboard {
        Dashboard::parse(&format!("title = \"{title}\"")).unwrap()
    }

    #[test]
    fn only_what_was_read_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(Some(folder.path().to_owned()));
        let first = library.save("own/orders", None, &dashboard("a")).unwrap();
        assert!(first.is_own);
        let again = library.save("own/orders", None, &dashboard("b"));
        assert!(matches!(again, Err(SaveError::Changed(_))), "{again:?}");
        let revision = Some(first.revision.as_str());
        let second = library
            .save("own/orders", revision, &dashboard("b"))
            .unwrap();
        let late = library.save("own/orders", revision, &dashboard("c"));
        assert!(matches!(late, Err(SaveError::Changed(_))), "{late:?}");
        assert_eq!(second.dashboard.title, "b");
        let files = fs::read_dir(folder.path().join("own")).unwrap().count();
        assert_eq!(files, 1);
    }

    #[test]
    fn a_saved_dashboard_stands_before_the_packaged_one_until_it_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(Some(folder.path().to_owned()));
        let packaged = library.shelf().dashboard(OVERVIEW).cloned().unwrap();
        let refused = library.remove(OVERVIEW, &packaged.revision);
        assert!(
            matches!(refused, Err(SaveError::NotSaved(_))),
            "{refused:?}"
        );
        let saved = library
            .save(OVERVIEW, Some(&packaged.revision), &dashboard("ours"))
            .unwrap();
        assert_eq!(library.shelf().dashboard(OVERVIEW), Some(&saved));
        library.remove(OVERVIEW, &saved.revision).unwrap();
        assert_eq!(library.shelf().dashboard(OVERVIEW), Some(&packaged));
    }

    #[test]
    fn ids_stay_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(Some(folder.path().join("inner")));
        for id in [
            "orders", "../a", "a/../b", "a/b/c", "a/", "/a", "a/b.c", "a/ü",
        ] {
            let saved = library.save(id, None, &dashboard("a"));
            assert!(matches!(saved, Err(SaveError::Id(_))), "{id}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_would_not_work_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let library = Library::new(Some(folder.path().to_owned()));
        let unused = Dashboard::parse("title = \"a\"\n[queries.q]\ntext = \"*\"\n").unwrap();
        let error = library.save("own/a", None, &unused).unwrap_err();
        assert_eq!(error.to_string(), "query q: no panel shows it");
    }

    #[test]
    fn a_file_with_a_mistake_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("own")).unwrap();
        fs::write(folder.path().join("own/a.dashboard.toml"), "titel = 1").unwrap();
        let library = Library::new(Some(folder.path().to_owned()));
        let error = library.save("own/a", None, &dashboard("a")).unwrap_err();
        assert!(matches!(error, SaveError::Broken { .. }), "{error}");
    }
}
