//! Which span of a meter's samples is read next. Pure.

use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::Settings;
use crate::support::duration::millis;
use crate::support::start::Start;

/// Periods in one span at most: with the most series that clouds take in one call they are as
/// many samples as one answer holds (CloudWatch: 500 series, 100,800 samples).
const SPAN_PERIODS_MAX: i64 = 200;

/// Times from `start_ms` up to and without `end_ms`; both are whole periods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
}

/// How far a meter has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Position {
    /// Everything before was read at least once.
    pub(crate) read_to_ms: i64,
}

/// Where a meter is, and what comes next.
#[derive(Debug)]
pub(super) struct Cursor {
    settings: Settings,
    read_to_ms: i64,
}

impl Cursor {
    pub(super) fn new(settings: Settings, saved: Option<Position>, now: Timestamp) -> Self {
        let period_ms = millis(settings.period);
        let kept_ms = now.millis().saturating_sub(millis(settings.kept));
        let first_ms = match settings.start {
            Start::Creation => kept_ms,
            Start::Now => now.millis(),
            Start::Before(before) => now.millis().saturating_sub(millis(before)).max(kept_ms),
        };
        let read_to_ms = saved.map_or(first_ms, |saved| saved.read_to_ms.max(kept_ms));
        Cursor {
            settings,
            read_to_ms: floor(read_to_ms, period_ms),
        }
    }

    /// What is to be read at `now`; `has_news` says that there are series that were not known
    /// before. `None` if no period has ended since the last read, and none can be corrected.
    pub(super) fn next(&self, now: Timestamp, has_news: bool) -> Option<Span> {
        let settings = &self.settings;
        let period_ms = millis(settings.period);
        let closed_ms = floor(now.millis() - millis(settings.delay), period_ms);
        let back = match has_news {
            true => settings.discovery.max(settings.correction),
            false => settings.correction,
        };
        let kept_ms = now.millis().saturating_sub(millis(settings.kept));
        let start_ms = floor(
            self.read_to_ms.saturating_sub(millis(back)).max(kept_ms),
            period_ms,
        );
        // However far back it begins, it must come forward.
        let longest_ms = (SPAN_PERIODS_MAX * period_ms).max(millis(back) + period_ms);
        let end_ms = closed_ms.min(start_ms + longest_ms);
        (end_ms >= self.read_to_ms && end_ms > start_ms).then_some(Span { start_ms, end_ms })
    }

    /// Whether periods that are over are still to be read at `now`.
    pub(super) fn is_behind(&self, now: Timestamp) -> bool {
        let period_ms = millis(self.settings.period);
        self.read_to_ms < floor(now.millis() - millis(self.settings.delay), period_ms)
    }

    /// Notes that a span was read to its end.
    pub(super) fn finish(&mut self, span: Span) {
        self.read_to_ms = self.read_to_ms.max(span.end_ms);
    }

    pub(super) fn position(&self) -> Position {
        Position {
            read_to_ms: self.read_to_ms,
        }
    }

    /// What is older is not corrected any more, as far as the settings say.
    pub(super) fn final_until_ms(&self) -> i64 {
        self.read_to_ms
            .saturating_sub(millis(self.settings.correction))
    }
}

fn floor(time_ms: i64, period_ms: i64) -> i64 {
    time_ms.div_euclid(period_ms.max(1)) * period_ms.max(1)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: i64 = 60_000;

    fn minutes(count: u64) -> Duration {
        Duration::from_secs(count * 60)
    }

    fn settings() -> Settings {
        Settings {
            period: minutes(1),
            delay: minutes(2),
            correction: minutes(20),
            discovery: minutes(60),
            start: Start::Before(minutes(180)),
            kept: minutes(15 * 24 * 60),
        }
    }

    fn at(minute: i64, ms: i64) -> Timestamp {
        Timestamp::from_millis(minute * MINUTE + ms)
    }

    fn span(start: i64, end: i64) -> Option<Span> {
        Some(Span {
            start_ms: start * MINUTE,
            end_ms: end * MINUTE,
        })
    }

    #[test]
    fn only_minutes_that_are_over_are_read_and_each_again_while_it_may_change() {
        let mut cursor = Cursor::new(settings(), None, at(1_000, 30_000));
        assert_eq!(cursor.next(at(1_000, 30_000), true), span(760, 960));
        cursor.finish(span(760, 960).unwrap());
        assert!(cursor.is_behind(at(1_000, 30_000)));
        assert_eq!(cursor.next(at(1_000, 30_000), false), span(940, 998));
        cursor.finish(span(940, 998).unwrap());
        assert!(!cursor.is_behind(at(1_000, 59_999)));
        // Within the same minute only corrections are looked for.
        assert_eq!(cursor.next(at(1_000, 59_999), false), span(978, 998));
        assert_eq!(cursor.next(at(1_001, 0), false), span(978, 999));
        assert_eq!(cursor.position().read_to_ms, 998 * MINUTE);
        assert_eq!(cursor.final_until_ms(), 978 * MINUTE);
    }

    #[test]
    fn new_series_are_read_further_back() {
        let saved = Position {
            read_to_ms: 998 * MINUTE,
        };
        let cursor = Cursor::new(settings(), Some(saved), at(1_001, 0));
        assert_eq!(cursor.next(at(1_001, 0), true), span(938, 999));
    }

    #[test]
    fn after_a_long_rest_nothing_is_asked_for_that_is_not_kept() {
        let saved = Position { read_to_ms: 0 };
        let day = 24 * 60;
        let cursor = Cursor::new(settings(), Some(saved), at(100 * day, 0));
        assert_eq!(
            cursor.next(at(100 * day, 0), false),
            span(85 * day, 85 * day + 200)
        );
    }

    #[test]
    fn a_clock_that_went_back_asks_for_nothing() {
        let saved = Position {
            read_to_ms: 998 * MINUTE,
        };
        let cursor = Cursor::new(settings(), Some(saved), at(990, 0));
        assert_eq!(cursor.next(at(990, 0), false), None);
    }

    #[test]
    fn every_span_comes_forward_however_the_settings_are() {
        for (correction, discovery) in [(1, 1), (20, 60), (500, 60), (20, 500), (3_000, 3_000)] {
            let settings = Settings {
                correction: minutes(correction),
                discovery: minutes(discovery),
                ..settings()
            };
            let now = at(100_000, 0);
            let saved = Position {
                read_to_ms: 95_000 * MINUTE,
            };
            let mut cursor = Cursor::new(settings, Some(saved), now);
            let mut reads = 0;
            while cursor.is_behind(now) {
                let before = cursor.position();
                cursor.finish(cursor.next(now, reads % 3 == 0).unwrap());
                assert!(cursor.position().read_to_ms > before.read_to_ms);
                reads += 1;
            }
            assert_eq!(cursor.position().read_to_ms, 99_998 * MINUTE);
        }
    }
}
