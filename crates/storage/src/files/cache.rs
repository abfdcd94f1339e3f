//! Which files on the local disk are only copies, and which of them go when they are too many:
//! those that nobody has read for the longest time.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// When there are too many, so much is kept, in percent, so that not every read has to look.
const KEPT_PERCENT: u64 = 90;

/// Copies of what lies in the object store, bounded in bytes. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    bytes_max: u64,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    copies: HashMap<PathBuf, Copy>,
    bytes: u64,
    reads: u64,
}

#[derive(Clone, Debug, Default)]
struct Copy {
    bytes: u64,
    /// The number of the last read.
    read: u64,
    /// By how many it must not be deleted now.
    pins: usize,
}

/// A copy that stays as long as this lives.
#[derive(Debug)]
pub(crate) struct Pin {
    cache: Cache,
    path: PathBuf,
}

impl Drop for Pin {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        if let Some(copy) = state.copies.get_mut(&self.path) {
            copy.pins = copy.pins.saturating_sub(1);
        }
    }
}

impl Cache {
    /// Returns a cache of at most `bytes_max` bytes, in which `copies` lie already, the one read
    /// last at the end.
    pub(super) fn new(bytes_max: u64, copies: Vec<(PathBuf, u64)>) -> Cache {
        let cache = Cache {
            bytes_max,
            state: Arc::default(),
        };
        for (path, bytes) in copies {
            cache.add(path, bytes);
        }
        cache
    }

    /// A copy was made. Others may be deleted for it.
    pub(super) fn add(&self, path: PathBuf, bytes: u64) {
        let mut state = self.lock();
        state.reads += 1;
        let read = state.reads;
        let copy = state.copies.entry(path).or_default();
        let before = std::mem::replace(&mut copy.bytes, bytes);
        copy.read = read;
        state.bytes = state.bytes - before + bytes;
        if state.bytes > self.bytes_max {
            state.shrink(self.bytes_max / 100 * KEPT_PERCENT);
        }
    }

    /// A copy was read.
    pub(super) fn touch(&self, path: &Path) {
        let state = &mut *self.lock();
        if let Some(copy) = state.copies.get_mut(path) {
            state.reads += 1;
            copy.read = state.reads;
        }
    }

    /// Keeps a copy that is there, or that is about to be made, from being deleted.
    pub(super) fn pin(&self, path: &Path) -> Pin {
        let mut state = self.lock();
        state.copies.entry(path.to_owned()).or_default().pins += 1;
        Pin {
            cache: self.clone(),
            path: path.to_owned(),
        }
    }

    /// Somebody else has deleted what is at `path` or below.
    pub(super) fn forget(&self, path: &Path) {
        let mut state = self.lock();
        let mut gone = 0;
        state.copies.retain(|known, copy| {
            let stays = !known.starts_with(path);
            gone += if stays { 0 } else { copy.bytes };
            stays
        });
        state.bytes -= gone;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn shrink(&mut self, bytes: u64) {
        let mut oldest: Vec<(u64, PathBuf)> = self
            .copies
            .iter()
            .filter(|(_, copy)| copy.pins == 0)
            .map(|(path, copy)| (copy.read, path.clone()))
            .collect();
        oldest.sort_unstable();
        for (_, path) in oldest {
            if self.bytes <= bytes {
                return;
            }
            // What cannot be deleted is forgotten all the same: the next start finds it.
            if let Err(error) = fs::remove_file(&path) {
                tracing::debug!(path = %path.display(), %error, "cannot delete a copy");
            }
            let copy = self.copies.remove(&path);
            self.bytes -= copy.map_or(0, |copy| copy.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(cache: &Cache, folder: &Path, name: &str, bytes: u64) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, vec![0; bytes as usize]).unwrap();
        cache.add(path.clone(), bytes);
        path
    }

    #[test]
    fn the_copies_read_last_stay_and_all_of_them_are_few() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::new(1_000, Vec::new());
        let first = put(&cache, folder.path(), "first", 400);
        let second = put(&cache, folder.path(), "second", 400);
        cache.touch(&first);
        let third = put(&cache, folder.path(), "third", 400);
        assert!(first.exists() && third.exists() && !second.exists());
        let pin = cache.pin(&first);
        let large = put(&cache, folder.path(), "large", 900);
        assert!(first.exists(), "what is pinned stays");
        assert!(
            !third.exists() && !large.exists(),
            "nothing else can make room"
        );
        drop(pin);
        let last = put(&cache, folder.path(), "last", 700);
        assert!(last.exists() && !first.exists());
        assert_eq!(cache.lock().bytes, 700);
    }

    #[test]
    fn what_others_deleted_is_not_counted() {
        let folder = tempfile::tempdir().unwrap();
        let known = vec![(folder.path().join("a/1"), 7), (folder.path().join("b"), 5)];
        let cache = Cache::new(100, known);
        cache.forget(&folder.path().join("a"));
        assert_eq!(cache.lock().bytes, 5);
    }
}
