//! `lookup`: adds fields from a table.

use std::ops::Range;

use datafusion::arrow::datatypes::DataType;
use datafusion::execution::FunctionRegistry as _;
use datafusion::logical_expr::{Expr, cast, lit};

use super::Entry;
use crate::descriptor::{Descriptor, UnitKind};
use crate::lookups::{self, Found, LookupTables};
use crate::plan::FieldType;
use crate::plan::planner::{Planner, Typed, null_text, text_literal};
use crate::syntax::Diagnostic;
use crate::syntax::expression::{Expression, Kind, Operation};
use crate::syntax::lexer::TokenKind;
use crate::syntax::tokens::{Name, Parsed, Tokens};

/// The registry's entry.
pub(crate) const ENTRY: Entry = Entry::new(
    Descriptor {
        name: "lookup",
        kind: UnitKind::Operator,
        syntax: "lookup <column> [as <field>], … | * from <table> on <key>=<field>[, …]",
        summary: "Adds the columns of a table (a CSV file, `geo://location`, `asn://default`, `sumo://threat/cs`) in the row with the same key; null where there is none.",
        examples: &[
            "* | parse \"client * \" as ip | lookup country_name, city from geo://location on ip=ip",
            "* | lookup owner, team as squad from path://\"/shared/functions\" on name=function",
        ],
    },
    apply,
)
.followed_by(&["*"]);

/// A column that is wanted, and what it is called afterwards.
pub(super) type Wanted = (String, Name);

fn apply(tokens: &mut Tokens, planner: &mut Planner<'_>) -> Parsed<()> {
    let mut wanted: Option<Vec<Wanted>> = Some(Vec::new());
    loop {
        if tokens.symbol("*") {
            wanted = None;
        } else {
            let column = tokens.name()?;
            let name = tokens.alias()?.unwrap_or_else(|| column.clone());
            if let Some(wanted) = &mut wanted {
                wanted.push((column.text, name));
            }
        }
        if !tokens.symbol(",") {
            break;
        }
    }
    if !tokens.word("from") {
        return Err(tokens.unexpected("`from` and a table"));
    }
    let (table, at) = table_name(tokens, planner)?;
    if !tokens.word("on") {
        return Err(tokens.unexpected("`on` and `<key>=<field>`"));
    }
    let mut keys = Vec::new();
    while !tokens.is_done() {
        keys.push(key(tokens, planner, &table)?);
        if !tokens.symbol(",") {
            tokens.word("and");
        }
    }
    if keys.is_empty() {
        return Err(tokens.unexpected("`<key>=<field>`"));
    }
    let asked = Asked {
        table,
        at,
        keys,
        may_lack_columns: false,
    };
    add(planner, &asked, wanted)
}

/// The table's name as it is written, up to `on`.
pub(super) fn table_name(
    tokens: &mut Tokens,
    planner: &Planner<'_>,
) -> Parsed<(String, Range<usize>)> {
    let start = tokens.span().start;
    while !tokens.is_done() && !tokens.is_word("on") {
        tokens.next();
    }
    let end = tokens.last_end().max(start);
    let name = planner.pipeline.text.get(start..end).unwrap_or_default();
    let name = name.replace('"', "").trim().to_owned();
    if name.is_empty() {
        return Err(tokens.unexpected("a table such as `shared/functions` or `geo://location`"));
    }
    Ok((name, start..end))
}

/// `<key>=<field>`, or one name for both.
fn key(tokens: &mut Tokens, planner: &mut Planner<'_>, table: &str) -> Parsed<(String, Expr)> {
    let mut key = tokens.name()?;
    let mut field = key.clone();
    if tokens.symbol("=") || tokens.symbol("==") {
        field = match tokens.peek() {
            Some(TokenKind::Word(_) | TokenKind::Quoted(_) | TokenKind::Symbol("%")) => {
                tokens.name()?
            }
            Some(TokenKind::Parameter(_)) => tokens.name()?,
            _ => return Err(tokens.unexpected("a field")),
        };
    }
    let is_of_addresses = table.starts_with("geo://") || table.starts_with("asn://");
    if is_of_addresses && field.text == "ip" && key.text != "ip" {
        std::mem::swap(&mut key, &mut field);
    }
    if is_of_addresses {
        "ip".clone_into(&mut key.text);
    }
    let value = planner.resolve(&field.text, &field.span).text();
    Ok((key.text, cast(value, DataType::Utf8View)))
}

/// A table and the keys of the row that is looked for.
pub(super) struct Asked {
    pub(super) table: String,
    pub(super) at: Range<usize>,
    pub(super) keys: Vec<(String, Expr)>,
    /// Whether columns that the table has not are null; otherwise they are a mistake.
    pub(super) may_lack_columns: bool,
}

impl Asked {
    /// The value of a column in the row that is looked for.
    fn value(&self, planner: &Planner<'_>, column: &str) -> Parsed<Expr> {
        let function = planner.session.udf(lookups::VALUE);
        let function =
            function.map_err(|error| Diagnostic::error(self.at.clone(), error.to_string()))?;
        let mut arguments = vec![text_literal(&self.table), text_literal(column)];
        for (key, value) in &self.keys {
            arguments.extend([text_literal(key), value.clone()]);
        }
        Ok(function.call(arguments))
    }
}

/// The columns of the table; nothing, if it is not set up or not at hand.
fn open(planner: &mut Planner<'_>, asked: &Asked) -> Parsed<Option<Vec<String>>> {
    let failed = |message: String| Diagnostic::error(asked.at.clone(), message);
    let config = planner.session.copied_config();
    let Some(tables) = config.get_extension::<LookupTables>() else {
        // A query that is only checked may name any table.
        return Ok(None);
    };
    match tables.open(&asked.table).map_err(failed)? {
        Found::Table(table) => {
            let keys: Vec<String> = asked.keys.iter().map(|(name, _)| name.clone()).collect();
            table.by(&keys).map_err(failed)?;
            Ok(Some(table.columns()))
        }
        Found::NotSetUp { warning } => {
            planner.warn(warning);
            Ok(None)
        }
    }
}

/// Adds the wanted columns of a table, or all of them.
pub(super) fn add(
    planner: &mut Planner<'_>,
    asked: &Asked,
    wanted: Option<Vec<Wanted>>,
) -> Parsed<()> {
    let columns = open(planner, asked)?;
    let Some(wanted) = wanted_columns(asked, columns.as_deref(), wanted)? else {
        planner.is_open = true;
        return Ok(());
    };
    let mut values = Vec::new();
    for (column, name) in wanted {
        let value = match &columns {
            Some(_) => asked.value(planner, &column.to_lowercase())?,
            None => null_text().expr,
        };
        values.push((name, Typed::new(value, FieldType::String)));
    }
    planner.assign(values);
    Ok(())
}

/// The columns that are added; nothing, if nobody can know them.
fn wanted_columns(
    asked: &Asked,
    columns: Option<&[String]>,
    wanted: Option<Vec<Wanted>>,
) -> Parsed<Option<Vec<Wanted>>> {
    let Some(columns) = columns else {
        return Ok(wanted);
    };
    let Some(wanted) = wanted else {
        let named = |column: String| {
            let name = Name {
                text: column.clone(),
                span: asked.at.clone(),
            };
            (column, name)
        };
        return Ok(Some(columns.iter().cloned().map(named).collect()));
    };
    let is_known = |column: &str| {
        columns
            .iter()
            .any(|known| known.eq_ignore_ascii_case(column))
    };
    for (column, name) in &wanted {
        if !asked.may_lack_columns && !is_known(column) {
            let message = format!("table `{}` has no column `{column}`", asked.table);
            return Err(Diagnostic::error(name.span.clone(), message)
                .expecting(columns.join(", "))
                .suggesting(column, columns.iter().map(String::as_str)));
        }
    }
    Ok(Some(wanted))
}

/// `lookupContains(<table>, <key>=<field>, …)`: whether a table has a row with these keys.
pub(crate) fn contains(
    planner: &mut Planner<'_>,
    arguments: &[Expression],
    span: &Range<usize>,
) -> Typed {
    let condition = match row_exists(planner, arguments, span) {
        Ok(condition) => condition,
        Err(found) => {
            planner.diagnostics.push(found);
            lit(false)
        }
    };
    Typed::new(condition, FieldType::Boolean)
}

fn row_exists(
    planner: &mut Planner<'_>,
    arguments: &[Expression],
    span: &Range<usize>,
) -> Parsed<Expr> {
    let expected = "`lookupContains(<table>, <key>=<field>)`";
    let wrong = || {
        Diagnostic::error(span.clone(), "a table and its keys must stand here").expecting(expected)
    };
    let (table, equalities) = arguments.split_first().ok_or_else(wrong)?;
    let text = planner.pipeline.text.get(table.span.clone());
    let name = text.unwrap_or_default().replace('"', "").trim().to_owned();
    let mut keys = Vec::new();
    for equality in equalities {
        let Kind::Binary(Operation::Equal, key, field) = &equality.kind else {
            return Err(wrong());
        };
        let Kind::Field(key) = &key.kind else {
            return Err(wrong());
        };
        let value = planner.lower(field).text();
        keys.push((key.clone(), cast(value, DataType::Utf8View)));
    }
    let Some((first, _)) = keys.first().cloned() else {
        return Err(wrong());
    };
    let asked = Asked {
        table: name,
        at: table.span.clone(),
        keys,
        may_lack_columns: false,
    };
    if open(planner, &asked)?.is_none() {
        return Ok(lit(false));
    }
    Ok(asked.value(planner, &first.to_lowercase())?.is_not_null())
}
