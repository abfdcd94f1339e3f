//! What a question means, in a plain loop: nothing here is shared with the product.

use serde_json::Value;

use super::events::Event;
use super::questions::{Question, Scope, Stage};

impl Question {
    /// Whether an event, whose message is ASCII, is found.
    pub(crate) fn is_true_of(&self, event: &Event) -> bool {
        is_in_scope(&self.scope, event) && passes(&self.stage, event)
    }
}

fn is_in_scope(scope: &Scope, event: &Event) -> bool {
    match scope {
        Scope::All => true,
        Scope::Phrase(words) => holds_phrase(&event.message, words),
        Scope::Wild(begin, end) => holds_wild(&event.message, begin, end),
        Scope::Field {
            name,
            value,
            is_negated,
        } => {
            let field = match *name {
                "function" => &event.function,
                "level" => &event.level,
                _ => &event.request_id,
            };
            let is_equal = field.as_ref().is_some_and(|field| {
                let (field, value) = (field.to_ascii_lowercase(), value.to_ascii_lowercase());
                match value.strip_suffix('*') {
                    Some(begin) => field.starts_with(begin),
                    None => field == value,
                }
            });
            is_equal != *is_negated
        }
        Scope::Not(inner) => !is_in_scope(inner, event),
        Scope::And(a, b) => is_in_scope(a, event) && is_in_scope(b, event),
        Scope::Or(a, b) => is_in_scope(a, event) || is_in_scope(b, event),
    }
}

fn is_word(byte: Option<&u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
}

/// The phrase stands somewhere in any case, with any white space between its words, and its
/// ends are ends of words.
fn holds_phrase(message: &str, phrase: &str) -> bool {
    let (text, phrase) = (message.as_bytes(), phrase.as_bytes());
    (0..text.len()).any(|start| {
        if is_word(phrase.first()) && start > 0 && is_word(text.get(start - 1)) {
            return false;
        }
        let mut place = start;
        for wanted in phrase {
            if *wanted == b' ' {
                let spaces = text[place..]
                    .iter()
                    .take_while(|byte| byte.is_ascii_whitespace());
                let count = spaces.count();
                if count == 0 {
                    return false;
                }
                place += count;
            } else if text
                .get(place)
                .is_some_and(|byte| byte.eq_ignore_ascii_case(wanted))
            {
                place += 1;
            } else {
                return false;
            }
        }
        !(is_word(phrase.last()) && is_word(text.get(place)))
    })
}

/// A run of letters, digits and `_` begins with one text and ends with another.
fn holds_wild(message: &str, begin: &str, end: &str) -> bool {
    let (begin, end) = (begin.to_ascii_lowercase(), end.to_ascii_lowercase());
    message
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .map(str::to_ascii_lowercase)
        .any(|word| match (begin.is_empty(), end.is_empty()) {
            (false, false) => {
                word.len() >= begin.len() + end.len()
                    && word.starts_with(&begin)
                    && word.ends_with(&end)
            }
            (false, true) => word.starts_with(&begin),
            _ => word.ends_with(&end),
        })
}

fn passes(stage: &Stage, event: &Event) -> bool {
    match stage {
        Stage::None => true,
        Stage::Parse(before, after, value) => {
            let rest = event.message.split_once(before).map(|(_, rest)| rest);
            let found = rest
                .and_then(|rest| rest.split_once(after))
                .map(|(found, _)| found);
            found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
        }
        Stage::Contains(part) => event.message.contains(part.as_str()),
        Stage::Glob(glob) => {
            let inner = glob.trim_matches('*');
            if glob.starts_with('*') {
                event.message.contains(inner)
            } else {
                event.message.starts_with(inner)
            }
        }
        Stage::Json(key, value) => {
            let parsed: Option<Value> = serde_json::from_str(&event.message).ok();
            let found = parsed.as_ref().and_then(|parsed| parsed.get(key));
            found.is_some_and(|found| match found {
                Value::String(text) => text == value,
                Value::Number(number) => number
                    .as_u64()
                    .is_some_and(|number| value.parse() == Ok(number)),
                _ => false,
            })
        }
        Stage::Level(levels) => event
            .level
            .as_deref()
            .is_some_and(|level| levels.contains(&level)),
    }
}
