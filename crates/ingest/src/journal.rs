//! The one thread that writes the WAL: many batches, one fsync, then all are visible and
//! acknowledged.
//!
//! A failed write or fsync is final: whether the data is on disk is unknown, so nothing is
//! acknowledged any more.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;

use storage::wal::Wal;
use storage::{MemorySegment, Pending, StorageError, Store};
use tokio::sync::oneshot;

use crate::metrics;

/// Frames that one fsync covers, in bytes, at most (and at least one frame).
const GROUP_BYTES_MAX: usize = 16 << 20;

/// A batch on its way.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The frame; empty if only the order matters: the answer follows all earlier entries.
    pub(crate) frame: Vec<u8>,
    /// What becomes visible when the frame is safe. Its frame number is filled in here.
    pub(crate) pending: Pending,
    /// Told when it is safe.
    pub(crate) done: oneshot::Sender<Result<(), String>>,
}

enum Task {
    Append(Box<Entry>),
    Cut(u64),
    Stop,
}

/// The queue to the thread. The thread ends when all queues are gone.
#[derive(Clone, Debug)]
pub(crate) struct Journal {
    queue: Sender<Task>,
    failure: Arc<OnceLock<String>>,
}

impl Journal {
    /// Starts the thread.
    pub(crate) fn start(
        wal: Wal,
        store: Store,
        published: impl Fn() + Send + 'static,
    ) -> std::io::Result<(Journal, thread::JoinHandle<()>)> {
        let (queue, tasks) = channel();
        let failure = Arc::new(OnceLock::new());
        let journal = Journal {
            queue,
            failure: Arc::clone(&failure),
        };
        let thread = thread::Builder::new()
            .name("wal".to_owned())
            .spawn(move || run(wal, &store, &tasks, &failure, published))?;
        Ok((journal, thread))
    }

    /// Queues a batch.
    pub(crate) fn append(&self, entry: Entry) -> Result<(), String> {
        self.queue
            .send(Task::Append(Box::new(entry)))
            .map_err(|_| self.failure())
    }

    /// Deletes what lies at or before a frame that is in segments.
    pub(crate) fn cut(&self, committed: u64) -> Result<(), String> {
        self.queue
            .send(Task::Cut(committed))
            .map_err(|_| self.failure())
    }

    /// Ends the thread, after everything that is queued.
    pub(crate) fn stop(&self) {
        // If the thread has ended already, that is what was wanted.
        drop(self.queue.send(Task::Stop));
    }

    /// Why nothing is taken any more.
    pub(crate) fn failure(&self) -> String {
        self.failure
            .get()
            .cloned()
            .unwrap_or_else(|| "the log is closed".to_owned())
    }

    /// Whether the log has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Notes a failure elsewhere that must end all writing.
    pub(crate) fn fail(&self, failure: String) {
        // The first failure is the one that explains the others.
        drop(self.failure.set(failure));
    }
}

fn run(
    mut wal: Wal,
    store: &Store,
    tasks: &Receiver<Task>,
    failure: &OnceLock<String>,
    published: impl Fn(),
) {
    while let Ok(first) = tasks.recv() {
        let mut group = Vec::new();
        let mut cut = None;
        let mut bytes = 0;
        let mut is_stopping = false;
        let mut next = Some(first);
        while let Some(task) = next {
            match task {
                Task::Append(entry) => {
                    bytes += entry.frame.len();
                    group.push(entry);
                }
                Task::Cut(committed) => cut = Some(committed),
                Task::Stop => is_stopping = true,
            }
            next = (bytes < GROUP_BYTES_MAX && !is_stopping)
                .then(|| tasks.try_recv().ok())
                .flatten();
        }
        let result = match failure.get() {
            Some(failure) => Err(failure.clone()),
            None => write(&mut wal, store, &mut group, cut).map_err(|error| {
                let text = describe(&error);
                tracing::error!(%error, "cannot write the log; nothing is taken any more");
                failure.get_or_init(|| text).clone()
            }),
        };
        if result.is_ok() && !group.is_empty() {
            published();
        }
        for entry in group {
            // The sender may have gone; its events are safe all the same.
            drop(entry.done.send(result.clone()));
        }
        if is_stopping {
            return;
        }
    }
}

fn write(
    wal: &mut Wal,
    store: &Store,
    group: &mut [Box<Entry>],
    cut: Option<u64>,
) -> Result<(), StorageError> {
    let mut is_written = false;
    for entry in group.iter_mut().filter(|entry| !entry.frame.is_empty()) {
        entry.pending.frame = wal.append(&entry.frame)?;
        is_written = true;
    }
    if is_written {
        wal.sync()?;
        metrics::synced();
    }
    for entry in group {
        store.publish(std::mem::take(&mut entry.pending))?;
    }
    if let Some(committed) = cut {
        wal.cut(committed)?;
    }
    Ok(())
}

/// The error with its causes, in one line.
pub(crate) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Turns a record of the log into what becomes visible.
pub(crate) fn pending(frame: u64, record: storage::wal::Record) -> Result<Pending, StorageError> {
    let mut pending = Pending {
        frame,
        ..Pending::default()
    };
    let tables = [
        (storage::Table::Events, record.events),
        (storage::Table::Invocations, record.invocations),
    ];
    for (table, batches) in tables {
        pending.pieces.extend(MemorySegment::new(table, batches)?);
    }
    pending.checkpoints.extend(record.checkpoint);
    if let Some(origin) = record.origin
        && !record.ids.is_empty()
    {
        pending.ids.push((origin, record.ids));
    }
    pending
        .keys
        .extend(record.idempotency_key.map(|key| (key, record.stored)));
    Ok(pending)
}
