//! How matches are spread over time: a fixed number of equal buckets, counted by level.

use arrow::array::{Array, RecordBatch, StringViewArray, TimestampNanosecondArray};
use model::{Level, TimeRange, Timestamp};
use serde::Serialize;

/// A histogram has at most this many buckets, and more than a third of it where widths allow.
const BUCKETS_MAX: i64 = 100;
/// Widths that people read easily, in milliseconds.
const WIDTHS_MS: [i64; 27] = [
    1,
    10,
    100,
    250,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    1_209_600_000,
    2_419_200_000,
];
/// The place of events without a level, after those of [`LEVELS`].
const NO_LEVEL: usize = 6;
const LEVELS: [Level; 6] = [
    Level::Trace,
    Level::Debug,
    Level::Info,
    Level::Warn,
    Level::Error,
    Level::Fatal,
];

/// One bar.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Bucket {
    /// Where it begins, in milliseconds since the epoch.
    pub start_ms: i64,
    /// How long it is, in milliseconds.
    pub length_ms: i64,
    /// Matches in it.
    pub count: u64,
    /// Matches by level; levels without any are left out, and so are matches without a level.
    pub levels: Vec<(&'static str, u64)>,
}

/// Counts matches by time and level.
#[derive(Debug)]
pub(super) struct Histogram {
    time: &'static str,
    start_ms: i64,
    width_ms: i64,
    counts: Vec<[u64; 7]>,
}

impl Histogram {
    /// Returns an empty histogram over `range` of the column `time`.
    pub(super) fn new(range: TimeRange, time: &'static str) -> Self {
        let first = range.start.millis();
        let last = range.end.saturating_add_nanos(-1).max(range.start).millis();
        let fits = |width: i64| last.div_euclid(width) - first.div_euclid(width) < BUCKETS_MAX;
        let width_ms = WIDTHS_MS
            .into_iter()
            .find(|width| fits(*width))
            .unwrap_or_else(|| {
                let day = 86_400_000;
                ((last - first) / (BUCKETS_MAX - 1) / day + 1) * day
            });
        let start = first.div_euclid(width_ms);
        let count = last.div_euclid(width_ms) - start + 1;
        Histogram {
            time,
            start_ms: start * width_ms,
            width_ms,
            counts: vec![[0; 7]; usize::try_from(count).unwrap_or(1)],
        }
    }

    /// Counts the rows of `batch`. Times outside the range count at its nearer end.
    pub(super) fn add(&mut self, batch: &RecordBatch) {
        let Some(times) = batch
            .column_by_name(self.time)
            .and_then(|column| column.as_any().downcast_ref::<TimestampNanosecondArray>())
        else {
            return;
        };
        let levels = batch
            .column_by_name("level")
            .and_then(|column| column.as_any().downcast_ref::<StringViewArray>());
        let last = self.counts.len() as i64 - 1;
        for (row, nanos) in times.values().iter().enumerate() {
            let bucket = (Timestamp::from_nanos(*nanos).millis() - self.start_ms)
                .div_euclid(self.width_ms)
                .clamp(0, last);
            let level = levels
                .filter(|levels| levels.is_valid(row))
                .map_or(NO_LEVEL, |levels| place(levels.value(row)));
            self.counts[bucket as usize][level] += 1;
        }
    }

    /// The buckets, earliest first, empty ones too.
    pub(super) fn buckets(&self) -> Vec<Bucket> {
        self.counts
            .iter()
            .zip(0i64..)
            .map(|(counts, nth)| Bucket {
                start_ms: self.start_ms + nth * self.width_ms,
                length_ms: self.width_ms,
                count: counts.iter().sum(),
                levels: LEVELS
                    .into_iter()
                    .zip(counts)
                    .filter(|(_, count)| **count > 0)
                    .map(|(level, count)| (level.name(), *count))
                    .collect(),
            })
            .collect()
    }
}

fn place(level: &str) -> usize {
    match level {
        "TRACE" => 0,
        "DEBUG" => 1,
        "INFO" => 2,
        "WARN" => 3,
        "ERROR" => 4,
        "FATAL" => 5,
        _ => NO_LEVEL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histogram(minutes: i64) -> Histogram {
        let range = TimeRange::new(
            Timestamp::from_millis(0),
            Timestamp::from_millis(minutes * 60_000),
        );
        Histogram::new(range, "event_time")
    }

    #[test]
    fn fifteen_minutes_are_ninety_bars_of_ten_seconds() {
        let buckets = histogram(15).buckets();
        assert_eq!((buckets.len(), buckets[0].length_ms), (90, 10_000));
    }

    #[test]
    fn no_range_has_more_bars_than_the_maximum() {
        for minutes in [0, 1, 7, 61, 1440, 100_000, 10_000_000, 150_000_000] {
            let bars = histogram(minutes).buckets().len();
            assert!((1..=100).contains(&bars), "{minutes} minutes: {bars} bars");
        }
        let everything = Histogram::new(TimeRange::ALL, "event_time").buckets().len();
        assert!((1..=100).contains(&everything), "{everything}");
    }
}
