//! The metrics that function apps have, and how each is counted
//! (<https://learn.microsoft.com/azure/azure-monitor/reference/supported-metrics/microsoft-web-sites-metrics>).

use super::execution::Execution;

/// Executions are billed for this memory and its multiples, in MB …
const MEMORY_STEP_MB: u32 = 128;
/// … and for this time at least, in milliseconds
/// (<https://azure.microsoft.com/pricing/details/functions/>).
const BILLED_MS_MIN: f64 = 100.0;

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    /// What it says of one execution, if anything.
    pub(super) value: fn(&Execution) -> Option<f64>,
    /// Whether its sum says something.
    pub(super) is_summed: bool,
}

const fn count(name: &'static str, value: fn(&Execution) -> Option<f64>) -> Metric {
    Metric {
        name,
        unit: "Count",
        value,
        is_summed: true,
    }
}

/// Those that the simulator counts.
pub(super) const METRICS: &[Metric] = &[
    count("FunctionExecutionCount", |_| Some(1.0)),
    count("FunctionExecutionUnits", |one| {
        let memory_mb = one.used_mb.next_multiple_of(MEMORY_STEP_MB);
        Some(f64::from(memory_mb) * one.duration_ms.max(BILLED_MS_MIN))
    }),
    count("Http2xx", |one| answered(one, 2)),
    count("Http4xx", |one| answered(one, 4)),
    count("Http5xx", |one| answered(one, 5)),
    Metric {
        name: "HttpResponseTime",
        unit: "Seconds",
        value: |one| one.code.map(|_| one.duration_ms / 1_000.0),
        is_summed: false,
    },
    Metric {
        name: "MemoryWorkingSet",
        unit: "Bytes",
        value: |one| Some(f64::from(one.used_mb) * 1_048_576.0),
        is_summed: false,
    },
    count("Requests", |one| one.code.map(|_| 1.0)),
];

/// Those that apps have, too, and that have no values here.
pub(super) const EMPTY: &[&str] = &[
    "AppConnections",
    "BytesReceived",
    "BytesSent",
    "CurrentAssemblies",
    "Gen0Collections",
    "Gen1Collections",
    "Gen2Collections",
    "Handles",
    "Http3xx",
    "InstanceCount",
    "IoOtherBytesPerSecond",
    "IoOtherOperationsPerSecond",
    "IoReadBytesPerSecond",
    "IoReadOperationsPerSecond",
    "IoWriteBytesPerSecond",
    "IoWriteOperationsPerSecond",
    "PrivateBytes",
    "Threads",
];

/// One if a request was answered with a code of this class, zero with another.
fn answered(one: &Execution, class: u16) -> Option<f64> {
    let code = one.code?;
    Some(f64::from(u8::from(code / 100 == class)))
}
