//! Follows one log group: reads the windows that its cursor names, page by page, and hands each
//! page over with the checkpoint that it makes true.

use std::sync::Arc;
use std::time::Duration;

use model::{Checkpoint, EventBatch};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::client::{Group, LogsClient, Page, Refusal};
use super::cursor::{Cursor, Held, Position, Window};
use super::decode::{Decoder, RawEvent};
use super::{Budget, Config};
use crate::error::Result;
use crate::sources::Context;
use crate::support::backoff::Backoff;

const BACKOFF_BASE: Duration = Duration::from_millis(200);
const BACKOFF_CAP: Duration = Duration::from_secs(20);
/// A window is begun again at most so often because its page token went bad.
const RESTARTS_MAX: usize = 5;
/// An idle group is polled at most so many times more seldom when requests are short.
const STRETCH_MAX: u32 = 12;

/// What all groups of a source share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) client: LogsClient,
    pub(super) budget: Arc<Budget>,
    /// How many pages may be in memory at once.
    pub(super) pages: Arc<Semaphore>,
    pub(super) context: Context,
}

/// Why following ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The node stops.
    Stopped,
    /// The log group does not exist any more.
    Missing,
}

/// One log group being followed.
pub(super) struct Follower {
    shared: Shared,
    group: Group,
    cursor: Cursor,
    saved: Option<Position>,
    decoder: Decoder,
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

impl Follower {
    pub(super) fn new(shared: Shared, group: Group, saved: Option<Position>) -> Self {
        let now = shared.context.clock.now();
        Follower {
            cursor: Cursor::new(&shared.config, group.created_ms, saved.clone(), now),
            decoder: Decoder::new(&shared.config, &group),
            backoff: Backoff::new(BACKOFF_BASE, BACKOFF_CAP),
            saved,
            group,
            shared,
            idle_reads: 0,
            is_short_of_requests: false,
        }
    }

    /// Reads until the node stops or the group is gone. Other trouble is shown and waited out.
    ///
    /// # Errors
    /// Only if the sink failed.
    pub(super) async fn follow(mut self) -> Result<End> {
        self.shared
            .context
            .monitor
            .add_origin(&self.group.arn, &self.group.name);
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
                    self.shared.context.monitor.remove_origin(&self.group.arn);
                    return Ok(End::Missing);
                }
                Err(Trouble::Refused(refusal)) => {
                    let context = &self.shared.context;
                    let problem = refusal.text().to_owned();
                    context
                        .monitor
                        .origin_failed(&self.group.arn, problem, context.clock.now());
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
        self.shared.config.poll_interval * stretch
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
            if is_last {
                self.cursor.finish(window, held);
            }
            stored += self.hand_over(window, page.events, is_last).await?;
            drop(permit);
            token = page.next_token;
            if is_last {
                break;
            }
        }
        let position = self.cursor.position();
        if window.is_head() {
            self.shared.context.monitor.origin_read(
                &self.group.arn,
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
    ) -> std::result::Result<Page, Trouble> {
        let Shared {
            client,
            budget,
            context,
            config,
            ..
        } = &self.shared;
        let bucket = &budget.filter_log_events;
        let mut backoff = Backoff::new(BACKOFF_BASE, BACKOFF_CAP);
        loop {
            let asked = Instant::now();
            let fetch = async {
                bucket.acquire().await;
                let waited = asked.elapsed();
                let (start_ms, end_ms) = (window.start_ms, window.end_ms);
                (
                    waited,
                    client
                        .events(&self.group.name, start_ms, end_ms, token.clone())
                        .await,
                )
            };
            let (waited, answer) = tokio::select! {
                () = context.stop.cancelled() => return Err(Trouble::Stopped),
                answer = fetch => answer,
            };
            self.is_short_of_requests = waited > config.poll_interval / 2;
            match answer {
                Err(Refusal::Throttled(_)) => {
                    bucket.throttled();
                    context.monitor.throttled(bucket.per_second());
                    if !context.pause(backoff.after_failure()).await {
                        return Err(Trouble::Stopped);
                    }
                }
                Err(other) => return Err(Trouble::Refused(other)),
                Ok(page) => {
                    context.monitor.set_requests_per_second(bucket.per_second());
                    return Ok(page);
                }
            }
        }
    }

    /// Hands a page over. Only the last page of a window carries a checkpoint: before, there
    /// may be events in the window that nobody has.
    async fn hand_over(
        &mut self,
        window: &Window,
        raw: Vec<RawEvent>,
        is_last: bool,
    ) -> std::result::Result<usize, Trouble> {
        if window.is_head() {
            self.note_lateness(&raw);
        }
        let mut raw = raw;
        if window.hands_over_only_late() {
            raw.retain(|event| self.decoder.is_late(event));
        }
        let is_moved = is_last && self.cursor.is_worth_saving(self.saved.as_ref());
        if raw.is_empty() && !is_moved {
            return Ok(0);
        }
        let events = raw
            .into_iter()
            .map(|event| self.decoder.decode(event))
            .collect();
        let source = self.shared.config.name.clone();
        let checkpoint = is_last.then(|| Checkpoint {
            source: source.clone(),
            origin: self.group.arn.clone(),
            reread_from: self.cursor.reread_from(),
            position: serde_json::to_value(self.cursor.position())
                .expect("a position is numbers only"),
        });
        let batch = EventBatch {
            events,
            origin: Some((source, self.group.arn.clone())),
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

    fn note_lateness(&mut self, raw: &[RawEvent]) {
        let monitor = &self.shared.context.monitor;
        let lateness = raw
            .iter()
            .filter_map(|event| Some(event.ingestion_time?.saturating_sub(event.timestamp)));
        monitor.lateness(&self.group.arn, lateness);
        if let Some(p99_ms) = monitor.lateness_ms_p99(&self.group.arn) {
            self.cursor.set_lateness(p99_ms);
        }
    }
}
