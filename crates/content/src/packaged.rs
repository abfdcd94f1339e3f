//! The monitors that come with the program: a line for each file under `queries/`.

macro_rules! monitors {
    ($($app:literal: [$($name:literal),* $(,)?]),* $(,)?) => {
        &[$($((
            concat!($app, ":", $name),
            include_str!(concat!("../../../queries/", $app, "/", $name, ".monitor.toml")),
        )),*),*]
    };
}

/// Files by the ids of their monitors.
const MONITORS: &[(&str, &str)] = monitors![
    "aws-api-gateway": ["server-errors", "slow-answers"],
    "aws-aurora-serverless": ["capacity-used-up", "slow-commits"],
    "aws-documentdb": ["processor-busy", "short-of-memory"],
    "aws-dynamodb": ["system-errors", "throttled"],
    "aws-efs": ["operations-used-up", "throughput-used-up"],
    "aws-kinesis": ["readers-behind", "write-throttled"],
    "aws-lambda": [
        "error-rate",
        "memory-nearly-used",
        "no-invocations",
        "out-of-memory",
        "slow-cold-starts",
        "timeouts",
    ],
    "aws-s3": ["server-errors", "slow-answers"],
    "aws-sns": ["failed-notifications", "lost-notifications"],
    "aws-sqs": ["dead-letters", "oldest-message"],
    "azure-cosmos-db": ["dear-requests", "throughput-used-up"],
    "azure-event-grid": ["deliveries-fail", "events-lost"],
    "azure-functions": ["error-rate", "no-executions", "timeouts"],
    "azure-kubernetes-service": ["node-disk-full", "node-memory-full"],
    "azure-service-bus": ["dead-letters", "messages-wait"],
    "azure-storage": ["availability", "slow"],
    "google-bigquery": ["queries-pile-up", "slow-queries"],
    "google-cloud-functions": [
        "error-rate",
        "no-executions",
        "operations-refused",
        "out-of-memory",
        "throttled",
        "timeouts",
    ],
    "google-cloud-storage": ["requests-refused", "server-errors"],
    "google-dataflow": ["falls-behind", "job-failed"],
    "google-firestore": ["error-rate", "throttled"],
    "google-pubsub": ["dead-letters", "messages-wait"],
    "nephoscope": ["evaluations-late", "messages-undelivered", "sources-failing"],
];

/// Returns the monitors that come with the program, by id, with the text of their files.
pub fn packaged_monitors() -> &'static [(&'static str, &'static str)] {
    MONITORS
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Monitor;

    #[test]
    fn every_packaged_monitor_is_right_and_explains_itself() {
        for (id, text) in packaged_monitors() {
            let monitor = Monitor::parse(text).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(monitor.check_queries(), [], "{id}");
            assert!(
                !monitor.description.is_empty() && !monitor.runbook.is_empty(),
                "{id}"
            );
        }
    }

    #[test]
    fn every_file_is_packaged() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../queries");
        let mut there = Vec::new();
        for app in std::fs::read_dir(folder).unwrap() {
            let app = app.unwrap().path();
            for file in std::fs::read_dir(&app).unwrap() {
                let file = file.unwrap().file_name().into_string().unwrap();
                if let Some(name) = file.strip_suffix(".monitor.toml") {
                    there.push(format!("{}:{name}", app.file_name().unwrap().display()));
                }
            }
        }
        there.sort();
        let packaged: Vec<&str> = packaged_monitors().iter().map(|(id, _)| *id).collect();
        assert_eq!(there, packaged);
    }
}
