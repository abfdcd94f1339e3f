//! What a text must hold for a pattern to match it: literals, taken out of the pattern.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use storage::{Literal, Word};

use super::need::{Need, Origin};

/// Classes of more characters than this are not taken for one letter in several cases.
const CLASS_CHARS_MAX: u32 = 8;

/// Returns what a text from `origin` must hold for `pattern` to match in it.
pub(super) fn need(pattern: &str, origin: Origin) -> Need {
    match parse(pattern) {
        Some(hir) => needs_of(&hir, origin),
        None => Need::Anything,
    }
}

/// Returns the only text that `pattern` matches, folded, if it is one text in any case.
pub(super) fn only_text(pattern: &str) -> Option<String> {
    let hir = parse(pattern)?;
    text_of(between(&hir, Look::Start, Look::End)?)
}

/// Returns the word that `pattern` matches in all cases, wherever it stands as a word, if it
/// matches nothing else.
pub(super) fn only_word(pattern: &str) -> Option<Word> {
    let hir = parse(pattern)?;
    let letters = between(&hir, Look::WordAscii, Look::WordAscii)?;
    letters.iter().all(is_in_all_cases).then_some(())?;
    Word::new(&text_of(letters)?)
}

/// What a pattern matches between two looks.
fn between(hir: &Hir, before: Look, behind: Look) -> Option<&[Hir]> {
    let HirKind::Concat(parts) = hir.kind() else {
        return None;
    };
    let (first, rest) = parts.split_first()?;
    let (last, middle) = rest.split_last()?;
    let is = |part: &Hir, look| matches!(part.kind(), HirKind::Look(found) if *found == look);
    (is(first, before) && is(last, behind)).then_some(middle)
}

/// The one text, folded, that literals and letters match.
fn text_of(parts: &[Hir]) -> Option<String> {
    let mut text = String::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => text.push_str(std::str::from_utf8(&literal.0).ok()?),
            HirKind::Class(class) => text.push(one_letter(class)?),
            _ => return None,
        }
    }
    Some(storage::fold(&text))
}

/// Whether something that matches an ASCII letter matches it in both cases.
fn is_in_all_cases(part: &Hir) -> bool {
    match part.kind() {
        HirKind::Literal(literal) => !literal.0.iter().any(u8::is_ascii_alphabetic),
        HirKind::Class(Class::Unicode(class)) => {
            let has = |letter: char| {
                let mut ranges = class.iter();
                ranges.any(|range| (range.start()..=range.end()).contains(&letter))
            };
            ('a'..='z').all(|letter| has(letter) == has(letter.to_ascii_uppercase()))
        }
        _ => false,
    }
}

/// Returns the longest text that every match of `pattern` holds, in some case.
pub(crate) fn word_in(pattern: &str) -> Option<String> {
    let literals: Vec<Literal> = match need(pattern, Origin::Whole) {
        Need::Text(literal) => vec![literal],
        Need::All(needs) => needs
            .into_iter()
            .filter_map(|need| match need {
                Need::Text(literal) => Some(literal),
                _ => None,
            })
            .collect(),
        _ => return None,
    };
    let longest = literals.iter().max_by_key(|literal| literal.text().len())?;
    Some(longest.text().to_owned())
}

/// Patterns that need look-around are not understood, and promise nothing.
fn parse(pattern: &str) -> Option<Hir> {
    ParserBuilder::new().build().parse(pattern).ok()
}

fn needs_of(hir: &Hir, origin: Origin) -> Need {
    let mut gather = Gather {
        origin,
        needs: Vec::new(),
        text: String::new(),
        begins_word: false,
        is_behind_boundary: false,
    };
    gather.visit(hir);
    gather.end(false);
    Need::all(gather.needs)
}

/// Literals as they are gathered from left to right.
struct Gather {
    origin: Origin,
    needs: Vec<Need>,
    text: String,
    /// Whether nothing of a word stands before `text`.
    begins_word: bool,
    /// Whether a word boundary lies right before the next character.
    is_behind_boundary: bool,
}

impl Gather {
    fn visit(&mut self, hir: &Hir) {
        match hir.kind() {
            HirKind::Empty => {}
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => text.chars().for_each(|character| self.push(character)),
                Err(_) => self.gap(false),
            },
            HirKind::Class(class) => match one_letter(class) {
                Some(character) => self.push(character),
                None => self.gap(separates(class)),
            },
            HirKind::Look(look) => self.look(*look),
            HirKind::Repetition(repetition) => {
                let at_least_once = repetition.min > 0;
                if let HirKind::Class(class) = repetition.sub.kind() {
                    self.gap(at_least_once && separates(class));
                } else {
                    self.gap(false);
                    if at_least_once {
                        self.needs.push(needs_of(&repetition.sub, self.origin));
                    }
                }
            }
            HirKind::Capture(capture) => self.visit(&capture.sub),
            HirKind::Concat(parts) => parts.iter().for_each(|part| self.visit(part)),
            HirKind::Alternation(options) => {
                self.gap(false);
                let options = options.iter().map(|option| needs_of(option, self.origin));
                let any = Need::any(options.collect());
                self.needs.push(any);
            }
        }
    }

    fn push(&mut self, character: char) {
        if self.text.is_empty() {
            self.begins_word |= self.is_behind_boundary && is_word(character);
        }
        self.is_behind_boundary = false;
        self.text.push(character);
    }

    /// Something that is no literal; `separates` says that it cannot be part of a word.
    fn gap(&mut self, separates: bool) {
        self.end(separates);
        self.begins_word = separates;
        self.is_behind_boundary = false;
    }

    fn look(&mut self, look: Look) {
        let is_whole = self.origin == Origin::Whole;
        match look {
            Look::Start
            | Look::StartLF
            | Look::StartCRLF
            | Look::End
            | Look::EndLF
            | Look::EndCRLF => self.gap(is_whole),
            Look::WordAscii | Look::WordUnicode if is_whole => {
                let ends_word = self.text.chars().next_back().is_some_and(is_word);
                self.end(ends_word);
                self.begins_word = false;
                self.is_behind_boundary = true;
            }
            _ => self.gap(false),
        }
    }

    /// Ends the literal, if one has begun.
    fn end(&mut self, ends_word: bool) {
        if !self.text.is_empty() {
            let literal = Literal::new(&self.text, self.begins_word, ends_word);
            self.needs.push(Need::literal(literal, self.origin));
            self.text.clear();
        }
        self.begins_word = false;
    }
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '_'
}

/// The letter that a class stands for, if all of its characters are that letter in some case.
fn one_letter(class: &Class) -> Option<char> {
    let Class::Unicode(class) = class else {
        return None;
    };
    let characters = class
        .iter()
        .map(|range| range.end() as u32 - range.start() as u32 + 1);
    if characters.sum::<u32>() > CLASS_CHARS_MAX {
        return None;
    }
    let mut letters = class.iter().flat_map(|range| range.start()..=range.end());
    let first = letters.next()?;
    let folded = storage::fold(first.encode_utf8(&mut [0; 4]));
    letters
        .all(|letter| storage::fold(letter.encode_utf8(&mut [0; 4])) == folded)
        .then_some(first)
}

/// Whether no character of a class can be part of a word.
fn separates(class: &Class) -> bool {
    let words = [('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];
    match class {
        Class::Unicode(class) => class.iter().all(|range| {
            words
                .iter()
                .all(|(first, last)| range.end() < *first || *last < range.start())
        }),
        Class::Bytes(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str, origin: Origin) -> String {
        need(pattern, origin).to_string()
    }

    #[test]
    fn phrases_are_whole_words() {
        let phrase = r"(?i)(?-u:\b)Task\s+timed(?-u:\b)";
        assert_eq!(shown(phrase, Origin::Whole), "|task| and |timed|");
        assert_eq!(shown(phrase, Origin::Part), "task| and |timed");
        assert_eq!(
            shown(r"(?i)(?-u:\b)time\w*out", Origin::Whole),
            "|time and out"
        );
    }

    #[test]
    fn anchors_are_literals_of_unknown_edges() {
        assert_eq!(
            shown(r"(?s)Duration: (.*?) ms\tBilled", Origin::Whole),
            "duration:  and  ms\tbilled"
        );
        assert_eq!(shown("status=5[0-9]{2}", Origin::Whole), "status=5");
    }

    #[test]
    fn options_need_one_of_their_literals() {
        assert_eq!(
            shown("(error|failed) today", Origin::Whole),
            "(error or failed) and  today"
        );
        assert_eq!(shown("(?:error|.*) to|.", Origin::Whole), "anything");
    }

    #[test]
    fn what_is_optional_is_not_needed() {
        assert_eq!(shown("abc(de)?fgh", Origin::Whole), "abc and fgh");
        assert_eq!(shown("x(?=y)", Origin::Whole), "anything");
    }

    #[test]
    fn a_pattern_of_one_word_in_all_cases_tells_it() {
        let word = |pattern| only_word(pattern).map(|word| word.text().to_owned());
        let found = word(r"(?i)(?-u:\b)Task_s3K(?-u:\b)");
        assert_eq!(
            found, None,
            "a word with digits is longer than the index has them"
        );
        assert_eq!(word(r"(?i)(?-u:\b)Tasks(?-u:\b)").as_deref(), Some("tasks"));
        assert_eq!(word(r"(?i)(?-u:\b)s3(?-u:\b)").as_deref(), Some("s3"));
        for pattern in [
            r"(?-u:\b)task(?-u:\b)",
            r"(?-u:\b)[Tt]ask(?-u:\b)",
            r"(?i)\btask\b",
            r"(?i)(?-u:\b)task",
            r"(?i)(?-u:\b)ta\w*k(?-u:\b)",
            r"(?i)(?-u:\b)a b(?-u:\b)",
            r"(?i)(?-u:\b)(?-u:\b)",
        ] {
            assert_eq!(word(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_one_text_tells_it() {
        assert_eq!(
            only_text("(?is)^CheckOut-7$").as_deref(),
            Some("checkout-7")
        );
        assert_eq!(only_text("(?is)^check.*$"), None);
        assert_eq!(only_text("check"), None);
    }
}
