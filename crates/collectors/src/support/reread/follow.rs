//! Follows one origin: reads the windows that its cursor names, page by page, and hands each
//! page over with the checkpoint that it makes true.

use std::sync::Arc;
use std::time::Duration;

use model::{Checkpoint, EventBatch, LogEvent};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::cursor::{Cursor, Held, Position, Window};
use super::{Origin, Page, Settings};
use crate::error::Result;
use crate::sources::Context;
use crate::support::backoff::Backoff;
use crate::support::refusal::Refusal;
use crate::support::turn::{BACKOFF_BASE, BACKOFF_CAP, in_turn};

/// A window is begun again at most so often because its page token went bad.
const RESTARTS_MAX: usize = 5;
/// An idle origin is polled at most so many times more seldom when requests are short.
const STRETCH_MAX: u32 = 12;

/// What all origins of a source share.
#[derive(Clone)]
pub(crate) struct Shared {
    /// The source's name.
    pub(crate) source: String,
    pub(crate) poll_interval: Duration,
    /// How many pages may be in memory at once.
    pub(crate) pages: Arc<Semaphore>,
    pub(crate) context: Context,
}

/// Why following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The node stops.
    Stopped,
    /// The origin does not exist any more.
    Missing,
}

/// One origin being followed.
pub(crate) struct Follower<O> {
    shared: Shared,
    origin: O,
    cursor: Cursor,
    saved: Option<Position>,
    backoff: Backoff,
    idle_reads: u32,
    is_short_of_requests: bool,
}

/// How reading a window ended, if not well.
enum Trouble {
    Stopped,
    Refused(Refusal),
    Fatal(crate::CollectorsError),
}

impl<O: Origin> Follower<O> {
    pub(crate) fn new(
        shared: Shared,
        origin: O,
        settings: Settings,
        saved: Option<Position>,
    ) -> Self {
        let now = shared.context.clock.now();
        Follower {
            cursor: Cursor::new(settings, saved.clone(), now),
            backoff: Backoff::new(BACKOFF_BASE, BACKOFF_CAP),
            saved,
            origin,
            shared,
            idle_reads: 0,
            is_short_of_requests: false,
        }
    }

    /// Reads until the node stops or the origin is gone. Other trouble is shown and waited out.
    ///
    /// # Errors
    /// Only if the sink failed.
    pub(crate) async fn follow(mut self) -> Result<End> {
        self.shared
            .context
            .monitor
            .add_origin(self.origin.key(), self.origin.name());
        loop {
            let due = Instant::now() + self.interval();
            match self.round(due).await {
                Ok(()) => {
                    self.backoff.reset();
                    let wait = due.saturating_duration_since(Instant::now());
                    if !self.shared.context.pause(wait).await {
                        return Ok(End::Stopped);
                    }
                }
                Err(Trouble::Stopped) => return Ok(End::Stopped),
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Refused(Refusal::Missing(_))) => {
                    self.shared.context.monitor.remove_origin(self.origin.key());
                    return Ok(End::Missing);
                }
                Err(Trouble::Refused(refusal)) => {
                    let context = &self.shared.context;
                    let problem = refusal.text().to_owned();
                    context
                        .monitor
                        .origin_failed(self.origin.key(), problem, context.clock.now());
                    let wait = self.backoff.after_failure();
                    if !self.shared.context.pause(wait).await {
                        return Ok(End::Stopped);
                    }
                }
            }
        }
    }

    /// Reads up to the present, then at least one window of what else there is to do.
    async fn round(&mut self, due: Instant) -> std::result::Result<(), Trouble> {
        let head = self.cursor.next_head(self.shared.context.clock.now());
        let stored = self.read(&head).await?;
        self.idle_reads = if stored > 0 {
            0
        } else {
            self.idle_reads.saturating_add(1)
        };
        while let Some(chore) = self.cursor.next_chore(self.shared.context.clock.now()) {
            self.read(&chore).await?;
            if Instant::now() >= due {
                break;
            }
        }
        Ok(())
    }

    fn interval(&self) -> Duration {
        let stretch = if self.is_short_of_requests {
            self.idle_reads.clamp(1, STRETCH_MAX)
        } else {
            1
        };
        self.shared.poll_interval * stretch
    }

    /// Reads all pages of a window. Returns how many events were new.
    async fn read(&mut self, window: &Window) -> std::result::Result<usize, Trouble> {
        let mut token: Option<String> = None;
        let mut held = Held::default();
        let mut stored = 0;
        let mut restarts = 0;
        loop {
            let pages = Arc::clone(&self.shared.pages);
            let permit = pages.acquire().await.map_err(|_| Trouble::Stopped)?;
            let page = match self.page(window, token.clone()).await {
                Err(Trouble::Refused(Refusal::BadToken(_)))
                    if token.is_some() && restarts < RESTARTS_MAX =>
                {
                    token = None;
                    held = Held::default();
                    restarts += 1;
                    continue;
                }
                other => other?,
            };
            held.pages += 1;
            held.events += page.events.len();
            let is_last = page.next_token.is_none();
            stored += self
                .hand_over(window, page.events, is_last.then_some(held))
                .await?;
            drop(permit);
            token = page.next_token;
            if is_last {
                break;
            }
        }
        let position = self.cursor.position();
        if window.is_head() {
            self.shared.context.monitor.origin_read(
                self.origin.key(),
                window.began(),
                model::Timestamp::from_millis(position.low_ms),
                self.cursor.history_left_ms(),
            );
        }
        Ok(stored)
    }

    /// Fetches a page, in turn with all others; throttling is waited out.
    async fn page(
        &mut self,
        window: &Window,
        token: Option<String>,
    ) -> std::result::Result<Page<O::Raw>, Trouble> {
        let call = || self.origin.page(window, token.clone());
        let answered = in_turn(&self.shared.context, self.origin.budget(), call).await;
        let answered = answered.map_err(Trouble::Refused)?;
        let answered = answered.ok_or(Trouble::Stopped)?;
        self.is_short_of_requests = answered.waited > self.shared.poll_interval / 2;
        Ok(answered.answer)
    }

    /// Hands a page over. Only the last page of a window carries a checkpoint: before, there
    /// may be events in the window that nobody has. `finished` comes with the last page.
    async fn hand_over(
        &mut self,
        window: &Window,
        raw: Vec<O::Raw>,
        finished: Option<Held>,
    ) -> std::result::Result<usize, Trouble> {
        if window.is_head() {
            self.note_lateness(&raw);
        }
        let mut raw = raw;
        if window.hands_over_only_late() {
            raw.retain(|event| self.origin.is_late(event));
        }
        let events: Vec<LogEvent> = raw
            .into_iter()
            .map(|event| self.origin.decode(event))
            .collect();
        let is_last = finished.is_some();
        if let Some(held) = finished {
            self.cursor.finish(window, held, self.origin.hold_ms());
        }
        let is_moved = is_last && self.cursor.is_worth_saving(self.saved.as_ref());
        if events.is_empty() && !is_moved {
            return Ok(0);
        }
        let source = self.shared.source.clone();
        let checkpoint = is_last.then(|| Checkpoint {
            source: source.clone(),
            origin: self.origin.key().to_owned(),
            reread_from: self.cursor.reread_from(),
            position: serde_json::to_value(self.cursor.position())
                .expect("a position is numbers only"),
        });
        let batch = EventBatch {
            events,
            origin: Some((source, self.origin.key().to_owned())),
            checkpoint,
            ..EventBatch::default()
        };
        match self
            .shared
            .context
            .append(batch)
            .await
            .map_err(Trouble::Fatal)?
        {
            None => Err(Trouble::Stopped),
            Some(receipt) => {
                if is_last {
                    self.saved = Some(self.cursor.position().clone());
                }
                Ok(receipt.stored)
            }
        }
    }

    fn note_lateness(&mut self, raw: &[O::Raw]) {
        let monitor = &self.shared.context.monitor;
        let lateness = raw
            .iter()
            .filter_map(|event| self.origin.lateness_ms(event));
        monitor.lateness(self.origin.key(), lateness);
        if let Some(p99_ms) = monitor.lateness_ms_p99(self.origin.key()) {
            self.cursor.set_lateness(p99_ms);
        }
    }
}
