//! Quotas: how many calls of an operation one second allows.

use std::collections::HashMap;

use super::error::AwsError;

/// Counts the calls of the present second.
#[derive(Debug)]
pub(crate) struct Quotas {
    per_second: Option<u32>,
    second: i64,
    calls: HashMap<String, u32>,
}

impl Quotas {
    /// Returns quotas that allow `per_second` calls of each operation, or as many as AWS does;
    /// 0 means no quota.
    pub(crate) fn new(per_second: Option<u32>) -> Self {
        Quotas {
            per_second,
            second: 0,
            calls: HashMap::new(),
        }
    }

    /// Counts a call, or refuses it.
    pub(crate) fn admit(&mut self, operation: &str, now_ms: i64) -> Result<(), AwsError> {
        let second = now_ms.div_euclid(1_000);
        if second != self.second {
            self.second = second;
            self.calls.clear();
        }
        let allowed = match self.per_second {
            _ if !is_reading(operation) => 5_000,
            Some(0) => u32::MAX,
            Some(per_second) => per_second,
            None => real_quota(operation),
        };
        let calls = self.calls.entry(operation.to_owned()).or_default();
        *calls += 1;
        match *calls > allowed {
            true => Err(AwsError::throttled()),
            false => Ok(()),
        }
    }
}

fn is_reading(operation: &str) -> bool {
    ["Describe", "Filter", "Get", "List"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

/// Calls per second in most regions.
fn real_quota(operation: &str) -> u32 {
    match operation {
        "FilterLogEvents" | "DescribeLogGroups" => 10,
        "GetMetricData" => 50,
        _ => 25,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_allows_as_many_calls_as_the_quota_says() {
        let mut quotas = Quotas::new(Some(2));
        let calls = [0, 10, 20, 999, 1_000].map(|now| quotas.admit("FilterLogEvents", now).is_ok());
        assert_eq!(calls, [true, true, false, false, true]);
        assert!(quotas.admit("DescribeLogGroups", 1_000).is_ok());
    }
}
