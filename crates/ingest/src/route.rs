//! Which partition an event goes to: the first rule of the configuration that fits it.

use std::collections::BTreeMap;

use model::LogEvent;
use serde::{Deserialize, Serialize};
use storage::PARTITION_DEFAULT;

/// A rule: events that fit go to the partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// The partition.
    pub partition: String,
    /// What the event must be like.
    pub condition: Condition,
}

/// Patterns by field, each of which must fit; `*` stands for any text, upper and lower case are
/// the same. A condition without patterns fits nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Condition(BTreeMap<RouteField, Patterns>);

/// The fields that rules can ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(missing_docs, reason = "named as in queries")]
pub enum RouteField {
    #[serde(rename = "_sourceCategory", alias = "_sourcecategory")]
    SourceCategory,
    #[serde(rename = "_sourceHost", alias = "_sourcehost")]
    SourceHost,
    #[serde(rename = "_sourceName", alias = "_sourcename")]
    SourceName,
    #[serde(rename = "_source")]
    Source,
    #[serde(rename = "_collector")]
    Collector,
    #[serde(rename = "provider")]
    Provider,
    #[serde(rename = "account")]
    Account,
    #[serde(rename = "region")]
    Region,
    #[serde(rename = "function")]
    Function,
    #[serde(rename = "level")]
    Level,
}

/// One pattern or several, one of which must fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Patterns {
    One(String),
    Any(Vec<String>),
}

/// All rules, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes(Vec<Route>);

impl Routes {
    pub(crate) fn new(routes: Vec<Route>) -> Self {
        Routes(routes)
    }

    /// The partition of an event whose serverless fields are filled in.
    pub(crate) fn partition(&self, event: &LogEvent) -> &str {
        self.0
            .iter()
            .find(|route| route.condition.fits(event))
            .map_or(PARTITION_DEFAULT, |route| &route.partition)
    }
}

impl Condition {
    /// What all events of a `_sourceCategory` are like.
    pub fn of_category(category: &str) -> Self {
        let pattern = Patterns::One(category.to_owned());
        Condition(BTreeMap::from([(RouteField::SourceCategory, pattern)]))
    }

    pub(crate) fn fits(&self, event: &LogEvent) -> bool {
        !self.0.is_empty()
            && self.0.iter().all(|(field, patterns)| {
                let value = field.of(event).unwrap_or_default();
                match patterns {
                    Patterns::One(pattern) => fits(pattern, value),
                    Patterns::Any(patterns) => patterns.iter().any(|pattern| fits(pattern, value)),
                }
            })
    }
}

impl RouteField {
    fn of(self, event: &LogEvent) -> Option<&str> {
        let metadata = &*event.metadata;
        match self {
            RouteField::SourceCategory => Some(&metadata.category),
            RouteField::SourceHost => Some(&metadata.host),
            RouteField::SourceName => Some(&metadata.name),
            RouteField::Source => Some(&metadata.source),
            RouteField::Collector => Some(&metadata.collector),
            RouteField::Provider => event.provider.map(model::Provider::name),
            RouteField::Account => event.account.as_deref(),
            RouteField::Region => event.region.as_deref(),
            RouteField::Function => event.function.as_deref(),
            RouteField::Level => event.level.map(model::Level::name),
        }
    }
}

/// Whether `value` is as `pattern` says. Takes time in proportion to the product of their
/// lengths at worst: after a mismatch only the last `*` takes more.
pub(crate) fn fits(pattern: &str, value: &str) -> bool {
    let (pattern, value) = (pattern.as_bytes(), value.as_bytes());
    let (mut at, mut in_value) = (0, 0);
    let mut last_star: Option<(usize, usize)> = None;
    while in_value < value.len() {
        match pattern.get(at) {
            Some(b'*') => {
                last_star = Some((at, in_value));
                at += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(&value[in_value]) => {
                at += 1;
                in_value += 1;
            }
            _ => {
                let Some((star, taken)) = last_star else {
                    return false;
                };
                last_star = Some((star, taken + 1));
                (at, in_value) = (star + 1, taken + 1);
            }
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::SourceMetadata;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_fit_as_a_reader_expects() {
        for (pattern, value, expected) in [
            ("prod/*", "prod/lambda", true),
            ("prod/*", "PROD/", true),
            ("prod/*", "preprod/x", false),
            ("*prod*", "preprod/x", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-c-d", false),
            ("exact", "exact", true),
            ("exact", "exactly", false),
            ("", "", true),
            ("*", "", true),
            ("", "x", false),
        ] {
            assert_eq!(fits(pattern, value), expected, "{pattern} {value}");
        }
    }

    proptest! {
        #[test]
        fn patterns_agree_with_regular_expressions(pattern in "[ab*]{0,8}", value in "[ab]{0,10}") {
            let regex = format!("^(?i){}$", pattern.replace('*', ".*"));
            let expected = regex::Regex::new(&regex).unwrap().is_match(&value);
            prop_assert_eq!(fits(&pattern, &value), expected);
        }
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let route = |partition: &str, condition: serde_json::Value| Route {
            partition: partition.to_owned(),
            condition: serde_json::from_value(condition).unwrap(),
        };
        let routes = Routes::new(vec![
            route("never", serde_json::json!({})),
            route(
                "audit",
                serde_json::json!({"function": ["login", "admin-*"], "_sourceCategory": "prod/*"}),
            ),
            route("prod", serde_json::json!({"_sourcecategory": "prod/*"})),
        ]);
        let event = |category: &str, function: Option<&str>| LogEvent {
            metadata: Arc::new(SourceMetadata {
                category: category.to_owned(),
                ..SourceMetadata::default()
            }),
            function: function.map(Into::into),
            ..LogEvent::default()
        };
        let of = |category, function| routes.partition(&event(category, function)).to_owned();
        assert_eq!(of("prod/a", Some("Admin-7")), "audit");
        assert_eq!(of("prod/a", Some("other")), "prod");
        assert_eq!(of("prod/a", None), "prod");
        assert_eq!(of("test", Some("login")), "default");
        let unknown = serde_json::json!({"_sourceKategory": "x"});
        assert!(serde_json::from_value::<Condition>(unknown).is_err());
    }
}
