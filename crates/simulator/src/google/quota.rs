//! The quota of reads, which begins anew with every minute.

use super::error::GoogleError;

/// What Google allows a project.
const READS_PER_MINUTE: u32 = 60;

/// Counts the reads of the present minute.
#[derive(Debug)]
pub(crate) struct Quota {
    per_minute: u32,
    minute: i64,
    reads: u32,
}

impl Quota {
    /// Allows `per_minute` reads, or as many as Google does; 0 means no quota.
    pub(crate) fn new(per_minute: Option<u32>) -> Self {
        Quota {
            per_minute: match per_minute {
                Some(0) => u32::MAX,
                other => other.unwrap_or(READS_PER_MINUTE),
            },
            minute: 0,
            reads: 0,
        }
    }

    /// Counts a read, or refuses it.
    pub(crate) fn admit(&mut self, project: &str, now_ms: i64) -> Result<(), GoogleError> {
        let minute = now_ms.div_euclid(60_000);
        if minute != self.minute {
            self.minute = minute;
            self.reads = 0;
        }
        if self.reads >= self.per_minute {
            return Err(GoogleError::quota(project, self.per_minute));
        }
        self.reads += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_allows_sixty_reads_and_the_next_as_many_again() {
        let mut quota = Quota::new(None);
        assert!((0..60).all(|n| quota.admit("projects/1", n * 900).is_ok()));
        let refused = quota.admit("projects/1", 59_000).unwrap_err();
        let details = &refused.body()["error"]["details"][0];
        assert_eq!(details["reason"], "RATE_LIMIT_EXCEEDED");
        assert!(quota.admit("projects/1", 60_000).is_ok());
        assert!(Quota::new(Some(0)).admit("projects/1", 0).is_ok());
    }
}
