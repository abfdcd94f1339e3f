//! Whatever is written, the parser answers with diagnostics inside the text and never panics.

use proptest::prelude::*;
use query::{Language, check};

/// Words and symbols of the language, right and wrong ones.
const WORDS: [&str; 64] = [
    "*",
    "error",
    "NOT",
    "(",
    ")",
    "|",
    "|",
    "|",
    "parse",
    "regex",
    "json",
    "auto",
    "\"a*b\"",
    "\"(?<x>\\d+)\"",
    "\"a.b[0]\"",
    "as",
    "x",
    "y,",
    "z",
    "nodrop",
    "multi",
    "field=",
    "where",
    "x",
    "=",
    "!=",
    "<>",
    "<",
    ">=",
    "and",
    "or",
    "!",
    "in",
    "matches",
    "/a|b/",
    "\"p*\"",
    "if(",
    "?",
    ":",
    "count",
    "by",
    "sum(x)",
    "pct(x,",
    "95",
    "5m",
    "1Ki",
    "timeslice",
    "sort",
    "-",
    "+",
    "limit",
    "10",
    "top",
    "fields",
    "%\"q r\"",
    "{{p}}",
    "{{{q}}}",
    "[",
    "]",
    "'",
    "\"",
    "// c",
    "/* c */",
    "é",
];

fn assert_answered(text: &str) {
    for found in check(text, Language::Log) {
        assert!(found.span.start <= found.span.end, "{found:?}");
        assert!(found.span.end <= text.len(), "{found:?} in {text:?}");
        assert!(!found.message.is_empty());
    }
}

/// The example queries of everything there is.
fn examples() -> Vec<&'static str> {
    let all = query::descriptors().into_iter();
    all.flat_map(|unit| unit.examples.iter().copied()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_characters_are_answered(text in "[a-z|*\"(){}/=<>!,.0-9\\\\\\[\\] é'%?:_+-]{0,80}") {
        assert_answered(&text);
    }

    #[test]
    fn any_words_are_answered(words in prop::collection::vec(prop::sample::select(WORDS.to_vec()), 0..24)) {
        assert_answered(&words.join(" "));
    }

    #[test]
    fn damaged_queries_are_answered(
        query in prop::sample::select(examples()),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), "[|\"(),a *]{0,2}"), 1..4),
    ) {
        let mut characters: Vec<char> = query.chars().collect();
        for (place, replacement) in cuts {
            let place = place.index(characters.len() + 1);
            let end = (place + 1).min(characters.len());
            characters.splice(place.min(end)..end, replacement.chars());
        }
        assert_answered(&characters.into_iter().collect::<String>());
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow() {
    for text in [
        format!("* | where {}1", "(".repeat(5_000)),
        format!("* | where {}1", "!".repeat(5_000)),
        format!("* | where {}a", "-".repeat(5_000)),
        format!("{}a", "(".repeat(5_000)),
        format!("{}a", "!".repeat(5_000)),
        format!("* | where {}", "if(a,".repeat(2_000)),
        format!("* | json \"{}\" as a", "[0]".repeat(4_000)),
        format!("* | where a = 1{}", " + 1".repeat(3_000)),
    ] {
        assert_answered(&text);
    }
}
