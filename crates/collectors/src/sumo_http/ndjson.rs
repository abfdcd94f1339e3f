//! Makes events of lines that are JSON objects: two keys give time and message, keys named like
//! a serverless column fill it, the others become fields. A line that is not such an object is
//! kept whole as a message. Pure.

use std::borrow::Cow;
use std::fmt;

use model::LogEvent;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use sonic_rs::{JsonValueTrait, LazyValue};

use super::decode::lines;
use super::{Config, time};
use crate::support::fields::{Interner, keep_last, set_column};
use crate::support::parts;

/// The two keys that are taken out.
#[derive(Debug)]
pub(super) struct Ndjson {
    time_field: Option<String>,
    message_field: String,
}

impl Ndjson {
    pub(super) fn new(config: &Config) -> Self {
        Ndjson {
            time_field: config.time_field.clone(),
            message_field: config
                .message_field
                .clone()
                .unwrap_or_else(|| "message".to_owned()),
        }
    }

    /// Appends the events of `text` to `events`.
    pub(super) fn decode(&self, text: &str, template: &LogEvent, events: &mut Vec<LogEvent>) {
        let mut interner = Interner::default();
        let mut pairs = Vec::new();
        for line in lines(text) {
            pairs.clear();
            let mut event = template.clone();
            if model::is_shallow_json(line.as_bytes()) && read_object(line, &mut pairs) {
                self.fill(&mut event, line, &pairs, &mut interner);
            } else {
                line.clone_into(&mut event.message);
            }
            parts::push(events, event);
        }
    }

    fn fill(
        &self,
        event: &mut LogEvent,
        line: &str,
        pairs: &[(Cow<'_, str>, LazyValue<'_>)],
        interner: &mut Interner,
    ) {
        let message = pairs
            .iter()
            .rev()
            .find(|(name, _)| *name == self.message_field);
        match message {
            Some((_, value)) => event.message = text_of(value).into_owned(),
            // Nothing was taken out of the line, so its fields need not be kept beside it.
            None => line.clone_into(&mut event.message),
        }
        event
            .fields
            .reserve(if message.is_some() { pairs.len() } else { 0 });
        for (name, value) in pairs {
            if *name == self.message_field || value.is_null() {
                continue;
            }
            let text = text_of(value);
            if Some(name.as_ref()) == self.time_field.as_deref()
                && let Some(moment) = time::parse(&text)
            {
                event.event_time = Some(moment);
            } else if !set_column(event, name, &text, interner) && message.is_some() {
                event
                    .fields
                    .push((name.as_ref().to_owned(), text.into_owned()));
            }
        }
        keep_last(&mut event.fields);
    }
}

/// A string's content, or any other value's JSON text.
fn text_of<'a>(value: &'a LazyValue<'_>) -> Cow<'a, str> {
    match value.as_str() {
        Some(text) => Cow::Borrowed(text),
        None => Cow::Borrowed(value.as_raw_str()),
    }
}

/// Reads the pairs of an object into `pairs`, without looking into its values. Returns `false`
/// if the line is not exactly one object.
fn read_object<'a>(line: &'a str, pairs: &mut Pairs<'a>) -> bool {
    if !line.trim_start().starts_with('{') {
        return false;
    }
    let mut parser = sonic_rs::Deserializer::from_str(line);
    let read = Fill(pairs).deserialize(&mut parser);
    read.is_ok() && parser.end().is_ok()
}

type Pairs<'a> = Vec<(Cow<'a, str>, LazyValue<'a>)>;

/// Appends the pairs of an object.
struct Fill<'v, 'de>(&'v mut Pairs<'de>);

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
            self.0.push((key, map.next_value()?));
        }
        Ok(())
    }
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
