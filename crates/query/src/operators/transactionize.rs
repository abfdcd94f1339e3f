//! `transactionize`: makes one row of all rows with the same id.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, StringViewArray, UInt32Array};
use datafusion::arrow::compute::take;

use super::Entry;
use crate::Result;
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::{Planner, Typed};
use crate::plan::stage::{Groups, Input, Step, Table, groups};
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "transactionize",
        kind: UnitKind::Operator,
        syntax: "transactionize <id>, … [(merge <field> [takeFirst | takeLast | takeDistinct | join with \"<text>\"] [as <field>], …)]",
        summary: "Makes one row of all rows with the same id; `merge` says how the fields of the rows become one.",
        examples: &[
            "* | transactionize request_id",
            "* | transactionize request_id (merge function takeFirst, _raw join with \"\\n\")",
        ],
    },
    apply,
);

/// When the first of the events happened: so that time slices can follow.
const TIME: &str = "_messagetime";

/// How the values of several rows become one.
#[derive(Clone, Debug, PartialEq)]
enum Merge {
    /// The earliest.
    First,
    /// The latest.
    Last,
    /// Those that differ, a line each.
    Distinct,
    /// All, with this between them.
    Join(String),
}

/// One column of the result.
#[derive(Clone, Debug)]
struct Merged {
    name: String,
    field_type: FieldType,
    merge: Merge,
}

#[derive(Debug)]
struct Transactionize {
    keys: Vec<(String, FieldType)>,
    merged: Vec<Merged>,
    /// Whether later rows come first, as events do.
    is_newest_first: bool,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut names = vec![tokens.name()?];
    while tokens.symbol(",") {
        names.push(tokens.name()?);
    }
    let mut keys = Vec::new();
    let mut arguments = Vec::new();
    for name in &names {
        let key = planner.resolve(&name.text, &name.span);
        keys.push((name.text.clone(), key.field_type));
        arguments.push(key.expr);
    }
    let mut merged: Vec<Merged> = Vec::new();
    let merges = match tokens.symbol("(") {
        true => merges(tokens)?,
        false => vec![(raw(tokens), Merge::Join("\n".to_owned()), None)],
    };
    for (name, merge, alias) in merges {
        let is_key = keys
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(&name.text));
        if is_key && alias.is_none() {
            // The rows have it in common.
            continue;
        }
        let value = planner.resolve(&name.text, &name.span);
        let name = alias.unwrap_or(name);
        let is_taken = |known: &Merged| known.name.eq_ignore_ascii_case(&name.text);
        if merged.iter().any(is_taken) {
            let message = format!("two merged fields are called `{}`", name.text);
            return Err(Diagnostic::error(name.span, message).expecting("`as` and another name"));
        }
        let keeps_type = matches!(merge, Merge::First | Merge::Last);
        let value = match keeps_type {
            true => value,
            false => Typed::new(value.text(), FieldType::String),
        };
        merged.push(Merged {
            name: name.text,
            field_type: value.field_type,
            merge,
        });
        arguments.push(value.expr);
    }
    let is_of_events = planner.kind == ResultKind::Messages;
    let has_time = merged
        .iter()
        .any(|merged| merged.name.eq_ignore_ascii_case(TIME));
    if is_of_events && !has_time {
        let time = planner.resolve(TIME, &tokens.span());
        merged.push(Merged {
            name: TIME.to_owned(),
            field_type: time.field_type,
            merge: Merge::First,
        });
        arguments.push(time.expr);
    }
    let step = Transactionize {
        keys,
        merged,
        is_newest_first: is_of_events && !planner.is_sorted,
    };
    planner.end_stage(arguments, step);
    Ok(())
}

fn raw(tokens: &Tokens) -> Name {
    Name {
        text: "_raw".to_owned(),
        span: tokens.span(),
    }
}

/// `merge a takeLast, b join with "," as c)`.
fn merges(tokens: &mut Tokens) -> Parsed<Vec<(Name, Merge, Option<Name>)>> {
    if !tokens.word("merge") {
        return Err(tokens.unexpected("`merge` and a field"));
    }
    let mut merges = Vec::new();
    loop {
        let name = tokens.name()?;
        let mut merge = Merge::Join("\n".to_owned());
        if tokens.word("takefirst") {
            merge = Merge::First;
        } else if tokens.word("takelast") {
            merge = Merge::Last;
        } else if tokens.word("takedistinct") {
            merge = Merge::Distinct;
        } else if tokens.word("join") {
            if tokens.word("with") {
                merge = Merge::Join(tokens.text()?.1);
            }
        } else if matches!(tokens.peek(), Some(TokenKind::Word(word)) if !word.eq_ignore_ascii_case("as"))
        {
            return Err(tokens
                .unexpected("`takeFirst`, `takeLast`, `takeDistinct` or `join with \"<text>\"`"));
        }
        merges.push((name, merge, tokens.alias()?));
        if !tokens.symbol(",") {
            break;
        }
    }
    tokens.expect_symbol(")")?;
    Ok(merges)
}

impl Step for Transactionize {
    fn apply(&self, input: Input, _: Vec<Table>) -> Result<Table> {
        let (keys, values) = input.arguments.split_at(self.keys.len());
        let mut groups = groups(keys, input.table.length())?;
        let first: UInt32Array = groups.rows.iter().map(|rows| rows[0]).collect();
        if self.is_newest_first {
            groups.rows.iter_mut().for_each(|rows| rows.reverse());
        }
        let mut made: Vec<(ResultField, ArrayRef)> = Vec::new();
        for ((name, field_type), key) in self.keys.iter().zip(keys) {
            made.push((
                ResultField::key(name, *field_type),
                take(key, &first, None)?,
            ));
        }
        for (merged, values) in self.merged.iter().zip(values) {
            let field = ResultField::measure(&merged.name, merged.field_type);
            made.push((field, merged.merge.of(&groups, values)?));
        }
        let mut table = Table::records(made, groups.rows.len())?;
        table.warnings = input.table.warnings;
        Ok(table)
    }
}

impl Merge {
    fn of(&self, groups: &Groups, values: &ArrayRef) -> Result<ArrayRef> {
        let is_known = |row: &&u32| values.is_valid(**row as usize);
        let one = |of: fn(&[u32]) -> Vec<&u32>| -> Result<ArrayRef> {
            let places: UInt32Array = groups
                .rows
                .iter()
                .map(|rows| of(rows).into_iter().find(is_known).copied())
                .collect();
            Ok(take(values, &places, None)?)
        };
        let several = |join: &dyn Fn(Vec<&str>) -> String| -> Result<ArrayRef> {
            let texts = crate::plan::stage::texts(values)?;
            let joined: StringViewArray = groups
                .rows
                .iter()
                .map(|rows| {
                    let known: Vec<&str> = rows
                        .iter()
                        .filter(is_known)
                        .map(|row| texts.value(*row as usize))
                        .collect();
                    (!known.is_empty()).then(|| join(known))
                })
                .collect();
            Ok(Arc::new(joined))
        };
        match self {
            Merge::First => one(|rows| rows.iter().collect()),
            Merge::Last => one(|rows| rows.iter().rev().collect()),
            Merge::Join(between) => several(&|known| known.join(between)),
            Merge::Distinct => several(&|known| {
                let mut seen = BTreeSet::new();
                let new: Vec<&str> = known
                    .into_iter()
                    .filter(|text| seen.insert(*text))
                    .collect();
                new.join("\n")
            }),
        }
    }
}
