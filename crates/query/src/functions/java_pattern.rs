//! Patterns as Java and RE2 read them, written so that Rust's engines read them alike.
//!
//! `\d`, `\w`, `\s` and `\b` are about ASCII (also a good deal faster), `\<` is a `<`, a `{` that
//! repeats nothing stands for itself, and so does a `[` inside a class. In replacements `$1a` is the
//! first group and an `a`.

use std::iter::Peekable;
use std::str::Chars;

/// Rewrites a pattern.
pub(crate) fn translate(pattern: &str) -> String {
    let mut translator = Translator {
        rest: pattern.chars().peekable(),
        output: String::with_capacity(pattern.len() + 16),
        is_in_class: false,
    };
    while translator.step() {}
    translator.output
}

struct Translator<'a> {
    rest: Peekable<Chars<'a>>,
    output: String,
    is_in_class: bool,
}

impl Translator<'_> {
    fn step(&mut self) -> bool {
        let Some(character) = self.rest.next() else {
            return false;
        };
        match character {
            '\\' => self.escape(),
            '[' if self.is_in_class => self.nested_class(),
            '[' => self.open_class(),
            ']' if self.is_in_class => {
                self.is_in_class = false;
                self.output.push(']');
            }
            '-' | '~' if self.is_in_class && self.rest.peek() == Some(&character) => {
                // `--` and `~~` mean something to Rust only.
                self.output.extend(['\\', character]);
            }
            '{' if !self.is_in_class && !self.is_repetition() => self.output.push_str("\\{"),
            '(' if !self.is_in_class => self.group(),
            other => self.output.push(other),
        }
        true
    }

    fn escape(&mut self) {
        let Some(escaped) = self.rest.next() else {
            self.output.push_str("\\\\");
            return;
        };
        let is_in_class = self.is_in_class;
        let plain = match escaped {
            'd' if is_in_class => "0-9",
            'd' => "[0-9]",
            'w' if is_in_class => "0-9A-Za-z_",
            'w' => "[0-9A-Za-z_]",
            's' if is_in_class => "\\t-\\r ",
            's' => "[\\t-\\r ]",
            'D' => "[^0-9]",
            'W' => "[^0-9A-Za-z_]",
            'S' => "[^\\t-\\r ]",
            'h' if is_in_class => "\\t ",
            'h' => "[\\t ]",
            'R' if !is_in_class => "(?:\\r\\n|[\\n-\\r])",
            'b' if !is_in_class => "(?-u:\\b)",
            'B' if !is_in_class => "(?-u:\\B)",
            'Z' if !is_in_class => "(?:\\n?\\z)",
            'e' => "\\x1B",
            '/' => "/",
            '<' => "<",
            '>' => ">",
            '"' => "\"",
            '\'' => "'",
            'Q' => return self.quoted(),
            _ => "",
        };
        if plain.is_empty() {
            self.output.extend(['\\', escaped]);
        } else {
            self.output.push_str(plain);
        }
    }

    /// `\Q…\E`: everything stands for itself.
    fn quoted(&mut self) {
        let text: String = self.rest.clone().collect();
        let end = text.find("\\E");
        let quoted = text.get(..end.unwrap_or(text.len())).unwrap_or_default();
        self.output.push_str(&regex::escape(quoted));
        let length = quoted.chars().count() + if end.is_some() { 2 } else { 0 };
        for _ in 0..length {
            self.rest.next();
        }
    }

    fn open_class(&mut self) {
        self.is_in_class = true;
        self.output.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.output.push('^');
        }
        // A bracket that comes first stands for itself.
        if self.rest.next_if_eq(&']').is_some() {
            self.output.push_str("\\]");
        }
    }

    /// `[:alpha:]` is a class; any other `[` stands for itself.
    fn nested_class(&mut self) {
        if self.rest.peek() == Some(&':') {
            let text: String = self.rest.clone().take(16).collect();
            if let Some(end) = text.get(1..).and_then(|text| text.find(":]")) {
                self.output.push('[');
                for _ in 0..end + 3 {
                    self.output.extend(self.rest.next());
                }
                return;
            }
        }
        self.output.push_str("\\[");
    }

    /// Whether a `{` is followed by a count: `3}`, `3,}`, `3,5}`.
    fn is_repetition(&self) -> bool {
        let text: String = self
            .rest
            .clone()
            .take_while(|next| *next != '}')
            .take(24)
            .collect();
        let closes = self.rest.clone().take(25).any(|next| next == '}');
        let (least, most) = text.split_once(',').unwrap_or((&text, ""));
        let are_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        closes && !least.is_empty() && are_digits(least) && are_digits(most)
    }

    /// Names of groups may hold what Rust does not allow: it becomes `_`.
    fn group(&mut self) {
        self.output.push('(');
        let text: String = self.rest.clone().take(200).collect();
        let opening = ["?<", "?P<"]
            .into_iter()
            .find(|opening| text.starts_with(opening));
        let Some(opening) = opening else { return };
        let inside = text.get(opening.len()..).unwrap_or_default();
        if inside.starts_with(['=', '!']) {
            return;
        }
        let Some(end) = inside.find('>') else { return };
        let name = inside.get(..end).unwrap_or_default();
        let is_named = name.chars().all(|character| {
            character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | ' ')
        });
        if name.is_empty() || !is_named {
            return;
        }
        self.output.push_str("?<");
        if !name.starts_with(|first: char| first.is_alphabetic() || first == '_') {
            self.output.push('_');
        }
        self.output.push_str(&name.replace(['-', ' '], "_"));
        self.output.push('>');
        for _ in 0..opening.len() + name.chars().count() + 1 {
            self.rest.next();
        }
    }
}

/// Rewrites what a match is replaced by.
pub(crate) fn translate_replacement(by: &str, groups: usize) -> String {
    let mut output = String::with_capacity(by.len());
    let mut rest = by.chars().peekable();
    while let Some(character) = rest.next() {
        match character {
            '\\' => match rest.next() {
                Some('$') => output.push_str("$$"),
                Some('\\') | None => output.push('\\'),
                Some(other) => output.extend(['\\', other]),
            },
            '$' if rest.peek().is_some_and(char::is_ascii_digit) => {
                let mut number = String::new();
                while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                    number.push(digit);
                    let longer = rest.peek().map(|next| format!("{number}{next}"));
                    let is_group =
                        |number: &String| number.parse().is_ok_and(|n: usize| n <= groups);
                    if !longer.as_ref().is_some_and(is_group) {
                        break;
                    }
                }
                output.push_str(&format!("${{{number}}}"));
            }
            '$' if rest.peek() == Some(&'{') => output.push('$'),
            '$' => output.push_str("$$"),
            other => output.push(other),
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_reads_rust_reads_alike() {
        for (pattern, text, found) in [
            (r"\<(?<a_b>[^>]+)\>", "x<y>", "<y>"),
            (r"{(?<x>\d+)}", "a{12}", "{12}"),
            (r"a{2}", "aaa", "aa"),
            (r"[[\d]+", "1[2", "1[2"),
            (r"[^[]+", "ab[c", "ab"),
            (r"[[:alpha:]_]+", "ab_1", "ab_"),
            (r"\Qa.b\E+", "a.bb", "a.bb"),
            (r"[\w.-]+@", "x a-b.c@d", "a-b.c@"),
            (r"(?<x-y>a)", "a", "a"),
            (r"\bfoo\b", "a foo", "foo"),
            (r"\d", "٣4", "4"),
        ] {
            let translated = translate(pattern);
            let regex = regex::Regex::new(&translated)
                .unwrap_or_else(|error| panic!("{pattern} {translated}: {error}"));
            let matched = regex.find(text).map(|found| found.as_str());
            assert_eq!(matched, Some(found), "{pattern} {translated}");
        }
    }

    #[test]
    fn replacements_name_groups_by_number() {
        assert_eq!(translate_replacement("$1a${b}$", 1), "${1}a${b}$$");
        assert_eq!(translate_replacement(r"\$1 $12", 1), "$$1 ${1}2");
    }
}
