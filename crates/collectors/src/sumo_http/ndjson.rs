//! Makes events of lines that are JSON objects: some keys give time, message and source metadata,
//! keys named like a serverless column fill it, the others become fields. A line that is not such an object is
//! kept whole as a message. Pure.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use model::LogEvent;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use sonic_rs::{JsonValueTrait, LazyValue};

use super::decode::{lines, name_function};
use super::flat_json::{Pair, read_flat};
use super::{Config, time};
use crate::support::fields::{Interner, keep_last, set_column};
use crate::support::parts;

/// The keys that are taken out.
#[derive(Debug)]
pub(super) struct Ndjson {
    time_field: Option<String>,
    message_field: String,
    /// Those of category, host and name.
    metadata_fields: [Option<String>; 3],
}

/// What repeats from line to line.
#[derive(Default)]
struct Memory {
    interner: Interner,
    /// Events as their metadata begins them.
    templates: HashMap<String, LogEvent>,
    key: String,
}

/// Templates remembered before the memory starts again.
const TEMPLATES_MAX: usize = 8_192;

impl Ndjson {
    pub(super) fn new(config: &Config) -> Self {
        Ndjson {
            time_field: config.time_field.clone(),
            message_field: config
                .message_field
                .clone()
                .unwrap_or_else(|| "message".to_owned()),
            metadata_fields: [
                config.category_field.clone(),
                config.host_field.clone(),
                config.name_field.clone(),
            ],
        }
    }

    /// Appends the events of `text` to `events`.
    pub(super) fn decode(&self, text: &str, template: &LogEvent, events: &mut Vec<LogEvent>) {
        let mut memory = Memory::default();
        let mut pairs = Vec::new();
        for line in lines(text) {
            pairs.clear();
            let event = if read_flat(line, &mut pairs) || read_object(line, &mut pairs) {
                let mut event = self.begin(template, &pairs, &mut memory);
                self.fill(&mut event, line, &mut pairs, &mut memory.interner);
                event
            } else {
                LogEvent {
                    message: line.to_owned(),
                    ..template.clone()
                }
            };
            parts::push(events, event);
        }
    }

    /// An event with the metadata of its line.
    fn begin(&self, template: &LogEvent, pairs: &[Pair<'_>], memory: &mut Memory) -> LogEvent {
        let given = self.metadata_fields.each_ref().map(|field| {
            let field = field.as_deref()?;
            let last = pairs.iter().rev().find(|(name, _)| name == field);
            last.and_then(|(_, text)| text.as_deref())
        });
        if given.iter().all(Option::is_none) {
            return template.clone();
        }
        memory.key.clear();
        for text in &given {
            memory.key.push_str(text.unwrap_or_default());
            memory.key.push('\0');
        }
        if let Some(known) = memory.templates.get(&memory.key) {
            return known.clone();
        }
        let mut event = template.clone();
        let metadata = Arc::make_mut(&mut event.metadata);
        let places = [
            &mut metadata.category,
            &mut metadata.host,
            &mut metadata.name,
        ];
        for (place, text) in places.into_iter().zip(given) {
            if let Some(text) = text {
                text.clone_into(place);
            }
        }
        let metadata = Arc::clone(&event.metadata);
        name_function(&mut event, &metadata);
        if memory.templates.len() >= TEMPLATES_MAX {
            memory.templates.clear();
        }
        memory.templates.insert(memory.key.clone(), event.clone());
        event
    }

    fn fill(
        &self,
        event: &mut LogEvent,
        line: &str,
        pairs: &mut Vec<Pair<'_>>,
        interner: &mut Interner,
    ) {
        let message = pairs
            .iter()
            .rposition(|(name, _)| *name == self.message_field);
        if message.is_none() {
            // Nothing is taken out of the line, so its fields need not be kept beside it.
            line.clone_into(&mut event.message);
        }
        for (place, (name, text)) in pairs.drain(..).enumerate() {
            if Some(place) == message {
                event.message = text.map_or_else(|| "null".to_owned(), Cow::into_owned);
                continue;
            }
            let Some(text) = text else { continue };
            if self.is_taken(&name) {
                continue;
            }
            if Some(name.as_ref()) == self.time_field.as_deref()
                && let Some(moment) = time::parse(&text)
            {
                event.event_time = Some(moment);
            } else if !set_column(event, &name, &text, interner) && message.is_some() {
                event.fields.push((name.into_owned(), text.into_owned()));
            }
        }
        keep_last(&mut event.fields);
    }

    fn is_taken(&self, name: &str) -> bool {
        let mut metadata = self.metadata_fields.iter().flatten();
        name == self.message_field || metadata.any(|field| field == name)
    }
}

/// Reads the pairs of any object into `pairs`, instead of what is there, without looking into
/// nested values. Returns `false` if the line is not exactly one object, or one that is nested
/// too deeply.
fn read_object<'a>(line: &'a str, pairs: &mut Vec<Pair<'a>>) -> bool {
    pairs.clear();
    if !line.trim_start().starts_with('{') || !model::is_shallow_json(line.as_bytes()) {
        return false;
    }
    let mut parser = sonic_rs::Deserializer::from_str(line);
    let read = Fill(pairs).deserialize(&mut parser);
    read.is_ok() && parser.end().is_ok()
}

/// Appends the pairs of an object.
struct Fill<'v, 'de>(&'v mut Vec<Pair<'de>>);

impl<'de> DeserializeSeed<'de> for Fill<'_, 'de> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fill<'_, 'de> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Key(key)) = map.next_key()? {
            let value: LazyValue<'de> = map.next_value()?;
            self.0.push((key, text_of(&value).map(Cow::Owned)));
        }
        Ok(())
    }
}

/// A string's content, or any other value's JSON text; nothing for `null`.
fn text_of(value: &LazyValue<'_>) -> Option<String> {
    if value.is_null() {
        return None;
    }
    let text = value.as_str().unwrap_or_else(|| value.as_raw_str());
    Some(text.to_owned())
}

/// A key, borrowed from the line unless it has escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E: Error>(self, key: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(key)))
            }
            fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(key.to_owned())))
            }
        }
        from.deserialize_str(Read)
    }
}

#[cfg(test)]
mod tests {
    use model::{Level, Timestamp};

    use super::*;

    fn decode(text: &str) -> Vec<LogEvent> {
        let rule = Ndjson {
            time_field: Some("_time".to_owned()),
            message_field: "message".to_owned(),
            metadata_fields: [None, Some("group".to_owned()), Some("stream".to_owned())],
        };
        let mut events = Vec::new();
        rule.decode(text, &LogEvent::default(), &mut events);
        events
    }

    #[test]
    fn keys_find_their_places() {
        let events = decode(
            r#"{"_time":"2025-11-23T14:52:00.123Z","function":"pay","level":"ERROR","message":"a\n\"b\"","n":1.50,"o":{"x":[1]},"none":null,"yes":true,"n":2}"#,
        );
        let event = &events[0];
        assert_eq!(
            event.event_time,
            Some(Timestamp::from_millis(1_763_909_520_123))
        );
        assert_eq!(event.function.as_deref(), Some("pay"));
        assert_eq!(event.level, Some(Level::Error));
        assert_eq!(event.message, "a\n\"b\"");
        let fields: Vec<_> = event
            .fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        assert_eq!(fields, [("n", "2"), ("o", r#"{"x":[1]}"#), ("yes", "true")]);
    }

    #[test]
    fn keys_become_source_metadata() {
        let text = r#"{"group":"/aws/lambda/pay","stream":"2020/06/09/[7]b249","message":"a"}
{"group":"/aws/lambda/pay","stream":"2020/06/09/[7]b249","message":"b","function":"own"}
{"group":null,"stream":"s","message":"c"}"#;
        let events = decode(text);
        let named = |event: &LogEvent| (event.metadata.host.clone(), event.metadata.name.clone());
        let first = (
            "/aws/lambda/pay".to_owned(),
            "2020/06/09/[7]b249".to_owned(),
        );
        assert_eq!(named(&events[0]), first);
        assert!(Arc::ptr_eq(&events[0].metadata, &events[1].metadata));
        assert_eq!(events[0].function.as_deref(), Some("pay"));
        assert_eq!(events[0].version.as_deref(), Some("7"));
        assert_eq!(events[1].function.as_deref(), Some("own"));
        assert_eq!(named(&events[2]), (String::new(), "s".to_owned()));
        assert!(events.iter().all(|event| event.fields.is_empty()));
    }

    #[test]
    fn a_line_that_is_no_object_is_kept_whole() {
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        let very_deep = format!("{{\"a\":{}", "[".repeat(4_000_000 / 8));
        for line in [
            "plain",
            "[1,2]",
            "{\"a\":1",
            "{\"a\":1} {\"b\":2}",
            "{'a':1}",
            &deep,
            &very_deep,
        ] {
            let events = decode(line);
            assert_eq!(events.len(), 1);
            assert_eq!(events[0].message, line);
            assert!(events[0].fields.is_empty());
        }
    }

    #[test]
    fn brackets_inside_strings_are_not_depth() {
        let line = format!("{{\"message\":\"{}\"}}", "[".repeat(1000));
        assert_eq!(decode(&line)[0].message, "[".repeat(1000));
    }

    #[test]
    fn an_object_without_a_message_is_its_own_message() {
        let line = r#"{"_time":1763909520,"level":"warn","status":500}"#;
        let event = &decode(line)[0];
        assert_eq!(event.message, line);
        assert_eq!(event.level, Some(Level::Warn));
        assert_eq!(
            event.event_time,
            Some(Timestamp::from_millis(1_763_909_520_000))
        );
        assert!(event.fields.is_empty());
    }

    #[test]
    fn a_time_that_cannot_be_read_stays_a_field() {
        let event = &decode(r#"{"_time":"yesterday","message":"x"}"#)[0];
        assert_eq!(event.event_time, None);
        assert_eq!(event.fields, [("_time".to_owned(), "yesterday".to_owned())]);
    }
}
