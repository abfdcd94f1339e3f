//! Follows the blobs of one resource: reads what is appended to them, piece by piece, and hands
//! each piece over with the position that it makes true.

use std::collections::VecDeque;
use std::sync::Arc;

use model::{Checkpoint, EventBatch, LogEvent, Timestamp};
use tokio::time::Instant;

use super::decode::{Decoder, Place};
use super::discover::Account;
use super::listing::{Listed, Listing, YEAR, day_prefix, floor_hour, hour_ms};
use super::position::{Hours, Outcome, Piece, Position, Read};
use crate::error::{CollectorsError, Result};
use crate::metrics;
use crate::support::backoff::Backoff;
use crate::support::duration::millis;
use crate::support::refusal::Refusal;
use crate::support::reread::follow::{End, Shared};
use crate::support::start::Start;
use crate::support::turn::{BACKOFF_BASE, BACKOFF_CAP};

const DAY_MS: i64 = 24 * 3_600_000;
/// Clocks differ: blobs of the next hour can be there so much before it begins.
const AHEAD_MS: i64 = 10 * 60_000;
/// A resource whose first blob is of so short a time ago is new, and all of it is read.
const NEW_MS: i64 = 2 * 3_600_000;

/// Something that writes logs, such as a function app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) container: String,
    /// What the names of its blobs begin with, up to the year: `resourceId=/SUBSCRIPTIONS/…`.
    pub(super) name: String,
}

impl Resource {
    /// Its identity: checkpoints and remembered ids are kept by it.
    pub(super) fn key(&self) -> String {
        format!("{}/{}", self.container, self.name)
    }
}

/// One resource being followed.
pub(super) struct Follower {
    shared: Shared,
    account: Arc<Account>,
    resource: Resource,
    key: String,
    decoder: Decoder,
    /// `None` until the first look.
    position: Option<Position>,
    sweep: Option<Sweep>,
    swept_ms: Option<i64>,
    saved_low_ms: i64,
}

/// A look at the older blobs under way: day by day, oldest first.
#[derive(Debug)]
struct Sweep {
    /// As they were when it began.
    hours: Hours,
    now_ms: i64,
    /// The beginning of the next day to list.
    day_ms: i64,
    /// What is still to be read of the day before.
    pending: VecDeque<Listed>,
}

/// How something ended, if not well.
enum Trouble {
    Stopped,
    Refused(Refusal),
    Fatal(CollectorsError),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Trouble::Refused(refusal)
    }
}

type Attempt<T> = std::result::Result<T, Trouble>;

impl Follower {
    pub(super) fn new(
        shared: Shared,
        account: Arc<Account>,
        resource: Resource,
        saved: Option<Position>,
    ) -> Self {
        Follower {
            shared,
            decoder: Decoder::new(&account.config),
            account,
            key: resource.key(),
            resource,
            saved_low_ms: saved.as_ref().map_or(i64::MIN, |saved| saved.low_ms),
            position: saved,
            sweep: None,
            swept_ms: None,
        }
    }

    /// Reads until the node stops or the container is gone. Other trouble is shown and waited out.
    ///
    /// # Errors
    /// Only if the sink failed.
    pub(super) async fn follow(mut self) -> Result<End> {
        let context = self.shared.context.clone();
        let name = self.resource.name.rsplit('/').next().unwrap_or_default();
        context.monitor.add_origin(&self.key, name);
        let mut backoff = Backoff::new(BACKOFF_BASE, BACKOFF_CAP);
        loop {
            let due = Instant::now() + self.shared.poll_interval;
            let wait = match self.round(due).await {
                Ok(()) => {
                    backoff.reset();
                    due.saturating_duration_since(Instant::now())
                }
                Err(Trouble::Stopped) => return Ok(End::Stopped),
                Err(Trouble::Fatal(error)) => return Err(error),
                Err(Trouble::Refused(Refusal::Missing(_))) => {
                    context.monitor.remove_origin(&self.key);
                    return Ok(End::Missing);
                }
                Err(Trouble::Refused(refusal)) => {
                    let asked = match &refusal {
                        Refusal::Throttled { wait, .. } => {
                            let budget = &self.account.budget;
                            budget.throttled();
                            context.monitor.throttled(budget.per_second());
                            *wait
                        }
                        _ => None,
                    };
                    self.tell(refusal.text().to_owned());
                    asked.unwrap_or_default() + backoff.after_failure()
                }
            };
            if !context.pause(wait).await {
                return Ok(End::Stopped);
            }
        }
    }

    /// Reads what is new in the newest hours, then at least one of the older blobs if it is time.
    async fn round(&mut self, due: Instant) -> Attempt<()> {
        let began = self.shared.context.clock.now();
        let mut position = match self.position.take() {
            Some(position) => position,
            None => self.first_look(began.millis()).await?,
        };
        let done = self.read_all(&mut position, began, due).await;
        self.position = Some(position);
        done
    }

    async fn read_all(
        &mut self,
        position: &mut Position,
        began: Timestamp,
        due: Instant,
    ) -> Attempt<()> {
        let now_ms = began.millis();
        let config = Arc::clone(&self.account.config);
        let hours = Hours::at(now_ms, config.settle, config.sweep_depth);
        let from_ms = hours.hot_ms.max(position.low_ms);
        let mut day_ms = floor_day(from_ms);
        while day_ms <= now_ms + AHEAD_MS {
            for blob in self.day(day_ms).await? {
                if hour_ms(&blob.name).is_some_and(|hour| hour >= from_ms) {
                    self.read_blob(position, &blob, false).await?;
                }
            }
            day_ms += DAY_MS;
        }
        let history_left_ms = (hours.final_ms - position.low_ms).max(0);
        let low = Timestamp::from_millis(position.low_ms);
        let monitor = &self.shared.context.monitor;
        monitor.origin_read(&self.key, began, low, history_left_ms);
        while self.sweep_on(position, hours, now_ms).await? {
            if Instant::now() >= due {
                break;
            }
        }
        Ok(())
    }

    /// Does a part of the look at older blobs. Returns `false` if there is nothing to do.
    async fn sweep_on(
        &mut self,
        position: &mut Position,
        hours: Hours,
        now_ms: i64,
    ) -> Attempt<bool> {
        let interval_ms = millis(self.account.config.sweep_interval);
        let is_due = self
            .swept_ms
            .is_none_or(|swept| now_ms - swept >= interval_ms);
        let mut sweep = match self.sweep.take() {
            Some(sweep) => sweep,
            None if is_due => Sweep {
                hours,
                now_ms,
                day_ms: floor_day(position.low_ms),
                pending: VecDeque::new(),
            },
            None => return Ok(false),
        };
        let done = self.sweep_step(&mut sweep, position).await;
        match done {
            Ok(false) => self.swept_ms = Some(now_ms),
            _ => self.sweep = Some(sweep),
        }
        done
    }

    async fn sweep_step(&mut self, sweep: &mut Sweep, position: &mut Position) -> Attempt<bool> {
        let Sweep { hours, now_ms, .. } = *sweep;
        if let Some(blob) = sweep.pending.front() {
            let is_final = hour_ms(&blob.name) < Some(hours.final_ms);
            self.read_blob(position, blob, is_final).await?;
            sweep.pending.pop_front();
            return Ok(true);
        }
        // All days before have been read.
        position.finish(sweep.day_ms.min(hours.final_ms));
        if sweep.day_ms >= hours.hot_ms {
            position.finish(hours.final_ms);
            if position.low_ms > self.saved_low_ms {
                self.save(position, Vec::new()).await?;
            }
            return Ok(false);
        }
        let (from_ms, until_ms) = (position.low_ms, hours.hot_ms.min(now_ms));
        let is_older = |blob: &Listed| {
            hour_ms(&blob.name).is_some_and(|hour| (from_ms..until_ms).contains(&hour))
        };
        sweep.pending = self.day(sweep.day_ms).await?.into();
        sweep.pending.retain(is_older);
        sweep.day_ms += DAY_MS;
        Ok(true)
    }

    /// Where a resource begins that was not read before.
    async fn first_look(&self, now_ms: i64) -> Attempt<Position> {
        let prefix = format!("{}{YEAR}", self.resource.name);
        let oldest = self.list(&prefix, None, Some("1")).await?;
        let oldest = oldest.blobs.first().and_then(|blob| hour_ms(&blob.name));
        let oldest_ms = oldest.unwrap_or_else(|| floor_hour(now_ms));
        let mut position = Position {
            low_ms: oldest_ms,
            blobs: std::collections::BTreeMap::new(),
        };
        match self.account.config.start {
            Start::Creation => {}
            Start::Before(age) => {
                let from_ms = floor_hour(now_ms.saturating_sub(millis(age)));
                position.low_ms = from_ms.max(oldest_ms);
            }
            Start::Now if now_ms - oldest_ms < NEW_MS => {}
            Start::Now => {
                position.low_ms = floor_hour(now_ms);
                for blob in self.day(floor_day(now_ms)).await? {
                    let is_wanted = hour_ms(&blob.name) >= Some(position.low_ms);
                    if is_wanted && let Some(read) = self.skip(&blob).await? {
                        position.blobs.insert(self.short(&blob.name), read);
                    }
                }
            }
        }
        Ok(position)
    }

    /// How far a blob is read whose present lines are not wanted.
    async fn skip(&self, blob: &Listed) -> Attempt<Option<Read>> {
        let piece = Piece::last_of(blob);
        let bytes = self.fetch(blob, piece).await?;
        Ok(bytes.map(|bytes| Read::behind_last_line(piece, &bytes)))
    }

    /// Reads a blob to its end, as far as it was listed. Of one that is final the last line is taken
    /// though it has no end.
    async fn read_blob(
        &mut self,
        position: &mut Position,
        blob: &Listed,
        is_final: bool,
    ) -> Attempt<()> {
        let short = self.short(&blob.name);
        let mut piece_bytes = 0;
        loop {
            let read = position.blobs.get(&short).cloned().unwrap_or_default();
            if blob.length == 0 && read.offset == 0 {
                position.blobs.insert(short, read.with_etag(blob));
                return Ok(());
            }
            let Some(piece) = read.next(blob, is_final, piece_bytes) else {
                return Ok(());
            };
            let pages = Arc::clone(&self.shared.pages);
            let _permit = pages.acquire().await.map_err(|_| Trouble::Stopped)?;
            // A blob that went away: the next list tells.
            let Some(bytes) = self.fetch(blob, piece).await? else {
                return Ok(());
            };
            match read.take(blob, piece, &bytes) {
                Outcome::TooShort => piece_bytes = piece.new_bytes(),
                // There was less than was listed, and no whole line.
                Outcome::Lines(_, next) if next == read => return Ok(()),
                Outcome::Lines(lines, next) => {
                    piece_bytes = 0;
                    let is_new = next.offset > read.offset;
                    position.blobs.insert(short.clone(), next);
                    if is_new {
                        let events = self.decode(blob, &lines);
                        self.save(position, events).await?;
                    }
                }
                Outcome::Rewritten => {
                    self.tell(format!(
                        "the blob {} was written anew: what was read of it before is not there \
                         any more; it is read from its beginning",
                        blob.name
                    ));
                    position.blobs.remove(&short);
                }
            }
        }
    }

    fn decode(&mut self, blob: &Listed, lines: &[(u64, &[u8])]) -> Vec<LogEvent> {
        let now = self.shared.context.clock.now();
        let name = format!("{}/{}", self.resource.container, blob.name);
        let mut events = Vec::with_capacity(lines.len());
        for (offset, line) in lines {
            let place = Place {
                blob: &name,
                offset: *offset,
                read_at: now,
            };
            self.decoder.decode(line, place, &mut events);
        }
        metrics::unreadable(super::DESCRIPTOR.name, self.decoder.take_unreadable());
        // Of old blobs it would say only when the source was started.
        let is_new = hour_ms(&blob.name).is_some_and(|hour| now.millis() - hour < NEW_MS);
        let lateness = events
            .iter()
            .filter(|_| is_new)
            .filter_map(|event| Some(now.millis() - event.event_time?.millis()));
        self.shared.context.monitor.lateness(&self.key, lateness);
        events
    }

    /// Hands events over, with the position that they make true.
    async fn save(&mut self, position: &Position, events: Vec<LogEvent>) -> Attempt<()> {
        let context = &self.shared.context;
        let settle_ms = millis(self.account.config.settle);
        let now = context.clock.now();
        let source = self.shared.source.clone();
        let value = serde_json::to_value(position);
        let value = value.map_err(|error| {
            Trouble::Fatal(CollectorsError::Task(format!("no checkpoint: {error}")))
        })?;
        let batch = EventBatch {
            events,
            origin: Some((source.clone(), self.key.clone())),
            checkpoint: Some(Checkpoint {
                source,
                origin: self.key.clone(),
                reread_from: now.saturating_add_millis(-settle_ms),
                position: value,
            }),
            ..EventBatch::default()
        };
        match context.append(batch).await.map_err(Trouble::Fatal)? {
            None => Err(Trouble::Stopped),
            Some(_) => {
                self.saved_low_ms = position.low_ms;
                Ok(())
            }
        }
    }

    /// The blobs of one day, in the order of their names.
    async fn day(&self, day_ms: i64) -> Attempt<Vec<Listed>> {
        let prefix = format!("{}/{}", self.resource.name, day_prefix(day_ms));
        let mut blobs = Vec::new();
        let mut marker = None;
        loop {
            let page = self.list(&prefix, marker.as_deref(), None).await?;
            blobs.extend(page.blobs);
            marker = page.marker;
            if marker.is_none() {
                return Ok(blobs);
            }
        }
    }

    async fn list(
        &self,
        prefix: &str,
        marker: Option<&str>,
        results_max: Option<&str>,
    ) -> Attempt<Listing> {
        let container = &self.resource.container;
        let client = &self.account.client;
        self.in_turn(client.blobs(container, prefix, marker, results_max))
            .await
    }

    async fn fetch(&self, blob: &Listed, piece: Piece) -> Attempt<Option<bytes::Bytes>> {
        let client = &self.account.client;
        let read = client.read(&self.resource.container, &blob.name, piece);
        match self.in_turn(read).await {
            // The blob went away, not the container; the next list tells.
            Err(Trouble::Refused(Refusal::Missing(_))) => Ok(None),
            other => other.map(Some),
        }
    }

    /// Makes a call when it is its turn, unless the node stops.
    async fn in_turn<T>(
        &self,
        call: impl Future<Output = std::result::Result<T, Refusal>>,
    ) -> Attempt<T> {
        let ask = async {
            self.account.budget.acquire().await;
            call.await
        };
        tokio::select! {
            () = self.shared.context.stop.cancelled() => Err(Trouble::Stopped),
            answer = ask => Ok(answer?),
        }
    }

    fn tell(&self, problem: String) {
        let context = &self.shared.context;
        let now = context.clock.now();
        context.monitor.origin_failed(&self.key, problem, now);
    }

    /// A blob's name behind the resource.
    fn short(&self, name: &str) -> String {
        let begin = self.resource.name.len() + 1;
        name.get(begin..).unwrap_or(name).to_owned()
    }
}

fn floor_day(time_ms: i64) -> i64 {
    time_ms - time_ms.rem_euclid(DAY_MS)
}
