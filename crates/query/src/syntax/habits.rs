//! What people write who come from another language, and how the same is said here.

/// Words that begin a stage elsewhere.
const STAGES: [(&str, &str); 27] = [
    ("bucket", "`timeslice 5m | count by _timeslice`"),
    ("chart", "`timeslice 5m | count by _timeslice`"),
    (
        "distinct",
        "`count by …` for each value once, or `count_distinct(…)`",
    ),
    ("drop", "`fields - a, b`"),
    (
        "eval",
        "an expression with a name, such as `a / b as ratio`",
    ),
    (
        "extend",
        "an expression with a name, such as `a / b as ratio`",
    ),
    (
        "grep",
        "`where _raw matches \"*text*\"`, or the text before the first `|`",
    ),
    ("group", "the aggregate itself, such as `count by function`"),
    ("having", "`where …` behind the aggregation"),
    ("head", "`limit 10`"),
    ("keep", "`fields a, b`"),
    ("let", "an expression with a name, such as `a / b as ratio`"),
    ("project", "`fields a, b`"),
    ("regex", "`parse regex \"(?<name>…)\"`"),
    ("rename", "the old name with a new one, such as `a as b`"),
    ("rex", "`parse regex \"(?<name>…)\"`"),
    ("search", "`where …`, or the words before the first `|`"),
    ("select", "`fields a, b`, or the language SQL"),
    ("spath", "`json \"a.b\" as name`"),
    ("stats", "the aggregate itself, such as `count by function`"),
    ("table", "`fields a, b`"),
    ("tail", "`sort by _messagetime asc | limit 10`"),
    ("take", "`limit 10`"),
    ("timechart", "`timeslice 5m | count by _timeslice`"),
    ("timeseries", "`timeslice 5m | count by _timeslice`"),
    ("uniq", "`dedup by …`"),
    ("unique", "`dedup by …`"),
];

/// Words that stand in the middle of a condition or call elsewhere.
const INSIDE: [(&str, &str); 6] = [
    ("between", "two comparisons, such as `a >= 1 and a <= 5`"),
    ("distinct", "`count_distinct(…)`"),
    ("ilike", "`matches \"*text*\"`"),
    ("is", "`isNull(…)` or `isEmpty(…)`"),
    ("like", "`matches \"*text*\"`"),
    ("rlike", "`matches /pattern/`"),
];

/// The units of numbers, for those who write `5min`.
const UNITS: &str = "a unit of time (`ns`, `us`, `ms`, `s`, `m`, `h`, `d`, `w`) or size (`K`, `M`, `G`, `Ki`, `Mi` …)";

/// How the stage that begins with `word` elsewhere is written here.
pub(crate) fn stage(word: &str) -> Option<&'static str> {
    find(&STAGES, word)
}

/// What is wrong with a word inside a stage, and how the same is said here.
pub(crate) fn inside(word: &str) -> Option<(String, &'static str)> {
    if let Some(instead) = find(&INSIDE, word) {
        return Some((format!("`{word}` is no word of this language"), instead));
    }
    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let is_number = unit.len() < word.len() && !unit.is_empty();
    is_number.then(|| (format!("there is no unit `{unit}`"), UNITS))
}

fn find(words: &[(&str, &'static str)], word: &str) -> Option<&'static str> {
    let mut words = words.iter();
    let found = words.find(|(known, _)| known.eq_ignore_ascii_case(word))?;
    Some(found.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_this_language_are_no_habits() {
        let names = crate::descriptors();
        for unit in names.iter().map(|unit| unit.name) {
            assert_eq!(stage(unit), None, "{unit}");
        }
    }

    #[test]
    fn a_number_with_a_strange_unit_is_said_to_have_one() {
        assert!(inside("5min").is_some_and(|(message, _)| message.contains("`min`")));
        assert_eq!(inside("5"), None);
        assert_eq!(inside("min"), None);
    }
}
