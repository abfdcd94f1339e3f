//! `avg`, `count`, `latest`, `max`, `min`, `pct(n)`, `stddev`, `sum`: reduces the series of each
//! group to one, moment by moment.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Operator, Stage};
use crate::descriptor::{Descriptor, UnitKind};
use crate::metrics::reducer::{PERCENTILE, Reducer};
use crate::metrics::series::{Dimensions, METRIC, Series, SeriesSet};
use crate::metrics::syntax::formula::percentage;
use crate::syntax::expression;
use crate::syntax::tokens::{Parsed, Tokens};

/// What each reducer tells about itself as an operator.
pub(crate) fn descriptors() -> impl Iterator<Item = Descriptor> {
    DESCRIPTORS.into_iter()
}

const fn describe(
    name: &'static str,
    syntax: &'static str,
    summary: &'static str,
    examples: &'static [&'static str],
) -> Descriptor {
    Descriptor {
        name,
        kind: UnitKind::Aggregate,
        syntax,
        summary,
        examples,
    }
}

const DESCRIPTORS: [Descriptor; 8] = [
    describe(
        "avg",
        "avg [by <dimension>, …]",
        "The average of the series of each group.",
        &["metric=Duration | avg by functionname"],
    ),
    describe(
        "count",
        "count [by <dimension>, …]",
        "How many series of each group have a point.",
        &["metric=Invocations | count by region"],
    ),
    describe(
        "latest",
        "latest [by <dimension>, …]",
        "The point of the last series of each group.",
        &["metric=Invocations | latest by region"],
    ),
    describe(
        "max",
        "max [by <dimension>, …]",
        "The largest point of each group.",
        &["metric=Duration | max by functionname"],
    ),
    describe(
        "min",
        "min [by <dimension>, …]",
        "The smallest point of each group.",
        &["metric=Duration | min by functionname"],
    ),
    describe(
        "pct",
        "pct(<0 to 100>) [by <dimension>, …]",
        "The percentile of the points of each group.",
        &["metric=Duration | pct(95) by region"],
    ),
    describe(
        "stddev",
        "stddev [by <dimension>, …]",
        "The standard deviation of the points of each group.",
        &["metric=Duration | stddev by region"],
    ),
    describe(
        "sum",
        "sum [by <dimension>, …]",
        "The sum of the series of each group.",
        &["metric=Errors | sum by functionname"],
    ),
];

#[derive(Debug)]
struct Aggregate {
    reducer: Reducer,
    by: Vec<String>,
}

pub(super) fn read(
    name: &str,
    span: Range<usize>,
    stage: &mut Stage<'_>,
) -> Parsed<Box<dyn Operator>> {
    let mut tokens = stage.tokens();
    let reducer = match Reducer::named(name) {
        Some(reducer) => reducer,
        None => {
            tokens.expect_symbol("(")?;
            let percent = expression::parse(&mut tokens)?;
            let span = span.start..tokens.last_end();
            tokens.expect_symbol(")")?;
            debug_assert_eq!(name, PERCENTILE);
            Reducer::Percentile(percentage(&[percent], &span)?)
        }
    };
    aggregate(reducer, &mut tokens)
}

/// An aggregation that a parameter will choose.
pub(super) fn any(tokens: &mut Tokens) -> Parsed<Box<dyn Operator>> {
    aggregate(Reducer::Average, tokens)
}

fn aggregate(reducer: Reducer, tokens: &mut Tokens) -> Parsed<Box<dyn Operator>> {
    let by = by(tokens)?;
    tokens.finish()?;
    Ok(Box::new(Aggregate { reducer, by }))
}

/// `by dimension, …`, if it comes next.
pub(super) fn by(tokens: &mut Tokens) -> Parsed<Vec<String>> {
    if !tokens.word("by") {
        return Ok(Vec::new());
    }
    Ok(tokens.names()?.into_iter().map(|name| name.text).collect())
}

impl Operator for Aggregate {
    fn apply(&self, input: SeriesSet) -> SeriesSet {
        let mut groups: BTreeMap<Dimensions, Vec<Series>> = BTreeMap::new();
        for series in input.series {
            let group = series.dimensions.only(&self.by);
            groups.entry(group).or_default().push(series);
        }
        let reduce = |(mut dimensions, members): (Dimensions, Vec<Series>)| {
            if dimensions.get(METRIC).is_none() {
                dimensions.set(METRIC, self.reducer.name());
            }
            let points = (0..input.grid.len).map(|place| {
                let at = members.iter().map(|series| series.points[place]);
                let mut present: Vec<f64> = at.filter(|point| !point.is_nan()).collect();
                if present.is_empty() {
                    f64::NAN
                } else {
                    self.reducer.reduce(&mut present)
                }
            });
            Series::new(dimensions, points.collect())
        };
        SeriesSet {
            grid: input.grid,
            series: groups.into_iter().map(reduce).collect(),
        }
    }
}
