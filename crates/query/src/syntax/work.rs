//! Counts the bytes that reading looks at or copies, so that tests can hold them against the text's length.

#[cfg(test)]
thread_local! {
    static BYTES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Says that so many bytes were looked at or copied; outside of tests it is nothing.
#[inline]
pub(super) fn note(bytes: usize) {
    #[cfg(test)]
    BYTES.set(BYTES.get() + bytes);
    #[cfg(not(test))]
    let _ = bytes;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::tokens::Tokens;
    use crate::syntax::{expression, lexer, pipeline, scope};

    const TEXT_BYTES: usize = 1 << 16;
    /// A byte is looked at by the cutter, by the lexer and by what looks ahead for one of them.
    const LOOKS_MAX: usize = 8;

    /// What reading `text` looks at, from the first byte to the last expression.
    fn work_of(text: &str) -> usize {
        let before = BYTES.get();
        let mut found = Vec::new();
        let pieces = pipeline::cut(text);
        scope::parse(&pieces.text, pieces.scope.clone(), &mut found);
        for stage in &pieces.stages {
            let words = lexer::lex(&pieces.text, stage.clone(), &mut found);
            let mut tokens = Tokens::new(words, stage.end);
            while !tokens.is_done() {
                if expression::parse(&mut tokens).is_err() {
                    tokens.depth = 0;
                    drop(tokens.name());
                    tokens.next();
                }
            }
        }
        BYTES.get() - before
    }

    #[test]
    fn reading_takes_work_by_the_length_of_the_text() {
        for part in [
            "(",
            "((a)",
            ")",
            "!",
            "a or ",
            "a=1 or ",
            "a,",
            "[",
            "[ ",
            "[subquery:",
            "[subquery:]",
            "=<",
            "<",
            "{{",
            "{{a",
            "{{a}}",
            "}}",
            "\"",
            "\"a",
            "'",
            "%",
            "%[",
            "%1",
            "1.",
            "..",
            "-",
            "a-",
            "a-b-",
            "/",
            "(/",
            "(\\/",
            ",/",
            "/*",
            "// ",
            "matches /",
            "matches \\/",
            "a://",
            "\\",
            "\u{e9}",
            "#",
            "if(",
            "if(a,",
            "in (",
            "not ",
            "- ",
            "+1",
            "*a",
            "?",
            "a?1:",
            "&&",
            "||",
            "\n",
            "(   ",
            "x /",
            "join (",
            "filter a in (",
            "|",
            "| a ",
        ] {
            for text in [
                part.repeat(TEXT_BYTES / part.len()),
                format!("* | where {}", part.repeat(TEXT_BYTES / part.len())),
                format!("* | {}(", " ".repeat(TEXT_BYTES / 2))
                    + &part.repeat(TEXT_BYTES / 2 / part.len()),
                format!("* | join (a) {}", part.repeat(TEXT_BYTES / part.len())),
            ] {
                let looks = work_of(&text) / text.len();
                assert!(
                    looks <= LOOKS_MAX,
                    "{part:?}: each byte is looked at {looks} times"
                );
            }
        }
    }
}
