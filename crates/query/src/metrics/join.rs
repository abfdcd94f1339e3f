//! Joins rows: a formula of series that share dimensions.

use std::collections::BTreeMap;

use model::limits::METRICS_SERIES_MAX;

use super::plan::Join;
use super::series::{Dimensions, Grid, METRIC, Series, SeriesSet};
use super::syntax::formula::Formula;
use crate::{QueryError, Result};

/// Computes a join's formula for every combination of series that share the dimensions of
/// `along`; `inputs` are the rows that it names. A result has a point where all rows have one.
pub(crate) fn join(join: &Join, inputs: Vec<SeriesSet>) -> Result<SeriesSet> {
    let Some(grid) = inputs
        .iter()
        .map(|input| input.grid)
        .max_by_key(|grid| grid.step_ms)
    else {
        return Ok(SeriesSet {
            grid: Grid::covering(0, 1, 1),
            series: Vec::new(),
        });
    };
    let inputs: Vec<SeriesSet> = inputs.into_iter().map(|input| input.onto(grid)).collect();
    let groups: Vec<BTreeMap<Dimensions, Vec<&Series>>> = inputs
        .iter()
        .map(|input| groups(join, &input.series))
        .collect();
    let mut series = Vec::new();
    let Some((first, others)) = groups.split_first() else {
        return Ok(SeriesSet { grid, series });
    };
    for (key, members) in first {
        let mut combinations: Vec<Vec<&Series>> =
            members.iter().map(|member| vec![*member]).collect();
        for other in others {
            let matching = other.get(key).map(Vec::as_slice).unwrap_or_default();
            if combinations.len() * matching.len() + series.len() > METRICS_SERIES_MAX {
                return Err(QueryError::TooManySeries);
            }
            combinations = combinations
                .iter()
                .flat_map(|so_far| {
                    matching
                        .iter()
                        .map(move |member| [so_far.as_slice(), &[*member]].concat())
                })
                .collect();
        }
        series.extend(
            combinations
                .iter()
                .map(|combination| compute(join, key, combination, grid)),
        );
    }
    Ok(SeriesSet { grid, series })
}

/// The series by what they must share; those that lack some of it meet none.
fn groups<'a>(join: &Join, series: &'a [Series]) -> BTreeMap<Dimensions, Vec<&'a Series>> {
    let along = join.along.as_deref().unwrap_or_default();
    let mut groups: BTreeMap<Dimensions, Vec<&Series>> = BTreeMap::new();
    for one in series {
        let key = one.dimensions.only(along);
        if key.iter().count() == along.len() {
            groups.entry(key).or_default().push(one);
        }
    }
    groups
}

fn compute(join: &Join, key: &Dimensions, combination: &[&Series], grid: Grid) -> Series {
    let points = (0..grid.len).map(|place| {
        if combination
            .iter()
            .any(|series| series.points[place].is_nan())
        {
            return f64::NAN;
        }
        join.formula.compute(&|part| match part {
            Formula::Row(row) => combination[*row].points[place],
            Formula::Granularity => grid.step_ms as f64,
            _ => f64::NAN,
        })
    });
    let points = points.collect();
    let mut dimensions = match combination {
        [first, rest @ ..] => {
            let all = rest.iter();
            all.fold(first.dimensions.clone(), |common, series| {
                common.common(&series.dimensions)
            })
        }
        [] => Dimensions::default(),
    };
    for (name, value) in key.iter() {
        dimensions.set(name, value);
    }
    if join.formula != Formula::Row(0) {
        dimensions.set(METRIC, join.name.as_str());
    }
    Series::new(dimensions, points)
}
