//! Routes: which channels an alert is told through, by its labels.
//!
//! As in Alertmanager, the first route that matches counts, unless it says to go on. A monitor
//! that names channels itself needs no route.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::matcher::{self, Matcher};
use crate::state::Labels;

/// One `[[alerting.routes]]` table.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// What an alert must be like: all of them; none matches every alert.
    #[serde(default, deserialize_with = "matcher::from_texts")]
    pub matchers: Vec<Matcher>,
    /// Whom it is told; nobody, if there are none.
    pub channels: Vec<String>,
    /// Whether the routes after it are asked, too.
    #[serde(default, rename = "continue")]
    pub goes_on: bool,
    /// The times at which it is quiet.
    #[serde(default)]
    pub mute_times: Vec<String>,
    /// The only times at which it is not, if there are any.
    #[serde(default)]
    pub active_times: Vec<String>,
}

impl Route {
    /// The names of all times that it knows.
    pub(crate) fn times(&self) -> impl Iterator<Item = &String> {
        self.mute_times.iter().chain(&self.active_times)
    }

    /// Whether it tells nobody now; `is_now` knows the times.
    fn is_quiet(&self, is_now: impl Fn(&String) -> bool) -> bool {
        let is_active = self.active_times.is_empty() || self.active_times.iter().any(&is_now);
        !is_active || self.mute_times.iter().any(&is_now)
    }
}

/// Returns the channels of an alert with these labels; `defaults` if no route matches, and `None`
/// while all its routes are quiet.
pub(crate) fn channels(
    routes: &[Route],
    labels: &Labels,
    defaults: &[String],
    is_now: impl Fn(&String) -> bool,
) -> Option<BTreeSet<String>> {
    let mut matching = Vec::new();
    for route in routes {
        if matcher::all_match(&route.matchers, labels) {
            matching.push(route);
            if !route.goes_on {
                break;
            }
        }
    }
    if matching.is_empty() {
        return Some(defaults.iter().cloned().collect());
    }
    matching.retain(|route| !route.is_quiet(&is_now));
    let found = matching.iter().flat_map(|route| &route.channels);
    (!matching.is_empty()).then(|| found.cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(matchers: &[&str], channels: &[&str], goes_on: bool) -> Route {
        Route {
            matchers: matchers
                .iter()
                .map(|text| Matcher::parse(text).unwrap())
                .collect(),
            channels: channels.iter().map(|&name| name.to_owned()).collect(),
            goes_on,
            mute_times: Vec::new(),
            active_times: Vec::new(),
        }
    }

    fn joined(channels: Option<BTreeSet<String>>) -> String {
        let names = channels.map(|names| names.into_iter().collect::<Vec<_>>().join(" "));
        names.unwrap_or_else(|| "quiet".to_owned())
    }

    #[test]
    fn the_first_route_counts_unless_it_goes_on() {
        let routes = [
            route(&["severity=critical"], &["pager"], true),
            route(&["function=~\"pay-.*\""], &["payments"], false),
            route(&["function=pay-test"], &["never"], false),
            route(&["function=noise"], &[], false),
        ];
        let told = |function: &str, severity: &str| {
            let labels = [("function", function), ("severity", severity)];
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let defaults = ["all".to_owned()];
            joined(channels(&routes, &Labels::from(labels), &defaults, |_| {
                false
            }))
        };
        assert_eq!(told("pay-api", "warning"), "payments");
        assert_eq!(told("pay-test", "critical"), "pager payments");
        assert_eq!(told("auth", "critical"), "pager");
        assert_eq!(told("auth", "warning"), "all");
        assert_eq!(told("noise", "warning"), "", "a route may tell nobody");
    }

    #[test]
    fn a_route_is_quiet_at_its_times() {
        let at_night = Route {
            mute_times: vec!["nights".to_owned()],
            ..route(&[], &["chat"], true)
        };
        let at_work = Route {
            active_times: vec!["work".to_owned()],
            ..route(&["severity=critical"], &["desk"], false)
        };
        let routes = [at_night, at_work];
        let told = |severity: &str, now: &[&str]| {
            let labels = Labels::from([("severity".to_owned(), severity.to_owned())]);
            let is_now = |name: &String| now.contains(&name.as_str());
            joined(channels(&routes, &labels, &[], is_now))
        };
        assert_eq!(told("warning", &["work"]), "chat");
        assert_eq!(told("critical", &["work"]), "chat desk");
        assert_eq!(told("critical", &[]), "chat");
        assert_eq!(told("critical", &["work", "nights"]), "desk");
        assert_eq!(told("critical", &["nights"]), "quiet");
        assert_eq!(told("warning", &["nights"]), "quiet");
    }

    #[test]
    fn a_matcher_that_is_none_is_refused() {
        let text = "matchers = [\"severity\"]\nchannels = []\n";
        let mistake = toml::from_str::<Route>(text).unwrap_err().to_string();
        assert!(mistake.contains("`severity` is no matcher"), "{mistake}");
    }
}
