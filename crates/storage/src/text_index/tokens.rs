//! How text is cut into tokens: the one definition that building and asking the index share.
//!
//! Text is folded first, so that upper and lower case are the same. Then runs of letters, digits
//! and `_` are tokens, and so are runs of characters beyond ASCII; everything else separates.
//! The two kinds of run are kept apart because a word boundary of a pattern may lie between
//! them.
//!
//! Any change here changes which rows an index finds: raise [`TOKENS_VERSION`] with it. An index
//! of another version is not used.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// The version of these rules, written into every index.
pub(super) const TOKENS_VERSION: u32 = 1;
/// Longer words are not indexed; a page that holds one is a candidate for every text.
pub(super) const WORD_BYTES_MAX: usize = 256;
/// Tokens with digits count as ids from this length on.
const ID_BYTES_MIN: usize = 5;
/// Tokens with digits that begin with a letter count as words up to this length, as `s3`.
const NUMBERED_WORD_BYTES_MAX: usize = 3;
/// Runs of letters inside ids are indexed from this length on.
pub(super) const RUN_BYTES_MIN: usize = 3;

/// What a byte of folded text is, one bit each.
const SEPARATOR: u8 = 1;
const LETTER: u8 = 2;
const DIGIT: u8 = 4;
const BEYOND: u8 = 8;

static CLASSES: [u8; 256] = {
    let mut classes = [SEPARATOR; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => LETTER,
            128..=255 => BEYOND,
            _ => SEPARATOR,
        };
        byte += 1;
    }
    classes
};

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A term of the dictionary.
    Word,
    /// A key of the page's bloom filter.
    Id,
    /// Not indexed: too short to be an id, or too long to be a word.
    Other,
}

/// A token of folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) bytes: &'a [u8],
    /// Where it begins in the text.
    pub(super) start: usize,
    pub(super) has_digit: bool,
    pub(super) has_letter: bool,
    pub(super) is_ascii: bool,
}

/// What an escape of JSON right before the rest of a token stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape<'a> {
    /// There is none.
    None,
    /// A character that separates, or one beyond ASCII; the token that JSON means is this rest.
    Separator(&'a [u8]),
    /// A letter or digit: the token that JSON means stands nowhere as it is.
    Letter,
}

impl<'a> Token<'a> {
    /// Returns what the token begins with, if it stands behind a backslash of `folded`. JSON
    /// writes a line break as `\n`, which would hide the first word of the line.
    pub(super) fn behind_escape(&self, folded: &[u8]) -> Escape<'a> {
        let before = self
            .start
            .checked_sub(1)
            .and_then(|before| folded.get(before));
        match (before, self.bytes) {
            (Some(b'\\'), [b'n' | b'r' | b't' | b'b' | b'f', rest @ ..]) => Escape::Separator(rest),
            (Some(b'\\'), [b'u', a, b, c, d, rest @ ..]) => {
                let digits = [a, b, c, d].map(|digit| char::from(*digit).to_digit(16));
                let code = digits
                    .into_iter()
                    .try_fold(0, |code, digit| digit.map(|digit| code * 16 + digit));
                match code.and_then(char::from_u32).map(fold_char) {
                    Some(meant) if meant.is_ascii_alphanumeric() || meant == '_' => Escape::Letter,
                    _ => Escape::Separator(rest),
                }
            }
            _ => Escape::None,
        }
    }

    pub(super) fn kind(&self) -> Kind {
        let length = self.bytes.len();
        if !self.has_digit {
            return if length <= WORD_BYTES_MAX {
                Kind::Word
            } else {
                Kind::Other
            };
        }
        let begins_with_digit = CLASSES[self.bytes[0] as usize] == DIGIT;
        if length >= ID_BYTES_MIN {
            Kind::Id
        } else if !begins_with_digit && length <= NUMBERED_WORD_BYTES_MAX {
            Kind::Word
        } else {
            Kind::Other
        }
    }

    /// Whether the index cannot hold it, so that its page must always be looked at.
    pub(super) fn is_unindexable(&self) -> bool {
        if !self.has_digit {
            return self.bytes.len() > WORD_BYTES_MAX;
        }
        self.bytes.len() > WORD_BYTES_MAX && self.runs().any(|(_, run)| run.len() > WORD_BYTES_MAX)
    }

    /// The letters at its end and the `=` behind them, if one follows in the text it was cut from:
    /// the name of a value, as in `status=500`. JSON writes names in another way.
    pub(super) fn name(&self, text: &'a [u8]) -> Option<&'a [u8]> {
        let end = self.start + self.bytes.len();
        if !self.is_ascii || text.get(end) != Some(&b'=') {
            return None;
        }
        let is_letter = |byte: &&u8| CLASSES[**byte as usize] != DIGIT;
        let letters = self.bytes.iter().rev().take_while(is_letter).count();
        let is_indexed = (RUN_BYTES_MIN..=WORD_BYTES_MAX).contains(&letters);
        is_indexed.then(|| &text[end - letters..=end])
    }

    /// The runs of letters in it, each with its place in the token.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        let mut place = 0;
        std::iter::from_fn(move || {
            while place < bytes.len() && CLASSES[bytes[place] as usize] == DIGIT {
                place += 1;
            }
            let start = place;
            while place < bytes.len() && CLASSES[bytes[place] as usize] != DIGIT {
                place += 1;
            }
            (place > start).then(|| (start, &bytes[start..place]))
        })
    }
}

/// Calls `each` with every token of folded text.
pub(super) fn each_token<'a>(folded: &'a [u8], mut each: impl FnMut(Token<'a>)) {
    let mut place = 0;
    loop {
        let blanks = folded[place..].iter();
        place += blanks
            .take_while(|byte| CLASSES[**byte as usize] == SEPARATOR)
            .count();
        let Some(first) = folded.get(place) else {
            return;
        };
        let start = place;
        let is_ascii = *first < 128;
        let end = if is_ascii {
            SEPARATOR | BEYOND
        } else {
            SEPARATOR | LETTER | DIGIT
        };
        let mut classes = 0;
        for byte in &folded[start..] {
            let class = CLASSES[*byte as usize];
            if class & end != 0 {
                break;
            }
            classes |= class;
            place += 1;
        }
        each(Token {
            bytes: &folded[start..place],
            start,
            has_digit: classes & DIGIT != 0,
            has_letter: classes & LETTER != 0,
            is_ascii,
        });
    }
}

/// Writes `text` folded into `folded`, replacing what was there.
///
/// Returns false if a character beyond ASCII folds to one inside it (the Kelvin sign, the long
/// s): such text reads differently to patterns that count it as a letter and those that do not,
/// so the index does not speak for it.
pub(super) fn fold_into(text: &str, folded: &mut Vec<u8>) -> bool {
    folded.clear();
    if text.is_ascii() {
        folded.extend_from_slice(text.as_bytes());
        folded.make_ascii_lowercase();
        return true;
    }
    let mut is_plain = true;
    let mut buffer = [0; 4];
    for character in text.chars() {
        let low = fold_char(character);
        is_plain &= character.is_ascii() || !low.is_ascii();
        folded.extend_from_slice(low.encode_utf8(&mut buffer).as_bytes());
    }
    is_plain
}

/// Returns `text` folded.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// One character for all that patterns take as equal when they ignore case. Folding may join
/// more than they do; it must never join less.
fn fold_char(character: char) -> char {
    match character {
        '\0'..'\u{80}' => character.to_ascii_lowercase(),
        // Alike, but in no case of each other.
        '\u{1fd3}' => '\u{390}',
        '\u{1fe3}' => '\u{3b0}',
        '\u{fb05}' => '\u{fb06}',
        _ => single(single(character, char::to_uppercase), char::to_lowercase),
    }
}

/// The one character that a mapping gives; characters that become several stay as they are.
fn single<I: Iterator<Item = char>>(character: char, map: fn(char) -> I) -> char {
    let mut mapped = map(character);
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => character,
    }
}

/// The key of a token.
pub(super) fn token_key(token: &[u8]) -> u64 {
    xxh3_64(token)
}

/// The key of a folded value of a column.
pub(super) fn value_key(column: usize, value: &[u8]) -> u64 {
    xxh3_64_with_seed(value, column as u64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<(String, Kind)> {
        let mut folded = Vec::new();
        fold_into(text, &mut folded);
        let mut found = Vec::new();
        each_token(&folded, |token| {
            let text = String::from_utf8(token.bytes.to_vec()).unwrap();
            found.push((text, token.kind()));
        });
        found
    }

    #[test]
    fn tokens_are_words_ids_and_the_rest() {
        let expected = [
            ("task", Kind::Word),
            ("timed_out", Kind::Word),
            ("s3", Kind::Word),
            ("a1b2c3", Kind::Id),
            ("2026", Kind::Other),
            ("é", Kind::Word),
            ("tage", Kind::Word),
        ];
        let expected: Vec<_> = expected.map(|(text, kind)| (text.to_owned(), kind)).into();
        assert_eq!(tokens("Task timed_OUT, s3=A1b2C3 2026/Étage"), expected);
    }

    #[test]
    fn runs_are_the_letters_of_an_id() {
        let mut runs = Vec::new();
        each_token(b"connectiontimeout2ab", |token| {
            runs.extend(token.runs().map(|(start, run)| (start, run.to_vec())));
        });
        let expected = vec![(0, b"connectiontimeout".to_vec()), (18, b"ab".to_vec())];
        assert_eq!(runs, expected);
    }

    #[test]
    fn names_are_letters_before_an_equals_sign() {
        let mut names = Vec::new();
        let folded = b"status=500 a1user=x id=7 \"path\":5 e2e= http_code =5";
        each_token(folded, |token| names.extend(token.name(folded)));
        assert_eq!(names, [b"status=".as_slice(), b"user="]);
    }

    #[test]
    fn escapes_hide_no_word() {
        let mut found = Vec::new();
        let folded = br#""a\nerror\u003chtml\u0061b\ud83dx"#;
        each_token(folded, |token| found.push(token.behind_escape(folded)));
        let expected = [
            Escape::None,
            Escape::Separator(b"error"),
            Escape::Separator(b"html"),
            Escape::Letter,
            Escape::Separator(b"x"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn text_that_folds_into_ascii_is_not_spoken_for() {
        let mut folded = Vec::new();
        assert!(fold_into("Straße ÄÖ", &mut folded));
        assert_eq!(folded, "straße äö".as_bytes());
        assert!(!fold_into("5 \u{212a}", &mut folded));
        assert!(!fold_into("\u{17f}tatus", &mut folded));
    }

    /// Patterns ignore case by Unicode's simple folding; whatever they take as equal must fold
    /// to the same character.
    #[test]
    fn folding_joins_whatever_patterns_take_as_equal() {
        let cased: String = ('\u{80}'..=char::MAX)
            .chain('\0'..'\u{80}')
            .filter(|&c| c.to_lowercase().ne([c]) || c.to_uppercase().ne([c]))
            .collect();
        for character in cased.chars() {
            let pattern = format!("(?i){}", regex::escape(&character.to_string()));
            let pattern = regex::Regex::new(&pattern).unwrap();
            for found in pattern.find_iter(&cased) {
                let other = found.as_str().chars().next().unwrap();
                assert_eq!(
                    fold_char(other),
                    fold_char(character),
                    "{other} {character}"
                );
            }
        }
    }
}
