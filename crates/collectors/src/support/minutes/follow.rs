//! Follows one meter: reads the spans that its cursor names, page by page, and hands over what
//! changed; the last page of a span carries the checkpoint.

use std::sync::Arc;
use std::time::Duration;

use model::{Checkpoint, EventBatch, Sample, Timestamp};
use tokio::time::Instant;

use super::changes::Changes;
use super::cursor::{Cursor, Position, Span};
use super::{Meter, Settings};
use crate::error::Result;
use crate::support::backoff::Backoff;
use crate::support::refusal::Refusal;
use crate::support::reread::follow::{End, Shared};
use crate::support::turn::{BACKOFF_CAP, in_turn};

/// A meter that fails is asked again so soon; each failure doubles the wait.
const RETRY_BASE: Duration = Duration::from_secs(1);

/// One meter being followed.
pub(crate) struct MinuteFollower<M> {
    shared: Shared,
    meter: M,
    cursor: Cursor,
    changes: Changes,
    /// Series were found that were not read yet.
    has_news: bool,
}

/// How reading ended, if not well.
enum Trouble {
    Stopped,
    Refused(Refusal),
    Fatal(crate::CollectorsError),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refused(refusal)
    }
}

impl<M: Meter> MinuteFollower<M> {
    pub(crate) fn new(
        shared: Shared,
        meter: M,
        settings: Settings,
        saved: Option<Position>,
    ) -> Self {
        let now = shared.context.clock.now();
        MinuteFollower {
            cursor: Cursor::new(settings, saved, now),
            changes: Changes::default(),
            has_news: false,
            shared,
            meter,
        }
    }

    /// Reads until the node stops or the meter is gone. Other trouble is shown and waited out.
    ///
    /// # Errors
    /// Only if the sink failed.
    pub(crate) async fn follow(mut self) -> Result<End> {
        let context = self.shared.context.clone();
        let key = self.meter.key().to_owned();
        context.monitor.add_origin(&key, self.meter.name());
        let mut backoff = Backoff::new(RETRY_BASE, BACKOFF_CAP);
        loop {
            let due = Instant::now() + self.shared.poll_interval;
            let wait = match self.round().await {
                Ok(()) => {
                    backoff.reset();
                    due.saturating_duration_since(Instant::now())
                }
                Err(Trouble::Stopped) => return Ok(End::Stopped),
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Refused(Refusal::Missing(_))) => {
                    context.monitor.remove_origin(&key);
                    return Ok(End::Missing);
                }
                Err(Trouble::Refused(refusal)) => {
                    let problem = refusal.text().to_owned();
                    let now = context.clock.now();
                    context.monitor.origin_failed(&key, problem, now);
                    backoff.after_failure()
                }
            };
            if !context.pause(wait).await {
                return Ok(End::Stopped);
            }
        }
    }

    /// Reads up to the last period that is over.
    async fn round(&mut self) -> std::result::Result<(), Trouble> {
        let clock = Arc::clone(&self.shared.context.clock);
        let unread_from = Timestamp::from_millis(self.cursor.final_until_ms());
        self.has_news |= self.meter.look(unread_from).await?;
        while let Some(span) = self.cursor.next(clock.now(), self.has_news) {
            self.read(span).await?;
            self.cursor.finish(span);
            self.has_news = false;
            let now = clock.now();
            if !self.cursor.is_behind(now) {
                self.shared.context.monitor.origin_read(
                    self.meter.key(),
                    now,
                    Timestamp::from_millis(self.cursor.final_until_ms()),
                    0,
                );
                break;
            }
        }
        Ok(())
    }

    /// Reads all pages of a span. One of which something is missing is not done.
    async fn read(&mut self, span: Span) -> std::result::Result<(), Trouble> {
        let mut token = None;
        let mut missing = None;
        loop {
            let pages = Arc::clone(&self.shared.pages);
            let permit = pages.acquire_owned().await.map_err(|_| Trouble::Stopped)?;
            let call = || self.meter.page(span, token.clone());
            let answered = in_turn(&self.shared.context, self.meter.budget(), call).await?;
            let page = answered.ok_or(Trouble::Stopped)?.answer;
            token = page.next_token;
            missing = missing.or(page.missing);
            for letter in &page.unreadable {
                self.shared.context.bury(letter).await;
            }
            let is_whole = token.is_none() && missing.is_none();
            let position = is_whole.then_some(Position {
                read_to_ms: span.end_ms.max(self.cursor.position().read_to_ms),
            });
            self.hand_over(page.samples, position).await?;
            drop(permit);
            if token.is_none() {
                if let Some(missing) = missing {
                    return Err(Refusal::Other(missing).into());
                }
                let oldest = Timestamp::from_millis(self.cursor.final_until_ms());
                self.changes.forget_before(oldest);
                return Ok(());
            }
        }
    }

    /// Hands over what changed. Without a `position` there is more of the span to come.
    async fn hand_over(
        &mut self,
        mut samples: Vec<Sample>,
        position: Option<Position>,
    ) -> std::result::Result<(), Trouble> {
        self.changes.keep_changed(&mut samples);
        let position = position.filter(|position| *position != self.cursor.position());
        if samples.is_empty() && position.is_none() {
            return Ok(());
        }
        let (source, origin) = (self.shared.source.clone(), self.meter.key().to_owned());
        let checkpoint = position.map(|position| Checkpoint {
            source: source.clone(),
            origin: origin.clone(),
            reread_from: Timestamp::from_millis(position.read_to_ms),
            position: serde_json::to_value(position).expect("a position is numbers only"),
        });
        let batch = EventBatch {
            samples: samples.clone(),
            origin: Some((source, origin)),
            checkpoint,
            ..EventBatch::default()
        };
        let receipt = self.shared.context.append(batch).await;
        if receipt.map_err(Trouble::Fatal)?.is_none() {
            return Err(Trouble::Stopped);
        }
        self.changes.note(samples);
        Ok(())
    }
}
