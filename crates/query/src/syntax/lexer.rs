//! The words of a stage, with their positions.

use std::ops::Range;

use super::pipeline::subquery_length;
use super::{Diagnostic, work};

/// One word of a stage.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Range<usize>,
}

/// What a word is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum TokenKind {
    /// A name: `status`, `_raw`, `a.b`; in metrics queries also a row: `#A`.
    Word(String),
    /// A name in `%"…"`.
    Quoted(String),
    /// A text in `"…"`: as written (escapes kept) and as meant.
    Text { raw: String, value: String },
    /// A number; with a unit it is a size or a number of milliseconds.
    Number {
        value: f64,
        text: String,
        is_time: bool,
    },
    /// A pattern in `/…/`.
    Pattern(String),
    /// A `{{parameter}}` without a value.
    Parameter(String),
    /// A whole `[subquery: …]`; what it says is read from its place in the text.
    Subquery,
    /// Punctuation.
    Symbol(&'static str),
}

const SYMBOLS: [&str; 25] = [
    "==", "!=", "<>", "<=", ">=", "&&", "||", "|", "=", "<", ">", "!", "(", ")", "[", "]", ",",
    "+", "-", "*", "/", "%", "?", ":", "$",
];

/// Reads the words of `text[range]`.
pub(crate) fn lex(
    text: &str,
    range: Range<usize>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut outlook = Outlook::over(text, &range);
    let mut position = range.start;
    while let Some(rest) = text.get(position..range.end) {
        let Some(first) = rest.chars().next() else {
            break;
        };
        if first.is_whitespace() {
            position += first.len_utf8();
            continue;
        }
        let read = special(rest, position, &tokens, &mut outlook).or_else(|| word(rest));
        let Some((kind, length)) = read else {
            // Of `10.0.0.1` all is wrong, and not each digit.
            let length = number_length(rest).max(first.len_utf8());
            let span = position..position + length;
            let wrong = text.get(span.clone()).unwrap_or_default();
            let message = format!("`{wrong}` means nothing here");
            diagnostics.push(Diagnostic::error(span.clone(), message));
            position = span.end;
            continue;
        };
        work::note(length);
        tokens.push(Token {
            kind,
            span: position..position + length,
        });
        position += length;
    }
    tokens
}

/// What is known of the text that is still to be read: what was looked for in vain is not looked
/// for again, so that no text takes more time than its length.
struct Outlook {
    /// Behind it no `{{parameter}}` begins.
    last_parameter: usize,
    /// Before it no `/pattern/` begins.
    next_pattern: usize,
}

impl Outlook {
    fn over(text: &str, range: &Range<usize>) -> Outlook {
        let last = text.get(range.clone()).and_then(|text| text.rfind("}}"));
        Outlook {
            last_parameter: last.map_or(range.start, |last| range.start + last),
            next_pattern: range.start,
        }
    }
}

/// A word that is more than its letters, or that depends on where it stands.
fn special(
    rest: &str,
    position: usize,
    before: &[Token],
    outlook: &mut Outlook,
) -> Option<(TokenKind, usize)> {
    if rest.starts_with("{{") && position < outlook.last_parameter {
        return parameter(rest);
    }
    let last = before.last();
    if rest.starts_with('/') && position >= outlook.next_pattern {
        let opens = match last.map(|token| &token.kind) {
            Some(TokenKind::Word(word)) => word.eq_ignore_ascii_case("matches"),
            Some(TokenKind::Symbol(symbol)) => matches!(*symbol, "(" | ","),
            _ => false,
        };
        if !opens {
            return None;
        }
        let found = pattern(rest);
        if found.is_none() {
            let length = rest.find('\n').unwrap_or(rest.len());
            work::note(length);
            outlook.next_pattern = position + length;
        }
        return found;
    }
    // `a%b` and `a % b` divide, ` %b` is a name.
    let is_glued = last.is_some_and(|token| {
        let opens = matches!(token.kind, TokenKind::Symbol(symbol) if symbol != ")");
        token.span.end == position && !opens
    });
    let percent_name = (!is_glued).then(|| percent_name(rest)).flatten();
    let special = percent_name.or_else(|| Some((TokenKind::Subquery, subquery_length(rest)?)));
    special.or_else(|| address(rest))
}

fn word(rest: &str) -> Option<(TokenKind, usize)> {
    let first = rest.chars().next()?;
    if first == '"' {
        let (raw, length) = quoted(rest);
        let value = unescape(&raw);
        return Some((TokenKind::Text { raw, value }, length));
    }
    if first == '\'' {
        return single_quoted(rest);
    }
    if rest.starts_with("%\"") {
        let (raw, length) = quoted(rest.get(1..)?);
        return Some((TokenKind::Quoted(unescape(&raw)), length + 1));
    }
    if first.is_ascii_digit() || first == '.' {
        return number(rest);
    }
    if first.is_alphabetic() || matches!(first, '_' | '#') {
        return Some(name(rest));
    }
    SYMBOLS
        .iter()
        .find(|symbol| rest.starts_with(**symbol))
        .map(|symbol| (TokenKind::Symbol(symbol), symbol.len()))
}

/// `scheme://place` or `scheme://"place"`, as one word without quotes.
fn address(rest: &str) -> Option<(TokenKind, usize)> {
    let scheme = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let place = rest.get(scheme..)?.strip_prefix("://")?;
    let start = scheme + "://".len();
    let length = match place.starts_with('"') {
        true => quoted(place).1,
        false => place
            .find(|c: char| c.is_whitespace() || matches!(c, ',' | ')' | '|'))
            .unwrap_or(place.len()),
    };
    let text = rest.get(..start + length)?.replace('"', "");
    (scheme > 0).then_some((TokenKind::Word(text), start + length))
}

fn parameter(rest: &str) -> Option<(TokenKind, usize)> {
    let end = rest.find("}}")?;
    let mut length = end + 2;
    while rest.get(length..)?.starts_with('}') {
        length += 1;
    }
    let name = rest.get(2..end)?.trim_matches(['{', ' ']).to_owned();
    // What is glued to a parameter belongs to it: `{{unit}}_total`.
    length += rest
        .get(length..)?
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    Some((TokenKind::Parameter(name), length))
}

/// A name such as `%items[0].id`.
fn percent_name(rest: &str) -> Option<(TokenKind, usize)> {
    let name = rest.strip_prefix('%')?;
    let belongs =
        |next: char| next.is_alphanumeric() || matches!(next, '_' | '.' | '[' | ']' | '-');
    let end = name.find(|next| !belongs(next)).unwrap_or(name.len());
    let name = name.get(..end)?.trim_end_matches(['.', '-']);
    let is_name = name.starts_with(|first: char| first.is_alphabetic() || first == '_');
    is_name.then(|| (TokenKind::Quoted(name.to_owned()), name.len() + 1))
}

/// A text in `'…'`: delimiters are written so.
fn single_quoted(rest: &str) -> Option<(TokenKind, usize)> {
    let inner = rest.get(1..)?;
    let skipped = usize::from(inner.starts_with('\\')) + 1;
    let end = inner
        .char_indices()
        .skip(skipped)
        .find(|(_, character)| *character == '\'')
        .map(|(index, _)| index)?;
    let raw = inner.get(..end)?;
    let value = raw.strip_prefix('\\').filter(|_| raw.chars().count() == 2);
    let value = match value {
        Some("t" | "n" | "r") | None => unescape(raw),
        Some(character) => character.to_owned(),
    };
    Some((
        TokenKind::Text {
            raw: raw.to_owned(),
            value,
        },
        end + 2,
    ))
}

fn quoted(rest: &str) -> (String, usize) {
    let mut is_escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return (rest.get(1..index).unwrap_or_default().to_owned(), index + 1),
            _ => {}
        }
    }
    (rest.get(1..).unwrap_or_default().to_owned(), rest.len())
}

/// Resolves `\"`, `\\`, `\n`, `\r` and `\t`; any other backslash stays.
pub(crate) fn unescape(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut characters = raw.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            value.push(character);
            continue;
        }
        match characters.next() {
            Some('n') => value.push('\n'),
            Some('r') => value.push('\r'),
            Some('t') => value.push('\t'),
            Some(other @ ('"' | '\\')) => value.push(other),
            Some(other) => value.extend(['\\', other]),
            None => value.push('\\'),
        }
    }
    value
}

fn pattern(rest: &str) -> Option<(TokenKind, usize)> {
    let mut is_escaped = false;
    for (index, character) in rest.char_indices().skip(1) {
        match character {
            '\n' => return None,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '/' => {
                let pattern = rest.get(1..index)?.replace("\\/", "/");
                return Some((TokenKind::Pattern(pattern), index + 1));
            }
            _ => {}
        }
    }
    None
}

/// How far `rest` begins with digits and dots.
fn number_length(rest: &str) -> usize {
    let belongs = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let length = rest.bytes().take_while(belongs).count();
    work::note(length);
    length
}

fn number(rest: &str) -> Option<(TokenKind, usize)> {
    let digits = number_length(rest);
    let mut length = digits;
    let tail = rest.get(digits..)?;
    if tail.starts_with(['e', 'E']) {
        let sign = usize::from(tail.get(1..)?.starts_with(['+', '-']));
        let exponent = tail
            .get(1 + sign..)?
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        if exponent > 0 {
            length += 1 + sign + exponent;
        }
    }
    let text = rest.get(..length)?;
    let value: f64 = text.parse().ok()?;
    let unit_length = rest
        .get(length..)?
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        .count();
    let unit = rest.get(length..length + unit_length)?;
    if unit.is_empty() {
        return Some((
            TokenKind::Number {
                value,
                text: text.to_owned(),
                is_time: false,
            },
            length,
        ));
    }
    let Some((factor, is_time)) = unit_factor(unit) else {
        return Some((
            TokenKind::Word(rest.get(..length + unit_length)?.to_owned()),
            length + unit_length,
        ));
    };
    let text = rest.get(..length + unit_length)?.to_owned();
    Some((
        TokenKind::Number {
            value: value * factor,
            text,
            is_time,
        },
        length + unit_length,
    ))
}

/// What a unit multiplies with: sizes as they are, times in milliseconds.
pub(crate) fn unit_factor(unit: &str) -> Option<(f64, bool)> {
    Some(match unit {
        "K" | "k" => (1e3, false),
        "M" => (1e6, false),
        "G" | "B" => (1e9, false),
        "T" => (1e12, false),
        "P" => (1e15, false),
        "Ki" => (1024.0, false),
        "Mi" => (1_048_576.0, false),
        "Gi" => (1_073_741_824.0, false),
        "Ti" => (1_099_511_627_776.0, false),
        "Pi" => (1_125_899_906_842_624.0, false),
        "ns" => (1e-6, true),
        "us" => (1e-3, true),
        "ms" => (1.0, true),
        "s" => (1e3, true),
        "m" => (6e4, true),
        "h" => (3.6e6, true),
        "d" => (8.64e7, true),
        "w" => (6.048e8, true),
        _ => return None,
    })
}

fn name(rest: &str) -> (TokenKind, usize) {
    let mut length = 0;
    for (index, character) in rest.char_indices() {
        let next = rest
            .get(index + character.len_utf8()..)
            .and_then(|tail| tail.chars().next());
        let goes_on = next.is_some_and(|next| next.is_alphanumeric() || next == '_');
        let belongs = (index == 0 && character == '#')
            || character.is_alphanumeric()
            || character == '_'
            || (matches!(character, '.' | '-') && goes_on && character != '-');
        if !belongs {
            break;
        }
        length = index + character.len_utf8();
    }
    (
        TokenKind::Word(rest.get(..length).unwrap_or_default().to_owned()),
        length,
    )
}
