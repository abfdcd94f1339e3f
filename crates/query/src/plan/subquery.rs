//! `[subquery: … | compose …]`: a query whose answer is a condition of the query around it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, StringViewArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::functions::string::{concat, lower};
use datafusion::logical_expr::{Expr, LogicalPlan, cast, lit};
use datafusion::prelude::{SessionContext, coalesce};
use model::limits::SUBQUERY_ROWS_MAX;
use model::{TimeRange, Timestamp};

use super::planner::{Planner, column, text_literal};
use super::stage::texts;
use super::{Planned, ResultKind};
use crate::functions::kernels::{Run, call};
use crate::functions::text_search;
use crate::syntax::Diagnostic;
use crate::syntax::lexer::{self, TokenKind};
use crate::syntax::pipeline::cut_inner;
use crate::syntax::tokens::{Name, Parsed, Tokens};
use crate::{QueryError, Result};

/// Stands between the values of a row when they are compared as one.
const SEPARATOR: &str = "\u{1}";
/// The name of the function that stands for an answer until there is one.
const MARKER: &str = "subquery_answer";
const UNANSWERED: Run = Run::Test(|_, _| None);

/// What `compose` says at the end of a subquery.
#[derive(Clone, Debug)]
pub(crate) struct Composed {
    pub(crate) names: Vec<Name>,
    /// How many rows are enough.
    pub(crate) rows_max: Option<usize>,
    /// Whether the values are words to be found anywhere in a message.
    pub(crate) are_keywords: bool,
}

/// A subquery that is ready to run.
#[derive(Debug)]
pub(super) struct Subquery {
    /// Its number among the subqueries of its stage.
    number: usize,
    planned: Planned,
    composed: Composed,
    /// Whether it stands in the scope, where case does not matter.
    is_in_scope: bool,
}

impl Planner<'_> {
    /// Plans the subquery at `span` and returns the condition that stands for its answer.
    pub(super) fn subquery(&mut self, span: &Range<usize>, is_in_scope: bool) -> Expr {
        match self.plan_subquery(span, is_in_scope) {
            Ok(condition) => condition,
            Err(found) => {
                self.diagnostics.extend(found);
                lit(true)
            }
        }
    }

    fn plan_subquery(
        &mut self,
        span: &Range<usize>,
        is_in_scope: bool,
    ) -> std::result::Result<Expr, Vec<Diagnostic>> {
        let text = &self.pipeline.text;
        let nested = self.deeper(span).map_err(|found| vec![found])?;
        // A bracket that is never closed lasts until the end of the text.
        let written = self.pipeline.text.get(span.clone()).unwrap_or_default();
        let is_closed = written.len() > 1 && written.ends_with(']');
        let inside = span.start + 1..span.end - usize::from(is_closed);
        let (range, begin) = self
            .subquery_head(inside.clone())
            .map_err(|found| vec![found])?;
        let mut pieces = cut_inner(text, begin..inside.end, true).into_iter();
        let scope = pieces.next().unwrap_or(begin..begin);
        let stages: Vec<Range<usize>> = pieces.collect();
        let Some(last) = stages.last().cloned() else {
            let message = "a subquery ends with `compose` and the fields that it hands on";
            return Err(vec![Diagnostic::error(span.clone(), message)]);
        };
        let composed = Composed::read_stage(text, last).map_err(|found| vec![found])?;
        let mut pipeline = self.pipeline.subquery(scope, stages, range);
        pipeline.nested = nested;
        let planned = pipeline.plan_events(self.session, Vec::new())?;
        let arguments: Vec<Expr> = if composed.are_keywords {
            if self.kind == ResultKind::Records {
                let message =
                    "`keywords` looks into messages, and there are none after an aggregation";
                return Err(vec![Diagnostic::error(span.clone(), message)]);
            }
            vec![column("message")]
        } else {
            let names = composed.names.iter();
            names
                .map(|name| self.resolve(&name.text, &name.span).text())
                .collect()
        };
        let number = self.subqueries.len();
        let subquery = Subquery {
            number,
            planned,
            composed,
            is_in_scope,
        };
        self.subqueries.push(Arc::new(subquery));
        let marker = std::iter::once(text_literal(&number.to_string())).chain(arguments);
        Ok(call(MARKER, UNANSWERED, marker.collect()))
    }

    /// Reads `subquery from=(-1d) to=(-1h):` and says where the query after it begins.
    fn subquery_head(&self, inside: Range<usize>) -> Parsed<(Option<TimeRange>, usize)> {
        let text = self.pipeline.text.get(inside.clone()).unwrap_or_default();
        let Some(colon) = text.find(':') else {
            return Err(Diagnostic::error(
                inside,
                "a subquery begins with `subquery:`",
            ));
        };
        let head = inside.start..inside.start + colon;
        let mut ignored = Vec::new();
        let words = lexer::lex(&self.pipeline.text, head.clone(), &mut ignored);
        let mut tokens = Tokens::new(words, head.end);
        tokens.word("subquery");
        let mut range = self.pipeline.context.range;
        let mut is_own = false;
        while !tokens.is_done() {
            let is_start = tokens.word("from");
            if !is_start && !tokens.word("to") {
                return Err(tokens.unexpected("`from=(…)`, `to=(…)` or `:`"));
            }
            tokens.expect_symbol("=")?;
            let moment = self.bound(&mut tokens)?;
            is_own = true;
            if is_start {
                range.start = moment;
            } else {
                range.end = moment;
            }
        }
        if range.start >= range.end {
            return Err(Diagnostic::error(
                head,
                "the subquery's time range is empty",
            ));
        }
        Ok((is_own.then_some(range), inside.start + colon + 1))
    }

    /// `(-1d)`: before now; `(now)`; `(0d)`.
    fn bound(&self, tokens: &mut Tokens) -> Parsed<Timestamp> {
        let is_wrapped = tokens.symbol("(");
        let now = self.pipeline.context.now;
        let is_before = tokens.symbol("-");
        let moment = if tokens.word("now") {
            now
        } else if let Some(TokenKind::Number {
            value,
            is_time: true,
            ..
        }) = tokens.peek().cloned()
        {
            tokens.next();
            #[allow(clippy::cast_possible_truncation, reason = "milliseconds; saturates")]
            let length = value as i64;
            now.saturating_add_millis(if is_before { -length } else { length })
        } else {
            return Err(tokens.unexpected("a distance from now such as `-1d`"));
        };
        if is_wrapped {
            tokens.expect_symbol(")")?;
        }
        Ok(moment)
    }
}

impl Composed {
    fn read_stage(text: &str, stage: Range<usize>) -> Parsed<Composed> {
        let mut ignored = Vec::new();
        let words = lexer::lex(text, stage.clone(), &mut ignored);
        let mut tokens = Tokens::new(words, stage.end);
        if tokens.word("compose") {
            Composed::read(&mut tokens)
        } else {
            Err(tokens.unexpected("`compose` and the fields that the subquery hands on"))
        }
    }

    /// Reads `a, b maxresults=10 keywords`.
    pub(crate) fn read(tokens: &mut Tokens) -> Parsed<Composed> {
        let mut composed = Composed {
            names: tokens.names()?,
            rows_max: None,
            are_keywords: false,
        };
        while !tokens.is_done() {
            let at = tokens.span();
            if tokens.word("keywords") {
                composed.are_keywords = true;
            } else if tokens.word("maxresults") {
                tokens.expect_symbol("=")?;
                let rows = tokens.count()?;
                if !(1..=SUBQUERY_ROWS_MAX).contains(&rows) {
                    let message = format!(
                        "a subquery hands on 1 to {SUBQUERY_ROWS_MAX} rows (SUBQUERY_ROWS_MAX)"
                    );
                    return Err(Diagnostic::error(at, message));
                }
                composed.rows_max = Some(rows);
            } else {
                return Err(tokens.unexpected("`maxresults=`, `keywords` or `]`"));
            }
        }
        Ok(composed)
    }
}

impl Subquery {
    /// Runs the subquery and puts its answer into `plan`.
    pub(super) async fn answer(
        &self,
        plan: LogicalPlan,
        session: &SessionContext,
    ) -> Result<LogicalPlan> {
        let rows = self.rows(session).await?;
        let number = self.number.to_string();
        let answered = plan.transform_up(|node| {
            node.map_expressions(|expr| {
                expr.transform_up(|expr| match arguments(&expr, &number) {
                    Some(arguments) => Ok(Transformed::yes(self.condition(&rows, arguments))),
                    None => Ok(Transformed::no(expr)),
                })
            })
        })?;
        Ok(answered.data)
    }

    /// The rows that were found, without those that lack a value.
    async fn rows(&self, session: &SessionContext) -> Result<BTreeSet<Vec<String>>> {
        let output = Box::pin(self.planned.execute(session)).await?;
        let mut rows = BTreeSet::new();
        for batch in &output.batches {
            let columns = output.fields.iter().map(|field| {
                let column = batch.column_by_name(&field.column);
                column.map_or_else(|| Ok(StringViewArray::new_null(batch.num_rows())), texts)
            });
            let columns: Vec<StringViewArray> = columns.collect::<Result<_>>()?;
            for row in 0..batch.num_rows() {
                let values = columns.iter().map(|column| {
                    (column.is_valid(row) && !column.value(row).is_empty())
                        .then(|| column.value(row).to_owned())
                });
                rows.extend(values.collect::<Option<Vec<String>>>());
            }
        }
        if rows.len() > SUBQUERY_ROWS_MAX {
            return Err(QueryError::Step(format!(
                "a subquery finds more than {SUBQUERY_ROWS_MAX} rows (SUBQUERY_ROWS_MAX); \
                 aggregate in it, or say with `maxresults=` that some are enough"
            )));
        }
        Ok(rows)
    }

    fn condition(&self, rows: &BTreeSet<Vec<String>>, arguments: &[Expr]) -> Expr {
        if self.composed.are_keywords {
            let words: BTreeSet<&String> = rows.iter().flatten().collect();
            let found = words.into_iter().map(|word| {
                let pattern = text_literal(&text_search::phrase_pattern(word));
                let arguments = vec![pattern, arguments[0].clone()];
                call("text_match", text_search::MATCH, arguments)
            });
            return any(found.collect());
        }
        let fold = |text: &str| match self.is_in_scope {
            true => text.to_lowercase(),
            false => text.to_owned(),
        };
        let values: Vec<Expr> = arguments
            .iter()
            .map(|value| match self.is_in_scope {
                true => lower().call(vec![cast(value.clone(), DataType::Utf8)]),
                false => cast(value.clone(), DataType::Utf8),
            })
            .collect();
        // Each value for itself lets the scan leave things out; all of them together is exact.
        let mut conditions: Vec<Expr> = (0..values.len())
            .map(|place| {
                let options: BTreeSet<String> = rows.iter().map(|row| fold(&row[place])).collect();
                let options = options.into_iter().map(lit).collect();
                values[place].clone().in_list(options, false)
            })
            .collect();
        if values.len() > 1 {
            let mut together = vec![values[0].clone()];
            for value in values.into_iter().skip(1) {
                together.extend([lit(SEPARATOR), value]);
            }
            let options = rows.iter().map(|row| lit(fold(&row.join(SEPARATOR))));
            conditions.push(concat().call(together).in_list(options.collect(), false));
        }
        let all = conditions.into_iter().reduce(Expr::and);
        // Without a value there is no match, whatever is made of the answer.
        coalesce(vec![all.unwrap_or_else(|| lit(false)), lit(false)])
    }
}

/// The arguments of the marker of subquery `number`, if `expr` is it.
fn arguments<'a>(expr: &'a Expr, number: &str) -> Option<&'a [Expr]> {
    let Expr::ScalarFunction(called) = expr else {
        return None;
    };
    let (first, rest) = called.args.split_first()?;
    (called.func.name() == MARKER && *first == text_literal(number)).then_some(rest)
}

/// Any of many conditions, as a tree that is not deep.
fn any(mut conditions: Vec<Expr>) -> Expr {
    while conditions.len() > 1 {
        let mut pairs = conditions.into_iter();
        let mut halved = Vec::new();
        while let Some(left) = pairs.next() {
            halved.push(match pairs.next() {
                Some(right) => left.or(right),
                None => left,
            });
        }
        conditions = halved;
    }
    conditions.pop().unwrap_or_else(|| lit(false))
}
