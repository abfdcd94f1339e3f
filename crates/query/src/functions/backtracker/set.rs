//! Sets of characters, by byte: those of ASCII each, those beyond all or none.

use memchr::{memchr, memchr2, memchr3};
use regex_syntax::hir::Class;

pub(super) type Bytes = [bool; 256];

/// Code points between that are no characters.
const SURROGATES: u32 = 0x800;

/// Characters; of those beyond ASCII all or none, or some, which are left to `regex`.
#[derive(Clone, Debug)]
pub(super) struct Set {
    /// By byte; the bytes of characters beyond ASCII are alike.
    pub(super) holds: Box<Bytes>,
    /// The few bytes that are not in it, if they are few.
    stops: Option<Vec<u8>>,
}

impl Set {
    /// The set, and whether it is that of the class beyond ASCII, too.
    pub(super) fn new(class: &Class) -> (Set, bool) {
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

    pub(super) fn of_byte(byte: u8) -> Set {
        let mut holds = Box::new([false; 256]);
        holds[usize::from(byte)] = true;
        Set { holds, stops: None }
    }

    pub(super) fn has(&self, byte: u8) -> bool {
        self.holds[usize::from(byte)]
    }

    /// The bytes that its characters begin with.
    pub(super) fn firsts(&self) -> Bytes {
        let mut firsts = *self.holds;
        firsts[0x80..0xC0].fill(false);
        firsts
    }

    /// Where the characters from `at` on are not in it any more.
    pub(super) fn end(&self, text: &[u8], at: usize) -> usize {
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
    pub(super) fn after(&self, text: &[u8], mut at: usize, characters: usize) -> Option<usize> {
        for _ in 0..characters {
            if !self.has(*text.get(at)?) {
                return None;
            }
            at = after_character(text, at);
        }
        Some(at)
    }

    /// The place after at most so many characters of it.
    pub(super) fn after_at_most(&self, text: &[u8], mut at: usize, characters: usize) -> usize {
        for _ in 0..characters {
            if !text.get(at).is_some_and(|byte| self.has(*byte)) {
                break;
            }
            at = after_character(text, at);
        }
        at
    }
}

pub(super) fn is_boundary(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| !(0x80..0xC0).contains(byte))
}

pub(super) fn after_character(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while !is_boundary(text, next) {
        next += 1;
    }
    next
}
