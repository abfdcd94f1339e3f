//! Finds in an event's text what the payload did not say: time, request id, level, function.
//!
//! Each kind of line is recognised by its first byte, and looked at once.

use std::collections::HashMap;
use std::sync::Arc;

use model::{Level, LogEvent, SourceMetadata, Timestamp};
use sonic_rs::{JsonValueTrait, LazyValue};

use crate::event_time;

const LAMBDA_GROUP: &str = "/aws/lambda/";
/// A level is looked for among this many words after the time.
const LEVEL_WORDS_MAX: usize = 4;
const REQUEST_ID_CHARS: usize = 36;
/// Beyond so many different metadata what was remembered is forgotten.
const ORIGINS_MAX: usize = 8_192;

/// Fills events. Remembers what repeats from event to event.
#[derive(Debug)]
pub(crate) struct Normaliser {
    now: Timestamp,
    /// What metadata has said before. Events share theirs, so the place in memory tells them
    /// apart; it stays taken as long as it stands here.
    origins: HashMap<*const SourceMetadata, (Arc<SourceMetadata>, Origin)>,
}

/// What source metadata says about the function.
#[derive(Clone, Debug, Default)]
struct Origin {
    function: Option<Arc<str>>,
    version: Option<Arc<str>>,
    instance: Option<Arc<str>>,
}

/// What the text need not be asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    time: bool,
    request_id: bool,
    level: bool,
}

/// What the text says.
#[derive(Debug, Default, PartialEq)]
struct Found<'a> {
    time: Option<Timestamp>,
    request_id: Option<std::borrow::Cow<'a, str>>,
    level: Option<Level>,
}

impl Normaliser {
    /// Returns a normaliser for events received at `now`.
    pub(crate) fn new(now: Timestamp) -> Self {
        Normaliser {
            now,
            origins: HashMap::new(),
        }
    }

    /// Fills what is missing in `event` and returns its event time.
    pub(crate) fn fill(&mut self, event: &mut LogEvent) -> Timestamp {
        take_columns(event);
        let known = Known {
            time: event.event_time.is_some(),
            request_id: event.request_id.is_some(),
            level: event.level.is_some(),
        };
        let found = find(&event.message, known);
        let time = event
            .event_time
            .or_else(|| {
                found
                    .time
                    .filter(|time| event_time::is_plausible(*time, self.now))
            })
            .unwrap_or(self.now);
        let level = event.level.or(found.level);
        if event.request_id.is_none() {
            event.request_id = found.request_id.map(std::borrow::Cow::into_owned);
        }
        event.event_time = Some(time);
        event.level = level;
        if event.function.is_none() || event.version.is_none() || event.instance.is_none() {
            let origin = self.origin(&event.metadata);
            event.function = event.function.take().or_else(|| origin.function.clone());
            event.version = event.version.take().or_else(|| origin.version.clone());
            event.instance = event.instance.take().or_else(|| origin.instance.clone());
        }
        time
    }

    fn origin(&mut self, metadata: &Arc<SourceMetadata>) -> &Origin {
        if self.origins.len() >= ORIGINS_MAX && !self.origins.contains_key(&Arc::as_ptr(metadata)) {
            self.origins.clear();
        }
        let known = self.origins.entry(Arc::as_ptr(metadata));
        let (_, origin) = known.or_insert_with(|| (Arc::clone(metadata), origin(metadata)));
        origin
    }
}

/// Log group and stream of Lambda: `/aws/lambda/<function>`, `2026/11/23/[<version>]<instance>`
/// or, in a group of another name, `2026/11/23/<function>[<version>]<instance>`.
fn origin(metadata: &SourceMetadata) -> Origin {
    let mut origin = Origin {
        function: metadata.host.strip_prefix(LAMBDA_GROUP).map(Arc::from),
        ..Origin::default()
    };
    let stream = metadata.name.rsplit('/').next().unwrap_or_default();
    if let Some((name, rest)) = stream.split_once('[')
        && let Some((version, instance)) = rest.split_once(']')
        && instance.len() == 32
        && instance.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        if !name.is_empty() && origin.function.is_none() {
            origin.function = Some(Arc::from(name));
        }
        origin.version = Some(Arc::from(version));
        origin.instance = Some(Arc::from(instance));
    }
    origin
}

/// Moves fields that have a column of their own into it. What the user wrote into the source's
/// configuration or the payload says explicitly wins over what was derived.
fn take_columns(event: &mut LogEvent) {
    if event.fields.is_empty() {
        return;
    }
    let mut fields = std::mem::take(&mut event.fields);
    fields.retain_mut(|(name, value)| {
        let text = |value: &mut String| Some(Arc::from(std::mem::take(value)));
        match name.as_str() {
            "account" => event.account = text(value),
            "region" => event.region = text(value),
            "function" => event.function = text(value),
            "version" => event.version = text(value),
            "instance" => event.instance = text(value),
            "request_id" => event.request_id = Some(std::mem::take(value)),
            "provider" => match value.as_str() {
                "aws" => event.provider = Some(model::Provider::Aws),
                "gcp" => event.provider = Some(model::Provider::Gcp),
                "azure" => event.provider = Some(model::Provider::Azure),
                _ => return true,
            },
            "level" => match Level::parse(value) {
                Some(level) => event.level = Some(level),
                None => return true,
            },
            _ => return true,
        }
        false
    });
    event.fields = fields;
}

impl Found<'_> {
    fn has_all_but_time(&self, known: Known) -> bool {
        (known.level || self.level.is_some()) && (known.request_id || self.request_id.is_some())
    }
}

/// Looks into the text.
fn find(message: &str, known: Known) -> Found<'_> {
    let text = message.trim_start();
    match text.as_bytes().first() {
        Some(b'{') => find_in_json(text, known),
        Some(b'S' | b'E' | b'R') if let Some(id) = platform_request_id(text) => Found {
            request_id: Some(id.into()),
            ..Found::default()
        },
        Some(_) => find_in_line(text, known),
        None => Found::default(),
    }
}

/// `START RequestId: …`, `END RequestId: …`, `REPORT RequestId: …`, `RequestId: …`.
pub(crate) fn platform_request_id(text: &str) -> Option<&str> {
    const MARK: &[u8] = b"RequestId: ";
    let bytes = text.as_bytes();
    let mut places = [6, 4, 7, 0].into_iter();
    let stands_at = |place: &usize| {
        bytes
            .get(*place..)
            .is_some_and(|rest| rest.starts_with(MARK))
    };
    let place = places.find(stands_at)?;
    request_id_at(text, place + MARK.len())
}

/// The request id that begins at byte `at`.
pub(crate) fn request_id_at(text: &str, at: usize) -> Option<&str> {
    let id = text.get(at..at + REQUEST_ID_CHARS)?;
    let is_id = id.bytes().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    is_id.then_some(id)
}

/// `ISO\tid\tLEVEL\ttext` (Node), `[LEVEL]\tISO\tid\ttext` (Python), `ISO id text`, and lines
/// with a level among their first words.
fn find_in_line(text: &str, known: Known) -> Found<'_> {
    let mut found = Found {
        time: match known.time {
            true => None,
            false => event_time::find(text.as_bytes()),
        },
        ..Found::default()
    };
    let mut at = match text.as_bytes().first() {
        Some(b'0'..=b'9') => model::iso8601(text.as_bytes()).map_or(0, |(_, length)| length),
        _ => 0,
    };
    let bytes = text.as_bytes();
    for _ in 0..LEVEL_WORDS_MAX {
        at += bytes.get(at..).map_or(0, blanks);
        let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) else {
            break;
        };
        let length = rest
            .iter()
            .take(REQUEST_ID_CHARS + 1)
            .take_while(|byte| !matches!(byte, b'\t' | b' ' | b'\n'))
            .count();
        if found.level.is_none() && !known.level {
            found.level = level(&rest[..length]);
        }
        if found.request_id.is_none() && !known.request_id {
            found.request_id = request_id_at(text, at).map(Into::into);
        }
        if found.has_all_but_time(known) {
            break;
        }
        at += length.max(1);
    }
    found
}

fn blanks(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .take_while(|byte| matches!(byte, b'\t' | b' '))
        .count()
}

/// A word in capitals that names a level, perhaps in brackets or before a colon.
fn level(word: &[u8]) -> Option<Level> {
    let begin = word.iter().position(u8::is_ascii_alphabetic)?;
    let word = &word[begin..];
    let length = word
        .iter()
        .take_while(|byte| byte.is_ascii_uppercase())
        .count();
    if begin > 1
        || !(3..=11).contains(&length)
        || word.get(length).is_some_and(u8::is_ascii_alphanumeric)
    {
        return None;
    }
    Level::parse(std::str::from_utf8(&word[..length]).ok()?)
}

/// One pass over the top level of an object.
fn find_in_json(text: &str, known: Known) -> Found<'_> {
    let mut found = Found::default();
    if known.time && known.request_id && known.level {
        return found;
    }
    if !model::is_shallow_json(text.as_bytes()) {
        return found;
    }
    for pair in sonic_rs::to_object_iter(text) {
        let Ok((key, value)) = pair else { break };
        match key.as_ref() {
            "timestamp" | "time" | "@timestamp" | "_time" | "ts" if found.time.is_none() => {
                found.time = json_time(&value);
            }
            "level" | "severity" | "log.level" | "levelname" if found.level.is_none() => {
                found.level = value.as_str().and_then(Level::parse);
            }
            "requestId"
            | "request_id"
            | "AWSRequestId"
            | "awsRequestId"
            | "aws_request_id"
            | "function_request_id"
                if found.request_id.is_none() =>
            {
                found.request_id = owned(&value);
            }
            "record" if found.request_id.is_none() => {
                found.request_id = value.get("requestId").as_ref().and_then(owned);
            }
            _ => continue,
        }
        if found.has_all_but_time(known) && (known.time || found.time.is_some()) {
            break;
        }
    }
    found
}

fn owned(value: &LazyValue<'_>) -> Option<std::borrow::Cow<'static, str>> {
    value.as_str().map(|text| text.to_owned().into())
}

fn json_time(value: &LazyValue<'_>) -> Option<Timestamp> {
    match value.as_str() {
        Some(text) => event_time::find(text.as_bytes()),
        None => event_time::epoch(value.as_f64()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "459921b5-681c-4a96-beb0-81e0aa586026";

    fn found(text: &str) -> (Option<i64>, Option<String>, Option<Level>) {
        let found = find(text, Known::default());
        (
            found.time.map(Timestamp::millis),
            found.request_id.map(|id| id.into_owned()),
            found.level,
        )
    }

    #[test]
    fn json_too_deep_for_the_stack_is_text() {
        let deep = format!("{{\"level\":\"ERROR\",\"a\":{}", "[".repeat(1_000_000));
        assert_eq!(found(&deep).2, None);
    }

    #[test]
    fn lines_of_the_runtimes() {
        let id = || Some(ID.to_owned());
        let time = Some(1_591_714_946_150);
        let cases = [
            (
                format!("START RequestId: {ID} Version: 7\n"),
                (None, id(), None),
            ),
            (format!("END RequestId: {ID}\n"), (None, id(), None)),
            (
                format!("REPORT RequestId: {ID}\tDuration: 1 ms"),
                (None, id(), None),
            ),
            (
                format!("RequestId: {ID} Error: Runtime exited"),
                (None, id(), None),
            ),
            (
                format!("2020-06-09T15:02:26.150Z\t{ID}\tERROR\tno"),
                (time, id(), Some(Level::Error)),
            ),
            (
                format!("[WARNING]\t2020-06-09T15:02:26.150Z\t{ID}\tno"),
                (time, id(), Some(Level::Warn)),
            ),
            (
                format!("2020-06-09T15:02:26.150Z {ID} Task timed out after 3.00 seconds"),
                (time, id(), None),
            ),
            (
                "2020-06-09 15:02:26,150 INFO main - up".to_owned(),
                (time, None, Some(Level::Info)),
            ),
            (
                "[ERROR] KeyError: 'x'".to_owned(),
                (None, None, Some(Level::Error)),
            ),
            ("an ordinary line of text".to_owned(), (None, None, None)),
            (
                format!(
                    r#"{{"timestamp":"2020-06-09T15:02:26.150Z","level":"info","requestId":"{ID}","message":"m"}}"#
                ),
                (time, id(), Some(Level::Info)),
            ),
            (
                format!(
                    r#"{{"time":1591714946150,"type":"platform.start","record":{{"requestId":"{ID}"}}}}"#
                ),
                (time, id(), None),
            ),
            (r#"{"level":"#.to_owned(), (None, None, None)),
            (String::new(), (None, None, None)),
        ];
        for (text, expected) in cases {
            assert_eq!(found(&text), expected, "{text}");
        }
    }

    #[test]
    fn group_and_stream_tell_the_function() {
        let mut event = LogEvent {
            metadata: Arc::new(SourceMetadata {
                host: "/aws/lambda/checkout".to_owned(),
                name: "2020/06/09/[$LATEST]b249865adaaf4fad80f95f8ad09725b8".to_owned(),
                ..SourceMetadata::default()
            }),
            ..LogEvent::default()
        };
        let now = Timestamp::from_millis(5);
        assert_eq!(Normaliser::new(now).fill(&mut event), now);
        assert_eq!(event.function.as_deref(), Some("checkout"));
        assert_eq!(event.version.as_deref(), Some("$LATEST"));
        assert_eq!(
            event.instance.as_deref(),
            Some("b249865adaaf4fad80f95f8ad09725b8")
        );
    }

    #[test]
    fn fields_with_a_column_go_there() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut event = LogEvent {
            fields: vec![
                pair("account", "prod"),
                pair("level", "loud"),
                pair("team", "a"),
            ],
            account: Some(Arc::from("123")),
            ..LogEvent::default()
        };
        Normaliser::new(Timestamp::from_millis(0)).fill(&mut event);
        assert_eq!(event.account.as_deref(), Some("prod"));
        assert_eq!(event.fields, [pair("level", "loud"), pair("team", "a")]);
    }
}
