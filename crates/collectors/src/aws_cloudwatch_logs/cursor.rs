//! Says which window of a log group to read next, and how far it has been read. Pure.
//!
//! AWS shows events late, so "the last event's time" is no position. Five kinds of windows
//! overlap, and the sink drops what it has by id:
//! - *tip*: the newest seconds, at every poll of a busy group;
//! - *settle*: from `low` on; it ends with `low` moved to `settle` before the moment it began,
//!   except that a young group with few events is read whole for its first day: that is cheap,
//!   and whoever fills a new group by hand or by import writes old times into it;
//! - *sweep*: `[low - sweep_depth, low)` now and then, for what came later still;
//! - *deep sweep*: from `low - deep_sweep_depth` up to where sweeps begin, seldom. Ids are not
//!   remembered for so long, so it hands over only events that were accepted late, and these are
//!   remembered for longer;
//! - *history*: what was there before the source was, or while it was away, oldest first.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Config, Start};
use crate::support::duration;

const SECOND_MS: i64 = 1000;
const HOUR_MS: i64 = 3600 * SECOND_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// AWS takes events up to this old, so a log group can hold some from before its creation.
const EVENT_AGE_MAX_MS: i64 = 14 * DAY_MS + HOUR_MS;
/// A log group younger than this is read in one window, again and again up to so many events.
const YOUNG_MS: i64 = DAY_MS;
const YOUNG_EVENTS_MAX: usize = 20_000;
/// When `low` is further behind, the gap becomes history, so that the newest events come first.
const BEHIND_MAX_MS: i64 = HOUR_MS;
/// The least that a tip window overlaps the one before.
const TIP_OVERLAP_MS: i64 = 20 * SECOND_MS;
/// A settle window with up to so many events is read at every poll.
const QUIET_EVENTS_MAX: usize = 500;
/// A fuller one is read so much later for each of its events.
const SETTLE_EVENT_MS: i64 = 2;
/// Bounds of a history window, and the pages that make it shrink or grow.
const SLICE_MS: std::ops::RangeInclusive<i64> = 60 * SECOND_MS..=30 * DAY_MS;
const SLICE_PAGES_MANY: usize = 32;
const SLICE_PAGES_FEW: usize = 4;
/// A sweep is read in so many windows, with polls in between.
const SWEEP_WINDOWS: i64 = 8;
const DEEP_SWEEP_WINDOWS: i64 = 24;

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
    began_ms: i64,
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

/// How one log group is being read.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    position: Position,
    settle_ms: i64,
    is_adaptive: bool,
    sweep_interval_ms: i64,
    sweep_depth_ms: i64,
    /// `None` if there are no deep sweeps.
    deep_sweep_interval_ms: Option<i64>,
    deep_sweep_depth_ms: i64,
    lateness_ms: i64,
    tip_ms: Option<i64>,
    settled_ms: Option<i64>,
    settle_events: usize,
    slice_ms: i64,
    sweep: Option<Gap>,
    deep_sweep: Option<Gap>,
    created_ms: i64,
}

impl Cursor {
    /// The cursor of a log group, from its checkpoint if it has one.
    pub(crate) fn new(
        config: &Config,
        created_ms: i64,
        saved: Option<Position>,
        now: Timestamp,
    ) -> Self {
        let now_ms = now.millis();
        let millis = |duration| duration::nanos(duration) / 1_000_000;
        let mut position = saved.unwrap_or_else(|| {
            let start_ms = match config.start {
                Start::Creation => created_ms.saturating_sub(EVENT_AGE_MAX_MS),
                Start::Before(before) => now_ms.saturating_sub(millis(before)),
                // A group that appears while the source runs is new: all of it is.
                Start::Now if now_ms.saturating_sub(created_ms) < HOUR_MS => created_ms,
                Start::Now => now_ms,
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
            position,
            settle_ms: millis(config.settle),
            is_adaptive: config.adaptive_settle,
            sweep_interval_ms: millis(config.sweep_interval),
            sweep_depth_ms: millis(config.sweep_depth),
            deep_sweep_interval_ms: Some(millis(config.deep_sweep_interval))
                .filter(|interval_ms| *interval_ms > 0),
            deep_sweep_depth_ms: millis(config.deep_sweep_depth),
            lateness_ms: 0,
            tip_ms: None,
            settled_ms: None,
            settle_events: 0,
            slice_ms: HOUR_MS,
            sweep: None,
            deep_sweep: None,
            created_ms,
        }
    }

    pub(crate) fn position(&self) -> &Position {
        &self.position
    }

    /// Events from here on may be read again.
    pub(crate) fn reread_from(&self) -> Timestamp {
        let sweep_from = self.position.low_ms.saturating_sub(self.sweep_depth_ms);
        let history_from = self.position.history.map_or(i64::MAX, |gap| gap.from_ms);
        let in_sweep = self.sweep.map_or(i64::MAX, |gap| gap.from_ms);
        Timestamp::from_millis(sweep_from.min(history_from).min(in_sweep))
    }

    /// How much history is left, in milliseconds.
    pub(crate) fn history_left_ms(&self) -> i64 {
        self.position
            .history
            .map_or(0, |gap| gap.until_ms - gap.from_ms)
    }

    /// Notes how late events of this group become visible.
    pub(crate) fn set_lateness(&mut self, p99_ms: i64) {
        self.lateness_ms = p99_ms.max(0);
    }

    /// Whether the position has moved enough since `saved` to be worth a write of its own.
    pub(crate) fn is_worth_saving(&self, saved: Option<&Position>) -> bool {
        saved.is_none_or(|saved| {
            self.position.history != saved.history
                || self.position.swept_ms != saved.swept_ms
                || self.position.deep_swept_ms != saved.deep_swept_ms
                || self.position.low_ms - saved.low_ms >= self.settle_ms / 10
        })
    }

    /// The window that reaches up to the present.
    pub(crate) fn next_head(&mut self, now: Timestamp) -> Window {
        let now_ms = now.millis();
        let settle_ms = self.effective_settle_ms();
        if !self.is_young(now_ms)
            && now_ms - self.position.low_ms > BEHIND_MAX_MS.max(2 * settle_ms)
        {
            self.turn_into_history(now_ms - settle_ms);
        }
        let events_ms = i64::try_from(self.settle_events)
            .unwrap_or(i64::MAX)
            .saturating_mul(SETTLE_EVENT_MS)
            .min(settle_ms / 5);
        let is_due = self.settle_events <= QUIET_EVENTS_MAX
            || self
                .settled_ms
                .is_none_or(|settled| now_ms - settled >= events_ms);
        let (kind, start_ms) = match self.tip_ms {
            Some(tip_ms) if !is_due => {
                let overlap_ms =
                    (2 * self.lateness_ms).clamp(TIP_OVERLAP_MS, TIP_OVERLAP_MS.max(settle_ms));
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
            let until_ms = gap.until_ms.min(gap.from_ms.saturating_add(self.slice_ms));
            return Some(Window {
                kind: Kind::History,
                start_ms: gap.from_ms,
                end_ms: Some(until_ms - 1),
                began_ms: now_ms,
            });
        }
        if self.sweep.is_none() && now_ms - self.position.swept_ms >= self.sweep_interval_ms {
            self.position.swept_ms = now_ms;
            let until_ms = self.position.low_ms;
            let from_ms = (until_ms - self.sweep_depth_ms).max(self.position.start_ms);
            self.sweep = (from_ms < until_ms).then_some(Gap { from_ms, until_ms });
        }
        if let Some(gap) = self.sweep {
            let step_ms = self.sweep_depth_ms / SWEEP_WINDOWS;
            return Some(part_of(gap, step_ms, Kind::Sweep, now_ms));
        }
        let is_due = |interval_ms| {
            let swept_ms = self.position.deep_swept_ms;
            swept_ms.is_none_or(|swept_ms| now_ms - swept_ms >= interval_ms)
        };
        if self.deep_sweep.is_none() && self.deep_sweep_interval_ms.is_some_and(is_due) {
            self.position.deep_swept_ms = Some(now_ms);
            let until_ms = self.position.low_ms - self.sweep_depth_ms;
            let from_ms = self.position.low_ms - self.deep_sweep_depth_ms;
            let from_ms = from_ms.max(self.position.start_ms);
            self.deep_sweep = (from_ms < until_ms).then_some(Gap { from_ms, until_ms });
        }
        let gap = self.deep_sweep?;
        let step_ms = self.deep_sweep_depth_ms / DEEP_SWEEP_WINDOWS;
        Some(part_of(gap, step_ms, Kind::DeepSweep, now_ms))
    }

    /// Notes that all pages of `window` have been read.
    pub(crate) fn finish(&mut self, window: &Window, held: Held) {
        let after = |gap: Gap| {
            let from_ms = window.end_ms.map_or(gap.until_ms, |end_ms| end_ms + 1);
            (from_ms < gap.until_ms).then_some(Gap { from_ms, ..gap })
        };
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
                self.position.history = self.position.history.and_then(after);
                if held.pages > SLICE_PAGES_MANY {
                    self.slice_ms /= 4;
                } else if held.pages <= SLICE_PAGES_FEW {
                    self.slice_ms *= 4;
                }
                self.slice_ms = self.slice_ms.clamp(*SLICE_MS.start(), *SLICE_MS.end());
            }
            Kind::Sweep => self.sweep = self.sweep.and_then(after),
            Kind::DeepSweep => self.deep_sweep = self.deep_sweep.and_then(after),
        }
    }

    fn is_young(&self, now_ms: i64) -> bool {
        now_ms.saturating_sub(self.created_ms) < YOUNG_MS
    }

    /// What came late while nobody looked may lie before `low`, as far back as sweeps go.
    fn turn_into_history(&mut self, low_ms: i64) {
        let swept_from_ms = self.position.low_ms.saturating_sub(self.sweep_depth_ms);
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
        if self.is_adaptive {
            let wanted = self.lateness_ms.saturating_mul(2).min(self.sweep_depth_ms);
            self.settle_ms.max(wanted)
        } else {
            self.settle_ms
        }
    }
}

/// The first part of a gap, as a window.
fn part_of(gap: Gap, step_ms: i64, kind: Kind, now_ms: i64) -> Window {
    Window {
        kind,
        start_ms: gap.from_ms,
        end_ms: Some(gap.until_ms.min(gap.from_ms + step_ms.max(1)) - 1),
        began_ms: now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_763_909_520_000;
    const MINUTE_MS: i64 = 60 * SECOND_MS;

    fn config(extra: &str) -> Config {
        toml::from_str(&format!("name = 's'\nregion = 'r'\n{extra}")).unwrap()
    }

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn held(pages: usize, events: usize) -> Held {
        Held { pages, events }
    }

    #[test]
    fn a_young_group_is_read_whole_until_that_is_too_much() {
        let mut cursor = Cursor::new(&config(""), NOW - MINUTE_MS, None, at(NOW));
        let first = cursor.next_head(at(NOW));
        assert_eq!((first.kind, first.end_ms), (Kind::Settle, None));
        assert!(first.start_ms <= NOW - 14 * DAY_MS);
        cursor.finish(&first, held(1, 10));
        assert_eq!(cursor.position().low_ms, first.start_ms);
        let second = cursor.next_head(at(NOW + 5000));
        assert_eq!(
            (second.kind, second.start_ms),
            (Kind::Settle, first.start_ms)
        );
        cursor.finish(&second, held(9, 90_000));
        assert_eq!(cursor.position().low_ms, NOW + 5000 - 5 * MINUTE_MS);
        assert_eq!(cursor.next_chore(at(NOW + 5000)), None);
    }

    #[test]
    fn an_old_group_shows_its_newest_events_first_and_its_history_in_growing_windows() {
        let mut cursor = Cursor::new(&config(""), NOW - 90 * DAY_MS, None, at(NOW));
        let head = cursor.next_head(at(NOW));
        assert_eq!(head.start_ms, NOW - 5 * MINUTE_MS);
        let oldest = cursor.reread_from();
        assert!(oldest <= at(NOW - 104 * DAY_MS));
        let mut expected_start = oldest.millis();
        let mut windows = 0;
        while let Some(window) = cursor.next_chore(at(NOW)) {
            assert_eq!(
                (window.kind, window.start_ms),
                (Kind::History, expected_start)
            );
            expected_start = window.end_ms.unwrap() + 1;
            cursor.finish(&window, held(1, 0));
            windows += 1;
        }
        assert_eq!(expected_start, NOW - 5 * MINUTE_MS);
        assert!(windows < 12, "{windows}");
        assert_eq!(cursor.history_left_ms(), 0);
    }

    #[test]
    fn a_busy_group_reads_its_tip_often_and_its_settling_time_now_and_then() {
        let mut cursor = Cursor::new(&config(""), NOW - MINUTE_MS, None, at(NOW));
        let first = cursor.next_head(at(NOW));
        cursor.finish(&first, held(5, 50_000));
        let second = cursor.next_head(at(NOW + 5000));
        assert_eq!(
            (second.kind, second.start_ms),
            (Kind::Tip, NOW - TIP_OVERLAP_MS)
        );
        cursor.finish(&second, held(1, 5000));
        assert_eq!(cursor.position().low_ms, NOW - 5 * MINUTE_MS);
        assert_eq!(cursor.next_head(at(NOW + MINUTE_MS)).kind, Kind::Settle);
    }

    #[test]
    fn late_events_make_the_settling_time_longer_unless_that_is_switched_off() {
        for (extra, minutes) in [("", 20), ("adaptive_settle = false", 5)] {
            let mut cursor = Cursor::new(&config(extra), NOW - 9 * DAY_MS, None, at(NOW));
            cursor.set_lateness(10 * MINUTE_MS);
            let window = cursor.next_head(at(NOW));
            cursor.finish(&window, held(1, 1));
            assert_eq!(cursor.position().low_ms, NOW - minutes * MINUTE_MS);
        }
    }

    #[test]
    fn a_sweep_covers_what_has_settled_and_not_what_was_before_the_start() {
        let mut cursor = Cursor::new(&config("start = '1h'"), NOW - 9 * DAY_MS, None, at(NOW));
        let head = cursor.next_head(at(NOW));
        cursor.finish(&head, held(1, 1));
        while let Some(window) = cursor.next_chore(at(NOW)) {
            assert_eq!(window.kind, Kind::History);
            cursor.finish(&window, held(1, 0));
        }
        let later = at(NOW + 15 * MINUTE_MS);
        let mut covered = NOW - HOUR_MS;
        while let Some(window) = cursor.next_chore(later) {
            assert_eq!((window.kind, window.start_ms), (Kind::Sweep, covered));
            covered = window.end_ms.unwrap() + 1;
            cursor.finish(&window, held(1, 0));
        }
        assert_eq!(covered, cursor.position().low_ms);
        assert_eq!(cursor.next_chore(later), None);
    }

    #[test]
    fn a_deep_sweep_covers_a_day_once_a_day_up_to_where_sweeps_begin() {
        let mut cursor = Cursor::new(&config("start = '9d'"), NOW - 90 * DAY_MS, None, at(NOW));
        let head = cursor.next_head(at(NOW));
        cursor.finish(&head, held(1, 1));
        while let Some(window) = cursor.next_chore(at(NOW)) {
            cursor.finish(&window, held(1, 0));
        }
        let later = at(NOW + DAY_MS);
        let low_ms = cursor.position().low_ms;
        let mut covered = low_ms - DAY_MS;
        while let Some(window) = cursor.next_chore(later) {
            if window.hands_over_only_late() {
                assert_eq!((window.kind, window.start_ms), (Kind::DeepSweep, covered));
                covered = window.end_ms.unwrap() + 1;
            }
            cursor.finish(&window, held(1, 0));
        }
        assert_eq!(covered, low_ms - 2 * HOUR_MS);
        let mut never = Cursor::new(&config("deep_sweep_interval = '0s'"), 0, None, at(NOW));
        let head = never.next_head(at(NOW));
        never.finish(&head, held(1, 1));
        while let Some(window) = never.next_chore(at(NOW + 9 * DAY_MS)) {
            assert!(!window.hands_over_only_late());
            never.finish(&window, held(1, 0));
        }
    }

    #[test]
    fn what_was_missed_while_away_becomes_history_joined_to_what_was_left() {
        let saved = Position {
            start_ms: 0,
            low_ms: NOW - 3 * DAY_MS,
            swept_ms: NOW - 3 * DAY_MS,
            deep_swept_ms: None,
            history: Some(Gap {
                from_ms: NOW - 9 * DAY_MS,
                until_ms: NOW - 4 * DAY_MS,
            }),
        };
        let mut cursor = Cursor::new(&config(""), 0, Some(saved), at(NOW));
        assert_eq!(cursor.next_head(at(NOW)).start_ms, NOW - 5 * MINUTE_MS);
        let gap = Gap {
            from_ms: NOW - 9 * DAY_MS,
            until_ms: NOW - 5 * MINUTE_MS,
        };
        assert_eq!(cursor.position().history, Some(gap));
        let json = serde_json::to_value(cursor.position()).unwrap();
        assert_eq!(
            serde_json::from_value::<Position>(json).unwrap(),
            *cursor.position()
        );
    }
}
