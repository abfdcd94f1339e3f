//! A pattern tried way after way, which finds the groups of a text faster than an automaton where the
//! pattern is made of texts, classes of characters and their repetitions, as it is for most logs.
//!
//! Ways are tried in the order of Perl, Java and the crate `regex` (leftmost, then first), so all of
//! them find the same. Whoever tries ways can need very many: a text that does is given up, for
//! `regex` to answer in bounded time.

use memchr::memmem::{Finder, FinderRev};
use memchr::{memchr, memchr2, memchr3};
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

/// Steps of a pattern; repetitions of groups are written out.
const STEPS_MAX: usize = 200;
/// Ways that are tried over any text, and one more for each of its bytes.
const WAYS_MAX: usize = 1_000;
/// Bytes that are scanned at the cost of one way.
const BYTES_OF_A_WAY: usize = 32;
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

type Bytes = [bool; 256];

/// Code points between that are no characters.
const SURROGATES: u32 = 0x800;

/// Characters; of those beyond ASCII all or none, or some, which are left to `regex`.
#[derive(Clone, Debug)]
struct Set {
    /// By byte; the bytes of characters beyond ASCII are alike.
    holds: Box<Bytes>,
    /// The few bytes that are not in it, if they are few.
    stops: Option<Vec<u8>>,
}

impl Set {
    /// The set, and whether it is that of the class beyond ASCII, too.
    fn new(class: &Class) -> (Set, bool) {
        let ranges: Vec<(u32, u32)> = match class {
            Class::Unicode(class) => class
                .ranges()
                .iter()
                .map(|range| (u32::from(range.start()), u32::from(range.end())))
                .collect(),
            Class::Bytes(class) => class
                .ranges()
                .iter()
                .map(|range| (u32::from(range.start()), u32::from(range.end())))
                .collect(),
        };
        let mut holds = Box::new([false; 256]);
        let mut beyond = 0;
        for (start, end) in ranges {
            for byte in start..=end.min(0x7F) {
                holds[byte as usize] = true;
            }
            let count = |from: u32, to: u32| (end.min(to) + 1).saturating_sub(start.max(from));
            beyond += count(0x80, 0xD7FF) + count(0xE000, 0x10_FFFF);
        }
        let are_all = beyond == 0x11_0000 - 0x80 - SURROGATES;
        if are_all {
            holds[0x80..].fill(true);
        }
        let stops: Vec<u8> = (0..=u8::MAX)
            .filter(|byte| !holds[usize::from(*byte)])
            .collect();
        let stops = (stops.len() <= 3).then_some(stops);
        (Set { holds, stops }, are_all || beyond == 0)
    }

    fn of_byte(byte: u8) -> Set {
        let mut holds = Box::new([false; 256]);
        holds[usize::from(byte)] = true;
        Set { holds, stops: None }
    }

    fn has(&self, byte: u8) -> bool {
        self.holds[usize::from(byte)]
    }

    /// The bytes that its characters begin with.
    fn firsts(&self) -> Bytes {
        let mut firsts = *self.holds;
        firsts[0x80..0xC0].fill(false);
        firsts
    }

    /// Where the characters from `at` on are not in it any more.
    fn end(&self, text: &[u8], at: usize) -> usize {
        let rest = text.get(at..).unwrap_or_default();
        let length = match self.stops.as_deref() {
            Some([]) => None,
            Some([a]) => memchr(*a, rest),
            Some([a, b]) => memchr2(*a, *b, rest),
            Some([a, b, c]) => memchr3(*a, *b, *c, rest),
            _ => rest.iter().position(|byte| !self.has(*byte)),
        };
        length.map_or(text.len(), |length| at + length)
    }

    /// The place after so many characters of it; `None` if there are fewer.
    fn after(&self, text: &[u8], mut at: usize, characters: usize) -> Option<usize> {
        for _ in 0..characters {
            if !self.has(*text.get(at)?) {
                return None;
            }
            at = after_character(text, at);
        }
        Some(at)
    }

    /// The place after at most so many characters of it.
    fn after_at_most(&self, text: &[u8], mut at: usize, characters: usize) -> usize {
        for _ in 0..characters {
            if !text.get(at).is_some_and(|byte| self.has(*byte)) {
                break;
            }
            at = after_character(text, at);
        }
        at
    }
}

fn is_boundary(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| !(0x80..0xC0).contains(byte))
}

fn after_character(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while !is_boundary(text, next) {
        next += 1;
    }
    next
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

struct Compiler {
    steps: Vec<Step>,
    /// In how many ways that may be left out the pattern at hand stands.
    optional: usize,
    is_for_ascii: bool,
}

impl Compiler {
    fn push(&mut self, step: Step) -> Option<usize> {
        self.steps.push(step);
        (self.steps.len() <= STEPS_MAX).then_some(self.steps.len() - 1)
    }

    /// Adds the steps of a pattern before the step `next`; returns the first of them.
    fn add(&mut self, hir: &Hir, next: usize) -> Option<usize> {
        match hir.kind() {
            HirKind::Empty => Some(next),
            HirKind::Literal(literal) => self.push(Step::Text(literal.0.clone(), next)),
            HirKind::Class(class) => {
                let set = self.set(class);
                self.run(set, 1, Some(1), true, next)
            }
            HirKind::Look(look) => match look {
                Look::Start
                | Look::End
                | Look::StartLF
                | Look::EndLF
                | Look::WordAscii
                | Look::WordAsciiNegate => self.push(Step::Look(*look, next)),
                _ => None,
            },
            HirKind::Repetition(repetition) => self.repetition(repetition, next),
            HirKind::Capture(capture) => {
                let slot = 2 * usize::try_from(capture.index).ok()?;
                let is_optional = self.optional > 0;
                let save = |slot, next| Step::Save {
                    slot,
                    is_optional,
                    next,
                };
                let close = self.push(save(slot + 1, next))?;
                let inside = self.add(&capture.sub, close)?;
                self.push(save(slot, inside))
            }
            HirKind::Concat(parts) => parts
                .iter()
                .rev()
                .try_fold(next, |next, part| self.add(part, next)),
            HirKind::Alternation(parts) => {
                self.optional += 1;
                let ways = parts.iter().map(|part| self.add(part, next));
                let ways = ways.collect::<Option<_>>()?;
                self.optional -= 1;
                self.push(Step::Ways(ways))
            }
        }
    }

    fn set(&mut self, class: &Class) -> Set {
        let (set, is_whole) = Set::new(class);
        self.is_for_ascii |= !is_whole;
        set
    }

    fn repetition(&mut self, repetition: &Repetition, next: usize) -> Option<usize> {
        let least = repetition.min as usize;
        let most = repetition.max.map(|most| most as usize);
        let set = match repetition.sub.kind() {
            HirKind::Class(class) => Some(self.set(class)),
            HirKind::Literal(literal) => match &*literal.0 {
                [byte] => Some(Set::of_byte(*byte)),
                _ => None,
            },
            _ => None,
        };
        if let Some(set) = set {
            return self.run(set, least, most, repetition.greedy, next);
        }
        // Of a group: written out, if it ends.
        let most = most.filter(|most| *most <= STEPS_MAX)?;
        let mut start = next;
        self.optional += 1;
        for _ in least..most {
            let once = self.add(&repetition.sub, start)?;
            let ways = match repetition.greedy {
                true => vec![once, next],
                false => vec![next, once],
            };
            start = self.push(Step::Ways(ways))?;
        }
        self.optional -= 1;
        for _ in 0..least {
            start = self.add(&repetition.sub, start)?;
        }
        Some(start)
    }

    fn run(
        &mut self,
        set: Set,
        least: usize,
        most: Option<usize>,
        is_greedy: bool,
        next: usize,
    ) -> Option<usize> {
        let then = match self.firsts(next) {
            Some(firsts) if (0..256).all(|byte| !firsts[byte] || !set.holds[byte]) => Then::Outside,
            firsts => match (&self.steps[self.behind_saves(next)], firsts) {
                (Step::Text(text, _), _) => Then::Text(Box::new((
                    Finder::new(text).into_owned(),
                    FinderRev::new(text).into_owned(),
                ))),
                (_, Some(firsts)) => Then::First(Box::new(firsts)),
                _ => Then::Any,
            },
        };
        let run = Run {
            set,
            least,
            most,
            is_greedy,
            then,
        };
        self.push(Step::Run(Box::new(run), next))
    }

    fn behind_saves(&self, mut step: usize) -> usize {
        while let Step::Save { next, .. } = self.steps[step] {
            step = next;
        }
        step
    }

    /// The bytes that a match from `step` on can begin with; `None` if it can be empty.
    fn firsts(&self, step: usize) -> Option<Bytes> {
        match &self.steps[step] {
            Step::End => None,
            Step::Text(text, _) => Some(*Set::of_byte(*text.first()?).holds),
            Step::Save { next, .. } | Step::Look(_, next) => self.firsts(*next),
            Step::Run(run, next) => {
                let own = run.set.firsts();
                match run.least {
                    0 => self.firsts(*next).map(|others| either(&own, &others)),
                    _ => Some(own),
                }
            }
            Step::Ways(ways) => ways.iter().try_fold([false; 256], |all, way| {
                Some(either(&all, &self.firsts(*way)?))
            }),
        }
    }

    fn lead(&self, start: usize) -> Lead {
        match &self.steps[self.behind_saves(start)] {
            Step::Text(text, _) => Lead::Text(Box::new(Finder::new(text).into_owned())),
            Step::Look(Look::Start, _) => Lead::Start,
            _ => match self.firsts(start) {
                Some(firsts) => Lead::First(Box::new(firsts)),
                None => Lead::Any,
            },
        }
    }
}

fn either(a: &Bytes, b: &Bytes) -> Bytes {
    std::array::from_fn(|byte| a[byte] || b[byte])
}

/// One text that is searched.
struct Attempt<'a> {
    steps: &'a [Step],
    text: &'a [u8],
    slots: &'a mut [usize],
    /// Ways that may still be tried.
    ways: usize,
}

impl Attempt<'_> {
    fn search(
        &mut self,
        start: usize,
        lead: &Lead,
        first_run: Option<usize>,
        from: usize,
    ) -> Outcome {
        let mut at = from;
        while at <= self.text.len() {
            at = match lead {
                Lead::Text(finder) => match finder.find(&self.text[at..]) {
                    Some(place) => at + place,
                    None => return Outcome::NoMatch,
                },
                Lead::First(firsts) => {
                    let mut rest = self.text[at..].iter();
                    match rest.position(|byte| firsts[usize::from(*byte)]) {
                        Some(place) => at + place,
                        None => return Outcome::NoMatch,
                    }
                }
                Lead::Start if at > 0 => return Outcome::NoMatch,
                Lead::Start | Lead::Any => at,
            };
            if let Some(end) = self.walk(start, at) {
                return Outcome::Match(at, end);
            }
            if !self.try_way(0) {
                return Outcome::GivenUp;
            }
            if let Some(Step::Run(run, _)) = first_run.map(|run| &self.steps[run]) {
                at = run.set.end(self.text, at);
            }
            at = after_character(self.text, at);
        }
        Outcome::NoMatch
    }

    /// Whether one more way may be tried, for which so many bytes were scanned.
    fn try_way(&mut self, bytes: usize) -> bool {
        self.ways = self.ways.saturating_sub(1 + bytes / BYTES_OF_A_WAY);
        self.ways > 0
    }

    /// The end of the match, if there is one from `step` on that begins at `at`.
    fn walk(&mut self, mut step: usize, mut at: usize) -> Option<usize> {
        let steps = self.steps;
        loop {
            step = match &steps[step] {
                Step::End => return Some(at),
                Step::Text(text, next) => {
                    if !self.text[at..].starts_with(text) {
                        return None;
                    }
                    at += text.len();
                    *next
                }
                Step::Look(look, next) => {
                    if !self.looks(*look, at) {
                        return None;
                    }
                    *next
                }
                Step::Save {
                    slot,
                    is_optional,
                    next,
                } => {
                    let before = std::mem::replace(&mut self.slots[*slot], at);
                    if *is_optional {
                        let end = self.walk(*next, at);
                        if end.is_none() {
                            self.slots[*slot] = before;
                        }
                        return end;
                    }
                    *next
                }
                Step::Ways(ways) => {
                    let (last, others) = ways.split_last()?;
                    for way in others {
                        if !self.try_way(0) {
                            return None;
                        }
                        if let Some(end) = self.walk(*way, at) {
                            return Some(end);
                        }
                    }
                    if self.ways == 0 {
                        return None;
                    }
                    *last
                }
                Step::Run(run, next) => {
                    let low = run.set.after(self.text, at, run.least)?;
                    let high = match run.most {
                        Some(most) => run.set.after_at_most(self.text, low, most - run.least),
                        None => run.set.end(self.text, low),
                    };
                    if low < high && !matches!(run.then, Then::Outside) {
                        return self.ends(run, *next, low, high);
                    }
                    at = high;
                    *next
                }
            };
        }
    }

    /// Tries the places where a run may end.
    fn ends(&mut self, run: &Run, next: usize, low: usize, high: usize) -> Option<usize> {
        if !self.try_way(high - low) {
            return None;
        }
        let mut next_end = match run.is_greedy {
            true => Some(high),
            false => Some(low),
        };
        while let Some(near) = next_end {
            let end = self.place(run, near, low, high)?;
            if !self.try_way(0) {
                return None;
            }
            if let Some(found) = self.walk(next, end) {
                return Some(found);
            }
            next_end = match run.is_greedy {
                true if end > low => {
                    let mut before = end - 1;
                    while !is_boundary(self.text, before) {
                        before -= 1;
                    }
                    Some(before)
                }
                false if end < high => Some(after_character(self.text, end)),
                _ => None,
            };
        }
        None
    }

    /// The first place, from `near` on, where what comes after the run may begin.
    fn place(&self, run: &Run, near: usize, low: usize, high: usize) -> Option<usize> {
        let could_be = |firsts: &Bytes, at: &usize| {
            let byte = self.text.get(*at);
            byte.is_some_and(|byte| firsts[usize::from(*byte)])
        };
        match (&run.then, run.is_greedy) {
            (Then::Text(finders), true) => {
                let end = (near + finders.1.needle().len()).min(self.text.len());
                finders
                    .1
                    .rfind(&self.text[low..end])
                    .map(|place| low + place)
            }
            (Then::Text(finders), false) => {
                let end = (high + finders.0.needle().len()).min(self.text.len());
                finders
                    .0
                    .find(&self.text[near..end])
                    .map(|place| near + place)
            }
            (Then::First(firsts), true) => (low..=near).rev().find(|at| could_be(firsts, at)),
            (Then::First(firsts), false) => (near..=high).find(|at| could_be(firsts, at)),
            (Then::Any | Then::Outside, _) => Some(near),
        }
    }

    fn looks(&self, look: Look, at: usize) -> bool {
        let is_word = |place: Option<usize>| {
            place
                .and_then(|place| self.text.get(place))
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        };
        let is_edge = is_word(at.checked_sub(1)) != is_word(Some(at));
        match look {
            Look::Start => at == 0,
            Look::End => at == self.text.len(),
            Look::StartLF => at == 0 || self.text[at - 1] == b'\n',
            Look::EndLF => self.text.get(at).is_none_or(|byte| *byte == b'\n'),
            Look::WordAscii => is_edge,
            _ => !is_edge,
        }
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
