//! Which statistics are worth asking for: known metrics by namespace. Pure.
//!
//! Up to five statistics of a metric cost as much as one, so no preset has more. A sum and a count
//! of values can be added up over series, an average or a percentile cannot.

use std::time::Duration;

/// The period of most metrics.
pub(super) const MINUTE: Duration = Duration::from_secs(60);
/// The period of what is measured once a day.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

type Statistics = &'static [&'static str];
type Names = &'static [&'static str];

/// How often something happened.
const COUNT: Statistics = &["Sum"];
/// How long something took. How often it happened is another metric.
const DURATION: Statistics = &["Average", "Maximum", "p50", "p95", "p99"];
/// How long something took, where nothing else tells how often it happened.
const COUNTED_DURATION: Statistics = &["Average", "Maximum", "SampleCount", "p95", "p99"];
/// How much was moved each time.
const VOLUME: Statistics = &["Average", "Maximum", "SampleCount", "Sum"];
/// How much of something there is.
const GAUGE: Statistics = &["Average", "Maximum"];
/// What nothing is known of.
const UNKNOWN: Statistics = &["Average", "Maximum", "Minimum", "SampleCount", "Sum"];

/// What is known of a namespace.
struct Preset {
    namespace: &'static str,
    known: &'static [(Statistics, Names)],
    /// Gauges that are measured once a day.
    daily: Names,
    /// What is asked of its other metrics.
    others: Statistics,
}

const NOTHING: Preset = Preset {
    namespace: "",
    known: &[],
    daily: &[],
    others: UNKNOWN,
};

/// The metrics that AWS documents on the pages of its services
/// (<https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/aws-services-cloudwatch-metrics.html>).
const PRESETS: &[Preset] = &[
    LAMBDA,
    S3,
    EFS,
    DYNAMO_DB,
    Preset {
        namespace: "AWS/DocDB",
        others: GAUGE,
        ..NOTHING
    },
    Preset {
        namespace: "AWS/RDS",
        others: GAUGE,
        ..NOTHING
    },
    SNS,
    SQS,
    KINESIS,
    API_GATEWAY,
    LAMBDA_INSIGHTS,
];

#[rustfmt::skip]
const LAMBDA: Preset = Preset {
    namespace: "AWS/Lambda",
    known: &[
        (COUNT, &[
            "Invocations", "Errors", "Throttles", "DeadLetterErrors", "DestinationDeliveryFailures",
            "AsyncEventsReceived", "AsyncEventsDropped", "ProvisionedConcurrencyInvocations",
            "ProvisionedConcurrencySpilloverInvocations", "RecursiveInvocationsDropped",
            "UrlRequestCount", "Url4xxCount", "Url5xxCount",
        ]),
        (DURATION, &["Duration", "PostRuntimeExtensionsDuration", "UrlRequestLatency"]),
        (GAUGE, &[
            "ConcurrentExecutions", "UnreservedConcurrentExecutions", "ClaimedAccountConcurrency",
            "ProvisionedConcurrentExecutions", "ProvisionedConcurrencyUtilization", "IteratorAge",
            "AsyncEventAge", "OffsetLag",
        ]),
    ],
    ..NOTHING
};

#[rustfmt::skip]
const S3: Preset = Preset {
    namespace: "AWS/S3",
    known: &[
        (COUNT, &[
            "AllRequests", "GetRequests", "PutRequests", "DeleteRequests", "HeadRequests",
            "PostRequests", "ListRequests", "SelectRequests", "4xxErrors", "5xxErrors",
            "BytesDownloaded", "BytesUploaded", "OperationsFailedReplication",
        ]),
        (DURATION, &["FirstByteLatency", "TotalRequestLatency"]),
        (GAUGE, &["ReplicationLatency", "BytesPendingReplication", "OperationsPendingReplication"]),
    ],
    daily: &["BucketSizeBytes", "NumberOfObjects"],
    ..NOTHING
};

#[rustfmt::skip]
const EFS: Preset = Preset {
    namespace: "AWS/EFS",
    known: &[
        (COUNT, &["ClientConnections"]),
        (VOLUME, &[
            "DataReadIOBytes", "DataWriteIOBytes", "MetadataIOBytes", "MetadataReadIOBytes",
            "MetadataWriteIOBytes", "TotalIOBytes", "MeteredIOBytes",
        ]),
        (GAUGE, &["BurstCreditBalance", "PercentIOLimit", "PermittedThroughput", "StorageBytes"]),
    ],
    ..NOTHING
};

#[rustfmt::skip]
const DYNAMO_DB: Preset = Preset {
    namespace: "AWS/DynamoDB",
    known: &[
        (COUNT, &[
            "ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits", "ReadThrottleEvents",
            "WriteThrottleEvents", "ThrottledRequests", "SystemErrors", "UserErrors",
            "ConditionalCheckFailedRequests", "TransactionConflict", "ReturnedItemCount",
            "ReturnedBytes", "ReturnedRecordsCount", "TimeToLiveDeletedItemCount",
        ]),
        (COUNTED_DURATION, &["SuccessfulRequestLatency"]),
        (GAUGE, &[
            "ProvisionedReadCapacityUnits", "ProvisionedWriteCapacityUnits", "ReplicationLatency",
            "AccountProvisionedReadCapacityUtilization", "AccountProvisionedWriteCapacityUtilization",
        ]),
    ],
    ..NOTHING
};

#[rustfmt::skip]
const SNS: Preset = Preset {
    namespace: "AWS/SNS",
    known: &[
        (COUNT, &[
            "NumberOfMessagesPublished", "NumberOfNotificationsDelivered",
            "NumberOfNotificationsFailed", "NumberOfNotificationsFilteredOut",
            "NumberOfNotificationsRedrivenToDlq", "NumberOfNotificationsFailedToRedriveToDlq",
        ]),
        (VOLUME, &["PublishSize"]),
        (GAUGE, &["SMSSuccessRate"]),
    ],
    ..NOTHING
};

#[rustfmt::skip]
const SQS: Preset = Preset {
    namespace: "AWS/SQS",
    known: &[
        (COUNT, &[
            "NumberOfMessagesSent", "NumberOfMessagesReceived", "NumberOfMessagesDeleted",
            "NumberOfEmptyReceives",
        ]),
        (VOLUME, &["SentMessageSize"]),
        (GAUGE, &[
            "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed", "ApproximateAgeOfOldestMessage",
        ]),
    ],
    ..NOTHING
};

#[rustfmt::skip]
const KINESIS: Preset = Preset {
    namespace: "AWS/Kinesis",
    known: &[
        (COUNT, &[
            "IncomingBytes", "IncomingRecords", "GetRecords.Bytes", "GetRecords.Records",
            "PutRecord.Bytes", "PutRecords.Bytes", "PutRecords.Records",
            "PutRecords.SuccessfulRecords", "PutRecords.FailedRecords",
            "PutRecords.ThrottledRecords", "ReadProvisionedThroughputExceeded",
            "WriteProvisionedThroughputExceeded",
        ]),
        (COUNTED_DURATION, &["GetRecords.Latency", "PutRecord.Latency", "PutRecords.Latency"]),
        (GAUGE, &[
            "GetRecords.IteratorAgeMilliseconds", "GetRecords.Success", "PutRecord.Success",
            "PutRecords.Success", "SubscribeToShardEvent.MillisBehindLatest",
        ]),
    ],
    ..NOTHING
};

#[rustfmt::skip]
const API_GATEWAY: Preset = Preset {
    namespace: "AWS/ApiGateway",
    known: &[
        (COUNT, &[
            "Count", "4XXError", "5XXError", "4xx", "5xx", "DataProcessed", "CacheHitCount",
            "CacheMissCount", "ConnectCount", "MessageCount", "ClientError", "ExecutionError",
            "IntegrationError",
        ]),
        (DURATION, &["Latency", "IntegrationLatency"]),
    ],
    ..NOTHING
};

#[rustfmt::skip]
const LAMBDA_INSIGHTS: Preset = Preset {
    namespace: "LambdaInsights",
    known: &[
        (COUNT, &["rx_bytes", "tx_bytes", "total_network"]),
        (DURATION, &["init_duration"]),
        (GAUGE, &[
            "memory_utilization", "used_memory_max", "total_memory", "cpu_total_time",
            "tmp_used", "tmp_free", "fd_use", "threads_max",
        ]),
    ],
    ..NOTHING
};

fn preset(namespace: &str) -> &'static Preset {
    let known = PRESETS.iter().find(|preset| preset.namespace == namespace);
    known.unwrap_or(&NOTHING)
}

/// The periods that the namespace's metrics have.
pub(super) fn periods(namespace: &str) -> &'static [Duration] {
    match preset(namespace).daily.is_empty() {
        true => &[MINUTE],
        false => &[MINUTE, DAY],
    }
}

/// The period of a metric.
pub(super) fn period(namespace: &str, metric: &str) -> Duration {
    match preset(namespace).daily.contains(&metric) {
        true => DAY,
        false => MINUTE,
    }
}

/// The statistics to ask for, by CloudWatch's names; no more than cost as much as one.
pub(super) fn statistics(namespace: &str, metric: &str) -> Statistics {
    let preset = preset(namespace);
    if preset.daily.contains(&metric) {
        return &["Average"];
    }
    let known = preset
        .known
        .iter()
        .find(|(_, names)| names.contains(&metric));
    known.map_or(preset.others, |(statistics, _)| statistics)
}

#[cfg(test)]
mod tests {
    use super::super::plan::STATISTICS_AT_ONE_PRICE;
    use super::*;

    #[test]
    fn no_metric_is_known_twice_or_costs_twice() {
        let mut all = Vec::new();
        for preset in PRESETS {
            for (statistics, names) in preset.known {
                assert!(statistics.len() <= STATISTICS_AT_ONE_PRICE);
                all.extend(names.iter().map(|name| (preset.namespace, *name)));
            }
            all.extend(preset.daily.iter().map(|name| (preset.namespace, *name)));
        }
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn unknown_metrics_get_what_can_be_made_of_anything() {
        assert_eq!(statistics("AWS/Lambda", "Errors"), COUNT);
        assert_eq!(statistics("AWS/Lambda", "Brandnew"), UNKNOWN);
        assert_eq!(statistics("AWS/RDS", "CPUUtilization"), GAUGE);
        assert_eq!(statistics("Shop", "Orders"), UNKNOWN);
        assert_eq!(period("AWS/S3", "BucketSizeBytes"), DAY);
        assert_eq!(periods("Shop"), [MINUTE]);
    }
}
