//! The plan so far and the names that are known at this point of a pipeline.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit, when};
use datafusion::prelude::{Column, SessionContext};

use super::pipeline::{Ended, Pipeline};
use super::relation;
use super::subquery::Subquery;
use super::traces::{Traces, named};
use super::{FieldType, Planned, QueryContext, ResultField, ResultKind};
use crate::functions::kernels::call;
use crate::functions::{casts, json};
use crate::operators::timeslice;
use crate::syntax::Diagnostic;
use crate::syntax::tokens::Name;

/// An expression of the plan and its type in the query language.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) field_type: FieldType,
}

impl Typed {
    pub(crate) fn new(expr: Expr, field_type: FieldType) -> Self {
        Typed { expr, field_type }
    }

    /// As a number; null where it is none.
    pub(crate) fn number(&self) -> Expr {
        match self.field_type {
            FieldType::String => call("to_number", casts::NUMBER, vec![self.expr.clone()]),
            FieldType::Double => self.expr.clone(),
            _ => cast(self.expr.clone(), DataType::Float64),
        }
    }

    /// As text.
    pub(crate) fn text(&self) -> Expr {
        match self.field_type {
            FieldType::String => self.expr.clone(),
            FieldType::Double => call("number_text", casts::TEXT, vec![self.expr.clone()]),
            _ => cast(self.expr.clone(), DataType::Utf8View),
        }
    }

    /// As true or false.
    pub(crate) fn condition(&self) -> Expr {
        match self.field_type {
            FieldType::Boolean => self.expr.clone(),
            FieldType::String => self.expr.clone().eq(lit("true")),
            _ => self.expr.clone().not_eq(lit(0)),
        }
    }

    /// The text, if it is a constant.
    pub(crate) fn constant(&self) -> Option<&str> {
        match &self.expr {
            Expr::Literal(value, _) => value.try_as_str().flatten(),
            _ => None,
        }
    }

    pub(crate) const fn is_number(&self) -> bool {
        matches!(
            self.field_type,
            FieldType::Double | FieldType::Long | FieldType::Int
        )
    }
}

/// The plan under construction.
#[derive(Clone)]
pub(crate) struct Planner<'a> {
    /// The pipeline that is planned, and the place of the stage at hand in it.
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) stage: usize,
    /// How many pipelines the one at hand stands in.
    pub(super) nested: usize,
    /// How many stages the plan has been through, those inside other stages included.
    pub(super) applied: usize,
    /// How many of them rank rows.
    pub(super) ranks: usize,
    /// How often the events are read for each row source of the plan at hand: a step that needs all
    /// rows hides from the plan what was read before it.
    pub(crate) reads: usize,
    pub(crate) session: &'a SessionContext,
    pub(crate) plan: LogicalPlan,
    pub(crate) fields: Vec<ResultField>,
    /// The columns that the table has and that every plan over messages hands on.
    pub(super) base: Vec<String>,
    pub(crate) kind: ResultKind,
    pub(crate) context: &'a QueryContext,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether unknown names are let pass, because an earlier stage could not be planned.
    pub(crate) is_open: bool,
    pub(crate) is_sorted: bool,
    /// Conditions of earlier `nodrop` parses: whoever matched one of them is kept.
    pub(crate) matched: Vec<Expr>,
    /// Where the call of a function stands that is being lowered.
    pub(crate) call: Range<usize>,
    /// What parsing has left behind besides fields.
    pub(super) traces: Traces,
    /// The order that the rows have been put in.
    pub(super) sorted_by: Vec<Sort>,
    /// What the user should know, though it is no mistake.
    pub(super) warnings: Vec<String>,
    /// Questions that are answered before the plan runs.
    pub(super) subqueries: Vec<Arc<Subquery>>,
    /// The width of the time slices, in milliseconds, once there are any.
    pub(crate) slice_ms: Option<i64>,
    /// Set by an operator that ended a stage: the planner goes on over the next one.
    pub(super) ended: Option<Ended>,
}

impl<'a> Planner<'a> {
    pub(crate) fn new(
        plan: LogicalPlan,
        pipeline: &'a Pipeline,
        session: &'a SessionContext,
    ) -> Self {
        let base = plan
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        Planner {
            pipeline,
            stage: 0,
            nested: pipeline.nested,
            applied: 0,
            ranks: 0,
            reads: 1,
            session,
            plan,
            fields: Vec::new(),
            base,
            kind: ResultKind::Messages,
            context: &pipeline.context,
            diagnostics: Vec::new(),
            is_open: false,
            is_sorted: false,
            matched: Vec::new(),
            call: 0..0,
            traces: Traces::default(),
            sorted_by: Vec::new(),
            warnings: Vec::new(),
            subqueries: Vec::new(),
            slice_ms: None,
            ended: None,
        }
    }

    /// Finds what a name stands for; reports it if it stands for nothing.
    pub(crate) fn resolve(&mut self, name: &str, span: &Range<usize>) -> Typed {
        if let Some(field) = self
            .fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))
        {
            return Typed::new(column(&field.column), field.field_type);
        }
        let other = match self.kind {
            ResultKind::Messages => Some(self.event_field(name)),
            ResultKind::Records => None,
        };
        if name.eq_ignore_ascii_case("__timeslice_end")
            && let Some(end) = timeslice::end_of_slice(self)
        {
            return end;
        }
        let is_own = name.starts_with('_');
        if let Some(value) = self.automatic_field(name).filter(|_| !is_own) {
            let values = [value].into_iter().chain(other.map(|other| other.text()));
            let value = datafusion::prelude::coalesce(values.collect());
            return Typed::new(value, FieldType::String);
        }
        if let Some(other) = other {
            return other;
        }
        if let Some(further) = self.further_fields() {
            return Typed::new(named(column(&further), name), FieldType::String);
        }
        if name.eq_ignore_ascii_case("signature") {
            // Published queries call the pattern that `logreduce` finds by either name.
            return self.resolve("_signature", span);
        }
        if !self.is_open && !name.starts_with("{{") {
            let known: Vec<String> = self.fields.iter().map(|field| field.name.clone()).collect();
            let diagnostic = Diagnostic::error(
                span.clone(),
                format!("no field `{name}` exists after the aggregation"),
            )
            .expecting(known.join(", "))
            .suggesting(name, known.iter().map(String::as_str));
            self.diagnostics.push(diagnostic);
        }
        null_text()
    }

    /// Whether a name is neither a field that a stage has made nor one that every event has.
    pub(super) fn is_unheard_of(&self, name: &str) -> bool {
        let is_called = |field: &ResultField| field.name.eq_ignore_ascii_case(name);
        self.kind == ResultKind::Messages
            && !self.fields.iter().any(is_called)
            && self.automatic_field(name).is_none()
            && self.event_field(name).expr == self.further_field(name)
    }

    fn event_field(&self, name: &str) -> Typed {
        let lower = name.to_ascii_lowercase();
        let text = |name: &str| Typed::new(column(name), FieldType::String);
        let millis = |name: &str| Typed::new(millis(name), FieldType::Long);
        match lower.as_str() {
            "_raw" => text("message"),
            "_messagetime" | "event_time" => millis("event_time"),
            "_receipttime" | "receipt_time" => millis("receipt_time"),
            "_size" => Typed::new(
                call("text_size", casts::SIZE, vec![column("message")]),
                FieldType::Double,
            ),
            "functionname" | "function_name" => self.key_or(name, column("function")),
            "loggroup" => self.key_or(name, column("_sourcehost")),
            "logstream" => self.key_or(name, column("_sourcename")),
            "namespace" => {
                let known = when(
                    column("provider").eq(lit("aws")),
                    text_literal("aws/lambda"),
                )
                .end();
                self.key_or(name, known.unwrap_or_else(|_| null_text().expr))
            }
            "_loglevel" => text("level"),
            "_view" | "_index" => text("partition"),
            known if self.base.iter().any(|base| base == known) => {
                if self.traces.do_further_win() && !known.starts_with('_') {
                    return self.key_or(name, column(known));
                }
                text(known)
            }
            _ if self.context.auto_parse => {
                let arguments = vec![column("message"), text_literal(name)];
                self.key_or(name, call("json_auto", json::flatten::AUTO, arguments))
            }
            _ => Typed::new(self.further_field(name), FieldType::String),
        }
    }

    fn key_or(&self, name: &str, other: Expr) -> Typed {
        Typed::new(
            datafusion::prelude::coalesce(vec![self.further_field(name), other]),
            FieldType::String,
        )
    }

    /// Complains about an argument of the call at hand.
    pub(crate) fn complain(&mut self, message: String, expected: &str) {
        let found = Diagnostic::error(self.call.clone(), message);
        self.diagnostics.push(found.expecting(expected));
    }

    /// Notes what the user should know, once.
    pub(crate) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Keeps the rows for which `condition` is true.
    pub(crate) fn filter(&mut self, condition: Expr) {
        self.relate(|plan| relation::filter(plan, condition));
    }

    /// Applies a step of DataFusion's builder.
    pub(crate) fn build(
        &mut self,
        step: impl FnOnce(LogicalPlanBuilder) -> Result<LogicalPlanBuilder, DataFusionError>,
    ) {
        self.relate(|plan| step(LogicalPlanBuilder::from(plan))?.build());
    }

    pub(super) fn relate(
        &mut self,
        step: impl FnOnce(LogicalPlan) -> Result<LogicalPlan, DataFusionError>,
    ) {
        match step(self.plan.clone()) {
            Ok(plan) => self.plan = plan,
            Err(error) => {
                self.diagnostics.push(Diagnostic::error(
                    0..0,
                    format!("cannot plan this query: {}", error.strip_backtrace()),
                ));
            }
        }
    }

    /// Whether a name already stands for a column whose earlier value may be kept.
    pub(crate) fn existing(&self, name: &str) -> Option<Expr> {
        let field = self
            .fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case(name))?;
        (field.field_type == FieldType::String).then(|| column(&field.column))
    }

    /// Gives names to values, replacing fields of the same name.
    pub(crate) fn assign(&mut self, values: Vec<(Name, Typed)>) {
        let mut outputs = self.outputs();
        for (name, value) in values {
            let known = self
                .fields
                .iter()
                .position(|field| field.name.eq_ignore_ascii_case(&name.text));
            let output = match known {
                Some(index) => self.fields[index].column.clone(),
                None if self.handed_on().contains(&name.text) => format!("{} (parsed)", name.text),
                None => name.text.clone(),
            };
            outputs.retain(|(column, _)| *column != output);
            self.traces.forget(&output);
            outputs.push((output.clone(), value.expr));
            let field = ResultField {
                name: name.text,
                column: output,
                field_type: value.field_type,
                is_key: false,
            };
            match known {
                Some(index) => {
                    self.fields[index] = ResultField {
                        is_key: self.fields[index].is_key,
                        ..field
                    }
                }
                None => self.fields.push(field),
            }
        }
        self.project(outputs);
    }

    /// Every column that is there, as it is.
    pub(super) fn outputs(&self) -> Vec<(String, Expr)> {
        let mut outputs: Vec<(String, Expr)> = Vec::new();
        let names = self.handed_on().into_iter();
        for name in names.chain(self.fields.iter().map(|field| field.column.clone())) {
            if !outputs.iter().any(|(known, _)| *known == name) {
                let value = column(&name);
                outputs.push((name, value));
            }
        }
        outputs
    }

    /// Goes on with these columns.
    pub(super) fn project(&mut self, outputs: Vec<(String, Expr)>) {
        let outputs = outputs.into_iter().map(|(name, expr)| expr.alias(name));
        let outputs = outputs.collect();
        self.relate(|plan| relation::project(plan, outputs));
    }

    /// The time of a row in milliseconds, if it has one.
    pub(crate) fn moment(&mut self) -> Option<Expr> {
        if self.kind == ResultKind::Messages {
            return Some(self.resolve("_messagetime", &(0..0)).expr);
        }
        let slice = self
            .fields
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("_timeslice"))?;
        Some(cast(column(&slice.column), DataType::Int64))
    }

    /// The table's columns, as long as rows are messages, and those that nobody sees.
    fn handed_on(&self) -> Vec<String> {
        let mut names = self.traces.hidden().to_vec();
        if self.kind == ResultKind::Messages {
            names.splice(0..0, self.base.iter().cloned());
        }
        names
    }

    /// What `_messagetime` stands for, for those who can work with the column as it is stored: that
    /// spares a division a row.
    pub(crate) fn stored_moment(&mut self, span: &Range<usize>) -> Expr {
        let moment = self.resolve("_messagetime", span).expr;
        if moment == millis("event_time") {
            return column("event_time");
        }
        moment
    }

    /// Groups the rows; what was there before is gone.
    pub(crate) fn aggregate(&mut self, keys: Vec<(String, Typed)>, measures: Vec<(String, Typed)>) {
        let mut fields: Vec<ResultField> = Vec::new();
        for (is_key, (name, value)) in keys
            .iter()
            .map(|key| (true, key))
            .chain(measures.iter().map(|measure| (false, measure)))
        {
            fields.push(ResultField {
                name: name.clone(),
                column: name.clone(),
                field_type: value.field_type,
                is_key,
            });
        }
        let keys: Vec<Expr> = keys
            .into_iter()
            .map(|(name, value)| value.expr.alias(name))
            .collect();
        let measures: Vec<Expr> = measures
            .into_iter()
            .map(|(name, value)| value.expr.alias(name))
            .collect();
        self.relate(|plan| relation::aggregate(plan, keys, measures));
        self.fields = fields;
        self.kind = ResultKind::Records;
        self.is_sorted = false;
        self.sorted_by.clear();
        self.matched.clear();
        self.traces.clear();
    }

    /// The finished plan: the fields that are left and, for messages, the table's columns.
    pub(crate) fn finish(mut self) -> Planned {
        if self.kind == ResultKind::Records {
            let columns: Vec<Expr> = self
                .fields
                .iter()
                .map(|field| column(&field.column))
                .collect();
            if !columns.is_empty() {
                self.relate(|plan| relation::project(plan, columns));
            }
        } else if self.traces.hide_nothing() {
            let outputs = self.outputs();
            self.project(outputs);
        }
        self.into_planned()
    }

    pub(super) fn into_planned(self) -> Planned {
        Planned {
            kind: self.kind,
            plan: self.plan,
            fields: self.fields,
            is_sorted: self.is_sorted,
            subqueries: self.subqueries,
            warnings: self.warnings,
            later: None,
        }
    }

    /// Keeps the first rows; of messages the newest, unless they are in an order already.
    pub(crate) fn limit(&mut self, rows: usize) {
        if self.kind == ResultKind::Messages && !self.is_sorted {
            let newest_first = vec![column("event_time").sort(false, false)];
            self.relate(|plan| relation::sort(plan, newest_first));
        }
        self.build(|builder| builder.limit(0, Some(rows)));
    }
}

/// A column by its exact name.
pub(crate) fn column(name: &str) -> Expr {
    Expr::Column(Column::from_name(name))
}

/// A stored time in milliseconds.
fn millis(name: &str) -> Expr {
    cast(column(name), DataType::Int64) / lit(1_000_000_i64)
}

/// A text that is null.
pub(crate) fn null_text() -> Typed {
    Typed::new(
        lit(datafusion::scalar::ScalarValue::Utf8View(None)),
        FieldType::String,
    )
}

/// A constant text.
pub(crate) fn text_literal(text: &str) -> Expr {
    lit(datafusion::scalar::ScalarValue::Utf8View(Some(
        text.to_owned(),
    )))
}
