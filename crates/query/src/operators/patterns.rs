//! Patterns of messages: what many have in common, found in one pass.
//!
//! Messages of the same number of words whose first words agree are compared word by word; those
//! that agree in more than half become one pattern, in which `*` stands for the words that differ.
//! Words with digits in them (numbers, times, ids) count as `*` from the start.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Patterns kept; what fits none of them is counted as one more.
pub(super) const PATTERNS_MAX: usize = 10_000;
/// Words of a message that are looked at.
const WORDS_MAX: usize = 200;
/// First words that must agree.
const PREFIX: usize = 2;
/// The share of words that must agree.
const SIMILARITY: f64 = 0.5;
/// What stands for a word that differs.
const ANY: &str = "*";
const OTHERS: &str = "(other messages)";

#[derive(Debug)]
struct Pattern {
    words: Vec<String>,
    /// The pattern as it was first seen, from which its id is made.
    id: u64,
}

/// The patterns found so far.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
    /// Patterns by the number of words and the first ones.
    by_prefix: HashMap<(usize, Vec<String>), Vec<usize>>,
    is_full: bool,
}

impl Patterns {
    /// Finds the pattern of a message, and widens it or makes a new one if it must.
    pub(super) fn add(&mut self, message: &str) -> usize {
        let words: Vec<&str> = message
            .split_whitespace()
            .take(WORDS_MAX)
            .map(|word| if is_variable(word) { ANY } else { word })
            .collect();
        let prefix = words
            .iter()
            .take(PREFIX)
            .map(|word| (*word).to_owned())
            .collect();
        let candidates = self.by_prefix.entry((words.len(), prefix)).or_default();
        let best = candidates
            .iter()
            .map(|place| (similarity(&self.patterns[*place].words, &words), *place))
            .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
        if let Some((score, place)) = best
            && score >= SIMILARITY
        {
            for (known, word) in self.patterns[place].words.iter_mut().zip(&words) {
                if known != word {
                    ANY.clone_into(known);
                }
            }
            return place;
        }
        let is_full = self.patterns.len() >= PATTERNS_MAX;
        if is_full && self.is_full {
            return PATTERNS_MAX;
        }
        self.is_full |= is_full;
        let words: Vec<String> = match is_full {
            true => vec![OTHERS.to_owned()],
            false => words.into_iter().map(str::to_owned).collect(),
        };
        let mut hasher = DefaultHasher::new();
        words.hash(&mut hasher);
        self.patterns.push(Pattern {
            words,
            id: hasher.finish(),
        });
        let place = self.patterns.len() - 1;
        if !is_full {
            candidates.push(place);
        }
        place
    }

    /// The text of a pattern.
    pub(super) fn signature(&self, pattern: usize) -> String {
        self.patterns[pattern].words.join(" ")
    }

    /// An id that the same messages always give the pattern.
    pub(super) fn id(&self, pattern: usize) -> String {
        format!("{:016x}", self.patterns[pattern].id)
    }

    /// Whether there were more patterns than are kept.
    pub(super) fn is_full(&self) -> bool {
        self.is_full
    }
}

fn is_variable(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

/// The share of words that agree; `*` agrees with everything, but counts half.
#[allow(clippy::cast_precision_loss, reason = "few words")]
fn similarity(pattern: &[String], words: &[&str]) -> f64 {
    if words.is_empty() {
        return 1.0;
    }
    let scores = pattern.iter().zip(words).map(|(known, word)| match known {
        _ if known == word => 1.0,
        _ if known == ANY => 0.5,
        _ => 0.0,
    });
    scores.sum::<f64>() / words.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_becomes_a_star() {
        let mut patterns = Patterns::default();
        let first = patterns.add("connection from alice port 22 closed");
        assert_eq!(patterns.add("connection from bob port 4711 closed"), first);
        let other = patterns.add("REPORT RequestId: a1 Duration: 3 ms");
        assert_ne!(first, other);
        assert_eq!(
            patterns.signature(other),
            "REPORT RequestId: * Duration: * ms"
        );
    }

    #[test]
    fn messages_of_another_length_are_another_pattern() {
        let mut patterns = Patterns::default();
        assert_ne!(patterns.add("a b c"), patterns.add("a b c d"));
        assert_ne!(patterns.add(""), patterns.add("a"));
    }

    #[test]
    fn too_many_patterns_are_counted_as_one() {
        let letters = |mut number: usize| {
            let mut word = String::new();
            while number > 0 {
                word.push(char::from(b'a' + (number % 26) as u8));
                number /= 26;
            }
            word
        };
        let mut patterns = Patterns::default();
        for number in 0..PATTERNS_MAX + 5 {
            patterns.add(&format!("{} happened", letters(number)));
        }
        assert!(patterns.is_full());
        assert_eq!(patterns.signature(PATTERNS_MAX), OTHERS);
    }
}
