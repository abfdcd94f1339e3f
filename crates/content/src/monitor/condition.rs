//! Thresholds: which values are bad, and which are good again.

use serde::{Deserialize, Serialize};

/// A threshold: exactly one of the four comparisons, and from where on the value is good again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Bad is what is greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Bad is what is as great or greater.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Bad is what is less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Bad is what is as little or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// An alert ends when the value has come back to here; where it is not said, as soon as the
    /// value is not bad any more. Keeps a value that hovers about the threshold from flapping.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<f64>,
}

/// How a value is compared with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

impl Comparison {
    /// Whether greater values are worse.
    pub const fn is_upward(self) -> bool {
        matches!(self, Comparison::Above | Comparison::AtLeast)
    }

    /// The sign.
    pub const fn sign(self) -> &'static str {
        match self {
            Comparison::Above => ">",
            Comparison::AtLeast => "≥",
            Comparison::Below => "<",
            Comparison::AtMost => "≤",
        }
    }

    fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Comparison::Above => value > limit,
            Comparison::AtLeast => value >= limit,
            Comparison::Below => value < limit,
            Comparison::AtMost => value <= limit,
        }
    }
}

impl Condition {
    /// Returns a threshold of one comparison.
    pub fn new(comparison: Comparison, limit: f64) -> Condition {
        let mut threshold = Condition::default();
        let place = match comparison {
            Comparison::Above => &mut threshold.above,
            Comparison::AtLeast => &mut threshold.at_least,
            Comparison::Below => &mut threshold.below,
            Comparison::AtMost => &mut threshold.at_most,
        };
        *place = Some(limit);
        threshold
    }

    fn comparisons(&self) -> impl Iterator<Item = (Comparison, f64)> {
        [
            (Comparison::Above, self.above),
            (Comparison::AtLeast, self.at_least),
            (Comparison::Below, self.below),
            (Comparison::AtMost, self.at_most),
        ]
        .into_iter()
        .filter_map(|(comparison, limit)| Some((comparison, limit?)))
    }

    /// The comparison and its limit. A threshold that was checked has exactly one.
    pub fn limit(&self) -> (Comparison, f64) {
        let first = self.comparisons().next();
        first.unwrap_or((Comparison::Above, f64::INFINITY))
    }

    /// Whether `value` is bad.
    pub fn is_breached(&self, value: f64) -> bool {
        let (comparison, limit) = self.limit();
        comparison.holds(value, limit)
    }

    /// Whether `value` is good again, once it was bad.
    pub fn has_recovered(&self, value: f64) -> bool {
        let (comparison, _) = self.limit();
        !self.is_breached(value)
            && self.recovery.is_none_or(|limit| {
                if comparison.is_upward() {
                    value <= limit
                } else {
                    value >= limit
                }
            })
    }

    /// Returns what is wrong with it.
    pub(super) fn mistake(&self) -> Option<String> {
        let mut comparisons = self.comparisons();
        let Some((comparison, limit)) = comparisons.next() else {
            return Some("says nothing to compare with; write one of `above`, `at_least`, `below`, `at_most`".to_owned());
        };
        if comparisons.next().is_some() {
            return Some(
                "has two comparisons; write one of `above`, `at_least`, `below`, `at_most`"
                    .to_owned(),
            );
        }
        if !limit.is_finite() || self.recovery.is_some_and(|recovery| !recovery.is_finite()) {
            return Some("is not a finite number".to_owned());
        }
        let recovery = self.recovery.filter(|recovery| {
            if comparison.is_upward() {
                *recovery > limit
            } else {
                *recovery < limit
            }
        })?;
        Some(format!(
            "has its `recovery` {recovery} on the bad side of {limit}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn between_threshold_and_recovery_a_value_is_neither_bad_nor_good() {
        let threshold = Condition {
            recovery: Some(8.0),
            ..Condition::new(Comparison::Above, 10.0)
        };
        assert!(threshold.is_breached(10.5) && !threshold.has_recovered(10.5));
        assert!(!threshold.is_breached(9.0) && !threshold.has_recovered(9.0));
        assert!(!threshold.is_breached(8.0) && threshold.has_recovered(8.0));
    }

    #[test]
    fn without_recovery_a_value_is_good_when_it_is_not_bad() {
        let threshold = Condition::new(Comparison::AtMost, 0.0);
        assert!(threshold.is_breached(0.0) && threshold.has_recovered(0.1));
    }
}
