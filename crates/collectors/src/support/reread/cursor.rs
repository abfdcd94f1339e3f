//! Says which window of an origin to read next, and how far it has been read. Pure.
//!
//! Clouds show events late, so "the last event's time" is no position. Five kinds of windows
//! overlap, and the sink drops what it has by id:
//! - *tip*: the newest seconds, at every poll of a busy origin;
//! - *settle*: from `low` on; it ends with `low` moved to `settle` before the moment it began,
//!   except that a young origin with few events is read whole for its first day: that is cheap,
//!   and whoever fills a new log group by hand or by import writes old times into it;
//! - *sweep* and *deep sweep*: what has settled, for events that came later still; see
//!   [`super::sweeps`];
//! - *history*: what was there before the source was, or while it was away, oldest first.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::sweeps::Sweeps;
use super::{Settings, Start};
use crate::support::duration::millis;

const SECOND_MS: i64 = 1000;
pub(super) const HOUR_MS: i64 = 3600 * SECOND_MS;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// An origin younger than this is read in one window, again and again up to so many events.
const YOUNG_MS: i64 = DAY_MS;
const YOUNG_EVENTS_MAX: usize = 20_000;
/// When `low` is further behind, the gap becomes history, so that the newest events come first.
const BEHIND_MAX_MS: i64 = HOUR_MS;
/// A settle window with up to so many events is read at every poll.
const QUIET_EVENTS_MAX: usize = 500;
/// Bounds of a history window, and the pages that make it shrink or grow.
const SLICE_MS: std::ops::RangeInclusive<i64> = 60 * SECOND_MS..=30 * DAY_MS;
const SLICE_PAGES_MANY: usize = 32;
const SLICE_PAGES_FEW: usize = 4;

/// What is kept in the checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Nothing older is read.
    pub(crate) start_ms: i64,
    /// Events before are final, apart from history and what sweeps find.
    pub(crate) low_ms: i64,
    /// When the last sweep began.
    pub(crate) swept_ms: i64,
    /// When the last deep sweep began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deep_swept_ms: Option<i64>,
    /// What is still to be read of the time before `low`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) history: Option<Gap>,
}

/// `[from, until)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Gap {
    pub(crate) from_ms: i64,
    pub(crate) until_ms: i64,
}

impl Gap {
    /// Its first `length_ms`, as a window.
    pub(super) fn first_part(self, length_ms: i64, kind: Kind, now_ms: i64) -> Window {
        let until_ms = self.from_ms.saturating_add(length_ms.max(1));
        Window {
            kind,
            start_ms: self.from_ms,
            end_ms: Some(self.until_ms.min(until_ms) - 1),
            began_ms: now_ms,
        }
    }

    /// What is left of it when `window` has been read.
    pub(super) fn after(self, window: &Window) -> Option<Gap> {
        let from_ms = window.end_ms.map_or(self.until_ms, |end_ms| end_ms + 1);
        (from_ms < self.until_ms).then_some(Gap { from_ms, ..self })
    }
}

/// Why a window is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Tip,
    Settle,
    History,
    Sweep,
    DeepSweep,
}

/// A window to read: from `start_ms` to `end_ms`, both inclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) kind: Kind,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: Option<i64>,
    pub(crate) began_ms: i64,
}

impl Window {
    /// When the read began, as the clock said.
    pub(crate) fn began(&self) -> Timestamp {
        Timestamp::from_millis(self.began_ms)
    }

    /// Whether it is read for events that were accepted late, and no others.
    pub(crate) fn hands_over_only_late(&self) -> bool {
        self.kind == Kind::DeepSweep
    }

    /// Whether it reaches up to the present.
    pub(crate) fn is_head(&self) -> bool {
        matches!(self.kind, Kind::Tip | Kind::Settle)
    }
}

/// What a window held.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) pages: usize,
    pub(crate) events: usize,
}

/// How one origin is being read.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    settings: Settings,
    position: Position,
    sweeps: Sweeps,
    lateness_ms: i64,
    tip_ms: Option<i64>,
    settled_ms: Option<i64>,
    settle_events: usize,
    slice_ms: i64,
    /// Nothing from here on is final.
    hold_ms: Option<i64>,
}

impl Cursor {
    /// The cursor of an origin, from its checkpoint if it has one.
    pub(crate) fn new(settings: Settings, saved: Option<Position>, now: Timestamp) -> Self {
        let now_ms = now.millis();
        let mut position = saved.unwrap_or_else(|| {
            let start_ms = match settings.start {
                Start::Creation => settings.first_ms,
                Start::Before(before) => now_ms.saturating_sub(millis(before)),
                // A log group that appears while the source runs is new: all of it is.
                Start::Now => settings
                    .created_ms
                    .filter(|created_ms| now_ms.saturating_sub(*created_ms) < HOUR_MS)
                    .unwrap_or(now_ms),
            };
            Position {
                start_ms: start_ms.max(0),
                low_ms: start_ms.max(0),
                swept_ms: now_ms,
                deep_swept_ms: None,
                history: None,
            }
        });
        position.deep_swept_ms.get_or_insert(now_ms);
        Cursor {
            sweeps: Sweeps::new(&settings),
            settings,
            position,
            lateness_ms: 0,
            tip_ms: None,
            settled_ms: None,
            settle_events: 0,
            slice_ms: HOUR_MS,
            hold_ms: None,
        }
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Events from here on may be read again.
    pub(crate) fn reread_from(&self) -> Timestamp {
        let history_from = self.position.history.map_or(i64::MAX, |gap| gap.from_ms);
        Timestamp::from_millis(self.sweeps.reread_from_ms(&self.position).min(history_from))
    }

    /// How much history is left, in milliseconds.
    pub(crate) fn history_left_ms(&self) -> i64 {
        self.position
            .history
            .map_or(0, |gap| gap.until_ms - gap.from_ms)
    }

    /// Notes how late events of this origin become visible.
    pub(crate) fn set_lateness(&mut self, p99_ms: i64) {
        if !self.settings.is_by_reception {
            self.lateness_ms = p99_ms.max(0);
        }
    }

    /// Whether the position has moved enough since `saved` to be worth a write of its own.
    pub(crate) fn is_worth_saving(&self, saved: Option<&Position>) -> bool {
        saved.is_none_or(|saved| {
            self.position.history != saved.history
                || self.position.swept_ms != saved.swept_ms
                || self.position.deep_swept_ms != saved.deep_swept_ms
                || self.position.low_ms - saved.low_ms >= millis(self.settings.settle) / 10
        })
    }

    /// The window that reaches up to the present.
    pub(crate) fn next_head(&mut self, now: Timestamp) -> Window {
        let now_ms = now.millis();
        let settle_ms = self.effective_settle_ms();
        let is_held = self.hold_ms == Some(self.position.low_ms);
        if !self.is_young(now_ms)
            && !is_held
            && now_ms - self.position.low_ms > BEHIND_MAX_MS.max(2 * settle_ms)
        {
            self.turn_into_history(now_ms - settle_ms);
        }
        let wait_ms = i64::try_from(self.settle_events)
            .unwrap_or(i64::MAX)
            .saturating_mul(self.settings.settle_event_ms)
            .min(settle_ms / self.settings.settle_reads);
        let is_due = self.settle_events <= QUIET_EVENTS_MAX
            || self
                .settled_ms
                .is_none_or(|settled| now_ms - settled >= wait_ms);
        let (kind, start_ms) = match self.tip_ms {
            Some(tip_ms) if !is_due => {
                let overlap_ms = self.settings.tip_overlap_ms;
                let overlap_ms =
                    (2 * self.lateness_ms).clamp(overlap_ms, overlap_ms.max(settle_ms));
                (Kind::Tip, (tip_ms - overlap_ms).max(self.position.low_ms))
            }
            _ => (Kind::Settle, self.position.low_ms),
        };
        Window {
            kind,
            start_ms,
            end_ms: None,
            began_ms: now_ms,
        }
    }

    /// A window of history or of a sweep, deep or not, if there is one to read.
    pub(crate) fn next_chore(&mut self, now: Timestamp) -> Option<Window> {
        let now_ms = now.millis();
        if let Some(gap) = self.position.history {
            return Some(gap.first_part(self.slice_ms, Kind::History, now_ms));
        }
        self.sweeps.next(&mut self.position, now_ms)
    }

    /// Notes that all pages of `window` have been read. Nothing from `hold_ms` on is final.
    pub(crate) fn finish(&mut self, window: &Window, held: Held, hold_ms: Option<i64>) {
        match window.kind {
            Kind::Tip => self.tip_ms = Some(window.began_ms),
            Kind::Settle => {
                self.tip_ms = Some(window.began_ms);
                self.settled_ms = Some(window.began_ms);
                self.settle_events = held.events;
                let is_cheap = held.events <= YOUNG_EVENTS_MAX;
                if !(is_cheap && self.is_young(window.began_ms)) {
                    let low_ms = window.began_ms - self.effective_settle_ms();
                    self.position.low_ms = self.position.low_ms.max(low_ms);
                }
            }
            Kind::History => {
                self.position.history = self.position.history.and_then(|gap| gap.after(window));
                if held.pages > SLICE_PAGES_MANY {
                    self.slice_ms /= 4;
                } else if held.pages <= SLICE_PAGES_FEW {
                    self.slice_ms *= 4;
                }
                self.slice_ms = self.slice_ms.clamp(*SLICE_MS.start(), *SLICE_MS.end());
            }
            Kind::Sweep | Kind::DeepSweep => self.sweeps.finish(window),
        }
        self.hold_ms = hold_ms;
        if let Some(hold_ms) = hold_ms {
            self.position.low_ms = self.position.low_ms.min(hold_ms);
        }
    }

    fn is_young(&self, now_ms: i64) -> bool {
        self.settings
            .created_ms
            .is_some_and(|created_ms| now_ms.saturating_sub(created_ms) < YOUNG_MS)
    }

    /// What came late while nobody looked may lie before `low`, as far back as sweeps go.
    fn turn_into_history(&mut self, low_ms: i64) {
        let sweep_depth_ms = millis(self.settings.sweep_depth);
        let swept_from_ms = self.position.low_ms.saturating_sub(sweep_depth_ms);
        let swept_from_ms = swept_from_ms.max(self.position.start_ms);
        let from_ms = self
            .position
            .history
            .map_or(swept_from_ms, |gap| gap.from_ms.min(swept_from_ms));
        self.position.history = Some(Gap {
            from_ms,
            until_ms: low_ms,
        });
        self.position.low_ms = low_ms;
    }

    fn effective_settle_ms(&self) -> i64 {
        let settle_ms = millis(self.settings.settle);
        if self.settings.is_adaptive {
            let depth_ms = millis(self.settings.sweep_depth);
            settle_ms.max(self.lateness_ms.saturating_mul(2).min(depth_ms))
        } else {
            settle_ms
        }
    }
}

#[cfg(test)]
mod tests;
