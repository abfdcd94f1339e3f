//! The selector: which series a row is about. `dimension=value` pairs and words, joined by
//! `and` (which may be left out), `or`, `not` (or `!`) and parentheses; `*` stands for any text.

use std::ops::Range;

use crate::metrics::series::Dimensions;
use crate::syntax::Diagnostic;

const DEPTH_MAX: usize = 100;

/// Which series are wanted. Names and values are compared without case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Selector {
    All,
    /// Some dimension's value is this word.
    Word(Wildcard),
    /// The dimension has one of these values; `*` alone asks that it has any.
    Dimension(String, Vec<Wildcard>),
    Not(Box<Selector>),
    And(Vec<Selector>),
    Or(Vec<Selector>),
}

impl Selector {
    /// Whether the series with these dimensions is wanted.
    pub(crate) fn selects(&self, dimensions: &Dimensions) -> bool {
        match self {
            Selector::All => true,
            Selector::Word(word) => dimensions.values().any(|value| word.matches(value)),
            Selector::Dimension(name, values) => {
                let found = dimensions.get(name);
                found.is_some_and(|found| values.iter().any(|value| value.matches(found)))
            }
            Selector::Not(inner) => !inner.selects(dimensions),
            Selector::And(parts) => parts.iter().all(|part| part.selects(dimensions)),
            Selector::Or(parts) => parts.iter().any(|part| part.selects(dimensions)),
        }
    }
}

/// A text with `*` for any text, compared without case.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wildcard(Vec<String>);

impl Wildcard {
    pub(crate) fn new(text: &str) -> Wildcard {
        Wildcard(text.split('*').map(str::to_lowercase).collect())
    }

    /// Whether the whole of `text` fits.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let [first, middle @ .., last] = self.0.as_slice() else {
            return self.0 == [text];
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else {
            return false;
        };
        for part in middle {
            match rest
                .find(part.as_str())
                .and_then(|at| rest.get(at + part.len()..))
            {
                Some(after) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last.as_str())
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Open,
    Close,
    Comma,
    Bang,
    Equals,
    Differs,
    Plain(String),
    Quoted(String),
}

/// Reads the selector in `text[range]`.
pub(crate) fn parse(
    text: &str,
    range: Range<usize>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Selector {
    let mut parser = Parser {
        words: words(text, range.clone()),
        position: 0,
        end: range.end,
        depth: 0,
        diagnostics,
    };
    let mut all = Vec::new();
    while parser.position < parser.words.len() {
        all.push(parser.any());
        if matches!(parser.peek(), Some(Word::Close | Word::Comma)) {
            let span = parser.span();
            parser.report(span, "this does not belong here", "`dimension=value`");
            parser.position += 1;
        }
    }
    join(all, Selector::And)
}

fn words(text: &str, range: Range<usize>) -> Vec<(Word, Range<usize>)> {
    let mut words: Vec<(Word, Range<usize>)> = Vec::new();
    let mut position = range.start;
    // What does not come again is not looked for again: each word would look to the end.
    let last_parameter = text.get(range.clone()).and_then(|text| text.rfind("}}"));
    let last_parameter = last_parameter.map_or(range.start, |last| range.start + last);
    while let Some(rest) = text.get(position..range.end) {
        let Some(first) = rest.chars().next() else {
            break;
        };
        let is_value = matches!(words.last(), Some((Word::Equals | Word::Differs, _)));
        let (word, length) = match first {
            _ if first.is_whitespace() => {
                position += first.len_utf8();
                continue;
            }
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            ',' => (Word::Comma, 1),
            '!' if rest.starts_with("!=") => (Word::Differs, 2),
            '!' => (Word::Bang, 1),
            '=' => (Word::Equals, 1 + usize::from(rest.starts_with("=="))),
            '"' => quoted(rest),
            _ => plain(rest, is_value, last_parameter.saturating_sub(position)),
        };
        words.push((word, position..position + length));
        position += length;
    }
    words
}

fn quoted(rest: &str) -> (Word, usize) {
    let mut is_escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => {
                let raw = rest.get(1..index).unwrap_or_default();
                return (Word::Quoted(crate::syntax::lexer::unescape(raw)), index + 1);
            }
            _ => {}
        }
    }
    let raw = rest.get(1..).unwrap_or_default();
    (Word::Quoted(raw.to_owned()), rest.len())
}

/// A bare word: up to a blank or what has a meaning of its own; a value may hold `=` and `!`. A
/// `{{parameter}}` without a value stands for any text; none begins behind `last_parameter`.
fn plain(rest: &str, is_value: bool, last_parameter: usize) -> (Word, usize) {
    let mut word = String::new();
    let mut position = 0;
    while let Some(tail) = rest.get(position..) {
        let Some(first) = tail.chars().next() else {
            break;
        };
        if position < last_parameter
            && tail.starts_with("{{")
            && let Some(end) = tail.find("}}")
        {
            position += end + 2;
            while rest.as_bytes().get(position) == Some(&b'}') {
                position += 1;
            }
            word.push('*');
            continue;
        }
        let ends = first.is_whitespace()
            || matches!(first, ')' | ',')
            || (!is_value && (matches!(first, '(' | '=') || tail.starts_with("!=")));
        if ends && position > 0 {
            break;
        }
        word.push(first);
        position += first.len_utf8();
    }
    (Word::Plain(word), position)
}

fn join(mut parts: Vec<Selector>, combine: fn(Vec<Selector>) -> Selector) -> Selector {
    match parts.len() {
        0 => Selector::All,
        1 => parts.remove(0),
        _ => combine(parts),
    }
}

struct Parser<'a> {
    words: Vec<(Word, Range<usize>)>,
    position: usize,
    end: usize,
    depth: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Word> {
        self.words.get(self.position).map(|(word, _)| word)
    }

    fn span(&self) -> Range<usize> {
        self.words
            .get(self.position)
            .map_or(self.end..self.end, |(_, span)| span.clone())
    }

    fn report(&mut self, span: Range<usize>, message: &str, expected: &str) {
        self.diagnostics
            .push(Diagnostic::error(span, message).expecting(expected));
    }

    fn is_keyword(&self, keyword: &str) -> bool {
        let is_name = matches!(
            self.words.get(self.position + 1),
            Some((Word::Equals | Word::Differs, _))
        );
        !is_name
            && matches!(self.peek(), Some(Word::Plain(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn any(&mut self) -> Selector {
        let mut parts = vec![self.all()];
        while self.is_keyword("or") {
            self.position += 1;
            parts.push(self.all());
        }
        join(parts, Selector::Or)
    }

    fn all(&mut self) -> Selector {
        let mut parts = Vec::new();
        loop {
            if self.is_keyword("and") {
                self.position += 1;
                continue;
            }
            match self.peek() {
                None | Some(Word::Close | Word::Comma) => break,
                _ if self.is_keyword("or") => break,
                _ => parts.push(self.one()),
            }
        }
        if parts.is_empty() {
            let span = self.span();
            self.report(span, "a condition is missing here", "`dimension=value`");
        }
        join(parts, Selector::And)
    }

    fn one(&mut self) -> Selector {
        let span = self.span();
        let word = self.peek().cloned();
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            self.position = self.words.len();
            self.diagnostics
                .push(Diagnostic::error(span, "the selector is nested too deeply"));
            return Selector::All;
        }
        self.position += 1;
        let selector = match word {
            Some(Word::Bang) => self.negated(),
            Some(Word::Plain(word))
                if word.eq_ignore_ascii_case("not")
                    && !matches!(self.peek(), Some(Word::Equals | Word::Differs)) =>
            {
                self.negated()
            }
            Some(Word::Open) => self.wrapped(span),
            Some(Word::Plain(word) | Word::Quoted(word)) => self.named(word),
            _ => {
                self.report(span, "this does not belong here", "`dimension=value`");
                Selector::All
            }
        };
        self.depth -= 1;
        selector
    }

    fn negated(&mut self) -> Selector {
        if self.peek().is_none() {
            let span = self.span();
            self.report(span, "a condition is missing here", "`dimension=value`");
            return Selector::All;
        }
        Selector::Not(Box::new(self.one()))
    }

    fn wrapped(&mut self, open: Range<usize>) -> Selector {
        let inner = self.any();
        self.close(open);
        inner
    }

    fn close(&mut self, open: Range<usize>) {
        if self.peek() == Some(&Word::Close) {
            self.position += 1;
        } else {
            self.report(open, "this parenthesis is never closed", ")");
        }
    }

    /// `word`, `name=value`, `name=(value, value)`, `name in (value, value)`.
    fn named(&mut self, name: String) -> Selector {
        let is_list = self.is_keyword("in")
            && matches!(self.words.get(self.position + 1), Some((Word::Open, _)));
        let is_negated = match self.peek() {
            Some(Word::Equals) => false,
            Some(Word::Differs) => true,
            _ if is_list => false,
            _ if name.chars().all(|character| character == '*') => return Selector::All,
            _ => return Selector::Word(Wildcard::new(&name)),
        };
        self.position += 1;
        let selector = Selector::Dimension(name, self.values());
        if is_negated {
            Selector::Not(Box::new(selector))
        } else {
            selector
        }
    }

    fn values(&mut self) -> Vec<Wildcard> {
        let span = self.span();
        if self.peek() != Some(&Word::Open) {
            return self.value().into_iter().collect();
        }
        self.position += 1;
        let mut values: Vec<Wildcard> = self.value().into_iter().collect();
        while let Some(Word::Comma | Word::Plain(_) | Word::Quoted(_)) = self.peek() {
            let is_or = self.is_keyword("or");
            self.position += usize::from(self.peek() == Some(&Word::Comma) || is_or);
            values.extend(self.value());
        }
        self.close(span);
        values
    }

    fn value(&mut self) -> Option<Wildcard> {
        match self.peek().cloned() {
            Some(Word::Plain(value) | Word::Quoted(value)) => {
                self.position += 1;
                Some(Wildcard::new(&value))
            }
            _ => {
                let span = self.span();
                self.report(span, "the value is missing", "a value, for example `*`");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(text: &str, pairs: &[(&str, &str)]) -> bool {
        let mut diagnostics = Vec::new();
        let selector = parse(text, 0..text.len(), &mut diagnostics);
        assert_eq!(diagnostics, [], "{text}");
        selector.selects(&pairs.iter().copied().collect())
    }

    #[test]
    fn conditions_are_joined_as_they_are_written() {
        let pay = [
            ("metric", "Errors"),
            ("FunctionName", "pay-eu"),
            ("region", "eu-west-1"),
        ];
        for yes in [
            "",
            "*",
            "metric=errors",
            "metric = Errors functionname=pay-*",
            "metric=Errors and (region=us-* or region=\"eu-west-1\")",
            "metric=Errors !region=us-east-1 region!=us-*",
            "functionname=(a, pay-eu)",
            "functionname in (\"a\", \"pay-eu\")",
            "not region=us-* Errors",
            "err*",
            "region=*west*1",
            "region={{region}} metric={{m}}rors",
        ] {
            assert!(selects(yes, &pay), "{yes}");
        }
        for no in [
            "metric=Error",
            "account=*",
            "!metric=Errors",
            "not (metric=Errors or region=x)",
            "region=eu-*-1-*",
            "west",
        ] {
            assert!(!selects(no, &pay), "{no}");
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        let mistakes = |text: &str| {
            let mut diagnostics = Vec::new();
            parse(text, 0..text.len(), &mut diagnostics);
            diagnostics
                .into_iter()
                .map(|found| (found.span.start, found.span.end))
                .collect::<Vec<_>>()
        };
        assert_eq!(mistakes("metric= (a"), [(8, 9)]);
        assert_eq!(mistakes("metric="), [(7, 7)]);
        assert_eq!(mistakes("a=b)"), [(3, 4)]);
        assert_eq!(mistakes("(a=b"), [(0, 1)]);
        assert_eq!(mistakes("a=b or"), [(6, 6)]);
    }
}
