//! Retention: what is too old, or too much, is dropped in whole segments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use model::{Timestamp, duration, size};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Result, SegmentMeta, Store, Table, metrics};

/// `[storage.retention]`: how long data is kept. Without a word about it, for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetentionConfig {
    /// How long events are kept, if their partition says nothing else.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub events: Option<Duration>,
    /// How long invocations are kept.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub invocations: Option<Duration>,
    /// How long metric samples are kept.
    #[serde(with = "optional_duration", skip_serializing_if = "Option::is_none")]
    pub samples: Option<Duration>,
    /// How many bytes all segments together may take; beyond it the oldest windows go first.
    #[serde(with = "optional_size", skip_serializing_if = "Option::is_none")]
    pub bytes_max: Option<u64>,
    /// What partitions say; from `[[partitions]]`.
    #[serde(skip)]
    pub partitions: BTreeMap<String, Keep>,
}

/// How long, and how much, the events of one partition are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keep {
    /// How long.
    pub age: Option<Duration>,
    /// How many bytes of segments.
    pub bytes_max: Option<u64>,
}

/// Why a segment is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All its events are older than they are kept.
    Age,
    /// There is more than is kept.
    Size,
}

impl Reason {
    /// The name in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Age => "age",
            Reason::Size => "size",
        }
    }
}

/// Returns the segments that are to be dropped at `now`, and why. Pure.
pub fn expired(
    segments: &[Arc<SegmentMeta>],
    config: &RetentionConfig,
    now: Timestamp,
) -> Vec<(Arc<SegmentMeta>, Reason)> {
    let mut dropped = Vec::new();
    let mut kept = Vec::new();
    for segment in segments {
        let age = age_max(segment, config);
        let is_old = age
            .is_some_and(|age| now.saturating_add_nanos(-duration::nanos(age)) > segment.time_max);
        if is_old {
            dropped.push((Arc::clone(segment), Reason::Age));
        } else {
            kept.push(Arc::clone(segment));
        }
    }
    kept.sort_by(|a, b| (a.time_max, &a.id).cmp(&(b.time_max, &b.id)));
    let limited = config.partitions.iter();
    let limited = limited.filter_map(|(name, keep)| Some((name, keep.bytes_max?)));
    for (partition, bytes_max) in limited {
        let is_of = |segment: &SegmentMeta| {
            segment.table == Table::Events && segment.partition == *partition
        };
        drop_oldest(&mut kept, bytes_max, is_of, &mut dropped);
    }
    if let Some(bytes_max) = config.bytes_max {
        drop_oldest(&mut kept, bytes_max, |_| true, &mut dropped);
    }
    dropped
}

fn age_max(segment: &SegmentMeta, config: &RetentionConfig) -> Option<Duration> {
    match segment.table {
        Table::Events => {
            let keep = config.partitions.get(&segment.partition);
            keep.and_then(|keep| keep.age).or(config.events)
        }
        Table::Invocations => config.invocations,
        Table::Samples => config.samples,
    }
}

/// Moves segments from the front of `kept`, which is the oldest, until no more than `bytes_max`
/// of those that `counts` are left.
fn drop_oldest(
    kept: &mut Vec<Arc<SegmentMeta>>,
    bytes_max: u64,
    counts: impl Fn(&SegmentMeta) -> bool,
    dropped: &mut Vec<(Arc<SegmentMeta>, Reason)>,
) {
    let counted = kept.iter().filter(|segment| counts(segment));
    let mut bytes: u64 = counted.map(|segment| segment.disk_bytes()).sum();
    kept.retain(|segment| {
        let goes = bytes > bytes_max && counts(segment);
        if goes {
            bytes -= segment.disk_bytes();
            dropped.push((Arc::clone(segment), Reason::Size));
        }
        !goes
    });
}

impl Store {
    /// Drops what is too old or too much; returns how many segments. They are gone for searches
    /// that begin now; their files stay for the grace time.
    ///
    /// # Errors
    /// If the catalog fails; nothing has changed then.
    pub fn retain<'a>(&'a self, config: &'a RetentionConfig) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let _upkeep = self.upkeep().await;
            let dropped = expired(&self.live_segments(), config, self.clock().now());
            if dropped.is_empty() {
                return Ok(0);
            }
            let old: Vec<_> = dropped
                .iter()
                .map(|(segment, _)| Arc::clone(segment))
                .collect();
            self.replace(&old, Vec::new()).await?;
            for (segment, reason) in &dropped {
                metrics::dropped(segment, *reason);
                tracing::info!(
                    segment = segment.id,
                    table = segment.table.name(),
                    partition = segment.partition,
                    from = %segment.time_min,
                    to = %segment.time_max,
                    rows = segment.rows,
                bytes = segment.disk_bytes(),
                    reason = reason.name(),
                    "retention dropped a segment"
                );
            }
            Ok(dropped.len())
        })
    }
}

/// A duration that may be missing.
mod optional_duration {
    use super::*;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        duration::deserialize(from).map(Some)
    }

    pub(super) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => duration::serialize(value, to),
            None => to.serialize_none(),
        }
    }
}

/// A size that may be missing.
mod optional_size {
    use super::*;

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        size::deserialize(from).map(Some)
    }

    pub(super) fn serialize<S: Serializer>(value: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => size::serialize(value, to),
            None => to.serialize_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compact::testing::segment;

    fn days(days: u64) -> Option<Duration> {
        Some(Duration::from_secs(days * 86_400))
    }

    fn ids(dropped: &[(Arc<SegmentMeta>, Reason)]) -> Vec<(&str, Reason)> {
        let ids = dropped
            .iter()
            .map(|(segment, reason)| (segment.id.as_str(), *reason));
        ids.collect()
    }

    #[test]
    fn nothing_is_dropped_without_a_word() {
        let segments = [segment("a", "default", 0, 10)];
        let dropped = expired(&segments, &RetentionConfig::default(), Timestamp::MAX);
        assert!(dropped.is_empty());
    }

    #[test]
    fn age_counts_from_the_last_event_and_partitions_have_the_last_word() {
        let config = RetentionConfig {
            events: days(2),
            partitions: [(
                "audit".to_owned(),
                Keep {
                    age: days(400),
                    bytes_max: None,
                },
            )]
            .into(),
            ..RetentionConfig::default()
        };
        let segments = [
            segment("old", "default", 0, 10),
            segment("audit", "audit", 0, 10),
            segment("new", "default", 24, 10),
        ];
        // The first window ends at hour 1: two days later it may go, not before.
        let at = |hour: i64| Timestamp::from_nanos(hour * crate::WINDOW_NANOS);
        assert!(expired(&segments, &config, at(48)).is_empty());
        let dropped = expired(&segments, &config, at(50));
        assert_eq!(ids(&dropped), [("old", Reason::Age)]);
    }

    #[test]
    fn size_drops_the_oldest_windows_of_the_partition_first_and_then_of_all() {
        let segments = [
            segment("b", "loud", 2, 10),
            segment("a", "loud", 1, 10),
            segment("c", "default", 0, 10),
            segment("d", "loud", 3, 10),
        ];
        let keep = Keep {
            age: None,
            bytes_max: Some(20),
        };
        let mut config = RetentionConfig {
            partitions: [("loud".to_owned(), keep)].into(),
            ..RetentionConfig::default()
        };
        let dropped = expired(&segments, &config, at_the_end());
        assert_eq!(ids(&dropped), [("a", Reason::Size)]);
        config.bytes_max = Some(15);
        let dropped = expired(&segments, &config, at_the_end());
        let size = |id| (id, Reason::Size);
        assert_eq!(ids(&dropped), [size("a"), size("c"), size("b")]);
    }

    fn at_the_end() -> Timestamp {
        Timestamp::from_nanos(100 * crate::WINDOW_NANOS)
    }
}
