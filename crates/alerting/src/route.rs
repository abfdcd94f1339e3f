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
}

/// Returns the channels of an alert with these labels; `defaults` if no route matches.
pub(crate) fn channels(routes: &[Route], labels: &Labels, defaults: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_routed = false;
    for route in routes {
        if !matcher::all_match(&route.matchers, labels) {
            continue;
        }
        is_routed = true;
        found.extend(route.channels.iter().cloned());
        if !route.goes_on {
            break;
        }
    }
    if !is_routed {
        found.extend(defaults.iter().cloned());
    }
    found
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
        }
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
            let found = channels(&routes, &Labels::from(labels), &["all".to_owned()]);
            found.into_iter().collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told("pay-api", "warning"), "payments");
        assert_eq!(told("pay-test", "critical"), "pager payments");
        assert_eq!(told("auth", "critical"), "pager");
        assert_eq!(told("auth", "warning"), "all");
        assert_eq!(told("noise", "warning"), "", "a route may tell nobody");
    }

    #[test]
    fn a_matcher_that_is_none_is_refused() {
        let text = "matchers = [\"severity\"]\nchannels = []\n";
        let mistake = toml::from_str::<Route>(text).unwrap_err().to_string();
        assert!(mistake.contains("`severity` is no matcher"), "{mistake}");
    }
}
