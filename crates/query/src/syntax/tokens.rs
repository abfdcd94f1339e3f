//! A cursor over the words of one stage, with the small grammars that operators share.

use std::ops::Range;

use super::lexer::{Token, TokenKind};
use super::{Diagnostic, habits, work};

/// A cursor over words.
#[derive(Debug)]
pub(crate) struct Tokens {
    tokens: Vec<Token>,
    position: usize,
    end: usize,
    /// How deep the expression at hand is nested.
    pub(crate) depth: usize,
}

/// A field's name and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) span: Range<usize>,
}

/// Words that may follow in some stages.
const OPTIONS: [&str; 12] = [
    "nodrop", "multi", "field", "by", "as", "asc", "desc", "keys", "auto", "maxdepth", "extract",
    "buckets",
];

pub(crate) type Parsed<T> = Result<T, Diagnostic>;

impl Tokens {
    pub(crate) fn new(tokens: Vec<Token>, end: usize) -> Self {
        Tokens {
            tokens,
            position: 0,
            end,
            depth: 0,
        }
    }

    pub(crate) fn peek(&self) -> Option<&TokenKind> {
        self.tokens.get(self.position).map(|token| &token.kind)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> Option<&TokenKind> {
        self.tokens
            .get(self.position + ahead)
            .map(|token| &token.kind)
    }

    pub(crate) fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.position).cloned();
        self.position += usize::from(token.is_some());
        token
    }

    /// Passes over so many words.
    pub(crate) fn skip(&mut self, words: usize) {
        self.position = (self.position + words).min(self.tokens.len());
    }

    /// From the first word of the stage to its last.
    pub(crate) fn whole(&self) -> Range<usize> {
        match (self.tokens.first(), self.tokens.last()) {
            (Some(first), Some(last)) => first.span.start..last.span.end,
            _ => self.end..self.end,
        }
    }

    pub(crate) fn mark(&self) -> usize {
        self.position
    }

    pub(crate) fn rewind(&mut self, mark: usize) {
        self.position = mark;
    }

    pub(crate) fn is_done(&self) -> bool {
        self.position >= self.tokens.len()
    }

    /// Where the next word stands, or the end of the stage.
    pub(crate) fn span(&self) -> Range<usize> {
        self.tokens
            .get(self.position)
            .map_or(self.end..self.end, |token| token.span.clone())
    }

    /// Where the word before the cursor ended.
    pub(crate) fn last_end(&self) -> usize {
        self.position
            .checked_sub(1)
            .and_then(|index| self.tokens.get(index))
            .map_or(self.end, |token| token.span.end)
    }

    /// Takes the symbol if it comes next.
    pub(crate) fn symbol(&mut self, symbol: &str) -> bool {
        let is_next = matches!(self.peek(), Some(TokenKind::Symbol(next)) if *next == symbol);
        self.position += usize::from(is_next);
        is_next
    }

    /// Takes the word if it comes next, in any case.
    pub(crate) fn word(&mut self, word: &str) -> bool {
        let is_next = self.is_word(word);
        self.position += usize::from(is_next);
        is_next
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        matches!(self.peek(), Some(TokenKind::Word(next)) if next.eq_ignore_ascii_case(word))
    }

    pub(crate) fn expect_symbol(&mut self, symbol: &str) -> Parsed<()> {
        if self.symbol(symbol) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("`{symbol}`")))
        }
    }

    /// An error at the next word.
    pub(crate) fn unexpected(&self, expected: &str) -> Diagnostic {
        let habit = match self.peek() {
            Some(TokenKind::Word(word)) => habits::inside(word),
            _ => None,
        };
        let (message, expected) = match (self.peek(), habit) {
            (None, _) => ("the stage ends too early".to_owned(), expected),
            (Some(_), Some(habit)) => habit,
            (Some(_), None) => ("this does not belong here".to_owned(), expected),
        };
        Diagnostic::error(self.span(), message).expecting(expected)
    }

    /// A field's name.
    pub(crate) fn name(&mut self) -> Parsed<Name> {
        let span = self.span();
        let text = match self.peek() {
            Some(TokenKind::Word(text) | TokenKind::Quoted(text)) => text.clone(),
            Some(TokenKind::Text { value, .. }) => value.clone(),
            Some(TokenKind::Parameter(text)) => format!("{{{{{text}}}}}"),
            Some(TokenKind::Symbol("%")) => {
                self.position += 1;
                return self.name();
            }
            _ => return Err(self.unexpected("a field name")),
        };
        self.position += 1;
        let mut name = Name { text, span };
        self.dashes(&mut name);
        Ok(name)
    }

    /// Joins `a-b` written without blanks into one name.
    fn dashes(&mut self, name: &mut Name) {
        while let (Some(dash), Some(tail)) = (
            self.tokens.get(self.position),
            self.tokens.get(self.position + 1),
        ) {
            let (TokenKind::Symbol("-"), TokenKind::Word(text)) = (&dash.kind, &tail.kind) else {
                return;
            };
            if dash.span.start != name.span.end || tail.span.start != dash.span.end {
                return;
            }
            work::note(text.len() + 1);
            name.text.push('-');
            name.text.push_str(text);
            name.span.end = tail.span.end;
            self.position += 2;
        }
    }

    /// `a, b` or `(a, b)`.
    pub(crate) fn names(&mut self) -> Parsed<Vec<Name>> {
        let is_wrapped = self.symbol("(");
        let mut names = vec![self.name()?];
        while self.symbol(",") {
            names.push(self.name()?);
        }
        if is_wrapped {
            self.expect_symbol(")")?;
        }
        Ok(names)
    }

    /// Skips `( … )` and says where its inside stands.
    pub(crate) fn parentheses(&mut self) -> Parsed<Range<usize>> {
        let opening = self.span();
        self.expect_symbol("(")?;
        let mut depth = 1_usize;
        while let Some(token) = self.next() {
            match token.kind {
                TokenKind::Symbol("(") => depth += 1,
                TokenKind::Symbol(")") => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(opening.end..token.span.start);
            }
        }
        Err(Diagnostic::error(opening, "this parenthesis is never closed").expecting(")"))
    }

    /// `as name`, if it comes next.
    pub(crate) fn alias(&mut self) -> Parsed<Option<Name>> {
        if self.word("as") {
            self.name().map(Some)
        } else {
            Ok(None)
        }
    }

    /// A quoted text: as written and as meant.
    pub(crate) fn text(&mut self) -> Parsed<(String, String, Range<usize>)> {
        let span = self.span();
        match self.peek().cloned() {
            Some(TokenKind::Text { raw, value }) => {
                self.position += 1;
                Ok((raw, value, span))
            }
            _ => Err(self.unexpected("a text in double quotes")),
        }
    }

    /// `field=name`, if it comes next.
    pub(crate) fn field_option(&mut self) -> Parsed<Option<Name>> {
        let is_next =
            self.is_word("field") && matches!(self.peek_at(1), Some(TokenKind::Symbol("=")));
        if !is_next {
            return Ok(None);
        }
        self.position += 2;
        self.name().map(Some)
    }

    /// A whole number.
    pub(crate) fn count(&mut self) -> Parsed<usize> {
        match self.peek() {
            Some(TokenKind::Number {
                value,
                is_time: false,
                ..
            }) if value.fract() == 0.0 && *value >= 0.0 => {
                #[allow(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "checked above; saturates"
                )]
                // What counts rows has a sign elsewhere.
                let count = (*value as usize).min(i64::MAX as usize);
                self.position += 1;
                Ok(count)
            }
            Some(TokenKind::Parameter(_)) => {
                self.position += 1;
                Ok(10)
            }
            _ => Err(self.unexpected("a whole number")),
        }
    }

    /// Nothing may follow.
    pub(crate) fn finish(&self) -> Parsed<()> {
        let rest = self.tokens.get(self.position..).unwrap_or_default();
        // A parameter at the end may stand for further stages, or for nothing.
        let are_parameters = rest
            .iter()
            .all(|token| matches!(token.kind, TokenKind::Parameter(_)));
        if are_parameters {
            Ok(())
        } else {
            let found = self.unexpected("`|` or the end of the query");
            Err(match self.peek() {
                Some(TokenKind::Word(word)) => found.suggesting(word, OPTIONS),
                _ => found,
            })
        }
    }
}
