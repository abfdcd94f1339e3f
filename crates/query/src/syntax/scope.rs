//! The scope of a query: which events it is about. Precedence: not, and, or; `and` may be left out.

use std::ops::Range;

use model::limits::QUERY_CONDITIONS_MAX;

use super::expression::Operation;
use super::lexer::unescape;
use super::pipeline::subquery_length;
use super::{Diagnostic, work};

/// A condition on events.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Scope {
    /// Every event.
    All,
    /// The message holds this word or phrase (`*` and `?` stand for parts of a word).
    Text(String),
    /// A field has this value (`*` and `?` are wildcards).
    Field {
        name: String,
        span: Range<usize>,
        value: String,
        is_negated: bool,
    },
    /// A field is less or more than this.
    Compare {
        name: String,
        span: Range<usize>,
        operation: Operation,
        value: String,
    },
    /// The events that a `[subquery: …]` tells, which stands here in the text.
    Subquery(Range<usize>),
    /// Not this.
    Not(Box<Scope>),
    /// All of these.
    And(Vec<Scope>),
    /// Any of these.
    Or(Vec<Scope>),
}

#[derive(Clone, Debug, PartialEq)]
enum Word {
    Open,
    Close,
    Bang,
    Equals,
    Differs,
    Compares(Operation),
    Plain(String),
    Quoted(String),
    Subquery,
}

/// Reads the scope in `text[range]`.
pub(crate) fn parse(text: &str, range: Range<usize>, diagnostics: &mut Vec<Diagnostic>) -> Scope {
    let words = words(text, range.clone());
    let is_condition = |word: &Word| matches!(word, Word::Plain(_) | Word::Quoted(_));
    let mut conditions = words.iter().filter(|(word, _)| is_condition(word));
    if let Some((_, span)) = conditions.nth(QUERY_CONDITIONS_MAX) {
        let message = format!(
            "more than {QUERY_CONDITIONS_MAX} words and values in one scope (QUERY_CONDITIONS_MAX)"
        );
        let found = Diagnostic::error(span.clone(), message);
        diagnostics.push(found.expecting("a `[subquery: …]` or a lookup table"));
        return Scope::All;
    }
    let mut parser = Parser {
        words,
        position: 0,
        end: range.end,
        depth: 0,
        diagnostics,
    };
    let mut all = Vec::new();
    while parser.position < parser.words.len() {
        all.push(parser.any());
        if let Some((Word::Close, span)) = parser.words.get(parser.position).cloned() {
            parser
                .diagnostics
                .push(Diagnostic::error(span, "this parenthesis closes nothing"));
            parser.position += 1;
        }
    }
    join(all, Scope::And)
}

fn words(text: &str, range: Range<usize>) -> Vec<(Word, Range<usize>)> {
    let mut words = Vec::new();
    let mut position = range.start;
    // What does not come again is not looked for again: each word would look to the end.
    let last = |part: &str| {
        let last = text.get(range.clone()).and_then(|text| text.rfind(part));
        last.map_or(range.start, |last| range.start + last)
    };
    let (last_closing, last_parameter) = (last(">"), last("}}"));
    while let Some(rest) = text.get(position..range.end) {
        let Some(first) = rest.chars().next() else {
            break;
        };
        let subquery = (first == '[').then(|| subquery_length(rest)).flatten();
        let (word, length) = match first {
            _ if first.is_whitespace() || first == ',' => {
                position += first.len_utf8();
                continue;
            }
            '(' => (Word::Open, 1),
            ')' => (Word::Close, 1),
            '!' if rest.starts_with("!=") => (Word::Differs, 2),
            '!' => (Word::Bang, 1),
            '=' => (Word::Equals, 1 + usize::from(rest.starts_with("=="))),
            // A placeholder such as `<your category>` stands for a value.
            '<' if position < last_closing && matches!(words.last(), Some((Word::Equals, _))) => {
                let length = rest.find('>').map_or(rest.len(), |end| end + 1);
                let value = rest.get(..length).unwrap_or_default();
                (Word::Plain(value.to_owned()), length)
            }
            '<' if rest.starts_with("<>") => (Word::Differs, 2),
            '<' if rest.starts_with("<=") => (Word::Compares(Operation::LessOrEqual), 2),
            '<' => (Word::Compares(Operation::Less), 1),
            '>' if rest.starts_with(">=") => (Word::Compares(Operation::GreaterOrEqual), 2),
            '>' => (Word::Compares(Operation::Greater), 1),
            '%' if rest.starts_with("%\"") => {
                let (word, length) = quoted(rest.get(1..).unwrap_or_default());
                (word, length + 1)
            }
            '[' if subquery.is_some() => (Word::Subquery, subquery.unwrap_or_default()),
            '"' => quoted(rest),
            _ => plain(rest, last_parameter.saturating_sub(position)),
        };
        work::note(length);
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
                return (
                    Word::Quoted(unescape(rest.get(1..index).unwrap_or_default())),
                    index + 1,
                );
            }
            _ => {}
        }
    }
    (
        Word::Quoted(unescape(rest.get(1..).unwrap_or_default())),
        rest.len(),
    )
}

/// A bare word; a `{{parameter}}`, of which none begins behind `last_parameter`, stands for any text.
fn plain(rest: &str, last_parameter: usize) -> (Word, usize) {
    let mut value = String::new();
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
            while rest
                .get(position..)
                .is_some_and(|tail| tail.starts_with('}'))
            {
                position += 1;
            }
            value.push('*');
            continue;
        }
        let ends = first.is_whitespace()
            || matches!(first, '(' | ')' | '"' | '=' | ',' | '[' | '<' | '>')
            || tail.starts_with("!=");
        if ends && position > 0 {
            break;
        }
        value.push(first);
        position += first.len_utf8();
    }
    (Word::Plain(value), position)
}

fn join(mut parts: Vec<Scope>, combine: fn(Vec<Scope>) -> Scope) -> Scope {
    match parts.len() {
        0 => Scope::All,
        1 => parts.remove(0),
        _ => combine(parts),
    }
}

const DEPTH_MAX: usize = 100;

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

    fn is_keyword(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Word::Plain(word)) if word.eq_ignore_ascii_case(keyword))
    }

    fn any(&mut self) -> Scope {
        let mut parts = vec![self.all()];
        while self.is_keyword("or") {
            self.position += 1;
            parts.push(self.all());
        }
        join(parts, Scope::Or)
    }

    fn all(&mut self) -> Scope {
        let mut parts = Vec::new();
        let mut wants_more = true;
        loop {
            if self.is_keyword("and") {
                self.position += 1;
                wants_more = true;
                continue;
            }
            match self.peek() {
                None | Some(Word::Close) => break,
                _ if self.is_keyword("or") => break,
                _ => parts.push(self.one()),
            }
            wants_more = false;
        }
        if wants_more {
            let span = self.span();
            self.diagnostics.push(
                Diagnostic::error(span, "a condition is missing here")
                    .expecting("a word, a phrase or `field=value`"),
            );
        }
        join(parts, Scope::And)
    }

    fn span(&self) -> Range<usize> {
        self.words
            .get(self.position)
            .map_or(self.end..self.end, |(_, span)| span.clone())
    }

    fn one(&mut self) -> Scope {
        let span = self.span();
        if self.depth > DEPTH_MAX {
            self.diagnostics
                .push(Diagnostic::error(span, "the scope is nested too deeply"));
            self.position = self.words.len();
            return Scope::All;
        }
        let word = self.peek().cloned();
        self.position += 1;
        match word {
            Some(Word::Bang) => self.negated(),
            Some(Word::Plain(word)) if word.eq_ignore_ascii_case("not") => self.negated(),
            Some(Word::Open) => self.wrapped(span),
            Some(Word::Subquery) => Scope::Subquery(span),
            Some(Word::Plain(word) | Word::Quoted(word))
                if matches!(
                    self.peek(),
                    Some(Word::Equals | Word::Differs | Word::Compares(_))
                ) =>
            {
                self.field(word, span)
            }
            Some(Word::Plain(word)) if self.is_list_of(&word) => self.one_of(&word, &span),
            Some(Word::Plain(word)) if word.chars().all(|character| character == '*') => Scope::All,
            Some(Word::Plain(word) | Word::Quoted(word)) => Scope::Text(word),
            _ => {
                self.diagnostics.push(
                    Diagnostic::error(span, "this does not belong here")
                        .expecting("a word, a phrase or `field=value`"),
                );
                Scope::All
            }
        }
    }

    fn negated(&mut self) -> Scope {
        self.depth += 1;
        let inner = if self.peek().is_some() {
            self.one()
        } else {
            self.all()
        };
        self.depth -= 1;
        Scope::Not(Box::new(inner))
    }

    fn wrapped(&mut self, span: Range<usize>) -> Scope {
        self.depth += 1;
        let inner = self.any();
        self.depth -= 1;
        if self.peek() == Some(&Word::Close) {
            self.position += 1;
        } else {
            self.diagnostics
                .push(Diagnostic::error(span, "this parenthesis is never closed").expecting(")"));
        }
        inner
    }

    /// `field in (…)` and `field not in (…)`.
    fn is_list_of(&self, name: &str) -> bool {
        let word = |ahead: usize| self.words.get(self.position + ahead).map(|(word, _)| word);
        let is = |ahead: usize, keyword: &str| matches!(word(ahead), Some(Word::Plain(word)) if word.eq_ignore_ascii_case(keyword));
        let is_negated = usize::from(is(0, "not"));
        let is_name = name
            .chars()
            .all(|character| character.is_alphanumeric() || matches!(character, '_' | '.' | '-'));
        is_name && is(is_negated, "in") && word(is_negated + 1) == Some(&Word::Open)
    }

    fn one_of(&mut self, name: &str, span: &Range<usize>) -> Scope {
        let is_negated = self.is_keyword("not");
        self.position += 2 + usize::from(is_negated);
        let mut options = Vec::new();
        while let Some(Word::Plain(value) | Word::Quoted(value)) = self.peek().cloned() {
            self.position += 1;
            options.push(Scope::Field {
                name: name.to_owned(),
                span: span.clone(),
                value,
                is_negated: false,
            });
        }
        if self.peek() == Some(&Word::Close) {
            self.position += 1;
        } else {
            let found = Diagnostic::error(self.span(), "the list of values does not end");
            self.diagnostics.push(found.expecting(")"));
        }
        let any = join(options, Scope::Or);
        if is_negated {
            Scope::Not(Box::new(any))
        } else {
            any
        }
    }

    fn field(&mut self, name: String, span: Range<usize>) -> Scope {
        let comparison = self.peek().cloned();
        self.position += 1;
        let value = match self.peek().cloned() {
            Some(Word::Plain(value) | Word::Quoted(value)) => value,
            _ => {
                let found = Diagnostic::error(self.span(), "the value is missing");
                self.diagnostics
                    .push(found.expecting("a value, for example `*`"));
                return Scope::All;
            }
        };
        self.position += 1;
        match comparison {
            Some(Word::Compares(operation)) => Scope::Compare {
                name,
                span,
                operation,
                value,
            },
            _ => Scope::Field {
                name,
                span,
                value,
                is_negated: comparison == Some(Word::Differs),
            },
        }
    }
}
