//! Stages: an operator that needs every row before it can answer ends a stage; what it makes is the
//! table of the next one.
//!
//! Such an operator gives the planner a [`Step`]. When the query is planned, the step is applied to
//! a table without rows, so that the pipeline after it can be planned and its mistakes found; when
//! the query runs, it is applied to the rows, and the pipeline after it is planned again over what
//! it made.

use std::future::ready;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringViewArray, UInt32Array,
    new_empty_array,
};
use datafusion::arrow::compute::{cast, concat_batches, take_record_batch};
use datafusion::arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::expr::Sort;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};
use datafusion::prelude::SessionContext;
use futures::StreamExt as _;
use futures::future::BoxFuture;
use model::TimeRange;
use model::limits::{STAGE_BYTES_MAX, STAGE_ROWS_MAX};

use super::pipeline::{Ended, Later, Pipeline, in_order};
use super::planner::{Planner, column};
use super::traces::Traces;
use super::{FieldType, ResultField, ResultKind, relation};
use crate::syntax::Diagnostic;
use crate::{QueryError, Result};

/// The rows between two stages.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) kind: ResultKind,
    /// Columns of the events that are handed on besides the fields.
    pub(crate) base: Vec<String>,
    pub(crate) fields: Vec<ResultField>,
    pub(crate) rows: RecordBatch,
    /// What parsing has left behind besides fields.
    pub(super) traces: Traces,
    /// What the user should know about the rows.
    pub(crate) warnings: Vec<String>,
}

/// What a step gets: the rows so far and, for each of its arguments, their values.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) table: Table,
    pub(crate) arguments: Vec<ArrayRef>,
}

/// What a step may use besides its input.
pub(crate) struct Running<'a> {
    pub(crate) session: &'a SessionContext,
    /// The pipeline in which the step stands, and its place there.
    pub(crate) pipeline: &'a Pipeline,
    pub(crate) stage: usize,
}

impl Running<'_> {
    /// Asks the pipeline before the step of an earlier time range.
    pub(crate) async fn earlier(&self, distance_ms: i64) -> Result<Table> {
        let TimeRange { start, end } = self.pipeline.context.range;
        let range = TimeRange::new(
            start.saturating_add_millis(-distance_ms),
            end.saturating_add_millis(-distance_ms),
        );
        let pipeline = self.pipeline.shifted(self.stage, range);
        let planned = pipeline
            .plan_events(self.session, Vec::new())
            .map_err(QueryError::Invalid)?;
        let output = Box::pin(planned.first_rows(self.session, STAGE_ROWS_MAX + 1)).await?;
        let table = Table::of_output(output)?;
        if table.length() > STAGE_ROWS_MAX {
            return Err(QueryError::TooManyStageRows);
        }
        Ok(table)
    }

    /// The session for pipelines over rows that are in an order.
    pub(crate) fn in_order(&self) -> SessionContext {
        in_order(self.session)
    }
}

/// What a step asked for, once it is there.
pub(crate) type Gathered<'a> = BoxFuture<'a, Result<Vec<Table>>>;

/// The work of an operator that needs all rows.
pub(crate) trait Step: std::fmt::Debug + Send + Sync {
    /// Asks for further tables, for example the same query of another time; only where the query runs.
    ///
    /// It is no `async fn` of `async_trait`: under that one's bounds the compiler takes seconds,
    /// for every operator anew, to see that a session may go to another thread.
    fn gather<'a>(&'a self, _input: &'a Input, _running: &'a Running<'a>) -> Gathered<'a> {
        Box::pin(ready(Ok(Vec::new())))
    }

    /// Makes the next stage's table. When the query is planned there are neither rows nor
    /// gathered tables: the fields must come out the same.
    fn apply(&self, input: Input, gathered: Vec<Table>) -> Result<Table>;

    /// Whether there may be fields that only the rows tell.
    fn is_open(&self) -> bool {
        false
    }
}

impl Table {
    /// A table of records.
    pub(crate) fn records(columns: Vec<(ResultField, ArrayRef)>, rows: usize) -> Result<Table> {
        let (fields, arrays): (Vec<ResultField>, Vec<ArrayRef>) = columns.into_iter().unzip();
        let columns: Vec<Field> = fields
            .iter()
            .zip(&arrays)
            .map(|(field, array)| Field::new(&field.column, array.data_type().clone(), true))
            .collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        let rows =
            RecordBatch::try_new_with_options(Arc::new(Schema::new(columns)), arrays, &options)?;
        Ok(Table {
            kind: ResultKind::Records,
            base: Vec::new(),
            fields,
            rows,
            traces: Traces::default(),
            warnings: Vec::new(),
        })
    }

    /// The result of a query as a table.
    pub(crate) fn of_output(output: super::Output) -> Result<Table> {
        let Some(first) = output.batches.first() else {
            let columns = output.fields.into_iter().map(|field| {
                let values = new_empty_array(&field.field_type.data_type());
                (field, values)
            });
            return Table::records(columns.collect(), 0);
        };
        Ok(Table {
            kind: output.kind,
            base: Vec::new(),
            rows: concat_batches(&first.schema(), &output.batches)?,
            fields: output.fields,
            traces: Traces::default(),
            warnings: output.warnings,
        })
    }

    /// The field of this name, in any case.
    pub(crate) fn field(&self, name: &str) -> Option<&ResultField> {
        let is_called = |field: &&ResultField| field.name.eq_ignore_ascii_case(name);
        self.fields.iter().find(is_called)
    }

    /// The values of a field.
    pub(crate) fn column(&self, field: &ResultField) -> Option<&ArrayRef> {
        self.rows.column_by_name(&field.column)
    }

    /// The values of the field of this name.
    pub(crate) fn named(&self, name: &str) -> Option<&ArrayRef> {
        self.column(self.field(name)?)
    }

    /// Adds a field, or replaces the one of the same name.
    pub(crate) fn add(
        mut self,
        name: &str,
        field_type: FieldType,
        values: ArrayRef,
    ) -> Result<Table> {
        let known = self
            .fields
            .iter()
            .position(|field| field.name.eq_ignore_ascii_case(name));
        let column = match known {
            Some(place) => self.fields[place].column.clone(),
            None if self.base.iter().any(|base| base == name) => format!("{name} (parsed)"),
            None => name.to_owned(),
        };
        let field = Field::new(&column, values.data_type().clone(), true);
        let schema = self.rows.schema();
        let mut fields: Vec<Arc<Field>> = schema.fields().iter().cloned().collect();
        let mut arrays = self.rows.columns().to_vec();
        match schema.index_of(&column) {
            Ok(place) => (fields[place], arrays[place]) = (Arc::new(field), values),
            Err(_) => {
                fields.push(Arc::new(field));
                arrays.push(values);
            }
        }
        self.rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)?;
        let is_key = known.is_some_and(|place| self.fields[place].is_key);
        let field = ResultField {
            name: name.to_owned(),
            column,
            field_type,
            is_key,
        };
        match known {
            Some(place) => self.fields[place] = field,
            None => self.fields.push(field),
        }
        Ok(self)
    }

    /// Keeps the rows at these places, in this order.
    pub(crate) fn take(mut self, places: Vec<u32>) -> Result<Table> {
        self.rows = take_record_batch(&self.rows, &UInt32Array::from(places))?;
        Ok(self)
    }

    /// How many rows there are.
    pub(crate) fn length(&self) -> usize {
        self.rows.num_rows()
    }
}

impl Input {
    /// Splits the columns of a stage's plan into the table and the step's arguments.
    fn new(mut table: Table, count: usize) -> Result<Input> {
        let width = table.rows.num_columns() - count;
        let arguments = table
            .rows
            .columns()
            .get(width..)
            .unwrap_or_default()
            .to_vec();
        let kept: Vec<usize> = (0..width).collect();
        table.rows = table.rows.project(&kept)?;
        Ok(Input { table, arguments })
    }

    /// The numbers of an argument.
    pub(crate) fn numbers(&self, place: usize) -> Result<Vec<Option<f64>>> {
        numbers(&self.arguments[place])
    }

    /// The texts of an argument.
    pub(crate) fn texts(&self, place: usize) -> Result<StringViewArray> {
        texts(&self.arguments[place])
    }

    /// Which group each row belongs to, by the values of the arguments from `first` on; groups are
    /// counted in the order in which they appear.
    pub(crate) fn groups(&self, first: usize) -> Result<Groups> {
        groups(
            self.arguments.get(first..).unwrap_or_default(),
            self.table.length(),
        )
    }
}

/// Rows by group.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The group of each row.
    pub(crate) of_row: Vec<usize>,
    /// The rows of each group, in order.
    pub(crate) rows: Vec<Vec<u32>>,
}

/// Groups rows that are equal in all `columns`; null equals null.
pub(crate) fn groups(columns: &[ArrayRef], length: usize) -> Result<Groups> {
    if columns.is_empty() {
        let rows = (length > 0).then(|| (0..length as u32).collect());
        return Ok(Groups {
            of_row: vec![0; length],
            rows: rows.into_iter().collect(),
        });
    }
    let kinds = columns
        .iter()
        .map(|column| SortField::new(column.data_type().clone()));
    let converted = RowConverter::new(kinds.collect())
        .and_then(|converter| converter.convert_columns(columns))?;
    let mut known = std::collections::HashMap::new();
    let mut groups = Groups {
        of_row: Vec::with_capacity(length),
        rows: Vec::new(),
    };
    for (row, key) in converted.iter().enumerate() {
        let group = *known.entry(key).or_insert_with(|| {
            groups.rows.push(Vec::new());
            groups.rows.len() - 1
        });
        groups.of_row.push(group);
        groups.rows[group].push(row as u32);
    }
    Ok(groups)
}

/// The values as numbers; null where one is none.
pub(crate) fn numbers(array: &ArrayRef) -> Result<Vec<Option<f64>>> {
    let array = match array.data_type() {
        DataType::Utf8 | DataType::Utf8View | DataType::LargeUtf8 => {
            let texts = texts(array)?;
            return Ok(texts.iter().map(|text| text?.trim().parse().ok()).collect());
        }
        _ => cast(array, &DataType::Float64)?,
    };
    Ok(array.as_primitive::<Float64Type>().iter().collect())
}

/// The values as text.
pub(crate) fn texts(array: &ArrayRef) -> Result<StringViewArray> {
    let array = cast(array, &DataType::Utf8View)?;
    Ok(array.as_string_view().clone())
}

/// Collects the rows of a stage into `table`, and takes the step's arguments out of them.
pub(super) async fn collect(
    mut stream: SendableRecordBatchStream,
    mut table: Table,
    arguments: usize,
) -> Result<Input> {
    let schema: SchemaRef = stream.schema();
    let (mut batches, mut rows, mut bytes) = (Vec::new(), 0, 0);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size();
        if rows > STAGE_ROWS_MAX {
            return Err(QueryError::TooManyStageRows);
        }
        if bytes > STAGE_BYTES_MAX {
            return Err(QueryError::TooManyStageBytes);
        }
        batches.push(batch);
    }
    table.rows = concat_batches(&schema, &batches)?;
    Input::new(table, arguments)
}

/// The input that a step gets when its query is planned: columns without rows.
pub(super) fn without_rows(mut table: Table, schema: SchemaRef, arguments: usize) -> Result<Input> {
    table.rows = RecordBatch::new_empty(schema);
    Input::new(table, arguments)
}

impl<'a> Planner<'a> {
    /// A planner over the rows of a stage, which stay in their order.
    pub(crate) fn over(
        table: &Table,
        pipeline: &'a Pipeline,
        session: &'a SessionContext,
    ) -> Result<Self> {
        Ok(Planner {
            fields: table.fields.clone(),
            base: table.base.clone(),
            kind: table.kind,
            is_sorted: true,
            traces: table.traces.clone(),
            ..Planner::new(scan_of(table)?, pipeline, session)
        })
    }

    /// Ends the stage: `step` gets all its rows, and for each the values of `arguments`.
    ///
    /// Messages come newest first and records by their keys, unless they are in an order already.
    pub(crate) fn end_stage(&mut self, arguments: Vec<Expr>, step: impl Step + 'static) {
        if !self.is_sorted {
            let order = self.natural_order();
            if !order.is_empty() {
                self.sort(order);
            }
        }
        let count = arguments.len();
        let arguments = arguments.into_iter().enumerate();
        let arguments = arguments.map(|(place, value)| value.alias(format!("(argument {place})")));
        let base = match self.kind {
            ResultKind::Messages => self.base.clone(),
            ResultKind::Records => Vec::new(),
        };
        let columns = self.outputs().into_iter().map(|(_, value)| value);
        let columns: Vec<Expr> = columns.chain(arguments).collect();
        self.build(|builder| builder.project(columns));
        let schema = Arc::clone(self.plan.schema().inner());
        let table = Table {
            kind: self.kind,
            base,
            fields: self.fields.clone(),
            rows: RecordBatch::new_empty(Arc::new(Schema::empty())),
            traces: self.traces.clone(),
            warnings: Vec::new(),
        };
        let made = without_rows(table.clone(), schema, count)
            .and_then(|input| step.apply(input, Vec::new()))
            .and_then(|made| Planner::over(&made, self.pipeline, self.session));
        let next = match made {
            Ok(next) => next,
            Err(error) => {
                let place = self.pipeline.stages.get(self.stage).cloned();
                let place = place.unwrap_or_default();
                self.diagnostics
                    .push(Diagnostic::error(place, error.to_string()));
                return;
            }
        };
        let is_open = self.is_open || step.is_open();
        let diagnostics = std::mem::take(&mut self.diagnostics);
        let stage = self.stage;
        let ended = std::mem::replace(self, next);
        self.diagnostics = diagnostics;
        self.stage = stage;
        self.applied = ended.applied;
        self.ranks = ended.ranks;
        self.reads = ended.reads.saturating_mul(relation::reads(&ended.plan));
        self.is_open = is_open;
        self.slice_ms = ended.slice_ms;
        let later = Later {
            step: Arc::new(step),
            table,
            arguments: count,
            is_open,
            slice_ms: ended.slice_ms,
            pipeline: self.pipeline.clone(),
            stage,
        };
        self.ended = Some(Ended {
            planned: ended.into_planned(),
            later,
        });
    }

    /// Whether the operator at hand has ended the stage.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// Takes over the subqueries of a pipeline inside this stage.
    pub(crate) fn take_subqueries(&mut self, inner: &Planner<'_>) {
        self.subqueries.clone_from(&inner.subqueries);
    }

    /// Says that the plan makes rows of these fields and nothing else.
    pub(crate) fn replace_fields(&mut self, fields: Vec<ResultField>) {
        self.build(|builder| builder.project(fields.iter().map(|field| column(&field.column))));
        self.fields = fields;
        self.kind = ResultKind::Records;
        self.is_sorted = false;
        self.sorted_by.clear();
        self.matched.clear();
        self.traces.clear();
    }

    /// The order of rows that nobody put in one: messages newest first, records by their keys.
    fn natural_order(&self) -> Vec<Sort> {
        match self.kind {
            ResultKind::Messages => vec![column("event_time").sort(false, false)],
            ResultKind::Records => self
                .fields
                .iter()
                .filter(|field| field.is_key)
                .map(|field| column(&field.column).sort(true, false))
                .collect(),
        }
    }
}

/// Returns a table of records as the plan of a new stage.
fn scan_of(table: &Table) -> Result<LogicalPlan> {
    let schema = table.rows.schema();
    let rows = MemTable::try_new(schema, vec![vec![table.rows.clone()]])?;
    let source = provider_as_source(Arc::new(rows));
    let scan = LogicalPlanBuilder::scan("stage", source, None)?;
    Ok(scan.build()?)
}
