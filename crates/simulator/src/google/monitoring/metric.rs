//! The metrics that there are, and how each is counted
//! (<https://cloud.google.com/monitoring/api/metrics_gcp>).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::execution::Execution;

/// Points older than this are there, but for corrections, in seconds.
pub(super) const INGEST_DELAY_SECONDS: u32 = 240;
const REGION: &str = "europe-west1";
const MIB: f64 = 1_048_576.0;

/// One metric type.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) metric_type: &'static str,
    pub(super) unit: &'static str,
    pub(super) measure: Measure,
    /// The labels of the metric that it has besides those of its resource.
    pub(super) labels: &'static [&'static str],
}

/// What it says of the executions in a minute.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    /// How many there were.
    Count,
    /// How many instances ran them.
    Instances,
    /// How this was distributed.
    Distribution(fn(&Execution) -> f64, Buckets),
}

/// The finite buckets of a distribution.
#[derive(Clone, Copy, Debug)]
pub(super) enum Buckets {
    Linear {
        count: usize,
        width: f64,
    },
    Exponential {
        count: usize,
        growth: f64,
        scale: f64,
    },
}

const TIMES: Buckets = Buckets::Exponential {
    count: 40,
    growth: 1.4,
    scale: 1e6,
};
const LATENCIES: Buckets = Buckets::Exponential {
    count: 40,
    growth: 1.4,
    scale: 1.0,
};
const MEMORY: Buckets = Buckets::Linear {
    count: 128,
    width: 16.0 * MIB,
};

/// All of them.
#[rustfmt::skip]
pub(super) const METRICS: &[Metric] = &[
    Metric { metric_type: "cloudfunctions.googleapis.com/function/active_instances", unit: "1", measure: Measure::Instances, labels: &[] },
    Metric { metric_type: "cloudfunctions.googleapis.com/function/execution_count", unit: "1", measure: Measure::Count, labels: &["status"] },
    Metric { metric_type: "cloudfunctions.googleapis.com/function/execution_times", unit: "ns", measure: Measure::Distribution(|one| one.duration_ms * 1e6, TIMES), labels: &["status"] },
    Metric { metric_type: "cloudfunctions.googleapis.com/function/user_memory_bytes", unit: "By", measure: Measure::Distribution(|one| f64::from(one.used_mb) * MIB, MEMORY), labels: &[] },
    Metric { metric_type: "run.googleapis.com/container/instance_count", unit: "1", measure: Measure::Instances, labels: &["state"] },
    Metric { metric_type: "run.googleapis.com/request_count", unit: "1", measure: Measure::Count, labels: &["response_code", "response_code_class"] },
    Metric { metric_type: "run.googleapis.com/request_latencies", unit: "ms", measure: Measure::Distribution(|one| one.latency_ms, LATENCIES), labels: &["response_code", "response_code_class"] },
];

impl Metric {
    /// Whether it is about functions; otherwise it is about the services that run them.
    fn is_of_functions(&self) -> bool {
        self.metric_type.starts_with("cloudfunctions.")
    }

    /// Whether it tells of an execution: what found no instance is only a request, and the first
    /// generation runs on no service.
    pub(super) fn tells_of(&self, execution: &Execution) -> bool {
        match (self.is_of_functions(), self.measure) {
            (false, Measure::Count | Measure::Distribution(..)) => !execution.is_first_generation,
            (false, Measure::Instances) => !execution.is_first_generation && execution.has_run(),
            (true, _) => execution.has_run(),
        }
    }

    /// The value of a label of the metric.
    pub(super) fn label(name: &str, execution: &Execution) -> String {
        match name {
            "status" => execution.status().to_owned(),
            "response_code" => execution.code().to_string(),
            "response_code_class" => format!("{}xx", execution.code() / 100),
            _ => "active".to_owned(),
        }
    }

    /// What it measures: the function, or the service that runs it.
    pub(super) fn resource(&self, project: &str, execution: &Execution) -> Value {
        let name = execution.function.name;
        if self.is_of_functions() {
            return json!({"type": "cloud_function", "labels": {
                "function_name": name, "project_id": project, "region": REGION,
            }});
        }
        let service = name.replace('_', "-");
        let revision = format!("{service}-{:05}-xun", execution.function.version);
        json!({"type": "cloud_run_revision", "labels": {
            "configuration_name": service, "location": REGION, "project_id": project,
            "revision_name": revision, "service_name": service,
        }})
    }

    pub(super) fn kind(&self) -> &'static str {
        match self.measure {
            Measure::Instances => "GAUGE",
            Measure::Count | Measure::Distribution(..) => "DELTA",
        }
    }

    pub(super) fn value_type(&self) -> &'static str {
        match self.measure {
            Measure::Count | Measure::Instances => "INT64",
            Measure::Distribution(..) => "DISTRIBUTION",
        }
    }

    /// The value of a point that tells of these executions.
    pub(super) fn value(&self, executions: &[&Execution]) -> Value {
        match self.measure {
            Measure::Count => json!({"int64Value": executions.len().to_string()}),
            Measure::Instances => {
                let instances = executions.iter().map(|one| one.instance.as_deref());
                let instances: BTreeSet<Option<&str>> = instances.collect();
                json!({"int64Value": instances.len().to_string()})
            }
            Measure::Distribution(of, buckets) => {
                let values: Vec<f64> = executions.iter().map(|one| of(one)).collect();
                json!({"distributionValue": buckets.distribution(&values)})
            }
        }
    }
}

impl Buckets {
    fn options(self) -> Value {
        match self {
            Buckets::Linear { count, width } => json!({"linearBuckets":
                {"numFiniteBuckets": count, "width": width, "offset": 0}}),
            Buckets::Exponential {
                count,
                growth,
                scale,
            } => json!({"exponentialBuckets":
                {"numFiniteBuckets": count, "growthFactor": growth, "scale": scale}}),
        }
    }

    /// The bucket that a value is in: 0 is below all bounds.
    fn place(self, value: f64) -> usize {
        let (count, place) = match self {
            Buckets::Linear { count, width } => (count, (value / width).floor() + 1.0),
            Buckets::Exponential {
                count,
                growth,
                scale,
            } => (count, ((value / scale).ln() / growth.ln()).floor() + 1.0),
        };
        place.clamp(0.0, count as f64 + 1.0) as usize
    }

    fn distribution(self, values: &[f64]) -> Value {
        let mut counts: Vec<u64> = Vec::new();
        for value in values {
            let place = self.place(*value);
            counts.resize(counts.len().max(place + 1), 0);
            counts[place] += 1;
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let deviations = values.iter().map(|value| (value - mean).powi(2));
        json!({
            "count": values.len().to_string(),
            "mean": mean,
            "sumOfSquaredDeviation": deviations.sum::<f64>(),
            "bucketOptions": self.options(),
            // Zeros at the end are left out, because nothing was put there.
            "bucketCounts": counts.iter().map(u64::to_string).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_in_the_bucket_whose_lower_bound_they_reach() {
        for (value, place) in [
            (0.0, 0),
            (0.9, 0),
            (1.0, 1),
            (1.39, 1),
            (1.41, 2),
            (1e12, 41),
        ] {
            assert_eq!(LATENCIES.place(value), place, "{value}");
        }
        for (value, place) in [(0.0, 1), (16.0 * MIB, 2), (1e12, 129)] {
            assert_eq!(MEMORY.place(value), place, "{value}");
        }
        let distribution = LATENCIES.distribution(&[0.0, 1.0, 1.2]);
        assert_eq!(distribution["count"], "3");
        assert_eq!(distribution["bucketCounts"], json!(["1", "2"]));
    }
}
