//! Keeps calls to a cloud's API under a rate that all sources of one account and region share.
//!
//! Callers get their turn in the order in which they ask. A throttled call halves the rate; it
//! grows back slowly, so that other users of the account's quota find room.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

/// How much of the full rate comes back each second without throttling.
const RECOVERY_PER_SECOND: f64 = 0.02;
/// The lowest share of the full rate that throttling can press it to.
const SHARE_MIN: f64 = 0.05;

/// The shared budget of one API call.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    per_second_max: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    per_second: f64,
    next_free: Option<Instant>,
    changed_at: Option<Instant>,
}

impl TokenBucket {
    /// Allows `per_second_max` calls a second, evenly spaced.
    pub(crate) fn new(per_second_max: f64) -> Self {
        TokenBucket {
            per_second_max,
            state: Mutex::new(State {
                per_second: per_second_max,
                next_free: None,
                changed_at: None,
            }),
        }
    }

    /// Waits for this caller's turn.
    pub(crate) async fn acquire(&self) {
        let turn = self.reserve(Instant::now());
        tokio::time::sleep_until(turn).await;
    }

    /// Notes that the cloud throttled a call.
    pub(crate) fn throttled(&self) {
        self.throttled_at(Instant::now());
    }

    /// The rate now, in calls a second.
    pub(crate) fn per_second(&self) -> f64 {
        self.lock().per_second
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut state = self.lock();
        if let Some(changed_at) = state.changed_at {
            let back = now.saturating_duration_since(changed_at).as_secs_f64()
                * RECOVERY_PER_SECOND
                * self.per_second_max;
            state.per_second = (state.per_second + back).min(self.per_second_max);
            state.changed_at = (state.per_second < self.per_second_max).then_some(now);
        }
        let turn = state.next_free.map_or(now, |free| free.max(now));
        state.next_free = Some(turn + Duration::from_secs_f64(1.0 / state.per_second));
        turn
    }

    fn throttled_at(&self, now: Instant) {
        let mut state = self.lock();
        let floor = self.per_second_max * SHARE_MIN;
        state.per_second = (state.per_second / 2.0).max(floor);
        state.changed_at = Some(now);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_spaced_evenly_and_idle_time_is_not_saved_up() {
        let bucket = TokenBucket::new(4.0);
        let start = Instant::now();
        let turns: Vec<Duration> = (0..3)
            .map(|_| bucket.reserve(start).duration_since(start))
            .collect();
        assert_eq!(turns, [0, 250, 500].map(Duration::from_millis));
        let later = start + Duration::from_secs(60);
        assert_eq!(bucket.reserve(later), later);
        assert_eq!(bucket.reserve(later), later + Duration::from_millis(250));
    }

    #[test]
    fn throttling_halves_the_rate_and_time_brings_it_back() {
        let bucket = TokenBucket::new(8.0);
        let start = Instant::now();
        bucket.throttled_at(start);
        assert!((bucket.per_second() - 4.0).abs() < 1e-9);
        for _ in 0..20 {
            bucket.throttled_at(start);
        }
        assert!((bucket.per_second() - 0.4).abs() < 1e-9);
        bucket.reserve(start + Duration::from_secs(10));
        assert!((bucket.per_second() - 2.0).abs() < 1e-9);
        bucket.reserve(start + Duration::from_secs(100));
        assert!((bucket.per_second() - 8.0).abs() < 1e-9);
    }
}
