//! Makes events of a request's body and headers. Pure.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::{LogEvent, Provider, SourceMetadata};
use regex::Regex;

use super::ndjson::Ndjson;
use super::{Config, Format};
use crate::support::fields::{Interner, keep_last, put};
use crate::support::lambda_names::{StreamName, function_of_group};
use crate::support::parts;

/// Lines of one request: each may be an event.
pub(crate) const REQUEST_LINES_MAX: usize = 1_000_000;

/// What the headers of a request say; empty headers count as not given.
#[derive(Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) category: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) fields: Option<String>,
}

/// The rules of one source, ready to use.
#[derive(Debug)]
pub(crate) struct Decoder {
    template: LogEvent,
    /// The configured fields, as dimensions of samples.
    fields: BTreeMap<String, String>,
    rule: Rule,
}

#[derive(Debug)]
enum Rule {
    Lines,
    Multiline(Regex),
    WholeRequest,
    Ndjson(Ndjson),
}

/// Compiles the pattern of an event's first line; it must match from the line's beginning.
pub(crate) fn boundary(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(pattern)?;
    Regex::new(&format!("^(?:{pattern})"))
}

impl Decoder {
    pub(crate) fn new(config: &Config) -> Result<Decoder, regex::Error> {
        let rule = match (&config.multiline, config.format) {
            (_, Format::Ndjson) => Rule::Ndjson(Ndjson::new(config)),
            (Some(pattern), Format::Text) => Rule::Multiline(boundary(pattern)?),
            (None, Format::Text) if config.message_per_request => Rule::WholeRequest,
            (None, Format::Text) => Rule::Lines,
        };
        let mut template = LogEvent {
            metadata: Arc::new(SourceMetadata {
                category: config.category.clone(),
                host: config.host.clone(),
                name: String::new(),
                source: config.name.clone(),
                collector: super::DESCRIPTOR.name.to_owned(),
            }),
            ..LogEvent::default()
        };
        let mut interner = Interner::default();
        for (name, value) in &config.fields {
            put(&mut template, name, value, &mut interner);
        }
        Ok(Decoder {
            template,
            fields: config.fields.clone(),
            rule,
        })
    }

    /// Whether a request of so many lines may become so many events, which take much more memory
    /// than their text.
    pub(crate) fn is_too_many(&self, body: &[u8]) -> bool {
        !matches!(self.rule, Rule::WholeRequest)
            && memchr::memchr_iter(b'\n', body).count() > REQUEST_LINES_MAX
    }

    /// Makes the events of one request. Bytes that are not UTF-8 become U+FFFD.
    pub(crate) fn decode(&self, body: &[u8], overrides: Overrides) -> Vec<LogEvent> {
        let text = match std::str::from_utf8(body) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(body),
        };
        let template = self.with_overrides(overrides);
        let mut events = Vec::new();
        match &self.rule {
            Rule::Ndjson(rule) => rule.decode(&text, &template, &mut events),
            Rule::WholeRequest => {
                let message = text.trim_start_matches(['\r', '\n']);
                push(&mut events, &template, message);
            }
            Rule::Lines => lines(&text).for_each(|line| push(&mut events, &template, line)),
            Rule::Multiline(first_line) => {
                for message in multiline(&text, first_line) {
                    push(&mut events, &template, message);
                }
            }
        }
        events
    }

    /// The dimensions that all samples of a request get: the source's metadata and fields and
    /// those of the headers `X-Sumo-Dimensions` and `X-Sumo-Metadata`, which beat them.
    pub(crate) fn dimensions(
        &self,
        overrides: Overrides,
        headers: &[Option<String>; 2],
    ) -> BTreeMap<String, String> {
        let metadata = &self.template.metadata;
        let or_configured = |given: Option<String>, configured: &str| {
            given.unwrap_or_else(|| configured.to_owned())
        };
        let mut dimensions = self.fields.clone();
        for (name, value) in [
            (
                "_sourceCategory",
                or_configured(overrides.category, &metadata.category),
            ),
            ("_sourceHost", or_configured(overrides.host, &metadata.host)),
            ("_sourceName", or_configured(overrides.name, &metadata.name)),
            ("_source", metadata.source.clone()),
            ("_collector", metadata.collector.clone()),
        ] {
            dimensions.insert(name.to_owned(), value);
        }
        for pair in headers.iter().flatten().flat_map(|pairs| pairs.split(',')) {
            if let Some((name, value)) = pair.split_once('=') {
                dimensions.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
        dimensions.retain(|name, value| !name.is_empty() && !value.is_empty());
        dimensions
    }

    fn with_overrides(&self, overrides: Overrides) -> LogEvent {
        let mut template = self.template.clone();
        let metadata = Arc::make_mut(&mut template.metadata);
        if let Some(category) = overrides.category {
            metadata.category = category;
        }
        if let Some(host) = overrides.host {
            metadata.host = host;
        }
        if let Some(name) = overrides.name {
            metadata.name = name;
        }
        let metadata = Arc::clone(&template.metadata);
        let mut interner = Interner::default();
        name_function(&mut template, &metadata);
        for pair in overrides.fields.iter().flat_map(|fields| fields.split(',')) {
            if let Some((name, value)) = pair.split_once('=') {
                put(&mut template, name.trim(), value.trim(), &mut interner);
            }
        }
        keep_last(&mut template.fields);
        template
    }
}

/// Forwarders of Lambda logs put the log group and stream into host and name.
pub(super) fn name_function(event: &mut LogEvent, metadata: &SourceMetadata) {
    if let Some(function) = function_of_group(&metadata.host) {
        event.provider = Some(Provider::Aws);
        event.function = Some(Arc::from(function));
        if let Some(stream) = StreamName::parse(&metadata.name) {
            event.version = Some(Arc::from(stream.version));
            event.instance = Some(Arc::from(stream.instance));
        }
    }
}

/// The lines of a body that are not empty, without their ends.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut ends = memchr::memchr_iter(b'\n', text.as_bytes());
    let mut start = Some(0);
    let lines = std::iter::from_fn(move || {
        let begin = start?;
        let end = ends.next();
        start = end.map(|end| end + 1);
        text.get(begin..end.unwrap_or(text.len()))
    });
    lines
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.is_empty())
}

/// Pieces of `text` that begin with a line that `first_line` matches.
fn multiline<'a>(text: &'a str, first_line: &Regex) -> Vec<&'a str> {
    let mut messages = Vec::new();
    let mut start = 0;
    let mut position = 0;
    for line in text.split_inclusive('\n') {
        if position > start && first_line.is_match(line.trim_end_matches(['\r', '\n'])) {
            messages.extend(text.get(start..position));
            start = position;
        }
        position += line.len();
    }
    messages.extend(text.get(start..));
    let ends: &[char] = &['\r', '\n'];
    messages
        .into_iter()
        .map(|message| message.trim_matches(ends))
        .filter(|message| !message.is_empty())
        .collect()
}

fn push(events: &mut Vec<LogEvent>, template: &LogEvent, message: &str) {
    if message.is_empty() {
        return;
    }
    let mut event = template.clone();
    message.clone_into(&mut event.message);
    parts::push(events, event);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(settings: &str, body: &[u8]) -> Vec<LogEvent> {
        let config: Config =
            toml::from_str(&format!("name = 's'\ntoken = 't'\n{settings}")).unwrap();
        crate::source::check(&config).unwrap();
        Decoder::new(&config)
            .unwrap()
            .decode(body, Overrides::default())
    }

    fn messages(settings: &str, body: &[u8]) -> Vec<String> {
        decode(settings, body)
            .into_iter()
            .map(|event| event.message)
            .collect()
    }

    #[test]
    fn one_line_is_one_event_and_empty_lines_are_none() {
        assert_eq!(messages("", b"\na\r\n\n b \nc"), ["a", " b ", "c"]);
        assert!(messages("", b"\n\r\n").is_empty());
    }

    #[test]
    fn a_boundary_pattern_joins_lines() {
        let body = b"  tail\n2026-01-01 Error\n  at x\n  at y\n2026-01-02 ok\n";
        let expected = [
            "  tail",
            "2026-01-01 Error\n  at x\n  at y",
            "2026-01-02 ok",
        ];
        assert_eq!(messages("multiline = '\\d{4}-'", body), expected);
    }

    #[test]
    fn a_request_can_be_one_event() {
        assert_eq!(messages("message_per_request = true", b"\na\nb"), ["a\nb"]);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_and_not_lost() {
        assert_eq!(messages("", b"a\xff\xfeb\nc"), ["a\u{fffd}\u{fffd}b", "c"]);
    }

    #[test]
    fn headers_beat_the_configuration_and_name_lambda_functions() {
        let config: Config = toml::from_str(
            "name = 's'\ntoken = 't'\ncategory = 'c'\nfields = { team = 'a', account = '1' }",
        )
        .unwrap();
        let overrides = Overrides {
            category: None,
            host: Some("/aws/lambda/pay".to_owned()),
            name: Some("2020/06/09/[$LATEST]b249".to_owned()),
            fields: Some("team=b, account=2,broken,=x".to_owned()),
        };
        let events = Decoder::new(&config).unwrap().decode(b"hello", overrides);
        let event = &events[0];
        assert_eq!(event.metadata.category, "c");
        assert_eq!(event.function.as_deref(), Some("pay"));
        assert_eq!(event.instance.as_deref(), Some("b249"));
        assert_eq!(event.account.as_deref(), Some("2"));
        assert_eq!(event.fields, [("team".to_owned(), "b".to_owned())]);
    }
}
