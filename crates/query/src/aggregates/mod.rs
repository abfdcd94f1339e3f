//! Grouping stages: `count, avg(x) as y by a, b`. One file per aggregate, listed once.

mod avg;
mod count;
mod count_distinct;
mod extremes;
mod first_last;
mod percentile;
mod recent;
mod stddev;
mod sum;
mod values;

pub(crate) use count_distinct::TUPLE;

use std::ops::Range;

use datafusion::prelude::SessionContext;

use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::{Planner, Typed};
use crate::syntax::Diagnostic;
use crate::syntax::expression::{self, Expression, Kind};
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// What a measure becomes: the names and values of its fields.
type Plan = fn(&mut Planner<'_>, &Measure) -> Parsed<Vec<(String, Typed)>>;

/// One aggregate: what it tells about itself, and what a measure of it becomes.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) descriptor: Descriptor,
    /// Whether it may do without a field.
    needs_field: bool,
    plan: Plan,
}

impl Entry {
    const fn new(
        name: &'static str,
        syntax: &'static str,
        summary: &'static str,
        examples: &'static [&'static str],
        plan: Plan,
    ) -> Self {
        Entry {
            descriptor: Descriptor {
                name,
                kind: UnitKind::Aggregate,
                syntax,
                summary,
                examples,
            },
            needs_field: true,
            plan,
        }
    }

    const fn without_field(mut self) -> Self {
        self.needs_field = false;
        self
    }
}

/// Every aggregate, by name.
pub(crate) const AGGREGATES: &[Entry] = &[
    avg::ENTRY,
    count::ENTRY,
    count_distinct::ENTRY,
    first_last::FIRST,
    first_last::LAST,
    recent::LEAST_RECENT,
    extremes::MAX,
    percentile::MEDIAN,
    extremes::MIN,
    recent::MOST_RECENT,
    percentile::PCT,
    stddev::ENTRY,
    sum::ENTRY,
    values::ENTRY,
];

/// One measure as it is written.
#[derive(Debug)]
pub(crate) struct Measure {
    /// The aggregate's name.
    name: &'static str,
    arguments: Vec<Expression>,
    alias: Option<Name>,
}

impl Measure {
    /// The name of its field: the alias, or `_avg`.
    fn field(&self) -> String {
        self.alias
            .as_ref()
            .map_or_else(|| format!("_{}", self.name), |name| name.text.clone())
    }

    /// The only argument; more are a mistake.
    fn argument(&self, planner: &mut Planner<'_>) -> Parsed<Typed> {
        match self.arguments.as_slice() {
            [one] => Ok(planner.lower(one)),
            [_, second, ..] => {
                let message = format!("`{}` is about one field", self.name);
                Err(Diagnostic::error(second.span.clone(), message).about(self.name))
            }
            [] => Err(Diagnostic::error(0..0, "a field is missing")),
        }
    }

    /// One field of `value`.
    fn named(&self, value: Typed) -> Parsed<Vec<(String, Typed)>> {
        Ok(vec![(self.field(), value)])
    }
}

/// The aggregate of that name, in any case.
pub(crate) fn find(name: &str) -> Option<&'static Entry> {
    AGGREGATES
        .iter()
        .find(|entry| entry.descriptor.name.eq_ignore_ascii_case(name))
}

/// The aggregates' own accumulators, so that SQL can name them, too.
pub(crate) fn register(session: &SessionContext) {
    session.register_udaf(percentile::udaf());
    session.register_udaf(values::udaf());
}

/// Whether a grouping stage comes next.
pub(crate) fn starts(tokens: &Tokens) -> bool {
    starting(tokens).is_some()
}

/// The aggregate with which a grouping stage begins, if one comes next.
pub(crate) fn starting(tokens: &Tokens) -> Option<&'static Entry> {
    let Some(TokenKind::Word(word)) = tokens.peek() else {
        return None;
    };
    let entry = find(word)?;
    let is_one = match tokens.peek_at(1) {
        None => !entry.needs_field,
        // With two arguments `max` and `min` are functions.
        Some(TokenKind::Symbol("(")) => {
            !matches!(entry.descriptor.name, "max" | "min") || arguments(tokens) < 2
        }
        Some(TokenKind::Symbol(",")) => !entry.needs_field,
        Some(TokenKind::Word(next)) => {
            let next = next.to_ascii_lowercase();
            match next.as_str() {
                "as" | "by" | "group" => !entry.needs_field,
                "in" | "matches" | "contains" | "and" | "or" | "not" => false,
                _ => true,
            }
        }
        Some(TokenKind::Quoted(_)) => true,
        Some(_) => false,
    };
    is_one.then_some(entry)
}

/// How many arguments the call at hand has.
fn arguments(tokens: &Tokens) -> usize {
    let mut depth = 0_usize;
    let mut commas = 0;
    for ahead in 1.. {
        match tokens.peek_at(ahead) {
            None => break,
            Some(TokenKind::Symbol("(")) => depth += 1,
            Some(TokenKind::Symbol(")")) if depth <= 1 => break,
            Some(TokenKind::Symbol(")")) => depth -= 1,
            Some(TokenKind::Symbol(",")) if depth == 1 => commas += 1,
            Some(_) => {}
        }
    }
    commas + 1
}

/// Reads and plans a grouping stage.
pub(crate) fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut measures = measures(tokens, planner)?;
    tokens.word("group");
    let mut keys = Vec::new();
    let mut is_grouped = tokens.word("by");
    // `count x` is `count by x`.
    is_grouped |= !tokens.is_done();
    if is_grouped {
        keys = groups(tokens, planner)?;
    }
    tokens.finish()?;
    // A measure that is called like a group, as in `first(x) as x by x`, shows nothing new.
    measures.retain(|(name, _)| !keys.iter().any(|(key, _)| key.eq_ignore_ascii_case(name)));
    planner.aggregate(keys, measures);
    Ok(())
}

fn groups(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<Vec<(String, Typed)>> {
    let mut keys: Vec<(String, Typed)> = Vec::new();
    loop {
        let key = expression::parse(tokens)?;
        let value = planner.lower(&key);
        let name = match (tokens.alias()?, &key.kind) {
            (Some(name), _) => name.text,
            (None, Kind::Field(name)) => name.clone(),
            (None, Kind::Call(name, _)) => format!("_{name}"),
            _ => format!("_group_{}", keys.len() + 1),
        };
        if !keys
            .iter()
            .any(|(known, _)| known.eq_ignore_ascii_case(&name))
        {
            keys.push((name, value));
        }
        if !tokens.symbol(",") {
            return Ok(keys);
        }
        // A comma too many at the end is common, and its meaning plain.
        if tokens.is_done() {
            return Ok(keys);
        }
    }
}

/// Reads `count, avg(x) as y`.
pub(crate) fn measures(
    tokens: &mut Tokens,
    planner: &mut Planner<'_>,
) -> Parsed<Vec<(String, Typed)>> {
    let mut measures: Vec<(String, Typed)> = Vec::new();
    loop {
        let span = tokens.span();
        for (name, value) in measure(tokens, planner)? {
            if measures
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(&name))
            {
                let message = format!("two measures are called `{name}`");
                return Err(Diagnostic::error(span, message).expecting("`as` and another name"));
            }
            measures.push((name, value));
        }
        if !tokens.symbol(",") {
            return Ok(measures);
        }
    }
}

fn measure(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<Vec<(String, Typed)>> {
    let span = tokens.span();
    let Some(TokenKind::Word(word)) = tokens.peek().cloned() else {
        return Err(tokens.unexpected("an aggregate"));
    };
    let Some(entry) = find(&word) else {
        let names = AGGREGATES.iter().map(|entry| entry.descriptor.name);
        let found = Diagnostic::error(span, format!("there is no aggregate `{word}`"));
        return Err(found.suggesting(&word, names));
    };
    tokens.next();
    let arguments = arguments_of(tokens, entry)?;
    if arguments.is_empty() && entry.needs_field {
        let name = entry.descriptor.name;
        return Err(missing_field(span, entry).about(name));
    }
    let measure = Measure {
        name: entry.descriptor.name,
        arguments,
        alias: tokens.alias()?,
    };
    (entry.plan)(planner, &measure)
}

fn missing_field(span: Range<usize>, entry: &Entry) -> Diagnostic {
    let name = entry.descriptor.name;
    Diagnostic::error(span, format!("`{name}` needs a field"))
        .expecting(format!("`{}`", entry.descriptor.syntax))
}

fn arguments_of(tokens: &mut Tokens, entry: &Entry) -> Parsed<Vec<Expression>> {
    let mut arguments = Vec::new();
    if tokens.symbol("(") {
        while !tokens.symbol(")") {
            if !arguments.is_empty() {
                tokens.expect_symbol(",")?;
            }
            if tokens.symbol("*") {
                continue;
            }
            // `count(distinct x)`, as elsewhere.
            if tokens.is_word("distinct") && matches!(tokens.peek_at(1), Some(TokenKind::Word(_))) {
                return Err(tokens.unexpected("a field"));
            }
            arguments.push(expression::parse(tokens)?);
        }
    } else if entry.needs_field {
        arguments.push(expression::parse(tokens)?);
    }
    Ok(arguments)
}
