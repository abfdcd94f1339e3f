//! What the simulated CloudWatch Logs holds: groups, streams and events, in memory and bounded.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::error::AwsError;

/// The order in which CloudWatch returns events: by time, by acceptance, by request, by place in
/// the request's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EventKey {
    pub(crate) time_ms: i64,
    pub(crate) ingestion_ms: i64,
    pub(crate) request: u64,
    pub(crate) index: u32,
}

impl EventKey {
    /// Sorts before every event of this millisecond.
    pub(crate) const fn before(time_ms: i64) -> Self {
        EventKey {
            time_ms,
            ingestion_ms: i64::MIN,
            request: 0,
            index: 0,
        }
    }

    /// Sorts behind every event of this millisecond.
    pub(crate) const fn behind(time_ms: i64) -> Self {
        EventKey {
            time_ms,
            ingestion_ms: i64::MAX,
            request: u64::MAX,
            index: u32::MAX,
        }
    }
}

/// One event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) stream: Arc<str>,
    pub(crate) message: String,
    /// From when on reading finds it.
    pub(crate) visible_ms: i64,
}

/// One log stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) name: Arc<str>,
    pub(crate) created_ms: i64,
    /// Times of the first and the last event, as far as there are any.
    pub(crate) times_ms: Option<(i64, i64)>,
    pub(crate) last_ingestion_ms: i64,
    /// The second and the number of events of the batch that is being filled.
    pub(crate) batch: (i64, u32),
}

/// One log group.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) created_ms: i64,
    /// Whether the fleet writes into it, so that old events may be dropped.
    pub(crate) is_of_fleet: bool,
    pub(crate) events: BTreeMap<EventKey, Event>,
    pub(crate) streams: BTreeMap<Arc<str>, Stream>,
    pub(crate) stored_bytes: u64,
    /// How many events it ever had, and how many of them were dropped.
    pub(crate) dropped: u64,
}

impl Group {
    fn new(created_ms: i64, is_of_fleet: bool) -> Self {
        Group {
            created_ms,
            is_of_fleet,
            events: BTreeMap::new(),
            streams: BTreeMap::new(),
            stored_bytes: 0,
            dropped: 0,
        }
    }

    /// Returns the stream of this name, which is created if there is none.
    pub(crate) fn stream_mut(&mut self, name: &Arc<str>, now_ms: i64) -> &mut Stream {
        self.streams
            .entry(Arc::clone(name))
            .or_insert_with(|| Stream {
                name: Arc::clone(name),
                created_ms: now_ms,
                times_ms: None,
                last_ingestion_ms: 0,
                batch: (i64::MIN, 0),
            })
    }

    /// Adds an event to a stream that exists.
    pub(crate) fn append(&mut self, key: EventKey, event: Event) {
        if let Some(stream) = self.streams.get_mut(&event.stream) {
            let (first, last) = stream.times_ms.unwrap_or((key.time_ms, key.time_ms));
            stream.times_ms = Some((first.min(key.time_ms), last.max(key.time_ms)));
            stream.last_ingestion_ms = stream.last_ingestion_ms.max(key.ingestion_ms);
        }
        self.stored_bytes += event.message.len() as u64 + 26;
        self.events.insert(key, event);
    }

    /// Drops what is older than `before_ms`.
    fn retain(&mut self, before_ms: i64) {
        let kept = self.events.split_off(&EventKey::before(before_ms));
        self.dropped += self.events.len() as u64;
        self.events = kept;
        self.streams
            .retain(|_, stream| stream.times_ms.is_none_or(|(_, last)| last >= before_ms));
    }
}

/// All log groups, by name.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) groups: BTreeMap<String, Group>,
}

impl Store {
    /// Returns the group of this name.
    pub(crate) fn group(&self, name: &str) -> Result<&Group, AwsError> {
        self.groups.get(name).ok_or_else(AwsError::no_group)
    }

    /// Returns the group of this name.
    pub(crate) fn group_mut(&mut self, name: &str) -> Result<&mut Group, AwsError> {
        self.groups.get_mut(name).ok_or_else(AwsError::no_group)
    }

    /// Creates a group, unless there is one of this name.
    pub(crate) fn create_group(
        &mut self,
        name: &str,
        now_ms: i64,
        is_of_fleet: bool,
    ) -> Result<(), AwsError> {
        if self.groups.contains_key(name) {
            return Err(AwsError::group_exists());
        }
        self.groups
            .insert(name.to_owned(), Group::new(now_ms, is_of_fleet));
        Ok(())
    }

    /// Drops the fleet's events that are older than `before_ms`, and more of the oldest until at
    /// most `events_max` are left.
    pub(crate) fn retain(&mut self, before_ms: i64, events_max: usize) {
        let mut before_ms = before_ms;
        for _ in 0..64 {
            let groups = || self.groups.values().filter(|group| group.is_of_fleet);
            let events: usize = groups().map(|group| group.events.len()).sum();
            let oldest = groups()
                .filter_map(|group| group.events.first_key_value())
                .map(|(key, _)| key.time_ms)
                .min();
            let Some(oldest) = oldest else { return };
            if events > events_max {
                let newest = groups()
                    .filter_map(|group| group.events.last_key_value())
                    .map(|(key, _)| key.time_ms)
                    .max()
                    .unwrap_or(oldest);
                // A twentieth of the span goes at once, so that this is rarely done.
                before_ms = before_ms.max(oldest + (newest - oldest) / 20 + 1);
            }
            if oldest >= before_ms {
                return;
            }
            for group in self.groups.values_mut().filter(|group| group.is_of_fleet) {
                group.retain(before_ms);
            }
        }
    }

    /// The bounds of the events with times in `from_ms..=to_ms`, for a map's range.
    pub(crate) fn bounds(from_ms: i64, to_ms: i64) -> Option<(Bound<EventKey>, Bound<EventKey>)> {
        (from_ms <= to_ms).then(|| {
            let first = Bound::Included(EventKey::before(from_ms));
            (first, Bound::Included(EventKey::behind(to_ms)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_events_of_the_fleet_are_dropped_and_others_are_not() {
        let mut store = Store::default();
        for (name, is_of_fleet) in [("fleet", true), ("test", false)] {
            store.create_group(name, 0, is_of_fleet).unwrap();
            let group = store.group_mut(name).unwrap();
            let stream: Arc<str> = "a".into();
            group.stream_mut(&stream, 0);
            for time_ms in 0..1_000 {
                let key = EventKey {
                    time_ms,
                    ingestion_ms: time_ms,
                    request: 1,
                    index: 0,
                };
                let stream = Arc::clone(&stream);
                group.append(
                    key,
                    Event {
                        stream,
                        message: String::new(),
                        visible_ms: 0,
                    },
                );
            }
        }
        store.retain(100, 500);
        let fleet = store.group("fleet").unwrap();
        assert!(
            (400..=500).contains(&fleet.events.len()),
            "{}",
            fleet.events.len()
        );
        assert_eq!(fleet.dropped + fleet.events.len() as u64, 1_000);
        assert_eq!(store.group("test").unwrap().events.len(), 1_000);
    }
}
