//! Reads of what has settled, for events that came later still.
//!
//! - A *sweep* covers `[low - sweep_depth, low)` now and then; ids are remembered for so long.
//! - A *deep sweep* goes from `low - deep_sweep_depth` up to where sweeps begin, seldom. Ids are
//!   not remembered for so long, so it hands over only events that were accepted late, and these
//!   are remembered for longer.

use super::Settings;
use super::cursor::{Gap, Kind, Position, Window};
use crate::support::duration::millis;

/// A sweep is read in so many windows, with polls in between.
const SWEEP_WINDOWS: i64 = 8;
const DEEP_SWEEP_WINDOWS: i64 = 24;

/// The sweeps of one origin.
#[derive(Clone, Debug)]
pub(super) struct Sweeps {
    interval_ms: i64,
    depth_ms: i64,
    /// `None` if there are no deep sweeps.
    deep_interval_ms: Option<i64>,
    deep_depth_ms: i64,
    /// What the present sweep has still to read.
    sweep: Option<Gap>,
    deep_sweep: Option<Gap>,
}

impl Sweeps {
    pub(super) fn new(settings: &Settings) -> Self {
        Sweeps {
            interval_ms: millis(settings.sweep_interval),
            depth_ms: millis(settings.sweep_depth),
            deep_interval_ms: Some(millis(settings.deep_sweep_interval))
                .filter(|interval_ms| *interval_ms > 0),
            deep_depth_ms: millis(settings.deep_sweep_depth),
            sweep: None,
            deep_sweep: None,
        }
    }

    /// From where on sweeps may read again.
    pub(super) fn reread_from_ms(&self, position: &Position) -> i64 {
        let next_from = position.low_ms.saturating_sub(self.depth_ms);
        next_from.min(self.sweep.map_or(i64::MAX, |gap| gap.from_ms))
    }

    /// The next window, if a sweep is under way or due; then `position` remembers when it began.
    pub(super) fn next(&mut self, position: &mut Position, now_ms: i64) -> Option<Window> {
        if self.sweep.is_none() && now_ms - position.swept_ms >= self.interval_ms {
            position.swept_ms = now_ms;
            let until_ms = position.low_ms;
            let from_ms = (until_ms - self.depth_ms).max(position.start_ms);
            self.sweep = (from_ms < until_ms).then_some(Gap { from_ms, until_ms });
        }
        if let Some(gap) = self.sweep {
            return Some(gap.first_part(self.depth_ms / SWEEP_WINDOWS, Kind::Sweep, now_ms));
        }
        let is_due = |interval_ms| {
            let swept_ms = position.deep_swept_ms;
            swept_ms.is_none_or(|swept_ms| now_ms - swept_ms >= interval_ms)
        };
        if self.deep_sweep.is_none() && self.deep_interval_ms.is_some_and(is_due) {
            position.deep_swept_ms = Some(now_ms);
            let until_ms = position.low_ms - self.depth_ms;
            let from_ms = (position.low_ms - self.deep_depth_ms).max(position.start_ms);
            self.deep_sweep = (from_ms < until_ms).then_some(Gap { from_ms, until_ms });
        }
        let length_ms = self.deep_depth_ms / DEEP_SWEEP_WINDOWS;
        Some(
            self.deep_sweep?
                .first_part(length_ms, Kind::DeepSweep, now_ms),
        )
    }

    /// Notes that all pages of a sweep's `window` have been read.
    pub(super) fn finish(&mut self, window: &Window) {
        let gap = match window.kind {
            Kind::DeepSweep => &mut self.deep_sweep,
            _ => &mut self.sweep,
        };
        *gap = gap.and_then(|gap| gap.after(window));
    }
}
