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

/// Scripts that put no blanks between words, from the first to the last character: Thai and Lao,
/// Burmese, Khmer, Chinese and Japanese.
const UNBROKEN: [(char, char); 7] = [
    ('\u{0e00}', '\u{0eff}'),
    ('\u{1000}', '\u{109f}'),
    ('\u{1780}', '\u{17ff}'),
    ('\u{2e80}', '\u{9fff}'),
    ('\u{f900}', '\u{faff}'),
    ('\u{ff66}', '\u{ff9f}'),
    ('\u{20000}', '\u{3ffff}'),
];

/// What must lie at an end of a phrase: that of a word, if its outmost character is part of one.
///
/// Beside an ASCII character anything beyond ASCII ends the word: Japanese puts no blank between
/// `timeout` and what follows, and it is better to find too much than to miss it. Where nobody writes
/// the ends of words, none is asked for.
fn edge(outmost: char) -> &'static str {
    let is_unbroken = UNBROKEN
        .iter()
        .any(|(first, last)| (*first..=*last).contains(&outmost));
    match outmost {
        '_' => "(?-u:\\b)",
        _ if outmost.is_ascii_alphanumeric() => "(?-u:\\b)",
        // The same definition as that of `\b`.
        _ if !is_unbroken && regex_syntax::try_is_word_character(outmost).unwrap_or(false) => "\\b",
        _ => "",
    }
}

/// The pattern of a word or phrase: any case, whole terms, white space normalised.
pub(crate) fn phrase_pattern(phrase: &str) -> String {
    let words: Vec<&str> = phrase.split_whitespace().collect();
    let mut pattern = String::from("(?i)");
    pattern.push_str(phrase.trim().chars().next().map_or("", edge));
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
    pattern.push_str(phrase.trim().chars().last().map_or("", edge));
    pattern
}
