//! The one view of the data: which rows exist now, in memory and in segments.
//!
//! Rows move through three places: *active* memory (still growing), *sealed* memory (being
//! written to segments) and segments. One lock guards all three, so that every snapshot holds
//! each row exactly once. Ingest publishes, seals and commits; everybody else takes snapshots.

mod lifecycle;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, RwLock};

use futures::future::BoxFuture;
use model::{Checkpoint, Clock, TimeRange, Timestamp};
use object_store::ObjectStore;

use crate::catalog::{Catalog, Commit, OriginIds};
use crate::disk::{self, Disk};
use crate::files::Files;
use crate::memory::Pieces;
use crate::segment::{measure_index, write_segments};
pub(crate) use lifecycle::blocking;

use crate::{
    Lookups, MemorySegment, Result, SegmentMeta, StorageError, StoreConfig, Table, metrics,
};

/// What the store holds for one table at one moment: each row exactly once.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Files.
    pub segments: Vec<Arc<SegmentMeta>>,
    /// Pieces in memory.
    pub memory: Vec<Arc<MemorySegment>>,
}

/// How much the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Segments of all tables.
    pub segments: usize,
    /// Events on disk and in memory.
    pub events: u64,
    /// Bytes of all segments.
    pub disk_bytes: u64,
    /// Rows of all tables in memory.
    pub memory_rows: u64,
    /// Bytes of all rows in memory.
    pub memory_bytes: u64,
}

/// What becomes visible together: the contents of one or more WAL frames.
#[derive(Debug, Default)]
pub struct Pending {
    /// The number of the last frame that these come from.
    pub frame: u64,
    /// Rows.
    pub pieces: Vec<MemorySegment>,
    /// Checkpoints, in order.
    pub checkpoints: Vec<Checkpoint>,
    /// Event ids with their times, by (source, origin).
    pub ids: Vec<((String, String), OriginIds)>,
    /// Idempotency keys with the number of events stored for them.
    pub keys: Vec<(String, u64)>,
}

/// Memory that no longer grows and waits to be written to segments.
#[derive(Debug)]
pub struct Sealed {
    pieces: Vec<Arc<MemorySegment>>,
    commit: Commit,
}

#[derive(Debug, Default)]
struct Memory {
    pieces: [Pieces; Table::ALL.len()],
    commit: Commit,
}

#[derive(Debug, Default)]
struct State {
    segments: Vec<Arc<SegmentMeta>>,
    /// Replaced or dropped, with the moment; their files are still there.
    retired: Vec<(Arc<SegmentMeta>, Timestamp)>,
    /// Files that turned out to be damaged.
    unreadable: HashSet<PathBuf>,
    active: Memory,
    sealed: Vec<Arc<MemorySegment>>,
    is_sealed: bool,
    newest: Option<Timestamp>,
}

#[derive(Debug)]
struct Inner {
    disk: Disk,
    data_dir: PathBuf,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    files: Arc<Files>,
    lookups: Lookups,
    state: RwLock<State>,
    /// Held while a flush writes files that no catalog row names yet.
    flushing: tokio::sync::Mutex<()>,
    /// Held while segments are merged, dropped or deleted.
    upkeep: tokio::sync::Mutex<()>,
    /// Whether a transaction has failed and may have happened all the same.
    is_uncertain: AtomicBool,
    /// Whether objects may have been written that no catalog row names.
    has_left_overs: AtomicBool,
    _lock: File,
}

/// The data of one node. Clones share it.
#[derive(Clone, Debug)]
pub struct Store(Arc<Inner>);

impl Store {
    /// Opens the store in `config.data_dir`, which is made if it is not there, and deletes
    /// files that were left unfinished.
    ///
    /// # Errors
    /// If the folder is in use, cannot be written, or the catalog cannot be read.
    pub fn open(config: StoreConfig, clock: Arc<dyn Clock>) -> BoxFuture<'static, Result<Store>> {
        Box::pin(async move { Store::open_on(Disk::default(), config, clock).await })
    }

    /// As [`Store::open`], on a disk that may be watched.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(
        disk: Disk,
        config: StoreConfig,
        clock: Arc<dyn Clock>,
    ) -> BoxFuture<'static, Result<Store>> {
        Box::pin(async move {
            let data_dir = &config.data_dir;
            disk.create_dir(data_dir)?;
            let lock = disk::lock_dir(data_dir)?;
            let data_dir = data_dir
                .canonicalize()
                .map_err(StorageError::io("find", data_dir))?;
            let catalog = match &config.catalog {
                Some(url) => Catalog::connect(url.as_str()).await?,
                None => Catalog::open(&data_dir.join("catalog.sqlite")).await?,
            };
            let mut segments = catalog.segments().await?;
            for segment in &mut segments {
                if segment.index_bytes.is_none() {
                    segment.index_bytes = Some(measure_index(&data_dir, segment)?);
                }
            }
            let files = Files::open(&config, data_dir.clone(), &segments)?;
            lifecycle::clean(&disk, &files, &catalog, &segments).await?;
            let segments: Vec<_> = segments.into_iter().map(Arc::new).collect();
            let newest = segments
                .iter()
                .filter(|segment| segment.table == Table::Events)
                .map(|segment| segment.time_max)
                .max();
            let lookups = Lookups::at(disk.clone(), data_dir.join("lookups"));
            Ok(Store(Arc::new(Inner {
                disk,
                lookups,
                data_dir,
                clock,
                catalog,
                files: Arc::new(files),
                state: RwLock::new(State {
                    segments,
                    newest,
                    ..State::default()
                }),
                flushing: tokio::sync::Mutex::default(),
                upkeep: tokio::sync::Mutex::default(),
                is_uncertain: AtomicBool::new(false),
                has_left_overs: AtomicBool::new(false),
                _lock: lock,
            })))
        })
    }

    /// Returns what `table` holds now and may lie inside `range`. Cheap.
    pub fn snapshot(&self, table: Table, range: TimeRange) -> Snapshot {
        let state = self.read();
        let segments = state
            .segments
            .iter()
            .filter(|segment| {
                segment.table == table
                    && range.overlaps_inclusive(segment.time_min, segment.time_max)
            })
            .cloned()
            .collect();
        let memory = state
            .sealed
            .iter()
            .filter(|piece| piece.table == table)
            .chain(state.active.pieces[table.index()].iter())
            .filter(|piece| piece.overlaps(range))
            .cloned()
            .collect();
        Snapshot { segments, memory }
    }

    /// The object store that the paths of segments are relative to. It only reads, and what it
    /// gives was checked.
    pub fn object_store(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.0.files) as Arc<dyn ObjectStore>
    }

    /// Whether segments rest in an object store.
    pub fn is_remote(&self) -> bool {
        self.0.files.remote().is_some()
    }

    /// The disk that everything is written to.
    pub fn disk(&self) -> &Disk {
        &self.0.disk
    }

    /// The folder that holds everything, as an absolute path.
    pub fn data_dir(&self) -> &Path {
        &self.0.data_dir
    }

    /// The clock that the store was opened with.
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.0.clock)
    }

    /// The catalog: checkpoints, event ids, the WAL's position.
    pub fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    /// The event time of the newest event that the store has seen.
    pub fn newest_event_time(&self) -> Option<Timestamp> {
        self.read().newest
    }

    /// The tables that queries look values up in.
    pub fn lookups(&self) -> &Lookups {
        &self.0.lookups
    }

    /// How much the store holds now.
    pub fn stats(&self) -> StoreStats {
        let state = self.read();
        let mut stats = StoreStats {
            segments: state.segments.len(),
            ..StoreStats::default()
        };
        for segment in &state.segments {
            stats.disk_bytes += segment.disk_bytes();
            if segment.table == Table::Events {
                stats.events += segment.rows;
            }
        }
        let active = state.active.pieces.iter().flat_map(Pieces::iter);
        for piece in state.sealed.iter().chain(active) {
            stats.memory_rows += piece.rows as u64;
            stats.memory_bytes += piece.bytes as u64;
            if piece.table == Table::Events {
                stats.events += piece.rows as u64;
            }
        }
        stats
    }

    /// Bytes and rows of memory that still grows.
    pub fn active_size(&self) -> (usize, usize) {
        let state = self.read();
        let pieces = &state.active.pieces;
        (
            pieces.iter().map(Pieces::bytes).sum(),
            pieces.iter().map(Pieces::rows).sum(),
        )
    }

    /// Bytes of all rows in memory, growing or waiting to be written.
    pub fn memory_bytes(&self) -> usize {
        let state = self.read();
        let active = state.active.pieces.iter().flat_map(Pieces::iter);
        state
            .sealed
            .iter()
            .chain(active)
            .map(|piece| piece.bytes)
            .sum()
    }

    /// Whether memory that still grows holds anything, rows or checkpoints.
    pub fn has_unflushed(&self) -> bool {
        self.read().active.commit.frame > 0
    }

    /// Makes rows visible that are safe in the WAL.
    ///
    /// # Errors
    /// If rows cannot be joined, which does not happen to rows of the right columns.
    pub fn publish(&self, pending: Pending) -> Result<()> {
        let mut state = self.write_state();
        let state = &mut *state;
        for piece in pending.pieces {
            if piece.table == Table::Events {
                state.newest = state.newest.max(Some(piece.time_max));
            }
            state.active.pieces[piece.table.index()].push(piece)?;
        }
        let commit = &mut state.active.commit;
        commit.frame = commit.frame.max(pending.frame);
        for checkpoint in pending.checkpoints {
            let origin = (checkpoint.source.clone(), checkpoint.origin.clone());
            commit.checkpoints.insert(origin, checkpoint);
        }
        for (origin, ids) in pending.ids {
            commit.ids.entry(origin).or_default().extend(ids);
        }
        commit.keys.extend(pending.keys);
        Ok(())
    }

    /// Ends the growth of what is in memory and returns it; rows stay visible. Returns `None`
    /// if there is nothing, or if sealed memory waits already.
    pub fn seal(&self) -> Option<Sealed> {
        let mut state = self.write_state();
        if state.is_sealed || state.active.commit.frame == 0 {
            return None;
        }
        let mut active = std::mem::take(&mut state.active);
        let pieces: Vec<_> = active.pieces.iter_mut().flat_map(Pieces::take).collect();
        state.sealed.clone_from(&pieces);
        state.is_sealed = true;
        Some(Sealed {
            pieces,
            commit: active.commit,
        })
    }

    /// Writes sealed memory to segments, commits them to the catalog together with checkpoints,
    /// event ids and the WAL's position, and lets segments take the memory's place in
    /// snapshots. Returns the last frame that is now in segments.
    ///
    /// # Errors
    /// If the disk or the catalog fails; the rows are still in the WAL and in memory then. If
    /// the failure is temporary ([`StorageError::is_temporary`]), the same can be tried again
    /// later; otherwise the node must stop.
    pub fn write<'a>(&'a self, sealed: &'a Sealed) -> BoxFuture<'a, Result<u64>> {
        Box::pin(async move {
            let _flushing = self.0.flushing.lock().await;
            let (disk, data_dir) = (self.0.disk.clone(), self.0.data_dir.clone());
            let pieces = sealed.pieces.clone();
            let now = self.0.clock.now();
            let segments = blocking(move || write_segments(&disk, &data_dir, &pieces, now)).await?;
            self.send(&segments).await?;
            let committed = self.0.catalog.commit(&segments, &sealed.commit, now).await;
            if committed.is_err() {
                // Whether the transaction has happened is not known for every error.
                self.0.is_uncertain.store(true, Ordering::Relaxed);
            }
            committed?;
            metrics::flushed(&segments);
            self.0.files.add(&segments);
            let mut state = self.write_state();
            state.segments.extend(segments.into_iter().map(Arc::new));
            state.sealed.clear();
            state.is_sealed = false;
            Ok(sealed.commit.frame)
        })
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.0
            .state
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write_state(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.0
            .state
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
