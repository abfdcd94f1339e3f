//! One invocation of a function, assembled from evidence that arrives in any order.

use std::sync::Arc;

use crate::{Provider, Timestamp};

/// How an invocation ended. The order is the order of precedence when evidence disagrees: the
/// later variant wins, because it is the more specific finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvocationStatus {
    /// It returned.
    Ok,
    /// It raised an error or its process ended.
    Error,
    /// It ran longer than it may.
    Timeout,
    /// It needed more memory than it may.
    OutOfMemory,
    /// It was refused before it ran; only metrics tell.
    Throttled,
}

impl InvocationStatus {
    /// All statuses, in order of precedence.
    pub const ALL: [InvocationStatus; 5] = [
        InvocationStatus::Ok,
        InvocationStatus::Error,
        InvocationStatus::Timeout,
        InvocationStatus::OutOfMemory,
        InvocationStatus::Throttled,
    ];

    /// The name as it is stored and queried.
    pub const fn name(self) -> &'static str {
        match self {
            InvocationStatus::Ok => "ok",
            InvocationStatus::Error => "error",
            InvocationStatus::Timeout => "timeout",
            InvocationStatus::OutOfMemory => "out_of_memory",
            InvocationStatus::Throttled => "throttled",
        }
    }
}

/// What one event tells about one invocation.
///
/// Rows of evidence with the same key (provider, account, region, function, request id) are
/// merged field by field with an operation that does not care about order: the largest value
/// wins, the earliest for `start`. So late and repeated evidence is harmless.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InvocationEvidence {
    /// The cloud.
    pub provider: Option<Provider>,
    /// Account, project or subscription.
    pub account: Option<Arc<str>>,
    /// Region.
    pub region: Option<Arc<str>>,
    /// The function's name.
    pub function: Option<Arc<str>>,
    /// The function's version.
    pub version: Option<Arc<str>>,
    /// The sandbox.
    pub instance: Option<Arc<str>>,
    /// The request id.
    pub request_id: String,
    /// When the event was logged; decides the time window that the row is stored in.
    pub event_time: Option<Timestamp>,
    /// When the invocation began.
    pub start: Option<Timestamp>,
    /// How long the handler ran, in milliseconds.
    pub duration_ms: Option<f64>,
    /// What is billed, in milliseconds.
    pub billed_ms: Option<f64>,
    /// How long the sandbox took to start, in milliseconds; `None` for a warm start.
    pub init_ms: Option<f64>,
    /// Memory granted, in megabytes as the cloud bills them.
    pub memory_size_mb: Option<f64>,
    /// Largest memory used, in megabytes.
    pub memory_used_mb: Option<f64>,
    /// How it ended.
    pub status: Option<InvocationStatus>,
    /// The error's type, such as `TypeError` or `Runtime.ExitError`.
    pub error_type: Option<String>,
    /// The error's message.
    pub error_message: Option<String>,
    /// The trace id (AWS X-Ray: `1-…`).
    pub trace_id: Option<String>,
}
