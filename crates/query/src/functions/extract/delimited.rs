//! `csv` and `split`: the pieces of a text between delimiters.

use super::{Extract, Part};

/// Which pieces are wanted, and what separates them.
#[derive(Debug)]
pub(crate) struct Delimited {
    delimiter: char,
    escape: char,
    quote: char,
    /// The pieces that are wanted, from 0.
    places: Vec<usize>,
}

impl Delimited {
    /// Reads the constants of a call: delimiter, escape, quote, places from 1.
    pub(crate) fn new(constants: &[String]) -> Option<Self> {
        let (characters, places) = constants.split_at_checked(3)?;
        let mut characters = characters.iter().map(|text| text.chars().next());
        let places = places
            .iter()
            .map(|place| place.parse::<usize>().ok()?.checked_sub(1));
        Some(Delimited {
            delimiter: characters.next()??,
            escape: characters.next()??,
            quote: characters.next()??,
            places: places.collect::<Option<_>>()?,
        })
    }

    fn piece(&self, raw: &str) -> String {
        let mut piece = String::with_capacity(raw.len());
        let mut rest = raw.chars().peekable();
        let mut is_quoted = false;
        while let Some(character) = rest.next() {
            if character == self.quote {
                // Two quotes inside quotes are one.
                if is_quoted && rest.next_if_eq(&self.quote).is_some() {
                    piece.push(character);
                } else {
                    is_quoted = !is_quoted;
                }
            } else if character == self.escape
                && rest
                    .peek()
                    .is_some_and(|next| [self.quote, self.delimiter, self.escape].contains(next))
            {
                piece.extend(rest.next());
            } else {
                piece.push(character);
            }
        }
        piece
    }
}

impl Extract for Delimited {
    fn parts(&self) -> usize {
        self.places.len()
    }

    fn extract<'a>(&mut self, text: &'a str, parts: &mut [Part<'a>]) -> bool {
        let mut piece = 0;
        let mut start = 0;
        let (mut is_quoted, mut is_escaped) = (false, false);
        let mut take = |piece: usize, raw: &'a str| {
            for (place, part) in self.places.iter().zip(parts.iter_mut()) {
                if *place == piece {
                    let raw = raw.trim();
                    *part = if raw.contains([self.quote, self.escape]) {
                        Part::Owned(self.piece(raw))
                    } else {
                        Part::Text(raw)
                    };
                }
            }
        };
        for (index, character) in text.char_indices() {
            if is_escaped {
                is_escaped = false;
            } else if character == self.escape && self.escape != self.quote {
                is_escaped = true;
            } else if character == self.quote {
                is_quoted = !is_quoted;
            } else if character == self.delimiter && !is_quoted {
                take(piece, text.get(start..index).unwrap_or_default());
                piece += 1;
                start = index + character.len_utf8();
            }
        }
        take(piece, text.get(start..).unwrap_or_default());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_escapes_hold_delimiters() {
        let constants = [",", "\\", "\"", "1", "2", "3", "4"].map(str::to_owned);
        let mut pieces = Delimited::new(&constants).unwrap();
        let mut parts = vec![Part::Nothing; 4];
        let text = r#"a, "b,""c""" ,d\,e"#;
        assert!(pieces.extract(text, &mut parts));
        let expected = [
            Part::Text("a"),
            Part::Owned("b,\"c\"".to_owned()),
            Part::Owned("d,e".to_owned()),
            Part::Nothing,
        ];
        assert_eq!(parts, expected);
    }
}
