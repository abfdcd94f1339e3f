//! Cuts a message that is longer than one event may be into linked parts, so that nothing of it
//! is lost.

use model::limits::MESSAGE_BYTES_MAX;
use model::{EventId, LogEvent};

use super::backoff::seed;

/// Names the message that the parts belong to.
const PART_ID: &str = "_part_id";
/// The part's place, from 1.
const PART: &str = "_part";
/// How many parts there are.
const PARTS: &str = "_parts";

/// Appends `event` to `events`; in parts if its message is longer than
/// [`MESSAGE_BYTES_MAX`]. The parts carry the same fields and times; of an event with an id, ids
/// that are made of it.
pub(crate) fn push(events: &mut Vec<LogEvent>, mut event: LogEvent) {
    if event.message.len() <= MESSAGE_BYTES_MAX {
        events.push(event);
        return;
    }
    let message = std::mem::take(&mut event.message);
    let pieces = cut(&message, MESSAGE_BYTES_MAX);
    let part_id = format!("{:016x}", seed());
    for (index, piece) in pieces.iter().enumerate() {
        let mut part = event.clone();
        part.id = event
            .id
            .map(|id| EventId::of(&format!("{}\0{index}", id.0)));
        part.message = (*piece).to_owned();
        part.fields.push((PART_ID.to_owned(), part_id.clone()));
        part.fields.push((PART.to_owned(), (index + 1).to_string()));
        part.fields
            .push((PARTS.to_owned(), pieces.len().to_string()));
        events.push(part);
    }
}

/// Cuts between characters into pieces of at most `bytes_max`.
fn cut(text: &str, bytes_max: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > bytes_max {
        let (piece, after) = rest.split_at(rest.floor_char_boundary(bytes_max));
        pieces.push(piece);
        rest = after;
    }
    pieces.push(rest);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_five_megabyte_message_is_kept_in_linked_parts() {
        let message = "ä".repeat(5 << 19);
        let mut events = Vec::new();
        push(
            &mut events,
            LogEvent {
                message: message.clone(),
                ..LogEvent::default()
            },
        );
        let joined: String = events.iter().map(|event| event.message.as_str()).collect();
        assert_eq!(joined, message);
        let total = events.len().to_string();
        for (index, event) in events.iter().enumerate() {
            assert!(event.message.len() <= MESSAGE_BYTES_MAX);
            assert_eq!(event.fields[0], events[0].fields[0]);
            assert_eq!(event.fields[1].1, (index + 1).to_string());
            assert_eq!(event.fields[2].1, total);
        }
    }
}
