//! Full-jitter back-off: each wait is drawn evenly between nothing and a ceiling that doubles,
//! so that many clients that failed together do not return together.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A growing series of waits.
#[derive(Debug)]
pub(crate) struct Backoff {
    base: Duration,
    cap: Duration,
    failures: u32,
    random: StdRng,
}

impl Backoff {
    /// Waits up to `base` after the first failure, up to `cap` after many.
    pub(crate) fn new(base: Duration, cap: Duration) -> Self {
        Backoff {
            base,
            cap,
            failures: 0,
            random: StdRng::seed_from_u64(seed()),
        }
    }

    /// How long to wait after one more failure.
    pub(crate) fn after_failure(&mut self) -> Duration {
        let ceiling = self
            .base
            .saturating_mul(1_u32.checked_shl(self.failures.min(20)).unwrap_or(u32::MAX))
            .min(self.cap);
        self.failures = self.failures.saturating_add(1);
        ceiling.mul_f64(self.random.random::<f64>())
    }

    /// Starts again at `base`, after a success.
    pub(crate) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A number that differs between processes and calls; for jitter and ids, not for secrets.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_stay_under_a_ceiling_that_doubles_up_to_the_cap() {
        let mut backoff = Backoff::new(Duration::from_millis(200), Duration::from_secs(20));
        for failures in 0..40 {
            let ceiling = Duration::from_millis(200 * (1 << failures.min(20)));
            assert!(backoff.after_failure() <= ceiling.min(Duration::from_secs(20)));
        }
        backoff.reset();
        assert!(backoff.after_failure() <= Duration::from_millis(200));
    }
}
