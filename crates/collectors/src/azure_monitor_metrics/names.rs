//! Which metrics of a type of resources are collected: those that tell how it is doing, as far as
//! Azure measures them for each minute. Pure.
//!
//! All metrics: <https://learn.microsoft.com/azure/azure-monitor/reference/metrics-index>.

/// Azure takes so many names in one call.
const NAMES_MAX: usize = 20;

#[rustfmt::skip]
const OF_TYPES: &[(&str, &[&str])] = &[
    ("Microsoft.Web/sites", &[
        "FunctionExecutionCount", "FunctionExecutionUnits", "Requests", "Http2xx", "Http3xx", "Http4xx", "Http5xx",
        "HttpResponseTime", "InstanceCount", "MemoryWorkingSet", "PrivateBytes", "BytesReceived", "BytesSent",
        "AppConnections", "Threads", "Handles", "CurrentAssemblies", "Gen0Collections", "Gen1Collections", "Gen2Collections",
        "IoReadBytesPerSecond", "IoWriteBytesPerSecond", "IoOtherBytesPerSecond",
        "IoReadOperationsPerSecond", "IoWriteOperationsPerSecond", "IoOtherOperationsPerSecond",
    ]),
    ("Microsoft.Storage/storageAccounts", &[
        "Transactions", "Ingress", "Egress", "SuccessE2ELatency", "SuccessServerLatency", "Availability",
    ]),
    ("Microsoft.DocumentDB/databaseAccounts", &[
        "TotalRequests", "TotalRequestUnits", "NormalizedRUConsumption",
    ]),
    ("Microsoft.EventGrid/topics", &[
        "PublishSuccessCount", "PublishFailCount", "PublishSuccessLatencyInMs", "MatchedEventCount", "UnmatchedEventCount",
        "DeliverySuccessCount", "DeliveryAttemptFailCount", "DeadLetteredCount", "DroppedEventCount",
        "DestinationProcessingDurationInMs",
    ]),
    ("Microsoft.ServiceBus/namespaces", &[
        "IncomingRequests", "SuccessfulRequests", "ServerErrors", "UserErrors", "ThrottledRequests", "IncomingMessages",
        "OutgoingMessages", "CompleteMessage", "AbandonMessage", "ActiveConnections", "Messages", "ActiveMessages",
        "DeadletteredMessages", "ScheduledMessages", "Size",
    ]),
    ("Microsoft.ContainerService/managedClusters", &[
        "node_cpu_usage_percentage", "node_memory_working_set_percentage", "node_memory_rss_percentage",
        "node_disk_usage_percentage", "node_network_in_bytes", "node_network_out_bytes", "kube_pod_status_ready",
        "kube_pod_status_phase", "kube_node_status_condition", "kube_node_status_allocatable_cpu_cores",
        "kube_node_status_allocatable_memory_bytes",
    ]),
];

/// The metrics of a type, in calls; `None` if the resource must be asked which it has.
pub(super) fn known(resource_type: &str) -> Option<Vec<String>> {
    let of_type = OF_TYPES
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(resource_type))?;
    Some(calls(of_type.1.iter().copied()))
}

/// Names in calls: each is a list with commas.
pub(super) fn calls<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let names: Vec<&str> = names.collect();
    names.chunks(NAMES_MAX).map(|call| call.join(",")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_asks_for_twenty_metrics_at_most() {
        let sites = known("microsoft.web/Sites").unwrap();
        let counts: Vec<usize> = sites.iter().map(|call| call.split(',').count()).collect();
        assert_eq!(counts, [20, 6]);
        assert!(sites[0].starts_with("FunctionExecutionCount,"));
        assert_eq!(known("Microsoft.Cache/redis"), None);
        assert!(calls([].into_iter()).is_empty());
    }
}
