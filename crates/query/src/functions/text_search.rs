//! Words and phrases of the scope, and globs, as patterns.

use super::kernels::Run;

/// `text_match(pattern, text)`: the pattern is one of [`phrase_pattern`].
pub(crate) const MATCH: Run = Run::Match;

/// `glob_match(text, glob)`: whole text, case-sensitive.
pub(crate) const GLOB: Run = Run::Test(|row, matchers| {
    let [Some(text), Some(glob)] = row else {
        return None;
    };
    Some(matchers.glob(glob)?.is_match(text))
});

/// The pattern of a glob.
pub(crate) fn glob_pattern(glob: &str, ignores_case: bool) -> String {
    let inner: String = glob
        .split('*')
        .map(regex::escape)
        .collect::<Vec<_>>()
        .join(".*");
    format!(
        "(?s{}){}",
        if ignores_case { "i" } else { "" },
        format_args!("^{inner}$")
    )
}

/// The pattern of a field value in the scope: any case, `*` and `?`.
pub(crate) fn value_pattern(value: &str) -> String {
    glob_pattern(value, true).replace("\\?", ".")
}

/// The pattern of a word or phrase: any case, whole terms, white space normalised.
pub(crate) fn phrase_pattern(phrase: &str) -> String {
    let words: Vec<&str> = phrase.split_whitespace().collect();
    let is_word = |character: Option<char>| {
        character.is_some_and(|character| character.is_alphanumeric() || character == '_')
    };
    let mut pattern = String::from("(?i)");
    if is_word(phrase.trim().chars().next()) {
        pattern.push_str("(?-u:\\b)");
    }
    for (index, word) in words.iter().enumerate() {
        if index > 0 {
            pattern.push_str("\\s+");
        }
        for character in word.chars() {
            match character {
                '*' => pattern.push_str("\\w*"),
                '?' => pattern.push_str("\\w"),
                other => pattern.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
    }
    if is_word(phrase.trim().chars().last()) {
        pattern.push_str("(?-u:\\b)");
    }
    pattern
}
