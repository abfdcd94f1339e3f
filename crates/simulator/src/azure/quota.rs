//! How many requests a second a service of the account takes.

use super::error::AzureError;

/// What Azure allows a storage account
/// (<https://learn.microsoft.com/azure/storage/common/scalability-targets-standard-account>).
const REQUESTS_PER_SECOND: u32 = 20_000;

/// Counts the requests of the present second.
#[derive(Debug)]
pub(super) struct Quota {
    per_second: u32,
    second: i64,
    requests: u32,
}

impl Quota {
    /// Allows `per_second` requests, or as many as Azure does; 0 means no quota.
    pub(super) fn new(per_second: Option<u32>) -> Self {
        Quota {
            per_second: match per_second {
                Some(0) => u32::MAX,
                other => other.unwrap_or(REQUESTS_PER_SECOND),
            },
            second: 0,
            requests: 0,
        }
    }

    /// Counts a request, or refuses it.
    pub(super) fn admit(&mut self, now_ms: i64) -> Result<(), AzureError> {
        let second = now_ms.div_euclid(1_000);
        if second != self.second {
            self.second = second;
            self.requests = 0;
        }
        if self.requests >= self.per_second {
            return Err(AzureError::busy());
        }
        self.requests += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_allows_so_many_requests_and_the_next_as_many_again() {
        let mut quota = Quota::new(Some(2));
        assert!(quota.admit(10).is_ok() && quota.admit(900).is_ok());
        assert_eq!(quota.admit(999), Err(AzureError::busy()));
        assert!(quota.admit(1_000).is_ok());
        assert!((0..100).all(|_| Quota::new(Some(0)).admit(0).is_ok()));
    }
}
