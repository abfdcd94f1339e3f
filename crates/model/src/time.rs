//! Time: nanoseconds since the Unix epoch, UTC; half-open ranges; the clock as a promise.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

const NANOS_PER_MILLI: i64 = 1_000_000;

/// A moment: nanoseconds since 1970-01-01T00:00:00Z. Reaches from 1677 to 2262.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment that can be stored.
    pub const MIN: Timestamp = Timestamp(i64::MIN);
    /// The latest moment that can be stored.
    pub const MAX: Timestamp = Timestamp(i64::MAX);

    /// Returns the moment `nanos` nanoseconds after the epoch.
    pub const fn from_nanos(nanos: i64) -> Self {
        Timestamp(nanos)
    }

    /// Returns the moment `millis` milliseconds after the epoch, held inside the range that
    /// nanoseconds can express.
    pub const fn from_millis(millis: i64) -> Self {
        Timestamp(millis.saturating_mul(NANOS_PER_MILLI))
    }

    /// Nanoseconds since the epoch.
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(NANOS_PER_MILLI)
    }

    /// Returns this moment moved by `nanos`, held inside the range.
    pub const fn saturating_add_nanos(self, nanos: i64) -> Self {
        Timestamp(self.0.saturating_add(nanos))
    }

    /// Returns this moment moved by `millis`, held inside the range.
    pub const fn saturating_add_millis(self, millis: i64) -> Self {
        self.saturating_add_nanos(millis.saturating_mul(NANOS_PER_MILLI))
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 with nanoseconds as far as they are not zero, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(moment) => write!(f, "{moment}"),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

/// A range of time: `start` belongs to it, `end` does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TimeRange {
    /// The first moment inside.
    pub start: Timestamp,
    /// The first moment after.
    pub end: Timestamp,
}

impl TimeRange {
    /// Everything that can be stored.
    pub const ALL: TimeRange = TimeRange {
        start: Timestamp::MIN,
        end: Timestamp::MAX,
    };

    /// Returns the range `[start, end)`; it is empty if `end` is not after `start`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        TimeRange { start, end }
    }

    /// Whether `moment` lies inside.
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.start <= moment && moment < self.end
    }

    /// Whether any moment of `[first, last]` (both inclusive) lies inside.
    pub fn overlaps_inclusive(&self, first: Timestamp, last: Timestamp) -> bool {
        first < self.end && self.start <= last
    }

    /// Length in nanoseconds; 0 for an empty range.
    pub fn nanos(&self) -> i64 {
        self.end.0.saturating_sub(self.start.0).max(0)
    }
}

/// Tells the time. Everything that needs the present takes one, so that tests own it.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Returns the present moment.
    fn now(&self) -> Timestamp;
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Returns a clock that stands at `start`.
    pub fn at(start: Timestamp) -> Self {
        ManualClock(AtomicI64::new(start.0))
    }

    /// Moves the clock forward (or, if negative, back) by `nanos`.
    pub fn advance_nanos(&self, nanos: i64) {
        self.0.fetch_add(nanos, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_before_the_epoch_round_down() {
        assert_eq!(Timestamp::from_nanos(-1).millis(), -1);
        assert_eq!(Timestamp::from_nanos(1_999_999).millis(), 1);
    }

    #[test]
    fn a_range_ends_before_its_end() {
        let range = TimeRange::new(Timestamp::from_millis(0), Timestamp::from_millis(10));
        assert!(range.contains(Timestamp::from_millis(0)));
        assert!(!range.contains(Timestamp::from_millis(10)));
        assert!(range.overlaps_inclusive(Timestamp::from_millis(9), Timestamp::from_millis(50)));
        assert!(!range.overlaps_inclusive(Timestamp::from_millis(10), Timestamp::from_millis(50)));
    }

    #[test]
    fn a_timestamp_prints_as_rfc_3339() {
        let moment = Timestamp::from_millis(1_763_909_520_123);
        assert_eq!(moment.to_string(), "2025-11-23T14:52:00.123Z");
    }
}
