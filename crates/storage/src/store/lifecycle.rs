//! The end of segments: replaced in one catalog transaction, kept while somebody may read them,
//! deleted, forgotten.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::BoxFuture;
use model::duration;
use tokio::sync::MutexGuard;

use super::Store;
use crate::catalog::{Catalog, Retired};
use crate::disk::Disk;
use crate::files::{Files, Pin};
use crate::{Result, SegmentMeta, StorageError, metrics, orphans};

impl Store {
    /// Waits until nobody else merges, drops or deletes.
    pub(crate) async fn upkeep(&self) -> MutexGuard<'_, ()> {
        self.0.upkeep.lock().await
    }

    /// The segments whose rows count.
    pub fn live_segments(&self) -> Vec<Arc<SegmentMeta>> {
        self.read().segments.clone()
    }

    /// Those of them that have not turned out to be damaged.
    pub(crate) fn readable_segments(&self) -> Vec<Arc<SegmentMeta>> {
        let state = self.read();
        let is_readable = |segment: &&Arc<SegmentMeta>| {
            let path = self.0.data_dir.join(segment.path.as_ref());
            !state.unreadable.contains(&path)
        };
        state.segments.iter().filter(is_readable).cloned().collect()
    }

    /// Remembers which file an error is about, so that it does not keep others from being merged.
    pub(crate) fn note_unreadable(&self, error: &StorageError) {
        if let StorageError::Unreadable { path, .. } | StorageError::Damaged { path, .. } = error {
            if self.0.files.discard(path) {
                return;
            }
            tracing::error!(path = %path.display(), "a segment cannot be read and is left out of merges");
            self.write_state().unreadable.insert(path.clone());
        }
    }

    /// Lets `new` take the place of `old`, in the catalog and then in snapshots. The files of
    /// `old` stay until [`Store::delete_unneeded`]. The caller holds [`Store::upkeep`].
    pub(crate) async fn replace(
        &self,
        old: &[Arc<SegmentMeta>],
        new: Vec<SegmentMeta>,
    ) -> Result<()> {
        let now = self.0.clock.now();
        let ids: Vec<String> = old.iter().map(|segment| segment.id.clone()).collect();
        if let Err(error) = self.0.catalog.replace(&ids, &new, now).await {
            // Whether the transaction has happened is not known for every error.
            self.0.is_uncertain.store(true, Ordering::Relaxed);
            return Err(error);
        }
        self.0.files.add(&new);
        let ids: HashSet<String> = ids.into_iter().collect();
        let mut state = self.write_state();
        let (retired, kept) = std::mem::take(&mut state.segments)
            .into_iter()
            .partition(|segment| ids.contains(&segment.id));
        state.segments = kept;
        state.segments.extend(new.into_iter().map(Arc::new));
        let retired: Vec<Arc<SegmentMeta>> = retired;
        state
            .retired
            .extend(retired.into_iter().map(|segment| (segment, now)));
        Ok(())
    }

    /// After a transaction whose outcome is not known: takes the catalog's word for which
    /// segments there are.
    ///
    /// # Errors
    /// If the catalog cannot be read.
    pub fn agree_with_catalog(&self) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            if !self.0.is_uncertain.load(Ordering::Relaxed) {
                return Ok(());
            }
            let _upkeep = self.upkeep().await;
            let _flushing = self.0.flushing.lock().await;
            let live = self.0.catalog.segments().await?;
            let retired = self.0.catalog.retired().await?;
            self.0.files.add(&live);
            let mut state = self.write_state();
            let known: HashMap<String, Arc<SegmentMeta>> = state
                .segments
                .iter()
                .chain(state.retired.iter().map(|(segment, _)| segment))
                .map(|segment| (segment.id.clone(), Arc::clone(segment)))
                .collect();
            // Snapshots may hold them: what is known keeps its place in memory.
            let shared = |segment: SegmentMeta| match known.get(&segment.id) {
                Some(known) => Arc::clone(known),
                None => Arc::new(segment),
            };
            state.segments = live.into_iter().map(shared).collect();
            state.retired = retired
                .into_iter()
                .map(|retired| (shared(retired.segment), retired.at))
                .collect();
            drop(state);
            self.0.has_left_overs.store(true, Ordering::Relaxed);
            self.0.is_uncertain.store(false, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Deletes the files of segments that were replaced or dropped at least `grace` ago and
    /// that no snapshot holds, and files that no catalog row names.
    ///
    /// # Errors
    /// If the disk or the catalog fail; what is left is deleted the next time.
    pub fn delete_unneeded(&self, grace: Duration) -> BoxFuture<'_, Result<()>> {
        Box::pin(async move {
            let _upkeep = self.upkeep().await;
            let due = self.due(grace);
            if !due.is_empty() {
                self.delete_retired(due).await?;
            }
            // While a flush writes, its files are unknown and needed.
            let Ok(_flushing) = self.0.flushing.try_lock() else {
                return Ok(());
            };
            if self.0.is_uncertain.load(Ordering::Relaxed) {
                return Ok(());
            }
            let known: Vec<String> = {
                let state = self.read();
                let retired = state.retired.iter().map(|(segment, _)| segment);
                let all = state.segments.iter().chain(retired);
                all.map(|segment| segment.id.clone()).collect()
            };
            if let Some(remote) = self.0.files.remote()
                && self.0.has_left_overs.load(Ordering::Relaxed)
            {
                let known = known.iter().map(String::as_str).collect();
                metrics::deleted(orphans::delete_remote(remote, &known).await?);
                self.0.has_left_overs.store(false, Ordering::Relaxed);
            }
            let store = self.clone();
            let deleted = blocking(move || {
                let known = known.iter().map(String::as_str).collect();
                orphans::delete(&store.0.disk, &store.0.data_dir, &known)
            });
            metrics::deleted(deleted.await?);
            Ok(())
        })
    }

    fn due(&self, grace: Duration) -> Vec<Arc<SegmentMeta>> {
        let latest = self
            .0
            .clock
            .now()
            .saturating_add_nanos(-duration::nanos(grace));
        let state = self.read();
        let due = state.retired.iter().filter(|(segment, at)| {
            // One count is the list's own; more are snapshots'.
            *at <= latest && Arc::strong_count(segment) == 1
        });
        due.map(|(segment, _)| Arc::clone(segment)).collect()
    }

    async fn delete_retired(&self, due: Vec<Arc<SegmentMeta>>) -> Result<()> {
        let ids: Vec<String> = due.iter().map(|segment| segment.id.clone()).collect();
        let due = due
            .iter()
            .map(|segment| SegmentMeta::clone(segment))
            .collect();
        self.0.files.delete(&self.0.disk, due).await?;
        self.0.catalog.forget(&ids).await?;
        metrics::deleted(ids.len());
        let ids: HashSet<String> = ids.into_iter().collect();
        self.write_state()
            .retired
            .retain(|(segment, _)| !ids.contains(&segment.id));
        Ok(())
    }

    /// Makes the files of new segments durable where they rest, before the catalog names them.
    pub(crate) async fn send(&self, segments: &[SegmentMeta]) -> Result<()> {
        let sent = self.0.files.send(segments).await;
        if sent.is_err() {
            self.0.has_left_overs.store(true, Ordering::Relaxed);
        }
        sent
    }

    /// Lets the whole files of `segments` be found below the data folder, as long as the answer
    /// lives; only segments in an object store need it.
    ///
    /// # Errors
    /// If the object store or the disk fail.
    pub(crate) async fn fetch(&self, segments: &[Arc<SegmentMeta>]) -> Result<Vec<Pin>> {
        let fetched = self.0.files.bring(segments).await;
        fetched.inspect_err(|error| self.note_unreadable(error))
    }

    /// Lets the text index of `segment` be found below the data folder, for now; only segments
    /// in an object store need it.
    ///
    /// # Errors
    /// If the object store or the disk fail.
    pub fn fetch_index<'a>(&'a self, segment: &'a SegmentMeta) -> BoxFuture<'a, Result<()>> {
        Box::pin(self.0.files.bring_index(segment))
    }
}

/// What the start does: nobody reads what was replaced before, and whatever the catalog does
/// not name was never finished.
pub(super) async fn clean(
    disk: &Disk,
    files: &Files,
    catalog: &Catalog,
    live: &[SegmentMeta],
) -> Result<()> {
    if let Some(remote) = files.remote() {
        remote.claim(&catalog.store_id().await?).await?;
    }
    let retired: Vec<Retired> = catalog.retired().await?;
    let segments: Vec<SegmentMeta> = retired.into_iter().map(|retired| retired.segment).collect();
    let ids: Vec<String> = segments.iter().map(|segment| segment.id.clone()).collect();
    if !ids.is_empty() {
        files.delete(disk, segments).await?;
        catalog.forget(&ids).await?;
    }
    let known = live.iter().map(|segment| segment.id.as_str()).collect();
    orphans::delete(disk, files.data_dir(), &known)?;
    match files.remote() {
        Some(remote) => orphans::delete_remote(remote, &known).await.map(drop),
        None => Ok(()),
    }
}

/// Runs work on files where it may take its time.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
