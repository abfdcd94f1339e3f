//! How many calls a subscription takes.

use super::error::ManagementError;

/// What Azure allows a subscription in an hour
/// (<https://learn.microsoft.com/azure/azure-monitor/service-limits>).
const CALLS_PER_HOUR: u32 = 12_000;
const HOUR_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;

/// Counts the calls of the present window.
#[derive(Debug)]
pub(crate) struct Quota {
    calls_max: u32,
    window_ms: i64,
    window: i64,
    calls: u32,
}

impl Quota {
    /// Allows `per_second` calls, counted by the minute, or as many as Azure does; 0 means no
    /// quota.
    pub(crate) fn new(per_second: Option<u32>) -> Self {
        let (calls_max, window_ms) = match per_second {
            Some(0) => (u32::MAX, MINUTE_MS),
            Some(per_second) => (per_second.saturating_mul(60), MINUTE_MS),
            None => (CALLS_PER_HOUR, HOUR_MS),
        };
        Quota {
            calls_max,
            window_ms,
            window: 0,
            calls: 0,
        }
    }

    /// Counts a call, or refuses it.
    pub(crate) fn admit(&mut self, now_ms: i64) -> Result<(), ManagementError> {
        let window = now_ms.div_euclid(self.window_ms);
        if window != self.window {
            self.window = window;
            self.calls = 0;
        }
        if self.calls >= self.calls_max {
            let left_ms = (window + 1) * self.window_ms - now_ms;
            return Err(ManagementError::throttled(left_ms.div_euclid(1_000) + 1));
        }
        self.calls += 1;
        Ok(())
    }
}
