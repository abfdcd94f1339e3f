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

impl InvocationEvidence {
    /// Whether `other` tells of the same invocation.
    pub fn is_of_same_invocation(&self, other: &InvocationEvidence) -> bool {
        self.request_id == other.request_id
            && self.function == other.function
            && self.provider == other.provider
            && self.account == other.account
            && self.region == other.region
    }

    /// Adds what `other` tells of the same invocation.
    pub fn merge(&mut self, other: InvocationEvidence) {
        let number = |mine: &mut Option<f64>, other: Option<f64>| {
            let is_larger = |other: f64| mine.is_none_or(|mine| other.total_cmp(&mine).is_gt());
            if other.is_some_and(is_larger) {
                *mine = other;
            }
        };
        larger(&mut self.version, other.version);
        larger(&mut self.instance, other.instance);
        larger(&mut self.event_time, other.event_time);
        if self.start.is_none() || other.start.is_some_and(|start| Some(start) < self.start) {
            self.start = other.start;
        }
        number(&mut self.duration_ms, other.duration_ms);
        number(&mut self.billed_ms, other.billed_ms);
        number(&mut self.init_ms, other.init_ms);
        number(&mut self.memory_size_mb, other.memory_size_mb);
        number(&mut self.memory_used_mb, other.memory_used_mb);
        larger(&mut self.status, other.status);
        larger(&mut self.error_type, other.error_type);
        larger(&mut self.error_message, other.error_message);
        larger(&mut self.trace_id, other.trace_id);
    }
}

/// Takes the larger of two values; any is larger than none.
fn larger<T: Ord>(mine: &mut Option<T>, other: Option<T>) {
    if other > *mine {
        *mine = other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_comes_to_the_same_in_any_order() {
        let start = InvocationEvidence {
            request_id: "a".to_owned(),
            event_time: Some(Timestamp::from_millis(1)),
            start: Some(Timestamp::from_millis(1)),
            version: Some(Arc::from("7")),
            ..InvocationEvidence::default()
        };
        let report = InvocationEvidence {
            request_id: "a".to_owned(),
            event_time: Some(Timestamp::from_millis(9)),
            start: Some(Timestamp::from_millis(2)),
            duration_ms: Some(8.0),
            status: Some(InvocationStatus::Error),
            ..InvocationEvidence::default()
        };
        let ok = InvocationEvidence {
            duration_ms: Some(7.5),
            status: Some(InvocationStatus::Ok),
            ..report.clone()
        };
        let merged = |parts: [&InvocationEvidence; 3]| {
            let mut merged = parts[0].clone();
            assert!(merged.is_of_same_invocation(parts[1]));
            merged.merge(parts[1].clone());
            merged.merge(parts[2].clone());
            merged
        };
        let expected = InvocationEvidence {
            start: start.start,
            version: start.version.clone(),
            ..report.clone()
        };
        assert_eq!(merged([&start, &report, &ok]), expected);
        assert_eq!(merged([&ok, &start, &report]), expected);
        assert_eq!(merged([&report, &ok, &start]), expected);
        let other = InvocationEvidence {
            function: Some(Arc::from("f")),
            ..start.clone()
        };
        assert!(!start.is_of_same_invocation(&other));
    }
}
