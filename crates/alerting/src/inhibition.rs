//! Inhibitions: while one alert is open, others that follow from it are not told.
//!
//! The rules are those of Alertmanager (prometheus.io/docs/alerting/latest/configuration, "inhibit
//! rule"): labels of `equal` that both lack are equal, and an alert that is both source and target
//! of a rule is not held back by one that is both, too; so none holds itself back.

use serde::Deserialize;

use crate::matcher::{self, Matcher};
use crate::state::Labels;

/// One `[[alerting.inhibitions]]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inhibition {
    /// What the open alert is like.
    #[serde(deserialize_with = "matcher::from_texts")]
    pub source: Vec<Matcher>,
    /// What the alerts are like that are held back.
    #[serde(deserialize_with = "matcher::from_texts")]
    pub target: Vec<Matcher>,
    /// The labels that both must have alike.
    #[serde(default)]
    pub equal: Vec<String>,
}

impl Inhibition {
    /// Checks it.
    ///
    /// # Errors
    /// What is wrong, and what to do.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, matchers) in [("source", &self.source), ("target", &self.target)] {
            if !matchers.iter().any(Matcher::says_something) {
                return Err(format!(
                    "`{name}` of an inhibition must ask for some value, or it would match every alert"
                ));
            }
        }
        Ok(())
    }

    /// Whether an alert that is open holds back one with the labels `target`.
    fn holds(&self, open: &Labels, target: &Labels) -> bool {
        let is_source = |labels: &Labels| matcher::all_match(&self.source, labels);
        let is_target = |labels: &Labels| matcher::all_match(&self.target, labels);
        let is_alike = |name: &String| {
            open.get(name).map_or("", String::as_str) == target.get(name).map_or("", String::as_str)
        };
        is_source(open)
            && is_target(target)
            && !(is_target(open) && is_source(target))
            && self.equal.iter().all(is_alike)
    }
}

/// Returns the open alert that holds back one with the labels `target`, if there is one.
pub(crate) fn holder<'a>(
    inhibitions: &[Inhibition],
    open: &'a [Labels],
    target: &Labels,
) -> Option<&'a Labels> {
    inhibitions
        .iter()
        .find_map(|inhibition| open.iter().find(|labels| inhibition.holds(labels, target)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let pairs = pairs.iter();
        pairs
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn inhibition(source: &str, target: &str, equal: &[&str]) -> Inhibition {
        Inhibition {
            source: vec![Matcher::parse(source).unwrap()],
            target: vec![Matcher::parse(target).unwrap()],
            equal: equal.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn an_open_alert_holds_back_those_of_the_same_function() {
        let rules = [inhibition(
            "severity=critical",
            "severity=warning",
            &["function"],
        )];
        let open = [labels(&[("severity", "critical"), ("function", "pay")])];
        let is_held = |function: &str, severity: &str| {
            let target = labels(&[("severity", severity), ("function", function)]);
            holder(&rules, &open, &target).is_some()
        };
        assert!(is_held("pay", "warning"));
        assert!(!is_held("auth", "warning"), "another function");
        assert!(!is_held("pay", "critical"), "no target");
        assert!(holder(&rules, &[], &labels(&[("severity", "warning")])).is_none());
    }

    #[test]
    fn labels_that_both_lack_are_alike() {
        let rules = [inhibition("alertname=down", "alertname=slow", &["region"])];
        let open = [labels(&[("alertname", "down")])];
        assert!(holder(&rules, &open, &labels(&[("alertname", "slow")])).is_some());
        let elsewhere = labels(&[("alertname", "slow"), ("region", "eu")]);
        assert!(holder(&rules, &open, &elsewhere).is_none());
    }

    #[test]
    fn no_alert_holds_itself_back() {
        let rules = [inhibition(
            "function=~\".+\"",
            "severity=warning",
            &["function"],
        )];
        let itself = labels(&[("function", "pay"), ("severity", "warning")]);
        assert!(holder(&rules, std::slice::from_ref(&itself), &itself).is_none());
        let critical = labels(&[("function", "pay"), ("severity", "critical")]);
        assert!(holder(&rules, &[critical], &itself).is_some());
    }

    #[test]
    fn a_rule_about_everything_is_refused() {
        let text = "source = [\"severity!=critical\"]\ntarget = [\"severity=warning\"]\n";
        let rule: Inhibition = toml::from_str(text).unwrap();
        assert!(rule.check().unwrap_err().contains("`source`"));
        let empty = Inhibition {
            source: Vec::new(),
            ..rule
        };
        assert!(empty.check().is_err());
        assert!(inhibition("a=b", "c=d", &[]).check().is_ok());
    }
}
