//! Random questions: what they look like in the query language.

use model::{TimeRange, Timestamp};

use super::events::{END, Event, FUNCTIONS, LEVELS, Random, WORDS};

/// A condition of the scope.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    All,
    /// Words with one space between them.
    Phrase(String),
    /// A beginning and an end of a word.
    Wild(String, String),
    Field {
        name: &'static str,
        value: String,
        is_negated: bool,
    },
    Not(Box<Scope>),
    And(Box<Scope>, Box<Scope>),
    Or(Box<Scope>, Box<Scope>),
}

/// A stage behind the scope.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    None,
    /// `parse "before*after"`, and what the text between must be.
    Parse(&'static str, &'static str, Option<String>),
    Contains(String),
    /// `matches` with a glob.
    Glob(String),
    /// A key of JSON and the value it must have.
    Json(&'static str, String),
    Level(Vec<&'static str>),
}

/// A question.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) scope: Scope,
    pub(crate) stage: Stage,
    is_narrow: bool,
}

/// Returns a random question; many of them about things that some event holds.
pub(crate) fn question(random: &mut Random, events: &[Event]) -> Question {
    let mut scope = scope(random, events, 2);
    if random.below(6) == 0 {
        scope = Scope::All;
    }
    Question {
        scope,
        stage: stage(random, events),
        is_narrow: random.below(4) == 0,
    }
}

fn scope(random: &mut Random, events: &[Event], depth: usize) -> Scope {
    let inner = |random: &mut Random| Box::new(scope(random, events, depth - 1));
    match random.below(if depth > 0 { 12 } else { 7 }) {
        0..=2 => Scope::Phrase(phrase(random, events)),
        3 => {
            let word = random.one(&WORDS);
            let cut = random.below(word.len() + 1);
            let (begin, rest) = word.split_at(cut);
            let (_, end) = rest.split_at(random.below(rest.len() + 1));
            match begin.len() + end.len() {
                0 => Scope::Phrase(word.to_owned()),
                _ => Scope::Wild(begin.to_owned(), end.to_owned()),
            }
        }
        4 => Scope::Field {
            name: "function",
            value: field_value(random, &FUNCTIONS),
            is_negated: random.below(3) == 0,
        },
        5 => Scope::Field {
            name: "level",
            value: field_value(random, &LEVELS),
            is_negated: random.below(3) == 0,
        },
        6 => {
            let event = &events[random.below(events.len())];
            let value = event
                .request_id
                .clone()
                .unwrap_or_else(|| "none".to_owned());
            Scope::Field {
                name: "request_id",
                value,
                is_negated: random.below(8) == 0,
            }
        }
        7 => Scope::Not(inner(random)),
        8 | 9 => Scope::Or(inner(random), inner(random)),
        _ => Scope::And(inner(random), inner(random)),
    }
}

fn field_value(random: &mut Random, of: &[&'static str]) -> String {
    let value = random.one(of).to_ascii_lowercase();
    match random.below(4) {
        0 => format!("{}*", &value.get(..1).unwrap_or_default()),
        1 => value.to_ascii_uppercase(),
        _ => value,
    }
}

/// Some words of an event one after another, or any words.
fn phrase(random: &mut Random, events: &[Event]) -> String {
    let message = &events[random.below(events.len())].message;
    let words: Vec<&str> = message
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '-' && c != '.')
        .filter(|word| word.chars().any(char::is_alphanumeric) && word.is_ascii())
        .collect();
    if words.is_empty() || random.below(4) == 0 {
        return random.one(&WORDS).to_owned();
    }
    let start = random.below(words.len());
    let end = words.len().min(start + 1 + random.below(3));
    words[start..end].join(" ")
}

fn stage(random: &mut Random, events: &[Event]) -> Stage {
    match random.below(12) {
        0 => Stage::Parse("Duration: ", " ms", None),
        1 => Stage::Parse("timed ", " after", Some("out".to_owned())),
        2 => Stage::Parse("=", "=", None),
        3 | 4 => {
            let message: Vec<char> = events[random.below(events.len())].message.chars().collect();
            let start = random.below(message.len());
            let end = message.len().min(start + 1 + random.below(14));
            let part: String = message[start..end].iter().collect();
            let is_plain = part
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || " -_=/,:.".contains(c));
            if is_plain {
                Stage::Contains(part)
            } else {
                Stage::None
            }
        }
        5 => Stage::Glob(format!("*{}*", random.one(&WORDS))),
        6 => Stage::Glob(format!("{}*", random.one(&WORDS))),
        7 => {
            let number = random.below(30_000).to_string();
            Stage::Json("latencyMs", number)
        }
        8 => {
            let path = random.one(&["/v1/orders", "/v2/cart"]);
            Stage::Json("path", format!("{path}/{}", random.below(30_000)))
        }
        9 => Stage::Level(vec!["ERROR", "WARN"]),
        _ => Stage::None,
    }
}

impl Scope {
    fn text(&self) -> String {
        match self {
            Scope::All => "*".to_owned(),
            Scope::Phrase(words) => format!("\"{words}\""),
            Scope::Wild(begin, end) => format!("{begin}*{end}"),
            Scope::Field {
                name,
                value,
                is_negated,
            } => format!("{name}{}\"{value}\"", if *is_negated { "!=" } else { "=" }),
            Scope::Not(inner) => format!("NOT ({})", inner.text()),
            Scope::And(a, b) => format!("({}) AND ({})", a.text(), b.text()),
            Scope::Or(a, b) => format!("({}) OR ({})", a.text(), b.text()),
        }
    }
}

impl Question {
    /// The question in the query language.
    pub(crate) fn text(&self) -> String {
        let stage = match &self.stage {
            Stage::None => String::new(),
            Stage::Parse(before, after, None) => format!(" | parse \"{before}*{after}\" as found"),
            Stage::Parse(before, after, Some(value)) => {
                format!(" | parse \"{before}*{after}\" as found | where found = \"{value}\"")
            }
            Stage::Contains(part) => format!(" | where contains(_raw, \"{part}\")"),
            Stage::Glob(glob) => format!(" | where _raw matches \"{glob}\""),
            Stage::Json(key, value) => {
                format!(" | json \"{key}\" as found | where found = \"{value}\"")
            }
            Stage::Level(levels) => format!(" | where level in (\"{}\")", levels.join("\", \"")),
        };
        format!("{}{stage}", self.scope.text())
    }

    /// The range that is asked about.
    pub(crate) fn range(&self) -> TimeRange {
        if self.is_narrow {
            let start = Timestamp::from_millis(END.millis() - 1_000_000);
            TimeRange::new(start, Timestamp::from_millis(END.millis() - 500_000))
        } else {
            TimeRange::ALL
        }
    }
}
