//! What happens until data is safe: normalise, WAL, buffer, flush.
