//! One page of events: how far a request reads before the answer is full.

use std::ops::Bound;
use std::sync::Arc;

use super::pattern::Pattern;
use super::store::{Event, EventKey, Group, Store};

/// What every event adds to the size of a page, besides its message.
const EVENT_BYTES: usize = 26;
/// How many events one request looks at; where fewer match, its page is shorter or even empty.
const SCANNED_MAX: usize = 200_000;

/// Which streams of a group are read.
#[derive(Debug)]
pub(crate) enum Streams {
    /// All of them.
    All,
    /// Those whose names begin like this.
    Prefix(String),
    /// These.
    Named(Vec<Arc<str>>),
}

impl Streams {
    fn contains(&self, name: &str) -> bool {
        match self {
            Streams::All => true,
            Streams::Prefix(prefix) => name.starts_with(prefix.as_str()),
            Streams::Named(names) => names.iter().any(|other| &**other == name),
        }
    }
}

/// Which events a request reads, and in which direction.
#[derive(Debug)]
pub(crate) struct Selection {
    /// The first and the last millisecond, both inclusive.
    pub(crate) times_ms: (i64, i64),
    pub(crate) streams: Streams,
    pub(crate) pattern: Pattern,
    /// Whether the newest events come first.
    pub(crate) is_backward: bool,
    /// The event that the page before ended with.
    pub(crate) after: Option<EventKey>,
    pub(crate) now_ms: i64,
}

impl Selection {
    /// Forgets a position on the near side of the range, where everything is still to be read.
    pub(crate) fn clamp_position(&mut self) {
        let (first, last) = self.times_ms;
        self.after = self.after.filter(|key| match self.is_backward {
            false => *key >= EventKey::before(first),
            true => *key <= EventKey::behind(last),
        });
    }
}

/// How much a page holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Capacity {
    pub(crate) events: usize,
    pub(crate) bytes: usize,
}

/// A page: events in the order of reading, and where the next page goes on, if there is more.
#[derive(Debug)]
pub(crate) struct Page<'a> {
    pub(crate) events: Vec<(&'a EventKey, &'a Event)>,
    pub(crate) next: Option<EventKey>,
}

impl Page<'_> {
    const fn empty() -> Self {
        Page {
            events: Vec::new(),
            next: None,
        }
    }
}

/// Reads one page.
pub(crate) fn read<'a>(group: &'a Group, selection: &Selection, capacity: Capacity) -> Page<'a> {
    let Some((mut low, mut high)) = Store::bounds(selection.times_ms.0, selection.times_ms.1)
    else {
        return Page::empty();
    };
    if let Some(key) = selection.after {
        // A key outside of the range must not turn the range round.
        let inside = EventKey::before(selection.times_ms.0) <= key
            && key <= EventKey::behind(selection.times_ms.1);
        match (selection.is_backward, inside) {
            (false, true) => low = Bound::Excluded(key),
            (true, true) => high = Bound::Excluded(key),
            (_, false) => return Page::empty(),
        }
    }
    let range = group.events.range((low, high));
    match selection.is_backward {
        false => collect(range, selection, capacity),
        true => collect(range.rev(), selection, capacity),
    }
}

fn collect<'a>(
    range: impl Iterator<Item = (&'a EventKey, &'a Event)>,
    selection: &Selection,
    capacity: Capacity,
) -> Page<'a> {
    let mut page = Page::empty();
    let mut bytes = 0;
    let mut last = None;
    for (scanned, (key, event)) in range.enumerate() {
        if scanned >= SCANNED_MAX {
            page.next = last;
            break;
        }
        let is_wanted = event.visible_ms <= selection.now_ms
            && selection.streams.contains(&event.stream)
            && selection.pattern.matches(&event.message);
        if is_wanted {
            bytes += event.message.len() + EVENT_BYTES;
            let is_full = page.events.len() >= capacity.events || bytes > capacity.bytes;
            if is_full && !page.events.is_empty() {
                page.next = last;
                break;
            }
            page.events.push((key, event));
        }
        last = Some(*key);
    }
    page
}
