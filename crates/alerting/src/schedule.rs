//! When which window is evaluated.
//!
//! Windows end at multiples of `every`, so that monitors with the same query ask about the same
//! windows. After a pause the windows that were missed are evaluated one after the other, as if
//! there had been none; only after a long one the oldest are left out, and counted.

use content::Monitor;
use model::Timestamp;

/// Windows that are made up for after a pause.
const CATCH_UP_WINDOWS_MAX: i64 = 60;

/// A window that is to be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Its end.
    pub(crate) end: Timestamp,
    /// How many before it are left out.
    pub(crate) missed: u64,
}

/// Returns the next window to evaluate, if one has ended long enough ago.
pub(crate) fn next(
    monitor: &Monitor,
    evaluated_to: Option<Timestamp>,
    now: Timestamp,
) -> Option<Due> {
    let every = monitor.every.nanos().max(1);
    let latest = now.nanos().saturating_sub(monitor.delay().nanos());
    let latest = latest.div_euclid(every).saturating_mul(every);
    let Some(before) = evaluated_to else {
        return Some(Due {
            end: Timestamp::from_nanos(latest),
            missed: 0,
        });
    };
    // `every` may have been changed: the grid counts, not the last end.
    let following = (before.nanos().div_euclid(every) + 1).saturating_mul(every);
    if following > latest {
        return None;
    }
    let oldest = latest.saturating_sub((CATCH_UP_WINDOWS_MAX - 1).saturating_mul(every));
    let end = following.max(oldest);
    let missed = u64::try_from((end - following) / every).unwrap_or(0);
    Some(Due {
        end: Timestamp::from_nanos(end),
        missed,
    })
}

/// The window that is asked once more, for data that came late, when the one at `end` is.
pub(crate) fn late(monitor: &Monitor, end: Timestamp) -> Option<Timestamp> {
    let every = monitor.every.nanos().max(1);
    let windows = monitor.late?.nanos() / every;
    (windows > 0).then(|| end.saturating_add_nanos(-windows.saturating_mul(every)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn monitor() -> Monitor {
        let text = "name = \"m\"\nquery = \"q\"\ncritical = { above = 1 }\nevery = \"1m\"\ndelay = \"30s\"\n";
        Monitor::parse(text).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn next_end(evaluated_to: Option<i64>, now: i64) -> Option<i64> {
        next(&monitor(), evaluated_to.map(at), at(now)).map(|due| due.end.millis() / 1_000)
    }

    #[test]
    fn a_window_is_evaluated_when_it_has_ended_long_enough_ago() {
        assert_eq!(next_end(None, 629), Some(540));
        assert_eq!(next_end(None, 630), Some(600));
        assert_eq!(next_end(Some(600), 689), None);
        assert_eq!(next_end(Some(600), 690), Some(660));
    }

    #[test]
    fn missed_windows_are_made_up_for_in_their_order() {
        assert_eq!(next_end(Some(600), 1_000), Some(660));
        let due = next(&monitor(), Some(at(0)), at(100 * 60 + 30)).unwrap();
        assert_eq!(
            due,
            Due {
                end: at(41 * 60),
                missed: 40
            }
        );
    }

    #[test]
    fn a_clock_that_goes_back_evaluates_nothing_twice() {
        assert_eq!(next_end(Some(600), 300), None);
        assert_eq!(next_end(Some(600), 300 + 390), Some(660));
    }

    #[test]
    fn a_changed_interval_goes_back_to_the_grid() {
        assert_eq!(next_end(Some(615), 700), Some(660));
    }

    #[test]
    fn late_windows_lie_on_the_grid() {
        let mut monitor = monitor();
        assert_eq!(late(&monitor, at(600)), None);
        monitor.late = Some(content::Period::seconds(150));
        assert_eq!(late(&monitor, at(600)), Some(at(480)));
    }
}
