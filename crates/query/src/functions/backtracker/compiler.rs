//! From a pattern to its steps.

use memchr::memmem::{Finder, FinderRev};
use regex_syntax::hir::{Class, Hir, HirKind, Look, Repetition};

use super::set::{Bytes, Set};
use super::{Lead, Run, Step, Then};

/// Steps of a pattern; repetitions of groups are written out.
const STEPS_MAX: usize = 200;

pub(super) struct Compiler {
    pub(super) steps: Vec<Step>,
    /// In how many ways that may be left out the pattern at hand stands.
    pub(super) optional: usize,
    pub(super) is_for_ascii: bool,
}

impl Compiler {
    fn push(&mut self, step: Step) -> Option<usize> {
        self.steps.push(step);
        (self.steps.len() <= STEPS_MAX).then_some(self.steps.len() - 1)
    }

    /// Adds the steps of a pattern before the step `next`; returns the first of them.
    pub(super) fn add(&mut self, hir: &Hir, next: usize) -> Option<usize> {
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

    pub(super) fn behind_saves(&self, mut step: usize) -> usize {
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

    pub(super) fn lead(&self, start: usize) -> Lead {
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
