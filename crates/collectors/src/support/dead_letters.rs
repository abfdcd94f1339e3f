//! What a source was given and could not read: events of a category of their own, so that people
//! find it by searching, can be alerted of it, and nothing of it is lost. They are as few and as
//! short as limits say; the rest is counted.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::{
    DEAD_LETTER_CATEGORY, EventBatch, EventId, EventSink, Level, LogEvent, SourceMetadata,
    Timestamp,
};

use crate::metrics;
use crate::status::Monitor;

/// Bytes of a payload that are kept.
const DEAD_LETTER_BYTES_MAX: usize = 16 << 10;
/// Dead letters of a source that are kept in each minute.
const DEAD_LETTERS_PER_MINUTE_MAX: usize = 60;
/// So many of the last are known again: a cloud is often asked twice.
const KNOWN_MAX: usize = 256;
const MINUTE_MS: i64 = 60_000;

/// Something that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeadLetter {
    /// What is wrong with it.
    pub(crate) problem: String,
    /// Its beginning.
    head: Bytes,
    /// Its size in bytes.
    size: usize,
}

impl DeadLetter {
    pub(crate) fn new(problem: impl Into<String>, payload: &[u8]) -> Self {
        let head = payload.get(..DEAD_LETTER_BYTES_MAX).unwrap_or(payload);
        DeadLetter {
            problem: problem.into(),
            head: Bytes::copy_from_slice(head),
            size: payload.len(),
        }
    }

    fn id(&self) -> EventId {
        let head = STANDARD.encode(&self.head);
        EventId::of(&format!("{}\0{}\0{head}", self.problem, self.size))
    }

    /// The event that it becomes.
    fn event(&self, monitor: &Monitor, now: Timestamp) -> LogEvent {
        let is_cut = self.head.len() < self.size;
        let mut fields = vec![
            ("problem".to_owned(), self.problem.clone()),
            ("payload_bytes".to_owned(), self.size.to_string()),
        ];
        if is_cut {
            fields.push(("payload_cut".to_owned(), "true".to_owned()));
        }
        let message = text(&self.head, is_cut).unwrap_or_else(|| {
            fields.push(("payload_encoding".to_owned(), "base64".to_owned()));
            STANDARD.encode(&self.head)
        });
        LogEvent {
            event_time: Some(now),
            level: Some(Level::Warn),
            message,
            fields,
            metadata: Arc::new(SourceMetadata {
                category: DEAD_LETTER_CATEGORY.to_owned(),
                source: monitor.name().to_owned(),
                collector: monitor.collector().to_owned(),
                ..SourceMetadata::default()
            }),
            ..LogEvent::default()
        }
    }
}

/// The payload's beginning, if it is text; where it was cut may be in the midst of a character.
fn text(head: &[u8], is_cut: bool) -> Option<String> {
    let end = match std::str::from_utf8(head) {
        Ok(_) => head.len(),
        Err(error) if is_cut && error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return None,
    };
    let text = std::str::from_utf8(head.get(..end)?).ok()?;
    let is_readable = |character: char| !character.is_control() || character.is_whitespace();
    text.chars().all(is_readable).then(|| text.to_owned())
}

/// How many dead letters a source has had lately.
#[derive(Debug, Default)]
pub(crate) struct Lately(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    minute: i64,
    in_minute: usize,
    known: VecDeque<EventId>,
}

impl Lately {
    fn place_for(&self, id: EventId, now: Timestamp) -> Place {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lately.known.contains(&id) {
            return Place::There;
        }
        let minute = now.millis().div_euclid(MINUTE_MS);
        if lately.minute != minute {
            (lately.minute, lately.in_minute) = (minute, 0);
        }
        if lately.in_minute >= DEAD_LETTERS_PER_MINUTE_MAX {
            return Place::Nowhere;
        }
        lately.in_minute += 1;
        if lately.known.len() == KNOWN_MAX {
            lately.known.pop_front();
        }
        lately.known.push_back(id);
        Place::Free
    }
}

/// Whether a dead letter can be kept.
#[derive(Debug, PartialEq)]
enum Place {
    /// It is kept already.
    There,
    Free,
    /// There have been too many in this minute.
    Nowhere,
}

/// Counts a dead letter and keeps it, if there is room. One that is kept already is neither.
/// Returns whether it was counted.
pub(crate) async fn keep(
    letter: &DeadLetter,
    sink: &dyn EventSink,
    monitor: &Monitor,
    now: Timestamp,
) -> bool {
    let place = monitor.dead_letters.place_for(letter.id(), now);
    if place == Place::There {
        return false;
    }
    metrics::dead_letter(monitor.collector());
    monitor.dead_letter();
    if place == Place::Nowhere {
        return true;
    }
    let batch = EventBatch {
        events: vec![letter.event(monitor, now)],
        ..EventBatch::default()
    };
    if let Err(error) = sink.append(batch).await {
        tracing::warn!(
            source = monitor.name(),
            problem = letter.problem,
            %error,
            "cannot keep a dead letter, it is counted only"
        );
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_763_909_520_000);

    fn event(payload: &[u8]) -> LogEvent {
        let monitor = Monitor::new("prod", "otlp");
        DeadLetter::new("it is no request", payload).event(&monitor, NOW)
    }

    #[test]
    fn a_dead_letter_is_an_event_with_the_reason() {
        let event = event(b"{\"half\":");
        assert_eq!(event.message, "{\"half\":");
        let field = |name: &str| {
            let found = event.fields.iter().find(|(field, _)| field == name);
            found.map(|(_, value)| value.as_str())
        };
        assert_eq!(field("problem"), Some("it is no request"));
        assert_eq!(field("payload_bytes"), Some("8"));
        assert_eq!(field("payload_encoding"), None);
        assert_eq!(event.metadata.category, DEAD_LETTER_CATEGORY);
        assert_eq!(event.metadata.source, "prod");
    }

    #[test]
    fn what_is_no_text_is_in_base64_and_what_is_long_is_cut_between_characters() {
        let binary = event(&[0x1f, 0x8b, 0, 1]);
        assert_eq!(binary.message, "H4sAAQ==");
        let long = "ä".repeat(DEAD_LETTER_BYTES_MAX);
        let long = event(&[b"x", long.as_bytes()].concat());
        assert_eq!(long.message.len(), DEAD_LETTER_BYTES_MAX - 1);
        assert!(long.message.ends_with('ä'));
        let cut = ("payload_cut".to_owned(), "true".to_owned());
        assert!(long.fields.contains(&cut));
    }

    #[test]
    fn of_many_in_a_minute_only_the_first_are_kept_and_each_once() {
        let lately = Lately::default();
        let id = |number: usize| EventId::of(&number.to_string());
        let place = |number: usize, now| lately.place_for(id(number), now);
        assert_eq!(place(0, NOW), Place::Free);
        assert_eq!(place(0, NOW), Place::There);
        let kept = (1..1_000).filter(|number| place(*number, NOW) == Place::Free);
        assert_eq!(kept.count(), DEAD_LETTERS_PER_MINUTE_MAX - 1);
        assert_eq!(place(1_000, NOW), Place::Nowhere);
        let later = NOW.saturating_add_millis(MINUTE_MS);
        assert_eq!(place(0, later), Place::There);
        assert_eq!(place(1_000, later), Place::Free);
    }
}
