//! `parse`: makes dimensions of parts of a dimension. `*` takes as little as it can, `**` as much; the
//! pattern must fit the whole value, and series that do not fit are dropped, unless `nodrop`
//! stands at the end.

use super::{Entry, Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use regex::Regex;

use crate::metrics::series::{METRIC, SeriesSet};
use crate::syntax::Diagnostic;
use crate::syntax::tokens::Parsed;

/// The registry's entry.
pub(super) const ENTRY: Entry = Entry {
    descriptor: Descriptor {
        name: "parse",
        kind: UnitKind::Operator,
        syntax: "parse [field=<dimension>] <pattern with *> as <dimension>, … [nodrop]",
        summary: "Makes dimensions of parts of a dimension; series that do not fit are dropped.",
        examples: &[
            "metric=requests | parse field=LoadBalancer */*/* as kind, name, id | sum by name",
        ],
    },
    read,
};

#[derive(Debug)]
struct Parse {
    field: String,
    pattern: Regex,
    names: Vec<String>,
    is_dropping: bool,
}

fn read(stage: &mut Stage<'_>) -> Parsed<Box<dyn Operator>> {
    let text = stage.text.get(stage.range.clone()).unwrap_or_default();
    let error = |message: &str| Diagnostic::error(stage.range.clone(), message);
    let end = find_as(text).ok_or_else(|| {
        error("the pattern's parts have no names").expecting("`as` and a name for each `*`")
    })?;
    let (before, names) = text.split_at(end);
    let (field, pattern) = field_and_pattern(before.trim());
    if pattern.is_empty() {
        return Err(error("the pattern is missing").expecting("a pattern such as `*/*`"));
    }
    let (pattern, wildcards) = compile(pattern);
    let pattern = pattern.map_err(|_| error("the pattern is too long"))?;
    let names_start = stage.range.end - names.len() + AS.len();
    let mut names = Stage {
        text: stage.text,
        range: names_start..stage.range.end,
        diagnostics: &mut *stage.diagnostics,
    }
    .tokens();
    let span = names.span();
    let found: Vec<String> = names.names()?.into_iter().map(|name| name.text).collect();
    let is_dropping = !names.word("nodrop");
    if found.len() != wildcards {
        let message = format!(
            "the pattern has {wildcards} parts, but {} names",
            found.len()
        );
        return Err(Diagnostic::error(span.start..names.last_end(), message)
            .expecting("a name for each `*`"));
    }
    names.finish()?;
    Ok(Box::new(Parse {
        field,
        pattern,
        names: found,
        is_dropping,
    }))
}

const AS: &str = " as ";

/// Where the last ` as ` outside quotes begins.
fn find_as(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    let mut found = None;
    for (index, byte) in text.bytes().enumerate() {
        is_quoted ^= byte == b'"';
        let here = text.as_bytes().get(index..index + AS.len());
        if !is_quoted && here.is_some_and(|here| here.eq_ignore_ascii_case(AS.as_bytes())) {
            found = Some(index);
        }
    }
    found
}

/// Without `field=` the metric's name is parsed.
fn field_and_pattern(text: &str) -> (String, &str) {
    let rest = text
        .get(..5)
        .filter(|word| word.eq_ignore_ascii_case("field"))
        .and_then(|_| text.get(5..)?.trim_start().strip_prefix('='));
    let Some(rest) = rest else {
        return (METRIC.to_owned(), unquoted(text));
    };
    let (field, pattern) = match rest.trim_start().split_once(char::is_whitespace) {
        Some((field, pattern)) => (field, pattern),
        None => (rest.trim_start(), ""),
    };
    (
        unquoted(field.trim_start_matches('%')).to_owned(),
        unquoted(pattern.trim()),
    )
}

fn unquoted(text: &str) -> &str {
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or(text)
}

/// The pattern as a regular expression, and how many parts it has.
fn compile(pattern: &str) -> (Result<Regex, regex::Error>, usize) {
    let mut expression = String::from("(?s)^");
    let mut wildcards = 0;
    let mut rest = pattern;
    while let Some(place) = rest.find('*') {
        let (literal, after) = rest.split_at(place);
        expression.push_str(&regex::escape(literal));
        let greedy = after.strip_prefix("**");
        expression.push_str(if greedy.is_some() { "(.*)" } else { "(.*?)" });
        rest = greedy
            .or_else(|| after.strip_prefix('*'))
            .unwrap_or_default();
        wildcards += 1;
    }
    expression.push_str(&regex::escape(rest));
    expression.push('$');
    (Regex::new(&expression), wildcards)
}

impl Operator for Parse {
    fn apply(&self, mut input: SeriesSet) -> SeriesSet {
        input.series.retain_mut(|series| {
            let value = series
                .dimensions
                .get(&self.field)
                .unwrap_or_default()
                .to_owned();
            let Some(parts) = self.pattern.captures(&value) else {
                return !self.is_dropping;
            };
            for (name, part) in self.names.iter().zip(parts.iter().skip(1).flatten()) {
                series.dimensions.set(name, part.as_str());
            }
            true
        });
        input
    }
}
