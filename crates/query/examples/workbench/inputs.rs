//! What is asked: queries of the tests and of the help pages, damaged in ways that are unlikely by hand.

use std::path::Path;

use query::Language;

use crate::Failure;
use crate::random::Random;

/// Longer than a query may be by a little, so that the limit is tried as well.
const TEXT_BYTES_MAX: usize = 16_000;
/// How many pieces one damage repeats or removes, at most, and how often it repeats them.
const PIECES_MAX: usize = 12;
const REPEATS_MAX: usize = 300;
const DAMAGES_MAX: usize = 6;

/// Single things that readers stumble over.
const NASTY: &[&str] = &[
    "\"",
    "'",
    "(",
    ")",
    "[",
    "]",
    "{{",
    "}}",
    "{{p}}",
    "|",
    "||",
    "\\",
    "/",
    "//",
    "/*",
    "*/",
    "%",
    "%\"",
    "*",
    "**",
    "?",
    ":",
    ",",
    ",,",
    "=",
    "!=",
    "<>",
    "<",
    ">=",
    "&&",
    "-",
    "--",
    "+",
    "!",
    "$",
    "#",
    "@",
    ".",
    "..",
    "\n",
    "\0",
    "\u{e9}",
    "\u{1f980}",
    "\u{200b}",
    "\u{feff}",
    "\u{130}",
    "\u{1e9e}",
    " ",
    "\t",
    "0",
    "-1",
    "1e999",
    "1e-999",
    "99999999999999999999",
    "9223372036854775807",
    "-9223372036854775808",
    "0.1",
    "1e3",
    "1.2.3",
    "5m",
    "0s",
    "1ns",
    "100000w",
    "1Pi",
    "nan",
    "null",
    "true",
    "not",
    "and",
    "or",
    "in",
    "as",
    "by",
    "matches",
    "contains",
    "nodrop",
    "multi",
    "field=",
    "limit 0",
    "(?<x>",
    "\\Q",
    "(?i)",
    "[^",
    "\"*\"",
    "\"a*b\"",
    "\"$..a\"",
    "_raw",
    "_count",
    "_timeslice",
    "_messagetime",
    "_sourcehost",
];

/// What a part of a query may be put into.
const WRAPPERS: &[(&str, &str)] = &[
    ("(", ")"),
    ("!(", ")"),
    ("-(", ")"),
    ("if(", ", 1, 2)"),
    ("concat(", ", \"x\")"),
    ("toLong(", ")"),
    ("[subquery: ", " | compose a]"),
    ("a in (", ")"),
    ("filter a in (", ")"),
    ("join (", ") as a, (count) as b on a.x = b.y"),
    ("\"", "\""),
    ("{{", "}}"),
    ("/* ", " */"),
    ("sum(", ") by a"),
    ("* | where ", ""),
    ("* | ", " as b"),
];

/// Queries to begin with, in pieces, and the words that stand in them.
pub(crate) struct Inputs {
    queries: Vec<Vec<String>>,
    words: Vec<String>,
}

impl Inputs {
    /// The examples of the help pages and the cases of the tests.
    pub(crate) fn gather(language: Language) -> Result<Self, Failure> {
        let (units, folder) = match language {
            Language::Metrics => (query::metrics_descriptors(), "golden_metrics"),
            _ => (query::descriptors(), "golden_logs"),
        };
        let examples = units.iter().flat_map(|unit| unit.examples.iter());
        let mut queries: Vec<String> = examples.map(|query| (*query).to_owned()).collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests")
            .join(folder);
        let mut files: Vec<_> = std::fs::read_dir(&folder)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect::<Result<_, _>>()?;
        files.retain(|file| file.extension().is_some_and(|ending| ending == "toml"));
        files.sort();
        for file in files {
            let cases: toml::Table = toml::from_str(&std::fs::read_to_string(file)?)?;
            take_queries(&toml::Value::Table(cases), &mut queries);
        }
        let queries: Vec<Vec<String>> = queries.iter().map(|query| pieces(query)).collect();
        let mut words: Vec<String> = queries.iter().flatten().cloned().collect();
        words.sort();
        words.dedup();
        Ok(Inputs { queries, words })
    }

    /// How many queries there are to begin with.
    pub(crate) fn count(&self) -> usize {
        self.queries.len()
    }

    /// Input `number` of the run that `seed` decides.
    pub(crate) fn input(&self, seed: u64, number: u64) -> String {
        let random = &mut Random::of(seed, number);
        let mut query = random.one(&self.queries).clone();
        for _ in 0..1 + random.below(DAMAGES_MAX) {
            self.damage(&mut query, random);
        }
        let mut text = query.concat();
        let mut end = TEXT_BYTES_MAX.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text
    }

    fn damage(&self, query: &mut Vec<String>, random: &mut Random) {
        let start = random.below(query.len() + 1);
        let end = (start + 1 + random.below(PIECES_MAX)).min(query.len());
        let part: Vec<String> = query.get(start..end).unwrap_or_default().to_vec();
        match random.below(10) {
            0 => drop(query.drain(start..end)),
            1 => drop(query.splice(start..end, [random.one(&self.words).clone()])),
            2 => query.insert(start, random.one(&self.words).clone()),
            3 => query.insert(start, (*random.one(NASTY)).to_owned()),
            4 => drop(query.splice(start..end, [(*random.one(NASTY)).to_owned()])),
            5 => {
                let part = part.concat();
                let times = 1 + random.below(REPEATS_MAX) * random.below(2);
                let times = times.min(TEXT_BYTES_MAX / part.len().max(1));
                drop(query.splice(start..start, [part.repeat(times)]));
            }
            6 => {
                let (open, close) = *random.one(WRAPPERS);
                let times = 1 + random.below(REPEATS_MAX) * (random.below(4) / 3);
                query.insert(end.max(start), close.repeat(times));
                query.insert(start, open.repeat(times));
            }
            7 => {
                let other = random.one(&self.queries);
                let from = random.below(other.len());
                drop(query.splice(start.., other.iter().skip(from).cloned()));
            }
            8 => {
                let to = random.below(query.len() + 1 - part.len());
                query.drain(start..end);
                drop(query.splice(to..to, part));
            }
            _ => {
                let other = random.one(&self.queries);
                let bar = other.iter().position(|piece| piece == "|").unwrap_or(0);
                query.extend(other.iter().skip(bar).cloned());
            }
        }
    }
}

/// Every text that a case calls `query`, and every row of a metrics query.
fn take_queries(value: &toml::Value, queries: &mut Vec<String>) {
    match value {
        toml::Value::Array(values) => values.iter().for_each(|value| take_queries(value, queries)),
        toml::Value::Table(table) => {
            for (key, value) in table {
                match (key.as_str(), value) {
                    ("query", toml::Value::String(text)) => queries.push(text.clone()),
                    ("rows", toml::Value::Table(rows)) => {
                        let texts = rows.values().filter_map(toml::Value::as_str);
                        queries.extend(texts.map(str::to_owned));
                    }
                    _ => take_queries(value, queries),
                }
            }
        }
        _ => {}
    }
}

/// Words, blanks and everything else one by one.
fn pieces(query: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    for character in query.chars() {
        match pieces.last_mut() {
            Some(last) if is_word(character) && last.chars().all(is_word) => last.push(character),
            _ => pieces.push(character.into()),
        }
    }
    pieces
}
