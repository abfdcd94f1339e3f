//! The one thread that writes the WAL: many batches, one fsync, then all are visible and
//! acknowledged.
//!
//! A failed write or fsync is final: whether the data is on disk is unknown, so nothing is
//! acknowledged any more. Only a full disk is not: what is queued waits for space, nothing new
//! is let in meanwhile, and then it goes on.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

use storage::wal::Wal;
use storage::{MemorySegment, Pending, StorageError, Store};
use tokio::sync::{oneshot, watch};

use crate::metrics;
use crate::room::Place;

/// Frames that one fsync covers, in bytes, at most (and at least one frame).
const GROUP_BYTES_MAX: usize = 16 << 20;

/// How often a full disk is tried again.
const DISK_FULL_RETRY: Duration = Duration::from_millis(50);

/// A batch on its way.
#[derive(Debug)]
pub(crate) struct Entry {
    /// The frame; empty if only the order matters: the answer follows all earlier entries.
    pub(crate) frame: Vec<u8>,
    /// What becomes visible when the frame is safe. Its frame number is filled in here.
    pub(crate) pending: Pending,
    /// Given back when the rows count as those of the store.
    pub(crate) place: Option<Place>,
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
    failure: Failure,
    is_disk_full: Arc<AtomicBool>,
}

/// The first failure that ended all writing, once there is one.
#[derive(Clone, Debug)]
struct Failure(watch::Sender<Option<String>>);

impl Failure {
    fn get(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Notes a failure, unless there was one: the first explains the others.
    fn set(&self, text: String) {
        self.0.send_if_modified(|first| {
            let is_first = first.is_none();
            first.get_or_insert(text);
            is_first
        });
    }
}

impl Journal {
    /// Starts the thread.
    pub(crate) fn start(
        wal: Wal,
        store: Store,
        published: impl Fn() + Send + 'static,
    ) -> std::io::Result<(Journal, thread::JoinHandle<()>)> {
        let (queue, tasks) = channel();
        let failure = Failure(watch::Sender::new(None));
        let journal = Journal {
            queue,
            failure: failure.clone(),
            is_disk_full: Arc::default(),
        };
        let mut writer = Writer {
            wal,
            store,
            group: VecDeque::new(),
            cut: None,
            is_stopping: false,
            is_disk_full: Arc::clone(&journal.is_disk_full),
        };
        let thread = thread::Builder::new()
            .name("wal".to_owned())
            .spawn(move || writer.run(&tasks, &failure, published))?;
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
            .unwrap_or_else(|| "the log is closed".to_owned())
    }

    /// Whether the log waits for space on the disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.is_disk_full.load(Ordering::Relaxed)
    }

    /// Whether the log has failed.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.0.borrow().is_some()
    }

    /// Returns the failure when there is one.
    pub(crate) fn failed(&self) -> impl Future<Output = String> + use<> {
        let mut failure = self.failure.0.subscribe();
        async move {
            match failure.wait_for(Option::is_some).await {
                Ok(text) => text.clone().unwrap_or_default(),
                // All senders have gone without a failure.
                Err(_) => std::future::pending().await,
            }
        }
    }

    /// Notes a failure elsewhere that must end all writing.
    pub(crate) fn fail(&self, failure: String) {
        self.failure.set(failure);
    }
}

/// What the thread works on.
struct Writer {
    wal: Wal,
    store: Store,
    /// Batches that are not safe yet, in order.
    group: VecDeque<Box<Entry>>,
    cut: Option<u64>,
    is_stopping: bool,
    is_disk_full: Arc<AtomicBool>,
}

impl Writer {
    fn run(&mut self, tasks: &Receiver<Task>, failure: &Failure, published: impl Fn()) {
        while !self.is_stopping {
            let Ok(task) = tasks.recv() else { return };
            self.take(task, tasks);
            while failure.get().is_none()
                && let Err(error) = self.write(&published)
            {
                if !error.is_disk_full() {
                    let text = describe(&error);
                    tracing::error!(
                        error = text,
                        "cannot write the log; nothing is taken any more"
                    );
                    failure.set(text);
                } else if self.is_stopping {
                    break;
                } else {
                    self.wait_for_space(tasks, &error);
                }
            }
            self.is_disk_full.store(false, Ordering::Relaxed);
            let reason = failure
                .get()
                .unwrap_or_else(|| "the disk is full".to_owned());
            for entry in self.group.drain(..) {
                answer(*entry, Err(reason.clone()));
            }
        }
    }

    /// Takes a task, and all that wait behind it as far as one fsync may cover them.
    fn take(&mut self, first: Task, tasks: &Receiver<Task>) {
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(task) = next {
            match task {
                Task::Append(entry) => {
                    bytes += entry.frame.len();
                    self.group.push_back(entry);
                }
                Task::Cut(committed) => self.cut = Some(committed),
                Task::Stop => self.is_stopping = true,
            }
            next = (bytes < GROUP_BYTES_MAX && !self.is_stopping)
                .then(|| tasks.try_recv().ok())
                .flatten();
        }
    }

    /// Sleeps, unless a task comes: behind a flush the log is cut, which makes space.
    fn wait_for_space(&mut self, tasks: &Receiver<Task>, error: &StorageError) {
        if !self.is_disk_full.swap(true, Ordering::Relaxed) {
            tracing::error!(
                error = describe(error),
                "the disk is full; nothing is taken until there is space"
            );
        }
        if let Ok(task) = tasks.recv_timeout(DISK_FULL_RETRY) {
            self.take(task, tasks);
        }
    }

    /// Writes the group, makes it durable, then visible, and acknowledges it. What the disk has
    /// no space for stays in the group.
    fn write(&mut self, published: impl Fn()) -> Result<(), StorageError> {
        if let Some(committed) = self.cut {
            self.wal.cut(committed)?;
            self.cut = None;
        }
        let mut written = 0;
        let mut has_frames = false;
        let mut full = None;
        for entry in &mut self.group {
            if !entry.frame.is_empty() {
                match self.wal.append(&entry.frame) {
                    Ok(number) => entry.pending.frame = number,
                    Err(error) if error.is_disk_full() => {
                        full = Some(error);
                        break;
                    }
                    Err(error) => return Err(error),
                }
                has_frames = true;
            }
            written += 1;
        }
        if has_frames {
            self.wal.sync()?;
            metrics::synced();
        }
        for mut entry in self.group.drain(..written) {
            self.store.publish(std::mem::take(&mut entry.pending))?;
            drop(entry.place.take());
            answer(*entry, Ok(()));
        }
        if written > 0 {
            published();
        }
        full.map_or(Ok(()), Err)
    }
}

/// Tells the sender of a batch what became of it.
fn answer(entry: Entry, result: Result<(), String>) {
    // The sender may have gone; its events are safe all the same.
    drop(entry.done.send(result));
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
        (storage::Table::Samples, record.samples),
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
