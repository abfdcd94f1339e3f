//! Which metric types a source wants: its setting `metric_types`, understood. Pure.
//!
//! All types that Google's services have: <https://cloud.google.com/monitoring/api/metrics_gcp>.

use std::collections::BTreeSet;

/// Short names, and what stands for each: what tells how a service is doing, without the rest.
const SHORT_NAMES: &[(&str, &[&str])] = &[
    ("functions", &["cloudfunctions.googleapis.com/function/"]),
    (
        "run",
        &[
            "run.googleapis.com/container/billable_instance_time",
            "run.googleapis.com/container/cpu/utilizations",
            "run.googleapis.com/container/instance_count",
            "run.googleapis.com/container/max_request_concurrencies",
            "run.googleapis.com/container/memory/utilizations",
            "run.googleapis.com/container/network/received_bytes_count",
            "run.googleapis.com/container/network/sent_bytes_count",
            "run.googleapis.com/container/startup_latencies",
            "run.googleapis.com/pending_queue/pending_requests",
            "run.googleapis.com/request_count",
            "run.googleapis.com/request_latencies",
        ],
    ),
    (
        "storage",
        &[
            "storage.googleapis.com/api/request_count",
            "storage.googleapis.com/network/received_bytes_count",
            "storage.googleapis.com/network/sent_bytes_count",
            "storage.googleapis.com/storage/object_count",
            "storage.googleapis.com/storage/total_bytes",
        ],
    ),
    (
        "firestore",
        &[
            "firestore.googleapis.com/api/request_count",
            "firestore.googleapis.com/api/request_latencies",
            "firestore.googleapis.com/document/",
            "firestore.googleapis.com/network/",
        ],
    ),
    (
        "bigquery",
        &[
            "bigquery.googleapis.com/query/",
            "bigquery.googleapis.com/slots/",
            "bigquery.googleapis.com/storage/",
        ],
    ),
    (
        "pubsub",
        &[
            "pubsub.googleapis.com/subscription/ack_message_count",
            "pubsub.googleapis.com/subscription/dead_letter_message_count",
            "pubsub.googleapis.com/subscription/num_undelivered_messages",
            "pubsub.googleapis.com/subscription/oldest_unacked_message_age",
            "pubsub.googleapis.com/subscription/push_request_count",
            "pubsub.googleapis.com/subscription/push_request_latencies",
            "pubsub.googleapis.com/topic/message_sizes",
            "pubsub.googleapis.com/topic/send_request_count",
        ],
    ),
    ("dataflow", &["dataflow.googleapis.com/job/"]),
];

/// The metric types that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Types(Vec<String>);

impl Types {
    /// Understands the setting.
    ///
    /// # Errors
    /// What is wrong with it, and what to do.
    pub(super) fn of(wanted: &[String]) -> Result<Self, String> {
        let mut types = Vec::new();
        for one in wanted {
            match SHORT_NAMES.iter().find(|(name, _)| name == one) {
                Some((_, of_name)) => types.extend(of_name.iter().map(|one| (*one).to_owned())),
                None if is_type(one) => types.push(one.clone()),
                None => {
                    let names: Vec<&str> = SHORT_NAMES.iter().map(|(name, _)| *name).collect();
                    return Err(format!(
                        "has `{one}`; write a metric type such as \
                         \"run.googleapis.com/request_count\", its beginning up to a `/`, or one \
                         of {}",
                        names.join(", ")
                    ));
                }
            }
        }
        if types.is_empty() {
            return Err("is empty; leave it out for the metrics of functions".to_owned());
        }
        Ok(Types(types))
    }

    /// The services that have them, such as `run.googleapis.com`.
    pub(super) fn services(&self) -> BTreeSet<&str> {
        self.0.iter().map(|wanted| service_of(wanted).0).collect()
    }

    /// Whether a metric type is wanted.
    pub(super) fn has(&self, metric_type: &str) -> bool {
        self.0.iter().any(|wanted| match wanted.ends_with('/') {
            true => metric_type.starts_with(wanted.as_str()),
            false => metric_type == wanted,
        })
    }
}

/// `run.googleapis.com/request_count` → `run.googleapis.com`, `request_count`
pub(super) fn service_of(metric_type: &str) -> (&str, &str) {
    metric_type.split_once('/').unwrap_or(("", metric_type))
}

/// Whether it can be a metric type or its beginning; quotes would end the filter that it is in.
fn is_type(text: &str) -> bool {
    let (service, _) = service_of(text);
    service.contains('.') && !text.contains(['"', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn types(wanted: &[&str]) -> Result<Types, String> {
        let wanted: Vec<String> = wanted.iter().map(|one| (*one).to_owned()).collect();
        Types::of(&wanted)
    }

    #[test]
    fn short_names_beginnings_and_whole_types_can_be_wanted() {
        let types = types(&["functions", "run", "custom.googleapis.com/shop/cart"]).unwrap();
        for (metric_type, is_wanted) in [
            (
                "cloudfunctions.googleapis.com/function/execution_count",
                true,
            ),
            ("cloudfunctions.googleapis.com/pending", false),
            ("run.googleapis.com/request_count", true),
            ("run.googleapis.com/request_count/more", false),
            ("run.googleapis.com/job/completed_execution_count", false),
            ("custom.googleapis.com/shop/cart", true),
            ("custom.googleapis.com/shop/cart2", false),
        ] {
            assert_eq!(types.has(metric_type), is_wanted, "{metric_type}");
        }
        let services: Vec<&str> = types.services().into_iter().collect();
        assert_eq!(
            services,
            [
                "cloudfunctions.googleapis.com",
                "custom.googleapis.com",
                "run.googleapis.com"
            ]
        );
    }

    #[test]
    fn what_is_no_metric_type_is_refused_with_the_names_that_are() {
        for wrong in ["lambda", "run", "a/b", "x.com/\"", ""] {
            let problem = types(&[wrong]).err();
            assert_eq!(problem.is_none(), wrong == "run", "{wrong}: {problem:?}");
            assert!(problem.is_none_or(|problem| problem.contains("functions, run, storage")));
        }
        assert!(types(&[]).is_err());
    }

    #[test]
    fn every_short_name_stands_for_types() {
        for (name, of_name) in SHORT_NAMES {
            assert!(
                !name.contains('/') && of_name.iter().all(|one| is_type(one)),
                "{name}"
            );
        }
    }
}
