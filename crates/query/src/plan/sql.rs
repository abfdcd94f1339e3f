//! A planned query as SQL: what each node of its plan says, as one `SELECT` or a chain of them.
//!
//! The SQL is meant to be read and run: it names the same functions as the plan, for
//! [`crate::register_functions`] gives all of them names, and gives the same rows in SQL mode over the
//! same range of time. What works on all rows at once (`transpose`, `accum` …) has no words in SQL: there
//! the text ends, and a note says so.

use std::collections::HashSet;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::{AggregateFunction, Sort};
use datafusion::logical_expr::{
    Aggregate, Expr, FetchType, Join, JoinType, LogicalPlan, Projection, SkipType, TableScan,
};
use datafusion::sql::sqlparser::ast;
use datafusion::sql::unparser::Unparser;
use datafusion::sql::unparser::dialect::{CustomDialect, CustomDialectBuilder};
use model::limits::SQL_NESTED_MAX;
use serde::Serialize;

use super::planner::column;
use super::{Planned, ResultKind};
use crate::lookups;

/// The tables that SQL can name.
const TABLES: [&str; 3] = ["events", "invocations", "samples"];

/// A query as SQL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SqlText {
    /// The SQL; empty, if nothing of the query can be said in SQL.
    pub sql: String,
    /// Whether it says the whole query.
    pub is_whole: bool,
    /// What it does not say, and why.
    pub notes: Vec<String>,
}

impl Planned {
    /// The query as SQL, as far as there are words for it.
    pub fn sql(&self) -> SqlText {
        let mut notes = Vec::new();
        if let Some(later) = &self.later {
            let stage = later
                .pipeline
                .text
                .get(later.pipeline.stages[later.stage].clone());
            let stage = stage.unwrap_or_default().split_whitespace();
            let stage = stage.collect::<Vec<_>>().join(" ");
            notes.push(format!(
                "`{stage}` works on all rows at once, for which SQL has no words: the SQL ends before it"
            ));
        }
        if !self.subqueries.is_empty() {
            notes.push(
                "the answer of a subquery becomes a condition before the query runs; it cannot be shown"
                    .to_owned(),
            );
            return SqlText::without(notes);
        }
        let mut writer = Writer::new();
        match writer.query(self) {
            Ok(sql) if ::sql::is_nested_too_deeply(&sql) => {
                notes.push(format!(
                    "conditions stand deeper inside one another than SQL is read (SQL_NESTED_MAX, {SQL_NESTED_MAX})"
                ));
                SqlText::without(notes)
            }
            Ok(sql) => SqlText {
                sql,
                is_whole: notes.is_empty(),
                notes,
            },
            Err(why) => {
                notes.push(why);
                SqlText::without(notes)
            }
        }
    }
}

impl SqlText {
    fn without(notes: Vec<String>) -> SqlText {
        SqlText {
            sql: String::new(),
            is_whole: false,
            notes,
        }
    }
}

type Words<T> = Result<T, String>;

/// One `SELECT` under construction.
#[derive(Debug, Default)]
struct Select {
    /// `*`, unless something is chosen.
    columns: Vec<String>,
    from: String,
    conditions: Vec<String>,
    groups: Vec<String>,
    order: Vec<String>,
    limit: Option<usize>,
}

impl Select {
    fn from(relation: String) -> Select {
        Select {
            from: relation,
            ..Select::default()
        }
    }

    /// Whether what comes next can only be said of its result.
    fn is_full(&self) -> bool {
        !self.columns.is_empty() || !self.order.is_empty() || self.limit.is_some()
    }

    fn text(&self, indent: &str) -> String {
        let list = |items: &[String]| items.join(&format!(",\n{indent}  "));
        let columns = match self.columns.as_slice() {
            [] => "*".to_owned(),
            columns => list(columns),
        };
        let mut text = format!("{indent}SELECT {columns}\n{indent}FROM {}", self.from);
        if !self.conditions.is_empty() {
            let conditions = self.conditions.join(&format!("\n{indent}  AND "));
            text += &format!("\n{indent}WHERE {conditions}");
        }
        if !self.groups.is_empty() {
            text += &format!("\n{indent}GROUP BY {}", list(&self.groups));
        }
        if !self.order.is_empty() {
            text += &format!("\n{indent}ORDER BY {}", list(&self.order));
        }
        if let Some(rows) = self.limit {
            text += &format!("\n{indent}LIMIT {rows}");
        }
        text
    }
}

struct Writer {
    dialect: CustomDialect,
    /// The `SELECT`s that have been given names.
    steps: Vec<String>,
    /// The order that was asked for last, and the columns that it is about.
    order: Vec<String>,
    ordered_by: Vec<String>,
}

impl Writer {
    fn new() -> Self {
        let dialect = CustomDialectBuilder::new()
            .with_identifier_quote_style('"')
            .build();
        Writer {
            dialect,
            steps: Vec::new(),
            order: Vec::new(),
            ordered_by: Vec::new(),
        }
    }

    /// The whole text: rows with the fields that are shown, in the order in which they are shown.
    fn query(&mut self, planned: &Planned) -> Words<String> {
        let mut select = self.select(&planned.plan)?;
        let fields = planned.fields.iter();
        let mut columns: Vec<String> = Vec::new();
        if planned.kind == ResultKind::Messages {
            columns.extend([quoted("event_time"), quoted("message")]);
        }
        columns
            .extend(fields.map(|field| named(&quoted(&field.column), &field.column, &field.name)));
        let is_settled = planned.kind == ResultKind::Records
            && planned
                .fields
                .iter()
                .all(|field| field.name == field.column);
        if !is_settled {
            if select.is_full() {
                // The order of a step is not that of what is chosen from it.
                let order = select.order.clone();
                select = self.step(&select);
                select.order = order;
            }
            select.columns = columns;
        }
        if planned.kind == ResultKind::Messages && !planned.is_sorted {
            select.order = vec![format!("{} DESC", quoted("event_time"))];
        }
        if planned.is_sorted && select.order.is_empty() && !self.order.is_empty() {
            // SQL forgets the order of a step.
            let there = names_of(&planned.plan);
            if !self
                .ordered_by
                .iter()
                .all(|name| there.contains(&name.as_str()))
            {
                return Err("the order of the rows is by what is not there any more".to_owned());
            }
            select.order.clone_from(&self.order);
        }
        let body = select.text("");
        if self.steps.is_empty() {
            return Ok(body);
        }
        let steps = self.steps.iter().enumerate();
        let steps: Vec<String> = steps
            .map(|(place, step)| format!("step{} AS (\n{step}\n)", place + 1))
            .collect();
        Ok(format!("WITH {}\n{body}", steps.join(", ")))
    }

    /// Gives a name to a `SELECT`, and begins one over it.
    fn step(&mut self, select: &Select) -> Select {
        self.steps.push(select.text("  "));
        Select::from(format!("step{}", self.steps.len()))
    }

    /// A `SELECT` of the rows of `plan` to which columns, groups, an order may still be added.
    fn open(&mut self, plan: &LogicalPlan) -> Words<Select> {
        let select = self.select(plan)?;
        Ok(match select.is_full() {
            true => self.step(&select),
            false => select,
        })
    }

    fn select(&mut self, plan: &LogicalPlan) -> Words<Select> {
        match plan {
            LogicalPlan::TableScan(scan) => table(scan),
            LogicalPlan::SubqueryAlias(alias) => self.select(&alias.input),
            LogicalPlan::Filter(filter) => {
                let mut select = self.open(&filter.input)?;
                select.conditions.push(self.expression(&filter.predicate)?);
                Ok(select)
            }
            LogicalPlan::Projection(projection) => self.projection(projection),
            LogicalPlan::Aggregate(aggregate) => self.aggregate(aggregate),
            LogicalPlan::Sort(sort) => {
                let mut select = self.select(&sort.input)?;
                if !select.order.is_empty() || select.limit.is_some() || !select.columns.is_empty()
                {
                    select = self.step(&select);
                }
                self.ordered_by.clear();
                for key in &sort.expr {
                    select.order.push(self.sort_key(key)?);
                    let columns = key.expr.column_refs();
                    self.ordered_by
                        .extend(columns.iter().map(|column| column.name.clone()));
                }
                self.order.clone_from(&select.order);
                select.limit = sort.fetch;
                Ok(select)
            }
            LogicalPlan::Limit(limit) => {
                let mut select = self.select(&limit.input)?;
                if select.limit.is_some() {
                    select = self.step(&select);
                }
                match (limit.get_skip_type(), limit.get_fetch_type()) {
                    (Ok(SkipType::Literal(0)), Ok(FetchType::Literal(rows))) => select.limit = rows,
                    _ => return Err("a limit that is no number".to_owned()),
                }
                Ok(select)
            }
            LogicalPlan::Window(window) => {
                let mut select = self.open(&window.input)?;
                select.columns.push("*".to_owned());
                let made = plan.schema().fields().iter();
                let made = made.skip(window.input.schema().fields().len());
                for (value, field) in window.window_expr.iter().zip(made) {
                    select.columns.push(self.named_value(value, field.name())?);
                }
                Ok(select)
            }
            LogicalPlan::Unnest(unnest) => {
                let mut select = self.open(&unnest.input)?;
                let lists = unnest.exec_columns.iter();
                let lists: Vec<String> = lists.map(|list| quoted(&list.name)).collect();
                select
                    .columns
                    .push(format!("* EXCEPT ({})", lists.join(", ")));
                let rows = lists.iter().map(|list| format!("unnest({list}) AS {list}"));
                select.columns.extend(rows);
                Ok(select)
            }
            LogicalPlan::Join(join) => self.join(join),
            other => Err(format!("SQL has no words for `{}`", other.display())),
        }
    }

    /// What stays as it is becomes `*`, what is new or changed is named.
    fn projection(&mut self, projection: &Projection) -> Words<Select> {
        let is_same = |(value, name): (&Expr, &str)| matches!(value, Expr::Column(column) if column.name == name);
        let inside = names_of(&projection.input);
        if projection.expr.len() == inside.len() && projection.expr.iter().zip(inside).all(is_same)
        {
            return self.select(&projection.input);
        }
        let mut select = self.open(&projection.input)?;
        let before: Vec<&str> = names_of(&projection.input);
        let mut kept: HashSet<&str> = HashSet::new();
        let mut made = Vec::new();
        let mut all = Vec::new();
        for (value, field) in projection.expr.iter().zip(projection.schema.fields()) {
            let text = self.named_value(value, field.name())?;
            match value.clone().unalias() {
                Expr::Column(column) if column.name == *field.name() => {
                    kept.extend(before.iter().find(|name| **name == column.name));
                }
                _ => made.push(text.clone()),
            }
            all.push(text);
        }
        let dropped = before.iter().filter(|name| !kept.contains(*name));
        let dropped: Vec<String> = dropped.map(|name| quoted(name)).collect();
        select.columns = match () {
            () if kept.len() <= dropped.len() + 1 => all,
            () if dropped.is_empty() => vec!["*".to_owned()],
            () => vec![format!("* EXCEPT ({})", dropped.join(", "))],
        };
        if kept.len() > dropped.len() + 1 {
            select.columns.extend(made);
        }
        Ok(select)
    }

    fn aggregate(&mut self, aggregate: &Aggregate) -> Words<Select> {
        let mut select = self.open(&aggregate.input)?;
        let values = aggregate.group_expr.iter().chain(&aggregate.aggr_expr);
        for (value, field) in values.zip(aggregate.schema.fields()) {
            select.columns.push(self.named_value(value, field.name())?);
        }
        for value in &aggregate.group_expr {
            select.groups.push(self.expression(value)?);
        }
        Ok(select)
    }

    fn join(&mut self, join: &Join) -> Words<Select> {
        let names = [names_of(&join.left), names_of(&join.right)].concat();
        let distinct: HashSet<&str> = names.iter().copied().collect();
        if join.join_type != JoinType::Inner || distinct.len() < names.len() {
            return Err("the sides of a join have columns of the same name".to_owned());
        }
        let mut sides = Vec::new();
        for side in [&join.left, &join.right] {
            let select = self.select(side)?;
            sides.push(self.step(&select).from);
        }
        let mut conditions = Vec::new();
        for (left, right) in &join.on {
            let (left, right) = (self.expression(left)?, self.expression(right)?);
            conditions.push(format!("{left} = {right}"));
        }
        if let Some(filter) = &join.filter {
            conditions.push(self.expression(filter)?);
        }
        let on = conditions.join(" AND ");
        Ok(Select::from(format!(
            "{} JOIN {} ON {on}",
            sides[0], sides[1]
        )))
    }

    fn named_value(&self, value: &Expr, name: &str) -> Words<String> {
        let text = self.expression(value)?;
        Ok(match value.clone().unalias() {
            Expr::Column(column) => named(&text, &column.name, name),
            _ => format!("{text} AS {}", quoted(name)),
        })
    }

    fn sort_key(&self, key: &Sort) -> Words<String> {
        let direction = if key.asc { "ASC" } else { "DESC" };
        let nulls = if key.nulls_first { "FIRST" } else { "LAST" };
        let text = self.expression(&key.expr)?;
        Ok(format!("{text} {direction} NULLS {nulls}"))
    }

    fn expression(&self, expression: &Expr) -> Words<String> {
        let failed = |error: datafusion::error::DataFusionError| {
            format!("SQL has no words for a value: {}", error.strip_backtrace())
        };
        let plain = expression.clone().unalias().transform(|node| {
            Ok(match node {
                Expr::Column(known) => Transformed::yes(column(&known.name)),
                other => Transformed::no(other),
            })
        });
        let plain = plain.map_err(failed)?.data;
        let unparser = Unparser::new(&self.dialect).with_pretty(true);
        let mut text = unparser.expr_to_sql(&plain).map_err(failed)?;
        if let Expr::AggregateFunction(AggregateFunction { params, .. }) = &plain
            && let ast::Expr::Function(function) = &mut text
            && let ast::FunctionArguments::List(list) = &mut function.args
            && !params.order_by.is_empty()
        {
            let keys = params.order_by.iter().map(|key| unparser.sort_to_sql(key));
            let keys = keys.collect::<Result<Vec<_>, _>>().map_err(failed)?;
            list.clauses
                .push(ast::FunctionArgumentClause::OrderBy(keys));
        }
        Ok(text.to_string())
    }
}

fn names_of(plan: &LogicalPlan) -> Vec<&str> {
    let fields = plan.schema().fields().iter();
    fields.map(|field| field.name().as_str()).collect()
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn named(text: &str, column: &str, name: &str) -> String {
    match column == name {
        true => text.to_owned(),
        false => format!("{text} AS {}", quoted(name)),
    }
}

/// What a scanned table is called.
fn table(scan: &TableScan) -> Words<Select> {
    let table = scan.table_name.table();
    let is_whole = scan.filters.is_empty() && scan.projection.is_none();
    match table.strip_prefix(lookups::TABLE).map(str::trim_start) {
        Some(name) => Ok(Select::from(format!(
            "{}('{}')",
            lookups::TABLE,
            name.replace('\'', "''")
        ))),
        None if TABLES.contains(&table) && is_whole => Ok(Select::from(table.to_owned())),
        None => Err("rows that another operator has made have no name in SQL".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        assert_eq!(quoted("a \"b\""), "\"a \"\"b\"\"\"");
        assert_eq!(named("\"a\"", "a", "a"), "\"a\"");
        assert_eq!(named("\"a\"", "a", "b"), "\"a\" AS \"b\"");
    }

    #[test]
    fn each_condition_stands_on_a_line_of_its_own() {
        let select = Select {
            conditions: vec!["a".to_owned(), "b".to_owned()],
            limit: Some(3),
            ..Select::from("events".to_owned())
        };
        assert_eq!(
            select.text(""),
            "SELECT *\nFROM events\nWHERE a\n  AND b\nLIMIT 3"
        );
    }
}
