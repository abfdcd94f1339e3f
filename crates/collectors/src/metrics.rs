//! The crate's own metrics, all in one place.

use metrics::{counter, gauge};

/// Counts events that the sink has made durable.
pub(crate) fn events(collector: &'static str, stored: usize, repeated: usize) {
    counter!("nephoscope_collectors_events_total", "collector" => collector)
        .increment(stored as u64);
    counter!("nephoscope_collectors_events_repeated_total", "collector" => collector)
        .increment(repeated as u64);
}

/// Counts a failure that the source recovered from or is retrying.
pub(crate) fn error(collector: &'static str) {
    counter!("nephoscope_collectors_errors_total", "collector" => collector).increment(1);
}

/// Counts a request that the cloud refused because of its quota.
pub(crate) fn throttle(collector: &'static str) {
    counter!("nephoscope_collectors_throttles_total", "collector" => collector).increment(1);
}

/// Counts a call to a cloud's API.
pub(crate) fn request(collector: &'static str) {
    counter!("nephoscope_collectors_requests_total", "collector" => collector).increment(1);
}

/// Counts records that are not as their format says; they became events all the same.
pub(crate) fn unreadable(collector: &'static str, records: u64) {
    counter!("nephoscope_collectors_unreadable_total", "collector" => collector).increment(records);
}

/// Counts what a source was given and could not read.
pub(crate) fn dead_letter(collector: &'static str) {
    counter!("nephoscope_collectors_dead_letters_total", "collector" => collector).increment(1);
}

/// Sets how far the slowest origin of a source is behind, in milliseconds.
pub(crate) fn lag(collector: &'static str, lag_ms: i64) {
    gauge!("nephoscope_collectors_lag_ms", "collector" => collector).set(lag_ms as f64);
}
