//! Whatever is written, the parser answers with diagnostics inside the text and never panics.

use model::limits::{QUERY_CHARS_MAX, QUERY_MISTAKES_MAX};
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
        let is_between = |place| text.is_char_boundary(place);
        assert!(
            is_between(found.span.start) && is_between(found.span.end),
            "{found:?}"
        );
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

/// What was said about each mistake, without its place.
fn told(text: &str) -> Vec<String> {
    let found = check(text, Language::Log).into_iter();
    found.map(|found| found.message).collect()
}

#[test]
fn chains_inside_chains_do_not_overflow() {
    // Each level is allowed for itself: terms, factors and comparisons in a row, in parentheses.
    let level = |inner: &str| {
        let chain = |inner: &str, more: &str| format!("{inner}{}", more.repeat(60));
        format!("({})", chain(&chain(inner, "*1"), "+1"))
    };
    let mut deep = "a".to_owned();
    for _ in 0..20 {
        deep = level(&deep);
    }
    for stage in [format!("where {deep} > 1"), format!("{deep} as b")] {
        assert_eq!(
            told(&format!("* | {stage}")),
            ["the expression is nested too deeply (DEPTH_MAX, 150)"]
        );
    }
}

#[test]
fn stages_that_rank_rows_are_counted() {
    let stages = |count, stage: &str| format!("* | count by a{}", stage.repeat(count));
    assert_eq!(told(&stages(30, " | topk(2, _count)")), [""; 0]);
    let message = "more than 30 stages that rank rows (RANKS_MAX)";
    assert!(
        told(&stages(31, " | topk(2, _count)"))
            .iter()
            .any(|told| told == message)
    );
    let events = format!("*{}", " | dedup by a".repeat(31));
    assert!(told(&events).iter().any(|told| told == message));
}

#[test]
fn values_compared_in_a_row_are_counted() {
    let chain = |count: usize| format!("* | where a{}", " matches b".repeat(count));
    assert_eq!(told(&chain(10)), [""; 0]);
    let message = "more than 10 comparisons in a row (COMPARISONS_MAX)";
    assert_eq!(told(&chain(11)), [message]);
}

#[test]
fn pipelines_inside_pipelines_are_counted() {
    let nested = |levels: usize| {
        let mut text = "a=1".to_owned();
        for _ in 0..levels {
            text = format!("[subquery: {text} | count by a | compose a]");
        }
        text
    };
    assert_eq!(told(&nested(10)), [""; 0]);
    let message = "more than 10 pipelines inside one another (QUERY_NESTED_MAX)";
    assert_eq!(told(&nested(11)), [message]);
    let filters = format!(
        "* | count by a | {}count by a{}",
        "filter a in (".repeat(200),
        ")".repeat(200)
    );
    assert!(told(&filters).iter().any(|told| told == message));
    let joins = format!("* | {}", "join (".repeat(200));
    assert!(!told(&joins).is_empty());
}

#[test]
fn a_text_that_is_too_long_is_not_read() {
    let message =
        format!("the query is longer than {QUERY_CHARS_MAX} characters (QUERY_CHARS_MAX)");
    for part in ["(", "a or ", "| "] {
        let text = part.repeat((1 << 20) / part.len());
        for language in [Language::Log, Language::Metrics] {
            let found = check(&text, language);
            let told: Vec<&str> = found.iter().map(|found| found.message.as_str()).collect();
            assert_eq!(told, [message.as_str()]);
        }
    }
    let longest = format!("{}\u{e9}", "a ".repeat(QUERY_CHARS_MAX / 2 - 1));
    assert!(!told(&longest).contains(&message));
}

#[test]
fn of_very_many_mistakes_the_first_are_told() {
    assert_eq!(
        told(&format!("* | where {}", "@".repeat(10_000))).len(),
        QUERY_MISTAKES_MAX
    );
}

#[test]
fn a_name_that_is_longer_than_its_lower_case_is_told_whole() {
    let text = "* | where lookupContains\u{1e9e}(a)";
    let found = check(text, Language::Log);
    let told: Vec<&str> = found
        .iter()
        .filter_map(|found| text.get(found.span.clone()))
        .collect();
    assert_eq!(told, ["lookupContains\u{1e9e}"]);
}

#[test]
fn a_subquery_that_is_never_closed_is_told_to_the_last_letter() {
    let text = "[sub \" | count by \u{130}";
    let found = check(text, Language::Log);
    let is_whole = |place| text.is_char_boundary(place);
    assert!(!found.is_empty());
    assert!(
        found
            .iter()
            .all(|found| is_whole(found.span.start) && is_whole(found.span.end)),
        "{found:?}"
    );
}

#[test]
fn joins_in_a_row_are_counted() {
    let join = " | join (count by x) as a, (count by x) as b on a.x = b.x | a_x as x";
    let joins = |count| format!("* | count by x{}", join.repeat(count));
    assert_eq!(told(&joins(5)), [""; 0]);
    let message = "the events would be read more than 32 times (QUERY_READS_MAX)";
    assert!(told(&joins(48)).iter().any(|told| told == message));
}

#[test]
fn more_rows_than_can_be_counted_are_all_rows() {
    assert_eq!(told("* | limit 11111111111111111111"), [""; 0]);
}

#[test]
fn json_auto_in_a_row_is_counted() {
    let stages = |count| format!("* | {}", vec!["json auto field=user"; count].join(" | "));
    assert_eq!(told(&stages(20)), [""; 0]);
    let message = "more than 20 `json auto` (QUERY_JSON_AUTO_MAX)";
    assert!(told(&stages(21)).iter().any(|told| told == message));
}

#[test]
fn comparisons_in_a_row_are_counted() {
    let stages = |count| {
        format!(
            "* | {}",
            vec!["count | compare timeshift 1d"; count].join(" | ")
        )
    };
    assert_eq!(told(&stages(5)), [""; 0]);
    let message = "the events would be read more than 32 times (QUERY_READS_MAX)";
    assert_eq!(told(&stages(6)), [message]);
    // What a `join` reads is read again for each range.
    let joined =
        "* | count by x | join (count by x) as a, (count by x) as b on a.x = b.x | a_x as x";
    let compared = |count| {
        format!(
            "{joined}{}",
            " | count by x | compare timeshift 1d".repeat(count)
        )
    };
    assert_eq!(told(&compared(4)), [""; 0]);
    assert_eq!(told(&compared(5)), [message]);
}

#[test]
fn stages_behind_those_that_need_all_rows_are_counted_too() {
    let text = format!("* | count by x{}", " | total _count".repeat(150));
    let message = "more than 150 stages (QUERY_STAGES_MAX)";
    assert!(told(&text).iter().any(|told| told == message));
}
