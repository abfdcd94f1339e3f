//! Gives tantivy the words of a page, which are cut already: one a line.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer};

/// Behind every word; no word has it.
pub(super) const END: char = '\n';

/// Makes a token of every line.
#[derive(Clone, Debug, Default)]
pub(super) struct Words(Token);

impl Tokenizer for Words {
    type TokenStream<'a> = Stream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Stream<'a> {
        self.0.reset();
        Stream {
            rest: text,
            token: &mut self.0,
        }
    }
}

/// The words of one page.
#[derive(Debug)]
pub(super) struct Stream<'a> {
    rest: &'a str,
    token: &'a mut Token,
}

impl TokenStream for Stream<'_> {
    fn advance(&mut self) -> bool {
        let Some((word, rest)) = self.rest.split_once(END) else {
            return false;
        };
        self.token.text.clear();
        self.token.text.push_str(word);
        self.token.position = self.token.position.wrapping_add(1);
        self.rest = rest;
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_a_word() {
        let mut words = Words::default();
        let mut found = Vec::new();
        for text in ["error\ntimed_out\n", "", "é\n"] {
            let mut stream = words.token_stream(text);
            while stream.advance() {
                let token = stream.token();
                found.push((token.position, token.text.clone()));
            }
        }
        let word = |position, text: &str| (position, text.to_owned());
        assert_eq!(
            found,
            [word(0, "error"), word(1, "timed_out"), word(0, "é")]
        );
    }
}
