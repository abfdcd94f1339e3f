//! A pattern tried way after way, which finds the groups of a text faster than an automaton where the
//! pattern is made of texts, classes of characters and their repetitions, as it is for most logs.
//!
//! Ways are tried in the order of Perl, Java and the crate `regex` (leftmost, then first), so all of
//! them find the same. Whoever tries ways can need very many: a text that does is given up, for
//! `regex` to answer in bounded time.

mod attempt;
mod compiler;
mod set;

use memchr::memmem::{Finder, FinderRev};
use regex_syntax::hir::Look;

use self::attempt::Attempt;
use self::compiler::Compiler;
use self::set::{Bytes, Set};

/// Ways that are tried over any text, and one more for each of its bytes.
const WAYS_MAX: usize = 1_000;
/// So many texts are given up; then all are, for the pattern is one that needs many ways.
const TEXTS_GIVEN_UP_MAX: usize = 100;
/// A group that took no part.
const NOWHERE: usize = usize::MAX;

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Backtracker {
    steps: Vec<Step>,
    /// The step that a match begins with.
    start: usize,
    lead: Lead,
    /// The run without end that a match begins with: where one fails, nothing inside it can match.
    first_run: Option<usize>,
    /// Where each group begins and ends in the text at hand.
    slots: Vec<usize>,
    /// Whether its classes are those of `regex` in ASCII only.
    is_for_ascii: bool,
    given_up: usize,
}

/// What became of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Outcome {
    /// Where the match begins and ends.
    Match(usize, usize),
    NoMatch,
    /// It needs more ways than are tried, or is not only ASCII.
    GivenUp,
}

/// Each step but the last names the one that comes next.
#[derive(Debug)]
enum Step {
    End,
    Text(Box<[u8]>, usize),
    Run(Box<Run>, usize),
    /// Notes the place; with how it was before if another way may leave this one out.
    Save {
        slot: usize,
        is_optional: bool,
        next: usize,
    },
    Look(Look, usize),
    /// Ways that are tried in this order.
    Ways(Vec<usize>),
}

/// Characters of a class in a row.
#[derive(Debug)]
struct Run {
    set: Set,
    least: usize,
    most: Option<usize>,
    is_greedy: bool,
    then: Then,
}

/// What can come after a run.
#[derive(Debug)]
enum Then {
    /// Nothing that is in the run: it ends where the class does.
    Outside,
    Text(Box<(Finder<'static>, FinderRev<'static>)>),
    /// One of these bytes.
    First(Box<Bytes>),
    Any,
}

/// How a place is found where a match may begin.
#[derive(Debug)]
enum Lead {
    Text(Box<Finder<'static>>),
    /// Only at the start of the text.
    Start,
    First(Box<Bytes>),
    Any,
}

impl Backtracker {
    /// Reads a pattern as `regex` does; `None` if it has something that is not tried here.
    pub(crate) fn new(pattern: &str) -> Option<Backtracker> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let groups = 1 + hir.properties().explicit_captures_len();
        let mut compiler = Compiler {
            steps: vec![Step::End],
            optional: 0,
            is_for_ascii: false,
        };
        let start = compiler.add(&hir, 0)?;
        let lead = compiler.lead(start);
        let first = compiler.behind_saves(start);
        let is_run = |step: &Step| matches!(step, Step::Run(run, _) if run.most.is_none());
        let first_run = is_run(compiler.steps.get(first)?).then_some(first);
        Some(Backtracker {
            steps: compiler.steps,
            start,
            lead,
            first_run,
            slots: vec![NOWHERE; 2 * groups],
            is_for_ascii: compiler.is_for_ascii,
            given_up: 0,
        })
    }

    /// Looks for the first match that begins at `start` or later.
    pub(crate) fn find(&mut self, text: &str, start: usize) -> Outcome {
        if self.given_up > TEXTS_GIVEN_UP_MAX || self.is_for_ascii && !text.is_ascii() {
            return Outcome::GivenUp;
        }
        self.slots.fill(NOWHERE);
        let mut attempt = Attempt {
            steps: &self.steps,
            text: text.as_bytes(),
            slots: &mut self.slots,
            ways: WAYS_MAX + text.len(),
        };
        let outcome = attempt.search(self.start, &self.lead, self.first_run, start);
        if outcome == Outcome::GivenUp {
            self.given_up += 1;
        }
        outcome
    }

    /// Where a group of the last match begins and ends, if it took part.
    pub(crate) fn group(&self, group: usize) -> Option<(usize, usize)> {
        let place = |slot: usize| self.slots.get(slot).copied().filter(|at| *at != NOWHERE);
        Some((place(2 * group)?, place(2 * group + 1)?))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;
    use crate::functions::java_pattern::translate;

    /// The groups that are found; `None` without a match or if the pattern is not tried here.
    fn groups(pattern: &str, text: &str) -> Option<Vec<Option<(usize, usize)>>> {
        let mut ours = Backtracker::new(pattern)?;
        let regex = Regex::new(pattern).unwrap();
        let count = regex.captures_len();
        let mut found = None;
        for start in (0..=text.len()).filter(|start| text.is_char_boundary(*start)) {
            let expected = regex.captures_at(text, start).map(|found| {
                let groups = found.iter();
                groups
                    .map(|group| group.map(|group| (group.start(), group.end())))
                    .collect::<Vec<_>>()
            });
            let answer = match ours.find(text, start) {
                Outcome::Match(begin, end) => {
                    let others = (1..count).map(|group| ours.group(group));
                    Some([Some((begin, end))].into_iter().chain(others).collect())
                }
                Outcome::NoMatch => None,
                Outcome::GivenUp => continue,
            };
            assert_eq!(answer, expected, "`{pattern}` over {text:?} from {start}");
            found = found.or(answer);
        }
        found
    }

    #[test]
    fn patterns_of_logs_are_tried() {
        let text = "REPORT RequestId: 8f5a-1\tDuration: 102.25 ms\tBilled Duration: 103 ms user=\"é x\" \
                    10.0.0.255 [WARN] a,b\nsecond line";
        for pattern in [
            r"Duration: (?<duration>[0-9.]+) ms.*Billed Duration: (?<billed>\d+) ms",
            r"(?<ip>\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})",
            r"(?<ip>(?:\d{1,3}\.){3}\d{1,3})",
            r#"user="(?<user>[^"]*)""#,
            r#"user="(?<user>.*?)""#,
            r"(?m)\[(?<level>\w+)\]\s(?<rest>.*)$",
            r"(?s)\[(?<level>\w+)\]\s(?<rest>.*)$",
            r"(?<level>DEBUG|INFO|WARN|ERROR)",
            r"(?i)(?<word>report)\s+requestid:?\s*(?<id>\S+)",
            r"^(?<first>\S+) (?<second>[^:]+):",
            r".*\s(?<last>\S+)",
            r"(?<a>.+?),(?<b>.+)",
            r"(?:Init )?Duration: (?<d>\S+)",
            r"(?m)^(?<start>\w+) line$",
            r"\b(?<word>\w{3,5})\b",
        ] {
            let pattern = translate(pattern);
            groups(&pattern, text);
            let ascii = text.replace('é', "e");
            assert!(groups(&pattern, &ascii).is_some(), "{pattern}");
        }
    }

    #[test]
    fn what_is_not_tried_is_left_to_others() {
        for pattern in [r"(ab)+", r"(?:abc){1000}"] {
            assert!(Backtracker::new(pattern).is_none(), "{pattern}");
        }
    }

    #[test]
    fn a_text_of_very_many_ways_is_given_up() {
        let mut ours =
            Backtracker::new("(a.*){0,1}(a.*){0,1}(a.*){0,1}(a.*){0,1}(a.*){0,1}b$").unwrap();
        let text = "a".repeat(200);
        for _ in 0..2 * TEXTS_GIVEN_UP_MAX {
            assert_eq!(ours.find(&text, 0), Outcome::GivenUp);
        }
    }

    /// Parts of patterns over few letters, so that they match often and in many ways.
    fn pattern() -> impl Strategy<Value = String> {
        let atom = prop::sample::select(vec![
            "a", "b", "ab", "ba", "é", ".", "[ab]", "[^a]", "[^b,]", "\\d", "\\w", "\\S", "\\s",
            ",", "(?i)A", "(?s).", "^", "$", "\\b", "\\B", "(?m)^", "(?m)$", "\\n", "[^é]", "\\pL",
        ]);
        let count = prop::sample::select(vec![
            "", "", "", "*", "+", "?", "*?", "+?", "??", "{2}", "{1,3}", "{0,2}?", "{2,}",
        ]);
        let leaf = (atom, count).prop_map(|(atom, count)| {
            let can_repeat = !matches!(atom, "^" | "$" | "\\b" | "\\B" | "(?m)^" | "(?m)$");
            match can_repeat {
                true => format!("(?:{atom}){count}"),
                false => format!("(?:{atom})"),
            }
        });
        leaf.prop_recursive(3, 24, 5, |inner| {
            let row = prop::collection::vec(inner, 1..5);
            prop_oneof![
                row.clone().prop_map(|parts| parts.concat()),
                row.clone()
                    .prop_map(|parts| format!("({})", parts.concat())),
                row.clone()
                    .prop_map(|parts| format!("(?:{})", parts.join("|"))),
                row.prop_map(|parts| format!("({})?", parts.concat())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn it_finds_what_regex_finds(pattern in pattern(), text in "[ab,é1 \n]{0,14}") {
            groups(&translate(&pattern), &text);
        }
    }
}
