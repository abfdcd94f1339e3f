//! Grouping stages: `count, avg(x) as y by a, b`.

use datafusion::functions_aggregate::expr_fn::{
    approx_percentile_cont, avg, count, count_distinct, first_value, last_value, max, min, stddev,
    sum,
};
use datafusion::logical_expr::{Expr, lit};

use crate::plan::planner::{Planner, Typed, column};
use crate::plan::{FieldType, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::expression::{self, Kind};
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Parsed, Tokens};

/// Every aggregate.
pub(crate) const NAMES: &[&str] = &[
    "avg",
    "count",
    "count_distinct",
    "first",
    "last",
    "max",
    "median",
    "min",
    "most_recent",
    "pct",
    "stddev",
    "sum",
];

/// Whether a grouping stage comes next.
pub(crate) fn starts(tokens: &Tokens) -> bool {
    let Some(TokenKind::Word(word)) = tokens.peek() else {
        return false;
    };
    let word = word.to_ascii_lowercase();
    let is_call = matches!(tokens.peek_at(1), Some(TokenKind::Symbol("(")));
    match word.as_str() {
        "count" | "count_distinct" => !matches!(
            tokens.peek_at(1),
            Some(TokenKind::Symbol("+" | "-" | "*" | "/" | "="))
        ),
        _ => is_call && NAMES.contains(&word.as_str()),
    }
}

/// Reads and plans a grouping stage.
pub(crate) fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let measures = measures(tokens, planner)?;
    tokens.word("group");
    let mut keys = Vec::new();
    let mut is_grouped = tokens.word("by");
    // `count x` is `count by x`.
    is_grouped |= !tokens.is_done();
    if is_grouped {
        keys = groups(tokens, planner)?;
    }
    tokens.finish()?;
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
    let word = word.to_ascii_lowercase();
    if !NAMES.contains(&word.as_str()) {
        return Err(
            Diagnostic::error(span, format!("there is no aggregate `{word}`"))
                .suggesting(&word, NAMES.iter().copied()),
        );
    }
    tokens.next();
    let mut arguments = Vec::new();
    if tokens.symbol("(") {
        while !tokens.symbol(")") {
            if !arguments.is_empty() {
                tokens.expect_symbol(",")?;
            }
            if tokens.symbol("*") {
                continue;
            }
            arguments.push(expression::parse(tokens)?);
        }
    } else if word != "count" {
        arguments.push(expression::parse(tokens)?);
    }
    if arguments.is_empty() && word != "count" {
        return Err(Diagnostic::error(span, format!("`{word}` needs a field"))
            .expecting(format!("{word}(<field>)")));
    }
    let alias = tokens.alias()?;
    if word == "pct" {
        return percentiles(
            planner,
            &arguments,
            alias.as_ref().map(|name| name.text.as_str()),
        );
    }
    let argument = arguments.first().map(|argument| planner.lower(argument));
    let value = build(planner, &word, argument);
    Ok(vec![(
        alias.map_or_else(|| format!("_{word}"), |name| name.text),
        value,
    )])
}

fn build(planner: &Planner<'_>, word: &str, argument: Option<Typed>) -> Typed {
    let Some(argument) = argument else {
        return Typed::new(count(lit(1)), FieldType::Long);
    };
    let newest_first = || match planner.kind {
        ResultKind::Messages => vec![column("event_time").sort(false, false)],
        ResultKind::Records => Vec::new(),
    };
    let number = argument.number();
    let (expr, field_type): (Expr, FieldType) = match word {
        "count" => (count(argument.expr), FieldType::Long),
        "count_distinct" => (count_distinct(argument.text()), FieldType::Long),
        "sum" => (sum(number), FieldType::Double),
        "avg" => (avg(number), FieldType::Double),
        "min" => (min(number), FieldType::Double),
        "max" => (max(number), FieldType::Double),
        "stddev" => (stddev(number), FieldType::Double),
        "median" => (percentile(number, 50.0), FieldType::Double),
        "last" => (
            last_value(argument.expr, newest_first()),
            argument.field_type,
        ),
        _ => (
            first_value(argument.expr, newest_first()),
            argument.field_type,
        ),
    };
    Typed::new(expr, field_type)
}

fn percentile(number: Expr, percent: f64) -> Expr {
    approx_percentile_cont(number.sort(true, false), lit(percent / 100.0), None)
}

fn percentiles(
    planner: &mut Planner<'_>,
    arguments: &[expression::Expression],
    alias: Option<&str>,
) -> Parsed<Vec<(String, Typed)>> {
    let Some((field, percents)) = arguments.split_first() else {
        return Ok(Vec::new());
    };
    let name = match &field.kind {
        Kind::Field(name) => name.clone(),
        _ => String::new(),
    };
    let number = planner.lower(field).number();
    let mut measures = Vec::new();
    for percent in percents {
        let Kind::Number(value) = percent.kind else {
            return Err(Diagnostic::error(
                percent.span.clone(),
                "a percentile is a number from 0 to 100",
            ));
        };
        if !(0.0..=100.0).contains(&value) {
            return Err(Diagnostic::error(
                percent.span.clone(),
                "a percentile is a number from 0 to 100",
            ));
        }
        let name = match alias {
            Some(alias) if percents.len() == 1 => alias.to_owned(),
            Some(alias) => format!("{alias}_{value}"),
            None => format!("_{name}_pct_{value}"),
        };
        measures.push((
            name,
            Typed::new(percentile(number.clone(), value), FieldType::Double),
        ));
    }
    Ok(measures)
}
