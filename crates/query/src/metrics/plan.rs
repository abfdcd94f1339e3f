//! Reads rows of a metrics query and finds out what they refer to.

use std::ops::Range;

use super::operators::quantize::Quantization;
use super::operators::{self, Operator};
use super::syntax::formula::{self, Allowed, Formula};
use super::syntax::selector::{self, Selector};
use crate::syntax::tokens::{Parsed, Tokens};
use crate::syntax::{Diagnostic, at_most_chars, expression, lexer, located, pipeline};

/// Where a row's series come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// From the store.
    Select(Selector),
    /// From other rows.
    Join(Join),
}

/// A formula of other rows.
#[derive(Debug)]
pub(crate) struct Join {
    /// The row numbers in it count [`Join::rows`].
    pub(crate) formula: Formula,
    /// The names of the rows, with their places in the text.
    pub(crate) rows: Vec<(String, Range<usize>)>,
    /// The dimensions that series must share; without, each meets each.
    pub(crate) along: Option<Vec<String>>,
    /// The metric's name of the result.
    pub(crate) name: String,
}

/// One row, ready to be executed.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) source: Source,
    /// What the stage right behind the selector asks of the samples.
    pub(crate) quantization: Quantization,
    pub(crate) stages: Vec<Box<dyn Operator>>,
}

impl Row {
    /// How far in the past the source lies, in milliseconds.
    pub(crate) fn shift_ms(&self) -> i64 {
        self.stages.iter().map(|stage| stage.shift_ms()).sum()
    }
}

/// Reads one row; every stage with a mistake is reported.
///
/// # Errors
/// Every mistake of the text, with its position.
pub(crate) fn read(text: &str) -> Result<Row, Vec<Diagnostic>> {
    at_most_chars(text)?;
    let pieces = pipeline::cut(text);
    let mut diagnostics = pieces.diagnostics;
    let scope = pieces.text.get(pieces.scope.clone()).unwrap_or_default();
    let source = if names_rows(scope) {
        match join(&pieces.text, pieces.scope, &mut diagnostics) {
            Ok(join) => Source::Join(join),
            Err(found) => {
                diagnostics.push(found);
                Source::Select(Selector::All)
            }
        }
    } else {
        let all = selector::parse(&pieces.text, pieces.scope, &mut diagnostics);
        Source::Select(all)
    };
    let mut stages = Vec::new();
    for range in pieces.stages {
        match operators::read(&pieces.text, range, &mut diagnostics) {
            Ok(stage) => stages.push(stage),
            Err(found) => diagnostics.push(found),
        }
    }
    if !diagnostics.is_empty() {
        return Err(located(diagnostics, text));
    }
    let quantization = match (&source, stages.first()) {
        (Source::Select(_), Some(first)) => first.quantization().cloned(),
        _ => None,
    };
    if quantization.is_some() {
        stages.remove(0);
    }
    Ok(Row {
        source,
        quantization: quantization.unwrap_or_default(),
        stages,
    })
}

/// Whether the text in front of the first stage is a formula of rows: `#A` stands where a word
/// begins, and nothing is compared.
fn names_rows(scope: &str) -> bool {
    let mut before = ' ';
    let mut found = false;
    for character in scope.chars() {
        match character {
            '#' => found |= !before.is_alphanumeric(),
            '=' | '"' => return false,
            _ => {}
        }
        before = character;
    }
    found
}

fn join(text: &str, range: Range<usize>, diagnostics: &mut Vec<Diagnostic>) -> Parsed<Join> {
    let words = lexer::lex(text, range.clone(), diagnostics);
    let mut tokens = Tokens::new(words, range.end);
    let mut rows = Vec::new();
    let written = expression::parse(&mut tokens)?;
    let end = tokens.last_end();
    let formula = formula::read(&written, Allowed::Rows, &mut rows)?;
    let expression = text.get(range.start..end).unwrap_or_default().trim();
    let mut join = Join {
        formula,
        rows,
        along: None,
        name: expression.to_owned(),
    };
    while !tokens.is_done() {
        if let Some(name) = tokens.alias()? {
            join.name = name.text;
        } else if tokens.word("along") {
            let along = tokens.names()?;
            join.along = Some(along.into_iter().map(|name| name.text).collect());
        } else {
            return Err(tokens.unexpected("`along`, `as` or `|`"));
        }
    }
    Ok(join)
}

/// Reads all rows of a query, each with its name (`A`, `B` …).
///
/// # Errors
/// Every mistake of every row; a row that does not exist or that refers to itself is one.
pub(crate) fn read_all(texts: &[(String, String)]) -> Result<Vec<Row>, Vec<Diagnostic>> {
    let mut rows = Vec::new();
    let mut diagnostics = Vec::new();
    for (name, text) in texts {
        let unfilled = crate::plan::unfilled_parameters(text);
        let row = if unfilled.is_empty() {
            read(text)
        } else {
            Err(unfilled)
        };
        match row {
            Ok(row) => rows.push(row),
            Err(found) => {
                diagnostics.extend(found.into_iter().map(|found| of_row(found, name, texts)))
            }
        }
    }
    if !diagnostics.is_empty() {
        return Err(diagnostics);
    }
    for (index, row) in rows.iter().enumerate() {
        let Source::Join(join) = &row.source else {
            continue;
        };
        let (name, text) = &texts[index];
        for (wanted, span) in &join.rows {
            let message = match find(texts, wanted) {
                None => format!("there is no row `#{wanted}`"),
                Some(_) if reaches(&rows, texts, index, wanted) => {
                    format!("row `#{name}` refers to itself through `#{wanted}`")
                }
                Some(_) => continue,
            };
            let found = Diagnostic::error(span.clone(), message);
            diagnostics.push(of_row(found.locate(text), name, texts));
        }
    }
    if diagnostics.is_empty() {
        Ok(rows)
    } else {
        Err(diagnostics)
    }
}

/// The row of that name.
pub(crate) fn find(texts: &[(String, String)], wanted: &str) -> Option<usize> {
    texts
        .iter()
        .position(|(name, _)| name.eq_ignore_ascii_case(wanted))
}

/// Where there are several rows, a mistake says in which it is.
fn of_row(mut found: Diagnostic, name: &str, texts: &[(String, String)]) -> Diagnostic {
    if texts.len() > 1 {
        found.message = format!("row {name}: {}", found.message);
    }
    found
}

/// Whether the row `from` is among what the row `start` refers to.
fn reaches(rows: &[Row], texts: &[(String, String)], from: usize, start: &str) -> bool {
    let mut seen = vec![false; rows.len()];
    let mut next: Vec<usize> = find(texts, start).into_iter().collect();
    while let Some(index) = next.pop() {
        if index == from {
            return true;
        }
        let is_known = std::mem::replace(&mut seen[index], true);
        if let Source::Join(join) = &rows[index].source
            && !is_known
        {
            next.extend(join.rows.iter().filter_map(|(name, _)| find(texts, name)));
        }
    }
    false
}
