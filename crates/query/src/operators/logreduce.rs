//! `logreduce`: finds the patterns of which messages are made, and counts them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Int64Array, StringViewArray, UInt32Array};
use datafusion::arrow::compute::take;

use super::{Entry, patterns};
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::stage::{Input, Step, Table};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::expression;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "logreduce",
        kind: UnitKind::Operator,
        syntax: "logreduce [(<field>) | field=<field>] [by <field>, …] [limit=<count>] [criteria=mostcommon | leastcommon]",
        summary: "Finds the patterns of which messages are made, with `*` for what differs, and counts how often each occurs: \
                  the most common first, unless the least common are wanted.",
        examples: &[
            "error | logreduce",
            "* | logreduce limit=10, criteria=leastcommon",
            "* | timeslice 1h | logreduce by _timeslice",
        ],
    },
    apply,
)
.or(&["summarize"]);

#[derive(Debug)]
struct LogReduce {
    keys: Vec<(String, FieldType)>,
    /// How many patterns are told, if not all.
    limit: Option<usize>,
    are_rare_first: bool,
}

/// What may stand at the end of the stage.
const LIMIT: &str = "limit";
const CRITERIA: &str = "criteria";

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    let mut value = None;
    if tokens.symbol("(") {
        value = Some(expression::parse(tokens)?);
        tokens.expect_symbol(")")?;
    }
    let field = tokens.field_option()?;
    let mut names: Vec<Name> = Vec::new();
    if tokens.word("by") {
        names.push(tokens.name()?);
        while !is_option(tokens, 1) && tokens.symbol(",") {
            names.push(tokens.name()?);
        }
    }
    let mut step = LogReduce {
        keys: Vec::new(),
        limit: None,
        are_rare_first: false,
    };
    step.read_options(tokens)?;
    let text = match (value, field) {
        (Some(value), _) => planner.lower(&value),
        (None, Some(name)) => planner.resolve(&name.text, &name.span),
        (None, None) if planner.kind == ResultKind::Messages => planner.resolve("_raw", &at),
        _ => {
            return Err(
                Diagnostic::error(at, "there are no messages after the aggregation")
                    .expecting("`logreduce(<field>)`"),
            );
        }
    };
    let mut arguments = vec![text.text()];
    for name in names {
        let key = planner.resolve(&name.text, &name.span);
        step.keys.push((name.text, key.field_type));
        arguments.push(key.expr);
    }
    planner.end_stage(arguments, step);
    Ok(())
}

/// Whether `limit=` or `criteria=` stands `ahead` words from here.
fn is_option(tokens: &Tokens, ahead: usize) -> bool {
    let is_name = matches!(tokens.peek_at(ahead), Some(TokenKind::Word(word))
        if [LIMIT, CRITERIA].iter().any(|option| word.eq_ignore_ascii_case(option)));
    is_name && matches!(tokens.peek_at(ahead + 1), Some(TokenKind::Symbol("=")))
}

impl LogReduce {
    /// Reads `limit=10, criteria=leastcommon`, in any order.
    fn read_options(&mut self, tokens: &mut Tokens) -> Parsed<()> {
        loop {
            let has_comma = usize::from(matches!(tokens.peek(), Some(TokenKind::Symbol(","))));
            if !is_option(tokens, has_comma) {
                return Ok(());
            }
            tokens.skip(has_comma);
            let is_limit = tokens.is_word(LIMIT);
            tokens.skip(2);
            if is_limit {
                self.limit = Some(tokens.count()?);
            } else if tokens.word("leastcommon") {
                self.are_rare_first = true;
            } else if !tokens.word("mostcommon") {
                return Err(tokens.unexpected("`mostcommon` or `leastcommon`"));
            }
        }
    }

    /// Puts what was found in order and leaves out the patterns behind the limit.
    fn choose(&self, found: &mut Vec<((usize, usize), i64)>) {
        let sign = if self.are_rare_first { 1 } else { -1 };
        found.sort_by_key(|((group, pattern), count)| (sign * count, *group, *pattern));
        let Some(limit) = self.limit else { return };
        let mut told = HashSet::new();
        found.retain(|((_, pattern), _)| {
            told.contains(pattern) || told.len() < limit && told.insert(*pattern)
        });
    }
}

impl Step for LogReduce {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let texts = input.texts(0)?;
        let groups = input.groups(1)?;
        let mut mined = patterns::Patterns::default();
        // How often each pattern occurs in each group.
        let mut counts: HashMap<(usize, usize), i64> = HashMap::new();
        for (row, group) in groups.of_row.iter().enumerate() {
            if texts.is_valid(row) {
                let pattern = mined.add(texts.value(row));
                *counts.entry((*group, pattern)).or_default() += 1;
            }
        }
        let mut found: Vec<((usize, usize), i64)> = counts.into_iter().collect();
        self.choose(&mut found);
        let rows: UInt32Array = found
            .iter()
            .map(|((group, _), _)| groups.rows[*group][0])
            .collect();
        let mut made: Vec<(ResultField, ArrayRef)> = Vec::new();
        for ((name, field_type), key) in self.keys.iter().zip(&input.arguments[1..]) {
            let key = take(key, &rows, None)?;
            made.push((ResultField::key(name, *field_type), key));
        }
        let ids = found.iter().map(|((_, pattern), _)| mined.id(*pattern));
        let ids = Arc::new(StringViewArray::from_iter_values(ids));
        made.push((ResultField::key("_cluster_id", FieldType::String), ids));
        let signatures = found
            .iter()
            .map(|((_, pattern), _)| mined.signature(*pattern));
        let signatures = Arc::new(StringViewArray::from_iter_values(signatures));
        made.push((
            ResultField::key("_signature", FieldType::String),
            signatures,
        ));
        let counts: Int64Array = found.iter().map(|(_, count)| *count).collect();
        made.push((
            ResultField::measure("_count", FieldType::Long),
            Arc::new(counts),
        ));
        let mut table = Table::records(made, found.len())?;
        table.warnings = input.table.warnings;
        if mined.is_full() {
            table.warnings.push(format!(
                "there are more than {} patterns; rare ones are counted as one",
                patterns::PATTERNS_MAX
            ));
        }
        Ok(table)
    }
}
