//! An access token, kept until shortly before its end.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::Timestamp;

use super::secret::Secret;

/// A token is fetched again so long before it ends.
const MARGIN_MS: i64 = 120_000;

/// The last token, and until when it is good, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct CachedToken(Mutex<Option<(Secret, i64)>>);

impl CachedToken {
    /// The token, if it is good for a while.
    pub(crate) fn get(&self, now: Timestamp) -> Option<Secret> {
        let known = self.lock();
        let (token, until_ms) = known.as_ref()?;
        (now.millis() < *until_ms).then(|| token.clone())
    }

    /// Keeps a token that ends so many seconds from `now`.
    pub(crate) fn put(&self, token: &Secret, now: Timestamp, seconds: i64) {
        let ends_ms = now.millis().saturating_add(seconds.saturating_mul(1000));
        *self.lock() = Some((token.clone(), ends_ms.saturating_sub(MARGIN_MS)));
    }

    /// Forgets the token, because the cloud did not take it.
    pub(crate) fn forget(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<(Secret, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_given_until_two_minutes_before_its_end() {
        let cached = CachedToken::default();
        let at = Timestamp::from_millis;
        assert!(cached.get(at(0)).is_none());
        cached.put(&Secret::new("t"), at(1_000), 3_600);
        assert!(cached.get(at(3_480_999)).is_some());
        assert!(cached.get(at(3_481_000)).is_none());
        cached.put(&Secret::new("t"), at(0), i64::MAX);
        assert!(cached.get(at(0)).is_some());
        cached.forget();
        assert!(cached.get(at(0)).is_none());
    }
}
