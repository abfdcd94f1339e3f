//! Decides what is worth merging. Pure: segments and the time in, jobs out.
//!
//! While a window grows, segments of about the same size are merged when there are enough of
//! them, so that each row is rewritten once per size class and not once per flush. When the
//! window has ended and nothing has come for a while, everything that is left is merged once
//! more and *settles*. Late events make small segments in a settled window; they are merged
//! with settled ones that are not much larger, so that a single late event does not rewrite a
//! large file.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Timestamp, duration};

use super::CompactConfig;
use crate::segment::Generation;
use crate::{SegmentKey, SegmentMeta, WINDOW_NANOS};

/// So many segments of one size class are worth a merge.
const MERGE_SEGMENTS_MIN: usize = 8;
/// More are not merged at once: every input is an open file.
const MERGE_SEGMENTS_MAX: usize = 64;
/// Segments below this size are one size class.
const SMALL_BYTES: u64 = 1 << 20;
/// Each further size class is this power of two wider.
const CLASS_BITS: u32 = 3;
/// A settled segment is rewritten if it is at most this many times as large as what joins it.
const REWRITE_RATIO_MAX: u64 = 4;

/// Segments of one key that are to become one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Whose rows they hold.
    pub key: SegmentKey,
    /// What is merged, oldest first.
    pub inputs: Vec<Arc<SegmentMeta>>,
    /// What the result is.
    pub generation: Generation,
}

/// Returns what is to be merged at `now`, newest window first: that is where most searches look.
/// There is at most one job per key, so jobs do not depend on each other.
pub fn plan(segments: &[Arc<SegmentMeta>], config: &CompactConfig, now: Timestamp) -> Vec<Job> {
    let mut keys: BTreeMap<SegmentKey, Vec<&Arc<SegmentMeta>>> = BTreeMap::new();
    for segment in segments {
        keys.entry(segment.key()).or_default().push(segment);
    }
    let mut jobs: Vec<Job> = keys
        .into_iter()
        .filter_map(|(key, segments)| {
            let (generation, mut inputs) = choose(&key, &segments, config, now)?;
            inputs.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
            Some(Job {
                key,
                inputs: inputs.into_iter().cloned().collect(),
                generation,
            })
        })
        .collect();
    jobs.sort_by_key(|job| (Reverse(job.key.window_start), Reverse(job.inputs.len())));
    jobs
}

type Chosen<'a> = (Generation, Vec<&'a Arc<SegmentMeta>>);

fn choose<'a>(
    key: &SegmentKey,
    segments: &[&'a Arc<SegmentMeta>],
    config: &CompactConfig,
    now: Timestamp,
) -> Option<Chosen<'a>> {
    let (mut settled, mut young): (Vec<_>, Vec<_>) = segments
        .iter()
        .copied()
        .partition(|segment| segment.generation == Generation::Settled);
    let newest = young.iter().map(|segment| segment.created_at).max();
    let ended = key.window_start.saturating_add_nanos(WINDOW_NANOS);
    let quiet_since = newest.map_or(ended, |newest| newest.max(ended));
    let is_quiet = quiet_since.saturating_add_nanos(duration::nanos(config.settle)) <= now;
    if !is_quiet {
        return Some((Generation::Merged, of_one_class(young, config)?));
    }
    settled.retain(|segment| segment.bytes < config.segment_bytes / 2);
    settled.sort_by_key(|segment| segment.bytes);
    young.sort_by_key(|segment| (segment.created_at, segment.bytes));
    let inputs = if young.is_empty() {
        let chosen = fitting(&settled, config, |_, _| true);
        (chosen.len() >= MERGE_SEGMENTS_MIN).then_some(chosen)?
    } else {
        let young_bytes: u64 = young.iter().map(|segment| segment.bytes).sum();
        young.extend(settled);
        fitting(&young, config, |segment, bytes| {
            segment.generation != Generation::Settled
                || segment.bytes <= REWRITE_RATIO_MAX * bytes.max(young_bytes)
        })
    };
    Some((Generation::Settled, inputs))
}

/// Enough segments of the smallest size class that has enough.
fn of_one_class<'a>(
    young: Vec<&'a Arc<SegmentMeta>>,
    config: &CompactConfig,
) -> Option<Vec<&'a Arc<SegmentMeta>>> {
    let mut classes: BTreeMap<u32, Vec<&Arc<SegmentMeta>>> = BTreeMap::new();
    for segment in young {
        if segment.bytes < config.segment_bytes / 2 {
            classes
                .entry(class(segment.bytes))
                .or_default()
                .push(segment);
        }
    }
    classes
        .into_values()
        .filter(|class| class.len() >= MERGE_SEGMENTS_MIN)
        .map(|mut class| {
            class.sort_by_key(|segment| segment.created_at);
            fitting(&class, config, |_, _| true)
        })
        .find(|chosen| chosen.len() > 1)
}

fn class(bytes: u64) -> u32 {
    match bytes / SMALL_BYTES {
        0 => 0,
        times => 1 + times.ilog2() / CLASS_BITS,
    }
}

/// The first segments that together are no larger than a segment may be, at least one, as far
/// as `may_join` agrees (given the bytes chosen so far).
fn fitting<'a>(
    segments: &[&'a Arc<SegmentMeta>],
    config: &CompactConfig,
    may_join: impl Fn(&SegmentMeta, u64) -> bool,
) -> Vec<&'a Arc<SegmentMeta>> {
    let mut bytes = 0;
    let mut chosen = Vec::new();
    for segment in segments.iter().take(MERGE_SEGMENTS_MAX) {
        let fits = chosen.is_empty() || bytes + segment.bytes <= config.segment_bytes;
        if !fits || !may_join(segment, bytes) {
            break;
        }
        bytes += segment.bytes;
        chosen.push(*segment);
    }
    chosen
}

#[cfg(test)]
mod tests;
