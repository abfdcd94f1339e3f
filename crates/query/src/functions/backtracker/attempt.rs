//! One text that is searched: from where a match may begin, way after way.

use regex_syntax::hir::Look;

use super::set::{Bytes, after_character, is_boundary};
use super::{Lead, Outcome, Run, Step, Then};

/// Bytes that are scanned at the cost of one way.
const BYTES_OF_A_WAY: usize = 32;

/// One text that is searched.
pub(super) struct Attempt<'a> {
    pub(super) steps: &'a [Step],
    pub(super) text: &'a [u8],
    pub(super) slots: &'a mut [usize],
    /// Ways that may still be tried.
    pub(super) ways: usize,
}

impl Attempt<'_> {
    pub(super) fn search(
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
