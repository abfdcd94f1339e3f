//! The quotas of reads, which begin anew with every minute.

use super::error::GoogleError;

/// A quota that Google keeps.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) service: &'static str,
    /// What is counted, as errors name it.
    pub(crate) metric: &'static str,
    pub(crate) name: &'static str,
    /// What Google allows a project.
    pub(crate) per_minute: u32,
}

/// Reads of log entries.
pub(crate) const LOGGING: Limit = Limit {
    service: "logging.googleapis.com",
    metric: "Read requests",
    name: "ReadRequestsPerMinutePerProject",
    per_minute: 60,
};
/// Reads of metrics.
pub(crate) const MONITORING: Limit = Limit {
    service: "monitoring.googleapis.com",
    metric: "Time series queries",
    name: "TimeSeriesQueriesPerMinutePerProject",
    per_minute: 6_000,
};

/// Counts the reads of the present minute.
#[derive(Debug)]
pub(crate) struct Quota {
    limit: &'static Limit,
    per_minute: u32,
    minute: i64,
    reads: u32,
}

impl Quota {
    /// Allows `per_minute` reads, or as many as Google does; 0 means no quota.
    pub(crate) fn new(limit: &'static Limit, per_minute: Option<u32>) -> Self {
        Quota {
            limit,
            per_minute: match per_minute {
                Some(0) => u32::MAX,
                other => other.unwrap_or(limit.per_minute),
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
            return Err(GoogleError::quota(self.limit, project, self.per_minute));
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
        let mut quota = Quota::new(&LOGGING, None);
        assert!((0..60).all(|n| quota.admit("projects/1", n * 900).is_ok()));
        let refused = quota.admit("projects/1", 59_000).unwrap_err();
        let details = &refused.body()["error"]["details"][0];
        assert_eq!(details["reason"], "RATE_LIMIT_EXCEEDED");
        assert!(quota.admit("projects/1", 60_000).is_ok());
        assert!(Quota::new(&LOGGING, Some(0)).admit("projects/1", 0).is_ok());
    }
}
