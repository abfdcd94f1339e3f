//! Cuts a query into its scope and its stages: at each `|` outside quotes, patterns and comments.

use std::ops::Range;

use super::Diagnostic;

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
    let mut cutter = Cutter {
        bytes: text.as_bytes(),
        clean: text.as_bytes().to_vec(),
        position: 0,
        start: 0,
        depth: 0,
        ranges: Vec::new(),
        diagnostics: Vec::new(),
    };
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

struct Cutter<'a> {
    bytes: &'a [u8],
    clean: Vec<u8>,
    position: usize,
    start: usize,
    depth: usize,
    ranges: Vec<Range<usize>>,
    diagnostics: Vec<Diagnostic>,
}

impl Cutter<'_> {
    fn run(&mut self) {
        while let Some(&byte) = self.bytes.get(self.position) {
            match byte {
                b'"' => self.quoted(),
                // A delimiter such as `delim='|'`.
                b'\'' if self.bytes.get(self.position + 2) == Some(&b'\'') => self.position += 3,
                b'/' => self.slash(),
                b'[' => {
                    self.depth += 1;
                    self.position += 1;
                }
                b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.position += 1;
                }
                b'|' if self.bytes.get(self.position + 1) == Some(&b'|')
                    && !self.ranges.is_empty() =>
                {
                    self.position += 2
                }
                b'|' if self.depth == 0 => {
                    self.ranges.push(self.start..self.position);
                    self.position += 1;
                    self.start = self.position;
                }
                _ => self.position += 1,
            }
        }
        self.ranges.push(self.start..self.bytes.len());
    }

    fn quoted(&mut self) {
        let start = self.position;
        self.position += 1;
        while let Some(&byte) = self.bytes.get(self.position) {
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
            _ if !self.ranges.is_empty() && opens_pattern(before) => self.pattern(),
            _ => self.position += 1,
        }
    }

    fn pattern(&mut self) {
        let mut end = self.position + 1;
        while let Some(&byte) = self.bytes.get(end) {
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
        for byte in self.clean.iter_mut().take(end).skip(self.position) {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        self.position = end;
    }
}

/// Whether a slash after `before` begins a pattern: after `matches`, an opening parenthesis or a comma.
fn opens_pattern(before: &[u8]) -> bool {
    let trimmed = before.trim_ascii_end();
    trimmed
        .last()
        .is_some_and(|byte| matches!(byte, b'(' | b','))
        || trimmed.to_ascii_lowercase().ends_with(b"matches")
}
