//! A pipeline: where its scope and stages stand in the text, and how they become a plan.

use std::ops::Range;
use std::sync::Arc;

use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::prelude::SessionContext;
use futures::FutureExt as _;
use model::TimeRange;
use model::limits::{QUERY_NESTED_MAX, QUERY_STAGES_MAX};

use super::planner::Planner;
use super::stage::{self, Running, Step, Table};
use super::{Planned, QueryContext};
use crate::operators::cat;
use crate::syntax::pipeline::Pieces;
use crate::syntax::scope::{self, Scope};
use crate::syntax::tokens::{Parsed, Tokens};
use crate::syntax::{Diagnostic, lexer, located};
use crate::{QueryError, Result, operators, scan};

type Found<T> = std::result::Result<T, Vec<Diagnostic>>;

/// The places of a pipeline's parts in the text, and what it depends on besides.
#[derive(Clone, Debug)]
pub(crate) struct Pipeline {
    /// The whole query, without comments.
    pub(crate) text: Arc<str>,
    scope: Range<usize>,
    pub(crate) stages: Vec<Range<usize>>,
    pub(crate) context: QueryContext,
    /// Whether its time range is not the session's.
    is_elsewhere: bool,
    /// Whether it stands in brackets in another query.
    pub(crate) is_subquery: bool,
    /// How many pipelines it stands in.
    pub(super) nested: usize,
}

impl Pipeline {
    /// The pipeline of a whole query.
    pub(crate) fn new(pieces: &Pieces, context: QueryContext) -> Self {
        Pipeline {
            text: pieces.text.as_str().into(),
            scope: pieces.scope.clone(),
            stages: pieces.stages.clone(),
            context,
            is_elsewhere: false,
            is_subquery: false,
            nested: 0,
        }
    }

    /// A pipeline of stages that stand inside a stage of this one.
    pub(crate) fn inner(&self, stages: Vec<Range<usize>>) -> Self {
        Pipeline {
            stages,
            nested: self.nested + 1,
            ..self.clone()
        }
    }

    /// A query that stands inside this one, over its own time range.
    pub(crate) fn subquery(
        &self,
        scope: Range<usize>,
        stages: Vec<Range<usize>>,
        range: Option<TimeRange>,
    ) -> Self {
        let mut pipeline = Pipeline {
            scope,
            is_subquery: true,
            ..self.inner(stages)
        };
        if let Some(range) = range {
            pipeline.context.range = range;
            pipeline.is_elsewhere = true;
        }
        pipeline
    }

    /// The first stages of this pipeline, over another time range.
    pub(crate) fn shifted(&self, stages: usize, range: TimeRange) -> Self {
        let stages = self.stages.iter().take(stages).cloned().collect();
        Pipeline {
            is_subquery: self.is_subquery,
            nested: self.nested,
            ..self.subquery(self.scope.clone(), stages, Some(range))
        }
    }

    /// Plans the query over the table `events`; `found` are the mistakes that are known already.
    pub(crate) fn plan_events(
        &self,
        session: &SessionContext,
        found: Vec<Diagnostic>,
    ) -> Found<Planned> {
        let bug = |text: &str| vec![Diagnostic::error(0..0, text)];
        let table = session.table("events").now_or_never();
        let Some(Ok(table)) = table else {
            return Err(bug("the table `events` cannot be opened"));
        };
        let mut plan = table.into_unoptimized_plan();
        if self.is_elsewhere {
            plan = scan::over(plan, self.context.range).map_err(|error| bug(&error.to_string()))?;
        }
        let scope = self.text.get(self.scope.clone()).unwrap_or_default();
        if let Some(name) = cat::table_of(scope) {
            let told = |problem: String| vec![Diagnostic::error(self.scope.clone(), problem)];
            let mut planner = cat::planner(name, self, session).map_err(told)?;
            planner.diagnostics = found;
            return self.plan_stages(planner, 0);
        }
        let mut planner = Planner::new(plan, self, session);
        planner.diagnostics = found;
        let scope = scope::parse(&self.text, self.scope.clone(), &mut planner.diagnostics);
        if scope != Scope::All {
            let condition = super::scope::condition(&mut planner, &scope);
            planner.filter(condition);
        }
        self.plan_stages(planner, 0)
    }

    /// Plans the stages from `first` on over what `planner` has.
    pub(crate) fn plan_stages<'a>(
        &'a self,
        mut planner: Planner<'a>,
        first: usize,
    ) -> Found<Planned> {
        let mut start: Option<Planned> = None;
        for (place, range) in self.stages.iter().enumerate().skip(first) {
            self.apply(&mut planner, place, range);
            let Some(ended) = planner.ended.take() else {
                continue;
            };
            let later = Later {
                pipeline: self.clone(),
                stage: place,
                ..ended.later
            };
            if start.is_none() {
                start = Some(Planned {
                    later: Some(Arc::new(later)),
                    ..ended.planned
                });
            }
        }
        if !planner.diagnostics.is_empty() {
            return Err(planner.diagnostics);
        }
        let last = planner.finish();
        Ok(match start {
            Some(start) => Planned {
                kind: last.kind,
                fields: last.fields,
                ..start
            },
            None => last,
        })
    }

    /// Reads one stage and adds it to the plan; a mistake in it is noted.
    pub(crate) fn apply(&self, planner: &mut Planner<'_>, place: usize, range: &Range<usize>) {
        planner.stage = place;
        planner.applied += 1;
        if planner.applied > QUERY_STAGES_MAX {
            if planner.applied == QUERY_STAGES_MAX + 1 {
                let message = format!("more than {QUERY_STAGES_MAX} stages (QUERY_STAGES_MAX)");
                let found = Diagnostic::error(range.clone(), message);
                planner.diagnostics.push(found);
            }
            return;
        }
        let words = lexer::lex(&self.text, range.clone(), &mut planner.diagnostics);
        let mut tokens = Tokens::new(words, range.end);
        if let Err(found) = operators::apply(&mut tokens, planner) {
            planner.diagnostics.push(found);
            planner.is_open = true;
        }
    }
}

impl Planner<'_> {
    /// A planner for a pipeline that stands at `span` in the stage at hand, over the same rows.
    pub(crate) fn fork(&self, span: &Range<usize>) -> Parsed<Self> {
        Ok(Planner {
            nested: self.deeper(span)?,
            diagnostics: Vec::new(),
            ..self.clone()
        })
    }

    /// How many pipelines one that stands at `span` in the stage at hand stands in: each is planned
    /// on the stack of the one around it.
    pub(super) fn deeper(&self, span: &Range<usize>) -> Parsed<usize> {
        if self.nested < QUERY_NESTED_MAX {
            return Ok(self.nested + 1);
        }
        let message =
            format!("more than {QUERY_NESTED_MAX} pipelines inside one another (QUERY_NESTED_MAX)");
        Err(Diagnostic::error(span.clone(), message))
    }
}

/// The end of a stage: how what came before is finished, and what follows.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub(crate) planned: Planned,
    pub(crate) later: Later,
}

/// What follows a stage: a step over all its rows, and the rest of the pipeline.
#[derive(Clone, Debug)]
pub(crate) struct Later {
    pub(crate) step: Arc<dyn Step>,
    /// The shape of the rows that the step gets; it has none itself.
    pub(crate) table: Table,
    /// How many columns behind those of the table are the step's arguments.
    pub(crate) arguments: usize,
    /// Whether names that nobody knows are let pass afterwards.
    pub(crate) is_open: bool,
    pub(crate) slice_ms: Option<i64>,
    pub(crate) pipeline: Pipeline,
    pub(crate) stage: usize,
}

impl Later {
    /// Applies the step to the rows of the stage before, then plans the rest of the pipeline.
    pub(super) async fn run(
        &self,
        rows: SendableRecordBatchStream,
        session: &SessionContext,
    ) -> Result<Planned> {
        let input = stage::collect(rows, self.table.clone(), self.arguments).await?;
        let running = Running {
            session,
            pipeline: &self.pipeline,
            stage: self.stage,
        };
        let gathered = self.step.gather(&input, &running).await?;
        let step = Arc::clone(&self.step);
        let table = tokio::task::spawn_blocking(move || step.apply(input, gathered))
            .await
            .map_err(|error| QueryError::Step(format!("an operator failed inside: {error}")))??;
        let warnings = table.warnings.clone();
        let mut planned = self.rest(&table, session)?;
        planned.warnings.splice(0..0, warnings);
        Ok(planned)
    }

    /// Plans the rest of the pipeline over `table`.
    fn rest(&self, table: &Table, session: &SessionContext) -> Result<Planned> {
        let mut planner = Planner::over(table, &self.pipeline, session)?;
        planner.is_open = self.is_open;
        planner.slice_ms = self.slice_ms;
        self.pipeline
            .plan_stages(planner, self.stage + 1)
            .map_err(|found| {
                let text = &self.pipeline.text;
                QueryError::Invalid(located(found, text))
            })
    }
}

/// The same session with one thread of work: rows of later stages keep their order.
pub(super) fn in_order(session: &SessionContext) -> SessionContext {
    // The tables are there: a catalog made anew would take their place, in the session itself, too.
    let config = session
        .copied_config()
        .with_target_partitions(1)
        .with_create_default_catalog_and_schema(false);
    let state = SessionStateBuilder::new_from_existing(session.state()).with_config(config);
    SessionContext::new_with_state(state.build())
}
