//! `sessionize`: brings together messages of one session, each kind by its own pattern.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, JoinType};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};

use super::extraction::Options;
use super::{Entry, parse};
use crate::descriptor::{Descriptor, UnitKind};
use crate::plan::planner::Planner;
use crate::plan::relation::check_reads;
use crate::plan::{FieldType, ResultField, ResultKind};
use crate::syntax::Diagnostic;
use crate::syntax::lexer::unescape;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "sessionize",
        kind: UnitKind::Operator,
        syntax: "sessionize \"<anchor>*<anchor>\" as (<field>, …), \"<anchor>$<field><anchor>*\" as (<field>, …), …",
        summary: "Brings together messages of one session: `$field` in a later pattern must be what an earlier pattern found.",
        examples: &[
            "* | sessionize \"START RequestId: * Version\" as (id), \"REPORT RequestId: $id Duration: * ms\" as (duration)",
        ],
    },
    apply,
);

/// One pattern: what its stars are called, in the order in which they stand; those that must be
/// what an earlier pattern found are marked.
struct Pattern {
    anchor: String,
    stars: Vec<(String, bool)>,
}

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let at = tokens.span();
    if planner.kind == ResultKind::Records {
        return Err(Diagnostic::error(
            at,
            "`sessionize` needs messages, and there are none after an aggregation",
        ));
    }
    let mut patterns: Vec<Pattern> = Vec::new();
    loop {
        let (raw, _, span) = tokens.text()?;
        if !tokens.word("as") {
            return Err(tokens.unexpected("`as` and the fields that the `*` stand for"));
        }
        let names = tokens.names()?;
        let known: Vec<&str> = patterns
            .iter()
            .flat_map(|pattern| pattern.stars.iter().map(|(name, _)| name.as_str()))
            .collect();
        let pattern = pattern(&unescape(&raw), names, &known);
        patterns.push(pattern.map_err(|message| Diagnostic::error(span, message))?);
        if !tokens.symbol(",") {
            break;
        }
    }
    let mut joined: Option<(LogicalPlan, Vec<String>)> = None;
    for (place, pattern) in patterns.iter().enumerate() {
        let plan = pattern.plan(planner, place);
        joined = match joined {
            None => Some((plan, pattern.new_fields())),
            Some((before, mut fields)) => {
                check_reads(&before, &plan)
                    .map_err(|problem| Diagnostic::error(tokens.span(), problem))?;
                let keys = pattern.keys(place);
                planner.build(|_| {
                    LogicalPlanBuilder::from(before).join(plan, JoinType::Inner, keys, None)
                });
                fields.extend(pattern.new_fields());
                Some((planner.plan.clone(), fields))
            }
        };
    }
    let (plan, names) = joined.unwrap_or_else(|| (planner.plan.clone(), Vec::new()));
    planner.plan = plan;
    let fields = names.into_iter().map(|name| ResultField {
        column: name.clone(),
        name,
        field_type: FieldType::String,
        is_key: false,
    });
    planner.replace_fields(fields.collect());
    Ok(())
}

/// Reads a pattern: `$name` is a star whose value is known already.
fn pattern(text: &str, names: Vec<Name>, known: &[&str]) -> Result<Pattern, String> {
    let mut names = names.into_iter();
    let mut anchor = String::new();
    let mut stars = Vec::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
        if character == '*' {
            let name = names.next().ok_or("there are more `*` than names")?;
            if known
                .iter()
                .any(|known| known.eq_ignore_ascii_case(&name.text))
            {
                return Err(format!("`{}` is the name of two fields", name.text));
            }
            anchor.push('*');
            stars.push((name.text, false));
            continue;
        }
        let length = rest
            .bytes()
            .take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
        let word = rest.get(..length.count()).unwrap_or_default();
        match known.iter().find(|known| known.eq_ignore_ascii_case(word)) {
            Some(known) if character == '$' => {
                anchor.push('*');
                stars.push(((*known).to_owned(), true));
                rest = rest.get(word.len()..).unwrap_or_default();
            }
            None if character == '$' && !word.is_empty() => {
                return Err(format!("no earlier pattern finds `{word}`"));
            }
            _ => anchor.push(character),
        }
    }
    if names.next().is_some() {
        return Err("there are more names than `*`".to_owned());
    }
    if !known.is_empty() && !stars.iter().any(|(_, is_known)| *is_known) {
        return Err("a later pattern needs a `$field` that an earlier one finds".to_owned());
    }
    Ok(Pattern { anchor, stars })
}

fn key_name(place: usize, name: &str) -> String {
    format!("({place} {name})")
}

impl Pattern {
    fn new_fields(&self) -> Vec<String> {
        let new = self.stars.iter().filter(|(_, is_known)| !is_known);
        new.map(|(name, _)| name.clone()).collect()
    }

    /// The messages that match, with what was found in them.
    fn plan(&self, planner: &mut Planner<'_>, place: usize) -> LogicalPlan {
        let names: Vec<Name> = self
            .stars
            .iter()
            .map(|(name, is_known)| Name {
                text: match is_known {
                    true => key_name(place, name),
                    false => name.clone(),
                },
                span: 0..0,
            })
            .collect();
        let mut fork = planner.clone();
        fork.matched.clear();
        parse::plan(
            &mut fork,
            &Options::default(),
            self.anchor.clone(),
            names.clone(),
        );
        let columns: Vec<Expr> = names
            .iter()
            .map(|name| {
                let found = fork.resolve(&name.text, &name.span).text();
                cast(found, DataType::Utf8View).alias(&name.text)
            })
            .collect();
        fork.build(|builder| builder.project(columns));
        planner.diagnostics = fork.diagnostics;
        fork.plan
    }

    /// Which columns must be equal: what was found before, and what this pattern found.
    fn keys(&self, place: usize) -> (Vec<Column>, Vec<Column>) {
        let known = self.stars.iter().filter(|(_, is_known)| *is_known);
        known
            .map(|(name, _)| {
                (
                    Column::from_name(name),
                    Column::from_name(key_name(place, name)),
                )
            })
            .unzip()
    }
}
