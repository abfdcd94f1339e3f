//! Mutes: while one lasts, people are not told about the alerts it matches. The alerts are there
//! all the same.

use model::Timestamp;
use serde::{Deserialize, Serialize};
use storage::catalog::MuteRow;

use crate::matcher::{Matcher, all_match};
use crate::state::Labels;
use crate::{AlertingError, Result};

/// Longest time that a mute may last: what is muted for ever should be deleted.
const LENGTH_NANOS_MAX: i64 = 90 * 86_400 * 1_000_000_000;

/// A mute, once, from a moment to another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Mute {
    /// Its name.
    pub id: String,
    /// What an alert must be like: all of them.
    pub matchers: Vec<Matcher>,
    /// When it begins, in milliseconds since the epoch.
    pub starts_at: i64,
    /// When it ends.
    pub ends_at: i64,
    /// Who made it.
    pub created_by: String,
    /// Why.
    pub comment: String,
}

impl Mute {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub fn check(&self) -> Result<()> {
        let wrong = |what: String| Err(AlertingError::Setting(what));
        if self.ends_at <= self.starts_at {
            return wrong("`endsAt` is not after `startsAt`".to_owned());
        }
        let length = (self.ends_at - self.starts_at).saturating_mul(1_000_000);
        if length > LENGTH_NANOS_MAX {
            return wrong(
                "a mute may last 90 days; delete or disable the monitor instead".to_owned(),
            );
        }
        if !self.matchers.iter().any(Matcher::says_something) {
            return wrong(
                "`matchers` must ask for some value, or everything would be muted".to_owned(),
            );
        }
        let patterns = self.matchers.iter().map(Matcher::check);
        patterns
            .collect::<Result<(), String>>()
            .map_err(AlertingError::Setting)
    }

    /// Whether it holds back an alert with these labels at a moment.
    pub fn holds(&self, labels: &Labels, at: Timestamp) -> bool {
        let is_now = Timestamp::from_millis(self.starts_at) <= at
            && at < Timestamp::from_millis(self.ends_at);
        is_now && self.matches(labels)
    }

    /// Whether it is about an alert with these labels.
    pub fn matches(&self, labels: &Labels) -> bool {
        all_match(&self.matchers, labels)
    }

    pub(crate) fn to_row(&self) -> Result<MuteRow> {
        let body =
            serde_json::to_string(self).map_err(|error| AlertingError::Decode("a mute", error))?;
        Ok(MuteRow {
            id: self.id.clone(),
            ends_at: Timestamp::from_millis(self.ends_at),
            body,
        })
    }

    pub(crate) fn from_row(row: &MuteRow) -> Result<Mute> {
        serde_json::from_str(&row.body).map_err(|error| AlertingError::Decode("a mute", error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mute(matchers: Vec<Matcher>) -> Mute {
        Mute {
            id: "m".to_owned(),
            matchers,
            starts_at: 100,
            ends_at: 200,
            created_by: "ann".to_owned(),
            comment: String::new(),
        }
    }

    fn matcher(name: &str, value: &str, is_regex: bool, is_equal: bool) -> Matcher {
        Matcher {
            name: name.to_owned(),
            value: value.to_owned(),
            is_regex,
            is_equal,
        }
    }

    fn labels(function: &str) -> Labels {
        Labels::from([("function".to_owned(), function.to_owned())])
    }

    #[test]
    fn a_mute_holds_what_it_matches_while_it_lasts() {
        let mute = mute(vec![matcher("function", "checkout-.*", true, true)]);
        let at = Timestamp::from_millis;
        assert!(mute.holds(&labels("checkout-api"), at(100)));
        assert!(!mute.holds(&labels("checkout-api"), at(99)));
        assert!(!mute.holds(&labels("checkout-api"), at(200)));
        assert!(
            !mute.holds(&labels("a-checkout-api"), at(100)),
            "the whole value"
        );
        assert!(!mute.holds(&Labels::new(), at(100)));
    }

    #[test]
    fn all_conditions_must_hold_and_may_be_turned_round() {
        let mute = mute(vec![
            matcher("function", "a.*", true, true),
            matcher("function", "ab", false, false),
        ]);
        assert!(mute.matches(&labels("aa")) && !mute.matches(&labels("ab")));
    }

    #[test]
    fn what_would_mute_everything_or_nothing_is_refused() {
        assert!(mute(vec![]).check().is_err());
        assert!(
            mute(vec![matcher("function", "", false, true)])
                .check()
                .is_err()
        );
        assert!(
            mute(vec![matcher("function", "a", false, false)])
                .check()
                .is_err()
        );
        assert!(
            mute(vec![matcher("function", "(", true, true)])
                .check()
                .is_err()
        );
        let mut backwards = mute(vec![matcher("function", "a", false, true)]);
        assert!(backwards.check().is_ok());
        backwards.ends_at = 100;
        assert!(backwards.check().is_err());
        backwards.ends_at = 100 + 91 * 86_400_000;
        assert!(backwards.check().is_err());
    }
}
