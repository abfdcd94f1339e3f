//! The functions of the fleet: what each one is, how often it runs, how long and how much it says.

/// The language runtime of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// Node.js.
    Node,
    /// Python.
    Python,
    /// Go, on the operating-system-only runtime.
    Go,
    /// Java.
    Java,
}

impl Runtime {
    /// The version as `INIT_START` names it.
    pub(crate) const fn version(self) -> &'static str {
        match self {
            Runtime::Node => "nodejs:22.v43",
            Runtime::Python => "python:3.13.v58",
            Runtime::Go => "provided:al2023.v101",
            Runtime::Java => "java:21.v49",
        }
    }
}

/// The form of a function's log events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogStyle {
    /// The platform and the function write text.
    Text,
    /// The platform writes text, the function writes JSON.
    JsonMessages,
    /// The platform and the function write JSON.
    Json,
}

/// One function of the fleet.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// The name.
    pub name: &'static str,
    /// The language runtime.
    pub runtime: Runtime,
    /// The form of its log events.
    pub style: LogStyle,
    /// The version that normally runs.
    pub version: u32,
    /// The share of the fleet's invocations, relative to the other functions.
    pub weight: f64,
    /// Typical duration of an invocation, in milliseconds.
    pub median_ms: f64,
    /// Duration that one invocation in twenty exceeds, in milliseconds.
    pub p95_ms: f64,
    /// Typical duration of a cold start, in milliseconds.
    pub init_ms: f64,
    /// After how long the platform ends an invocation, in milliseconds.
    pub timeout_ms: f64,
    /// The memory that it may use, in MB.
    pub memory_mb: u32,
    /// The memory that it usually uses, in MB.
    pub used_mb: u32,
    /// How many messages of its own an invocation writes: at least, at most.
    pub messages: (u32, u32),
}

impl Function {
    /// The log group that the platform creates for it.
    pub fn log_group(&self) -> String {
        format!("/aws/lambda/{}", self.name)
    }

    /// How many events an invocation writes on average.
    pub(crate) fn events_per_invocation(&self) -> f64 {
        let platform = if self.style == LogStyle::Json {
            2.0
        } else {
            3.0
        };
        platform + f64::from(self.messages.0 + self.messages.1) / 2.0
    }
}

/// A function of usual size.
const fn function(
    name: &'static str,
    runtime: Runtime,
    style: LogStyle,
    version: u32,
    weight: f64,
) -> Function {
    Function {
        name,
        runtime,
        style,
        version,
        weight,
        median_ms: 100.0,
        p95_ms: 400.0,
        init_ms: 200.0,
        timeout_ms: 30_000.0,
        memory_mb: 512,
        used_mb: 128,
        messages: (1, 4),
    }
}

/// The same with its durations (median, 95th percentile, cold start, limit), its memory (used,
/// limit) and how many messages it writes.
const fn sized(
    function: Function,
    (median_ms, p95_ms, init_ms, timeout_ms): (f64, f64, f64, f64),
    (used_mb, memory_mb): (u32, u32),
    messages: (u32, u32),
) -> Function {
    Function {
        median_ms,
        p95_ms,
        init_ms,
        timeout_ms,
        memory_mb,
        used_mb,
        messages,
        ..function
    }
}

/// The functions that run at Google.
#[rustfmt::skip]
pub(crate) static GOOGLE_FUNCTIONS: [Function; 6] = {
    use LogStyle::{Json, Text};
    use Runtime::{Go, Java, Node, Python};
    [
        sized(function("export_ledger", Python, Text, 14, 1.0), (1_400.0, 4_800.0, 900.0, 60_000.0), (310, 512), (2, 6)),
        sized(function("geo-lookup", Go, Json, 33, 12.0), (12.0, 60.0, 120.0, 10_000.0), (40, 128), (1, 3)),
        sized(function("pubsub_digest", Node, Text, 8, 3.0), (240.0, 900.0, 380.0, 30_000.0), (120, 256), (1, 4)),
        sized(function("receipt-render", Java, Json, 21, 2.0), (380.0, 1_500.0, 2_900.0, 30_000.0), (420, 1024), (2, 5)),
        sized(function("sync_contacts", Python, Json, 42, 5.0), (160.0, 700.0, 1_100.0, 20_000.0), (210, 512), (2, 5)),
        sized(function("webhook-relay", Node, Text, 57, 8.0), (35.0, 180.0, 300.0, 10_000.0), (90, 256), (1, 4)),
    ]
};

/// The functions that run at Azure, app by app; `apps` says what calls them.
#[rustfmt::skip]
pub(crate) static AZURE_FUNCTIONS: [Function; 12] = {
    use LogStyle::Json;
    use Runtime::{Java, Node, Python};
    [
        sized(function("close-day", Java, Json, 3, 0.3), (2_100.0, 6_800.0, 3_400.0, 60_000.0), (410, 1536), (2, 5)),
        sized(function("import-payments", Java, Json, 3, 2.0), (130.0, 520.0, 3_400.0, 30_000.0), (350, 1536), (1, 3)),
        sized(function("post-invoice", Java, Json, 3, 4.0), (85.0, 360.0, 3_400.0, 30_000.0), (360, 1536), (1, 3)),
        sized(function("ingest-events", Python, Json, 11, 6.0), (60.0, 280.0, 1_900.0, 30_000.0), (190, 1536), (1, 3)),
        sized(function("score-leads", Python, Json, 11, 2.0), (540.0, 1_900.0, 1_900.0, 30_000.0), (620, 1536), (2, 4)),
        sized(function("usage-report", Python, Json, 11, 0.3), (4_100.0, 12_500.0, 1_900.0, 60_000.0), (700, 1536), (3, 8)),
        sized(function("place-order", Node, Json, 29, 14.0), (44.0, 190.0, 900.0, 30_000.0), (140, 3584), (1, 4)),
        sized(function("refresh-prices", Node, Json, 29, 0.5), (1_300.0, 3_900.0, 900.0, 60_000.0), (160, 3584), (2, 5)),
        sized(function("sync-orders", Node, Json, 29, 6.0), (120.0, 480.0, 900.0, 30_000.0), (150, 3584), (1, 4)),
        sized(function("moderate-image", Node, Json, 16, 2.0), (310.0, 1_250.0, 1_600.0, 30_000.0), (420, 1536), (2, 4)),
        sized(function("picture-api", Node, Json, 16, 8.0), (26.0, 130.0, 1_600.0, 30_000.0), (120, 1536), (1, 3)),
        sized(function("resize-image", Node, Json, 16, 3.0), (690.0, 2_300.0, 1_600.0, 60_000.0), (540, 1536), (2, 4)),
    ]
};

/// The function whose new version is bad.
pub(crate) const CHECKOUT: &str = "checkout-api";

/// All functions: ten write text, ten write JSON.
#[rustfmt::skip]
pub static FUNCTIONS: [Function; 20] = {
    use LogStyle::{Json, JsonMessages, Text};
    use Runtime::{Go, Java, Node, Python};
    [
        sized(function("audit-trail", Go, Json, 31, 3.0), (14.0, 60.0, 70.0, 3_000.0), (44, 128), (1, 2)),
        sized(function("auth-authorizer", Node, Text, 67, 26.0), (9.0, 38.0, 180.0, 3_000.0), (84, 128), (1, 2)),
        sized(function("cart-api", Node, Json, 88, 9.0), (52.0, 190.0, 260.0, 6_000.0), (131, 256), (2, 5)),
        sized(function("catalog-api", Go, Text, 204, 12.0), (22.0, 95.0, 85.0, 6_000.0), (61, 256), (2, 4)),
        sized(function("checkout-api", Node, JsonMessages, 41, 20.0), (148.0, 412.0, 310.0, 10_000.0), (312, 1024), (2, 6)),
        sized(function("email-sender", Node, JsonMessages, 52, 4.0), (240.0, 910.0, 290.0, 15_000.0), (160, 512), (2, 4)),
        sized(function("fraud-score", Python, JsonMessages, 19, 6.0), (95.0, 330.0, 940.0, 10_000.0), (402, 1024), (2, 5)),
        sized(function("image-moderation", Python, Json, 18, 2.0), (460.0, 1_310.0, 1_400.0, 30_000.0), (611, 1024), (2, 5)),
        sized(function("inventory-sync", Python, Text, 12, 2.0), (1_120.0, 3_480.0, 420.0, 60_000.0), (218, 512), (4, 10)),
        sized(function("invoice-pdf", Node, JsonMessages, 27, 1.5), (1_900.0, 5_200.0, 640.0, 30_000.0), (1_190, 1536), (3, 6)),
        sized(function("loyalty-points", Java, Text, 36, 2.5), (75.0, 260.0, 2_900.0, 15_000.0), (241, 512), (1, 4)),
        sized(function("notification-push", Node, Text, 73, 5.0), (64.0, 230.0, 240.0, 6_000.0), (109, 256), (2, 4)),
        sized(function("orders-worker", Node, Text, 118, 10.0), (210.0, 690.0, 300.0, 15_000.0), (402, 512), (3, 6)),
        sized(function("payments-webhook", Java, JsonMessages, 64, 5.0), (96.0, 355.0, 3_100.0, 15_000.0), (388, 1024), (2, 5)),
        sized(function("pricing-engine", Java, JsonMessages, 45, 6.0), (31.0, 140.0, 2_400.0, 6_000.0), (296, 512), (1, 3)),
        sized(function("report-cron", Python, Text, 7, 0.05), (41_200.0, 58_200.0, 1_100.0, 120_000.0), (1_430, 2048), (20, 60)),
        sized(function("search-indexer", Java, Text, 23, 3.0), (640.0, 2_310.0, 3_600.0, 30_000.0), (1_512, 2048), (3, 8)),
        sized(function("session-cleanup", Go, Text, 5, 0.5), (310.0, 940.0, 75.0, 30_000.0), (52, 128), (2, 6)),
        sized(function("thumbnailer", Python, Text, 31, 5.0), (820.0, 2_140.0, 780.0, 30_000.0), (742, 1024), (2, 4)),
        sized(function("webhook-fanout", Go, JsonMessages, 9, 8.0), (18.0, 74.0, 80.0, 6_000.0), (41, 128), (1, 3)),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_functions_write_text() {
        let text = FUNCTIONS.iter().filter(|f| f.style == LogStyle::Text);
        assert_eq!(text.count() * 2, FUNCTIONS.len());
    }

    #[test]
    fn every_function_fits_into_its_memory_and_its_time() {
        for function in FUNCTIONS.iter().chain(&AZURE_FUNCTIONS) {
            assert!(function.used_mb < function.memory_mb, "{}", function.name);
            assert!(function.p95_ms < function.timeout_ms, "{}", function.name);
        }
        assert!(FUNCTIONS.is_sorted_by_key(|f| f.name));
        assert!(FUNCTIONS.iter().any(|f| f.name == CHECKOUT));
    }
}
