//! Cuts a query into its scope and its stages: at each `|` outside quotes, patterns and comments.

use std::ops::Range;

use super::{Diagnostic, work};

/// A query, cut into pieces.
#[derive(Clone, Debug)]
pub(crate) struct Pieces {
    /// The text with comments and continued white space blanked out; positions are unchanged.
    pub(crate) text: String,
    /// Where the scope stands.
    pub(crate) scope: Range<usize>,
    /// Where the stages stand.
    pub(crate) stages: Vec<Range<usize>>,
    /// What is wrong already.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Cuts `text`.
pub(crate) fn cut(text: &str) -> Pieces {
    let mut cutter = Cutter::new(text, 0);
    cutter.clean = text.as_bytes().to_vec();
    cutter.run();
    let mut ranges = cutter.ranges.into_iter();
    let scope = ranges.next().unwrap_or(0..0);
    Pieces {
        text: String::from_utf8(cutter.clean).unwrap_or_else(|_| text.to_owned()),
        scope,
        stages: ranges.collect(),
        diagnostics: cutter.diagnostics,
    }
}

/// Cuts a pipeline that stands inside another stage; `text` has been cut once, so it holds no
/// comments. Without a scope, the first piece is a stage.
pub(crate) fn cut_inner(text: &str, range: Range<usize>, has_scope: bool) -> Vec<Range<usize>> {
    let within = text.get(..range.end).unwrap_or(text);
    let mut cutter = Cutter::new(within, range.start);
    cutter.is_in_scope = has_scope;
    cutter.run();
    cutter.ranges
}

/// The length of the subquery that `rest` begins with, brackets included.
pub(crate) fn subquery_length(rest: &str) -> Option<usize> {
    if !begins_subquery(rest.as_bytes()) {
        return None;
    }
    let mut cutter = Cutter::new(rest, 0);
    cutter.subquery();
    Some(cutter.position)
}

/// Operators that take whole pipelines in parentheses.
const HOLDERS: [&str; 2] = ["filter", "join"];

const SUBQUERY: &[u8] = b"subquery";
/// A pattern may follow it.
const MATCHES: &[u8] = b"matches";

struct Cutter<'a> {
    bytes: &'a [u8],
    /// The text without comments; empty if it is known to have none.
    clean: Vec<u8>,
    position: usize,
    /// Where the stage at hand begins, and whether it takes pipelines in parentheses once that is known.
    start: usize,
    is_holder: Option<bool>,
    depth: usize,
    is_in_scope: bool,
    ranges: Vec<Range<usize>>,
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Cutter<'a> {
    fn new(text: &'a str, start: usize) -> Self {
        Cutter {
            bytes: text.as_bytes(),
            clean: Vec::new(),
            position: start,
            start,
            is_holder: None,
            depth: 0,
            is_in_scope: true,
            ranges: Vec::new(),
            diagnostics: Vec::new(),
        }
    }

    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.position) {
            work::note(1);
            match byte {
                b'"' => self.quoted(),
                // A delimiter such as `delim='|'`.
                b'\'' if self.bytes.get(self.position + 2) == Some(&b'\'') => self.position += 3,
                b'/' => self.slash(),
                b'[' if begins_subquery(self.rest()) => self.subquery(),
                b'(' if self.holds_pipelines() => self.parentheses(),
                b'[' => {
                    self.depth += 1;
                    self.position += 1;
                }
                b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.position += 1;
                }
                b'|' if self.bytes.get(self.position + 1) == Some(&b'|') && !self.is_in_scope => {
                    self.position += 2
                }
                b'|' if self.depth == 0 => {
                    self.is_in_scope = false;
                    self.ranges.push(self.start..self.position);
                    self.position += 1;
                    self.start = self.position;
                    self.is_holder = None;
                }
                _ => self.position += 1,
            }
        }
        self.ranges.push(self.start..self.bytes.len());
    }

    /// Whether the stage at hand is one of those that take pipelines in parentheses.
    fn holds_pipelines(&mut self) -> bool {
        if self.is_in_scope {
            return false;
        }
        let (bytes, start, position) = (self.bytes, self.start, self.position);
        *self.is_holder.get_or_insert_with(|| {
            let stage = bytes.get(start..position).unwrap_or_default();
            work::note(stage.len());
            let stage = stage.trim_ascii_start();
            let length = stage.iter().take_while(|byte| byte.is_ascii_alphanumeric());
            let word = stage.get(..length.count()).unwrap_or_default();
            let mut holders = HOLDERS.iter();
            holders.any(|holder| word.eq_ignore_ascii_case(holder.as_bytes()))
        })
    }

    /// Skips a subquery: it begins with a scope of its own.
    fn subquery(&mut self) {
        let was_in_scope = std::mem::replace(&mut self.is_in_scope, true);
        self.skip(b'[', b']');
        self.is_in_scope = was_in_scope;
    }

    fn parentheses(&mut self) {
        self.skip(b'(', b')');
    }

    /// Skips to the bracket that closes the one at hand, past quotes, patterns and comments.
    fn skip(&mut self, open: u8, close: u8) {
        let start = self.position;
        let mut depth = 0_usize;
        while let Some(&byte) = self.bytes.get(self.position) {
            work::note(1);
            match byte {
                b'"' => self.quoted(),
                b'/' => self.slash(),
                _ => {
                    self.position += 1;
                    depth += usize::from(byte == open);
                    depth -= usize::from(byte == close);
                    self.is_in_scope &= byte != b'|';
                    if depth == 0 {
                        return;
                    }
                }
            }
        }
        let [open, close] = [open, close].map(char::from);
        self.diagnostics.push(
            Diagnostic::error(start..start + 1, format!("this `{open}` is never closed"))
                .expecting(close),
        );
    }

    fn quoted(&mut self) {
        let start = self.position;
        self.position += 1;
        while let Some(&byte) = self.bytes.get(self.position) {
            work::note(1);
            match byte {
                b'\\' => self.position += 2,
                b'"' => {
                    self.position += 1;
                    return;
                }
                _ => self.position += 1,
            }
        }
        self.position = self.bytes.len();
        self.diagnostics.push(
            Diagnostic::error(start..self.bytes.len(), "the quoted text has no end")
                .expecting("\""),
        );
    }

    /// A comment, a pattern, or just a slash.
    fn slash(&mut self) {
        let before = self.bytes.get(..self.position).unwrap_or_default();
        let is_after_blank = before
            .last()
            .is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'|' | b')' | b','));
        match self.bytes.get(self.position + 1) {
            Some(b'/') if is_after_blank => {
                let length = self.rest().iter().position(|byte| *byte == b'\n');
                self.blank(length.unwrap_or(self.rest().len()));
            }
            Some(b'*') if is_after_blank => {
                match self.rest().windows(2).position(|pair| pair == b"*/") {
                    Some(length) => self.blank(length + 2),
                    None => {
                        self.diagnostics.push(
                            Diagnostic::error(
                                self.position..self.position + 2,
                                "the comment has no end",
                            )
                            .expecting("*/"),
                        );
                        self.blank(self.rest().len());
                    }
                }
            }
            _ if !self.is_in_scope && opens_pattern(before) => self.pattern(),
            _ => self.position += 1,
        }
    }

    fn pattern(&mut self) {
        let mut end = self.position + 1;
        while let Some(&byte) = self.bytes.get(end) {
            work::note(1);
            match byte {
                b'\\' => end += 2,
                b'/' => {
                    self.position = end + 1;
                    return;
                }
                b'\n' => break,
                _ => end += 1,
            }
        }
        self.position += 1;
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.position..).unwrap_or_default()
    }

    fn blank(&mut self, length: usize) {
        let end = (self.position + length).min(self.bytes.len());
        work::note(end - self.position);
        for byte in self.clean.iter_mut().take(end).skip(self.position) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        self.position = end;
    }
}

/// Whether a `[subquery: …]` begins here.
fn begins_subquery(rest: &[u8]) -> bool {
    rest.strip_prefix(b"[")
        .map(<[u8]>::trim_ascii_start)
        .and_then(|inside| inside.get(..SUBQUERY.len()))
        .is_some_and(|word| word.eq_ignore_ascii_case(SUBQUERY))
}

/// Whether a slash after `before` begins a pattern: after `matches`, an opening parenthesis or a comma.
fn opens_pattern(before: &[u8]) -> bool {
    let trimmed = before.trim_ascii_end();
    let word = trimmed.len().saturating_sub(MATCHES.len());
    trimmed
        .last()
        .is_some_and(|byte| matches!(byte, b'(' | b','))
        || trimmed
            .get(word..)
            .is_some_and(|word| word.eq_ignore_ascii_case(MATCHES))
}
