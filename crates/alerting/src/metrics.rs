//! The metrics of this crate.

use std::time::Duration;

pub(crate) fn describe() {
    metrics::describe_counter!(
        "nephoscope_alerting_evaluations_total",
        "Evaluations of monitors, by outcome."
    );
    metrics::describe_histogram!(
        "nephoscope_alerting_question_duration_seconds",
        metrics::Unit::Seconds,
        "Time that one question takes; monitors that ask the same share it."
    );
    metrics::describe_gauge!(
        "nephoscope_alerting_lag_seconds",
        "How long the last round came after the moment at which its evaluations were due."
    );
    metrics::describe_histogram!(
        "nephoscope_alerting_evaluation_lag_seconds",
        metrics::Unit::Seconds,
        "Time from when an evaluation is due until what it changed is durable."
    );
    metrics::describe_counter!(
        "nephoscope_alerting_missed_windows_total",
        "Windows that were not evaluated, because the node was away for too long."
    );
    metrics::describe_counter!(
        "nephoscope_alerting_notification_attempts_total",
        "Attempts to tell people, by what they came to."
    );
    metrics::describe_gauge!(
        "nephoscope_alerting_heartbeat",
        "1 if the last heartbeat arrived, 0 if not or if there was a reason to send none."
    );
}

pub(crate) fn heartbeat(is_sent: bool) {
    metrics::gauge!("nephoscope_alerting_heartbeat").set(f64::from(u8::from(is_sent)));
}

pub(crate) fn evaluated(outcome: &'static str, count: usize) {
    metrics::counter!("nephoscope_alerting_evaluations_total", "outcome" => outcome)
        .increment(count as u64);
}

pub(crate) fn asked(took: Duration) {
    metrics::histogram!("nephoscope_alerting_question_duration_seconds").record(took);
}

pub(crate) fn lag(seconds: f64) {
    metrics::gauge!("nephoscope_alerting_lag_seconds").set(seconds);
}

/// Evaluations of one round are recorded together.
pub(crate) fn evaluation_lag() -> metrics::Histogram {
    metrics::histogram!("nephoscope_alerting_evaluation_lag_seconds")
}

pub(crate) fn missed(windows: u64) {
    metrics::counter!("nephoscope_alerting_missed_windows_total").increment(windows);
}

pub(crate) fn attempt(outcome: &'static str) {
    metrics::counter!("nephoscope_alerting_notification_attempts_total", "outcome" => outcome)
        .increment(1);
}
