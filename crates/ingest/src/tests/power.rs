//! A disk that fails, and that loses power: what was not made durable is gone then.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use storage::disk::{Operation, Watch};

/// How many operations find a full disk.
const FULL_OPERATIONS: usize = 3;

/// What happens to the operation that is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Accident {
    /// It fails, alone.
    Fails,
    /// It fails for want of space, and so do the next that need some; then there is space.
    DiskFull,
    /// It fails, and all behind it; then [`Power::off`] takes back what was not durable.
    PowerLoss,
}

/// Watches a disk and makes its `nth` operation (from 1) meet an accident.
///
/// Files are numbered as they are made, so that one can be followed through its names. A link
/// to every file is kept aside, so that a deletion can be taken back.
#[derive(Debug)]
pub(super) struct Power {
    aside: tempfile::TempDir,
    accident: Accident,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    nth: usize,
    operations: usize,
    happened: Option<String>,
    refused: usize,
    free: Option<u64>,
    files: Vec<Durable>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    young_folders: Vec<PathBuf>,
}

/// How much of a file is durable.
#[derive(Clone, Copy, Debug, Default)]
struct Durable {
    bytes: u64,
}

impl Power {
    pub(super) fn new(nth: usize, accident: Accident) -> Power {
        Power {
            aside: tempfile::tempdir().unwrap(),
            accident,
            state: Mutex::new(State {
                nth,
                ..State::default()
            }),
        }
    }

    /// Pretends that this many bytes are free.
    pub(super) fn leave_free(&self, bytes: u64) {
        self.state.lock().unwrap().free = Some(bytes);
    }

    /// The operation that met the accident, in words.
    pub(super) fn happened(&self) -> Option<String> {
        self.state.lock().unwrap().happened.clone()
    }

    /// Lets the accident happen at the `nth` operation from now (from 1).
    pub(super) fn strike_after(&self, nth: usize) {
        let state = &mut *self.state.lock().unwrap();
        state.nth = state.operations + nth;
    }

    /// Takes back everything below `folder` that was not durable, as a power failure would.
    pub(super) fn off(&self) {
        let state = self.state.lock().unwrap();
        for path in state.names.keys() {
            if path.exists() {
                fs::remove_file(path).unwrap();
            }
        }
        for (path, file) in &state.durable_names {
            if state
                .young_folders
                .iter()
                .any(|young| path.starts_with(young))
            {
                continue;
            }
            let durable = state.files[*file];
            if durable.bytes > 0 {
                fs::copy(self.aside(*file), path).unwrap();
            }
            let mut options = fs::File::options();
            let kept = options.create(true).truncate(false).write(true).open(path);
            kept.unwrap().set_len(durable.bytes).unwrap();
        }
        for young in &state.young_folders {
            fs::remove_dir_all(young).unwrap();
        }
    }

    fn aside(&self, file: usize) -> PathBuf {
        self.aside.path().join(file.to_string())
    }

    /// Follows an operation that is going to succeed.
    fn follow(&self, state: &mut State, operation: Operation<'_>) -> io::Result<()> {
        match operation {
            Operation::CreateDir(path) => state.young_folders.push(path.to_owned()),
            Operation::Create(path) => {
                // An emptied file is as good as a new one: both may come back as nothing.
                state.files.push(Durable::default());
                state.names.insert(path.to_owned(), state.files.len() - 1);
                if path.exists() {
                    fs::remove_file(path)?;
                }
            }
            Operation::Write(..) => {}
            Operation::Truncate(path, bytes) => {
                // Files of an earlier life are durable and not followed.
                if let Some(file) = state.names.get(path) {
                    let durable = &mut state.files[*file];
                    durable.bytes = durable.bytes.min(bytes);
                }
            }
            Operation::Sync(path) => {
                if let Some(&file) = state.names.get(path) {
                    state.files[file].bytes = fs::metadata(path)?.len();
                    let aside = self.aside(file);
                    if !aside.exists() {
                        fs::hard_link(path, aside)?;
                    }
                }
            }
            Operation::SyncDir(folder) => {
                let is_in = |path: &Path| path.parent() == Some(folder);
                state.durable_names.retain(|path, _| !is_in(path));
                let names = state.names.iter().filter(|(path, _)| is_in(path));
                state
                    .durable_names
                    .extend(names.map(|(path, file)| (path.clone(), *file)));
                state.young_folders.retain(|young| !is_in(young));
            }
            Operation::Rename { from, to } => {
                if let Some(file) = state.names.remove(from) {
                    state.names.insert(to.to_owned(), file);
                }
            }
            Operation::Delete(path) => {
                state.names.remove(path);
            }
        }
        Ok(())
    }
}

impl Watch for Power {
    fn free_bytes(&self) -> Option<u64> {
        self.state.lock().unwrap().free
    }

    fn before(&self, operation: Operation<'_>) -> io::Result<()> {
        let state = &mut *self.state.lock().unwrap();
        state.operations += 1;
        let is_chosen = state.operations == state.nth;
        if is_chosen {
            state.happened = Some(describe(operation));
        }
        let has_happened = state.happened.is_some();
        let fails = match self.accident {
            Accident::Fails => is_chosen,
            Accident::DiskFull => {
                has_happened && needs_space(operation) && state.refused < FULL_OPERATIONS
            }
            Accident::PowerLoss => has_happened,
        };
        if !fails {
            return self.follow(state, operation);
        }
        state.refused += 1;
        if let Operation::Write(path, bytes) = operation {
            // A write that fails may have written a part.
            fs::File::options()
                .append(true)
                .open(path)?
                .write_all(&bytes[..bytes.len() / 2])?;
        }
        Err(match self.accident {
            Accident::DiskFull => io::ErrorKind::StorageFull.into(),
            Accident::Fails | Accident::PowerLoss => io::Error::other("an accident"),
        })
    }
}

fn needs_space(operation: Operation<'_>) -> bool {
    matches!(
        operation,
        Operation::CreateDir(_) | Operation::Create(_) | Operation::Write(..)
    )
}

/// The operation in words, without the bytes.
fn describe(operation: Operation<'_>) -> String {
    match operation {
        Operation::Write(path, bytes) => format!("write of {} bytes to {path:?}", bytes.len()),
        other => format!("{other:?}"),
    }
}
