//! A text that rows must hold, and what follows from it for their tokens.

use super::tokens::{Kind, RUN_BYTES_MIN, Token, WORD_BYTES_MAX, each_token, fold, token_key};

/// A text that must stand in a row, in any case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Literal {
    folded: String,
    /// No letter, digit or `_` stands before it.
    pub begins_word: bool,
    /// No letter, digit or `_` stands behind it.
    pub ends_word: bool,
}

/// What a row with a literal must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Clue {
    /// This term.
    Term(String),
    /// A term that holds this; at its beginning or its end, if that is known.
    Part {
        text: String,
        is_prefix: bool,
        is_suffix: bool,
    },
    /// A token with this key.
    Id(u64),
    /// A name with its `=`, or one that ends so.
    Name { text: String, is_suffix: bool },
}

impl Literal {
    /// Returns the literal `text`; the flags say whether it is known that nothing of a word
    /// stands right before it and right behind it.
    pub fn new(text: &str, begins_word: bool, ends_word: bool) -> Self {
        Literal {
            folded: fold(text),
            begins_word,
            ends_word,
        }
    }

    /// The text, folded.
    pub fn text(&self) -> &str {
        &self.folded
    }

    /// Whether an index can tell anything about it.
    pub fn is_useful(&self) -> bool {
        !self.clues(false).is_empty()
    }

    /// What a row must hold in which the literal stands; `in_json` if it stands in a value inside
    /// JSON, where some tokens may be written in other ways.
    pub(super) fn clues(&self, in_json: bool) -> Vec<Clue> {
        let mut clues = Vec::new();
        each_token(self.folded.as_bytes(), |token| {
            let end = token.start + token.bytes.len();
            let is_open_left = token.start == 0 && !self.begins_word;
            let is_open_right = end == self.folded.len() && !self.ends_word;
            if !(in_json && is_written_otherwise(token)) {
                add(&mut clues, token, is_open_left, is_open_right, &self.folded);
            }
            // JSON may escape the sign.
            if let Some(name) = token.name(self.folded.as_bytes()).filter(|_| !in_json) {
                clues.push(Clue::Name {
                    text: String::from_utf8_lossy(name).into_owned(),
                    is_suffix: is_open_left && name.len() > token.bytes.len(),
                });
            }
        });
        clues.dedup();
        clues
    }
}

/// Whether JSON may write a token in other ways: numbers, and characters beyond ASCII.
fn is_written_otherwise(token: Token<'_>) -> bool {
    let is_numeric = |byte: &u8| byte.is_ascii_digit() || *byte == b'e';
    !token.is_ascii || token.bytes.iter().all(is_numeric)
}

fn add(
    clues: &mut Vec<Clue>,
    token: Token<'_>,
    is_open_left: bool,
    is_open_right: bool,
    literal: &str,
) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !token.is_ascii {
        // Boundaries are known of ASCII only: behind the known end of this run, characters may
        // follow that patterns take for separators and the index takes for letters.
        let is_edge = token.start == 0 || token.start + token.bytes.len() == literal.len();
        if token.bytes.len() <= WORD_BYTES_MAX {
            clues.push(if is_edge {
                Clue::Part {
                    text: text(token.bytes),
                    is_prefix: false,
                    is_suffix: false,
                }
            } else {
                Clue::Term(text(token.bytes))
            });
        }
        return;
    }
    if !is_open_left && !is_open_right {
        match token.kind() {
            Kind::Word => clues.push(Clue::Term(text(token.bytes))),
            Kind::Id => clues.push(Clue::Id(token_key(token.bytes))),
            Kind::Other => add_runs(clues, token, false, false),
        }
        return;
    }
    add_runs(clues, token, is_open_left, is_open_right);
}

/// The letters of a token that may be part of a longer one.
fn add_runs(clues: &mut Vec<Clue>, token: Token<'_>, is_open_left: bool, is_open_right: bool) {
    for (start, run) in token.runs() {
        if run.len() < RUN_BYTES_MIN || run.len() > WORD_BYTES_MAX {
            continue;
        }
        let is_open_left = is_open_left && start == 0;
        let is_open_right = is_open_right && start + run.len() == token.bytes.len();
        let text = String::from_utf8_lossy(run).into_owned();
        clues.push(if is_open_left || is_open_right {
            Clue::Part {
                text,
                is_prefix: !is_open_left,
                is_suffix: !is_open_right,
            }
        } else {
            Clue::Term(text)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str, is_prefix: bool, is_suffix: bool) -> Clue {
        Clue::Part {
            text: text.to_owned(),
            is_prefix,
            is_suffix,
        }
    }

    fn term(text: &str) -> Clue {
        Clue::Term(text.to_owned())
    }

    #[test]
    fn whole_words_are_terms_and_edges_are_parts() {
        let clues = |text, begins, ends| Literal::new(text, begins, ends).clues(false);
        let whole = [term("task"), term("timed"), term("out")];
        assert_eq!(clues("Task timed out", true, true), whole);
        let open = [
            part("task", false, true),
            term("timed"),
            part("out", true, false),
        ];
        assert_eq!(clues("Task timed out", false, false), open);
        assert_eq!(
            clues("onnectionTime", false, false),
            [part("onnectiontime", false, false)]
        );
        assert_eq!(clues("Time", true, false), [part("time", true, false)]);
    }

    #[test]
    fn ids_are_keys_and_their_edges_are_runs() {
        let clues = |text, begins, ends| Literal::new(text, begins, ends).clues(false);
        assert_eq!(
            clues("a1b2c3", true, true),
            [Clue::Id(token_key(b"a1b2c3"))]
        );
        assert_eq!(
            clues("1timeout2abc", false, false),
            [term("timeout"), part("abc", true, false)]
        );
        let name = |text: &str, is_suffix| Clue::Name {
            text: text.to_owned(),
            is_suffix,
        };
        assert_eq!(
            clues("status=5", false, false),
            [part("status", false, true), name("status=", true)]
        );
        assert_eq!(
            clues("=1 a2user=", false, false),
            [Clue::Id(token_key(b"a2user")), name("user=", false)]
        );
        assert_eq!(clues("500", true, true), []);
        assert!(!Literal::new("=5", false, false).is_useful());
    }

    #[test]
    fn the_edges_of_text_beyond_ascii_are_never_known() {
        let clues = Literal::new("über alles", true, true).clues(false);
        assert_eq!(clues, [part("ü", false, false), term("ber"), term("alles")]);
    }
}
