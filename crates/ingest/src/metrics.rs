//! What ingest tells about itself.

/// Counts a batch that is safe.
pub(crate) fn stored(events: usize, repeated: usize, frame_bytes: usize) {
    metrics::counter!("nephoscope_ingest_events_total").increment(events as u64);
    metrics::counter!("nephoscope_ingest_repeated_events_total").increment(repeated as u64);
    metrics::counter!("nephoscope_ingest_wal_bytes_total").increment(frame_bytes as u64);
}

/// Counts a batch that was refused because too much waits.
pub(crate) fn refused() {
    metrics::counter!("nephoscope_ingest_refused_batches_total").increment(1);
}

/// Counts one fsync of the WAL.
pub(crate) fn synced() {
    metrics::counter!("nephoscope_ingest_wal_syncs_total").increment(1);
}

/// Counts one flush.
pub(crate) fn flushed() {
    metrics::counter!("nephoscope_ingest_flushes_total").increment(1);
}

/// Counts an event that was dropped because its source has spent its budget.
pub(crate) fn over_budget(budget: &str, bytes: u64) {
    let of = || budget.to_owned();
    metrics::counter!("nephoscope_ingest_over_budget_events_total", "source" => of()).increment(1);
    metrics::counter!("nephoscope_ingest_over_budget_bytes_total", "source" => of())
        .increment(bytes);
}
