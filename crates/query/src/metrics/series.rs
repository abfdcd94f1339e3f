//! What metrics operators work on: series whose points lie on one grid of time buckets.

use std::collections::BTreeMap;

/// The name under which the metric's name stands among the dimensions.
pub(crate) const METRIC: &str = "metric";
/// What Sumo Logic calls the whole path of a Graphite metric.
const RAW_NAME: &str = "_rawname";

/// Equal buckets of time, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Where the first bucket begins, in milliseconds since the epoch.
    pub(crate) start_ms: i64,
    /// How long a bucket is, in milliseconds; at least 1.
    pub(crate) step_ms: i64,
    /// How many there are.
    pub(crate) len: usize,
}

impl Grid {
    /// The buckets that cover `[start_ms, end_ms)`; they begin at multiples of `step_ms`.
    pub(crate) fn covering(start_ms: i64, end_ms: i64, step_ms: i64) -> Grid {
        let step_ms = step_ms.max(1);
        let first = start_ms.div_euclid(step_ms);
        let last = end_ms.max(start_ms).saturating_sub(1).div_euclid(step_ms);
        Grid {
            start_ms: first.saturating_mul(step_ms),
            step_ms,
            len: usize::try_from(last - first + 1).unwrap_or(0),
        }
    }

    /// The bucket that a moment lies in.
    pub(crate) fn place(&self, time_ms: i64) -> Option<usize> {
        let place = time_ms.checked_sub(self.start_ms)?.div_euclid(self.step_ms);
        usize::try_from(place)
            .ok()
            .filter(|place| *place < self.len)
    }

    /// Where a bucket begins, in milliseconds since the epoch.
    pub(crate) fn time_ms(&self, place: usize) -> i64 {
        let steps = i64::try_from(place).unwrap_or(i64::MAX);
        self.start_ms
            .saturating_add(steps.saturating_mul(self.step_ms))
    }

    /// Where the last bucket ends, in milliseconds since the epoch.
    pub(crate) fn end_ms(&self) -> i64 {
        self.time_ms(self.len)
    }

    /// How many buckets a time fills, at least one.
    pub(crate) fn buckets(&self, time_ms: i64) -> usize {
        usize::try_from(time_ms.div_euclid(self.step_ms)).map_or(1, |count| count.max(1))
    }
}

/// The dimensions of a series, its metric's name among them. Names are compared without case.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Dimensions(BTreeMap<String, String>);

impl Dimensions {
    /// The value of a dimension. `_rawName` is the metric's name, `_1`, `_2` … are the parts of
    /// a Graphite path, and `function` finds the names that clouds give it.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.find(name);
        if found.is_some() {
            return found;
        }
        if name.eq_ignore_ascii_case(RAW_NAME) {
            return self.find(METRIC);
        }
        if name.eq_ignore_ascii_case("function") {
            return self
                .find("functionname")
                .or_else(|| self.find("function_name"));
        }
        let part: usize = name.strip_prefix('_')?.parse().ok()?;
        self.find(METRIC)?.split('.').nth(part.checked_sub(1)?)
    }

    fn find(&self, name: &str) -> Option<&str> {
        let exact = self.0.get(name);
        let found = exact.or_else(|| {
            let mut all = self.0.iter();
            let (_, value) = all.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
            Some(value)
        });
        found.map(String::as_str)
    }

    /// Sets a dimension, replacing one of the same name.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.retain(|other, _| !other.eq_ignore_ascii_case(name));
        self.0.insert(name.to_owned(), value.into());
    }

    /// The named dimensions that are there, under these names.
    pub(crate) fn only(&self, names: &[String]) -> Dimensions {
        let kept = names.iter().filter_map(|name| {
            let value = self.get(name)?;
            Some((name.clone(), value.to_owned()))
        });
        Dimensions(kept.collect())
    }

    /// What both have, with equal values.
    pub(crate) fn common(&self, other: &Dimensions) -> Dimensions {
        let kept = self
            .0
            .iter()
            .filter(|(name, value)| other.get(name) == Some(value));
        Dimensions(
            kept.map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        )
    }

    /// Gives the metric a name that says what was done to it: `rate(name)`, or `rate` if it
    /// had none.
    pub(crate) fn wrap_metric(&mut self, operator: &str) {
        let name = match self.find(METRIC) {
            Some(metric) => format!("{operator}({metric})"),
            None => operator.to_owned(),
        };
        self.set(METRIC, name);
    }

    /// All of them, by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The values alone.
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.0.values().map(String::as_str)
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Dimensions {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        let pairs = pairs.into_iter();
        Dimensions(
            pairs
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

/// How far a series may go without being an outlier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Band {
    /// The lower edge by bucket; NaN where there is none.
    pub(crate) lower: Vec<f64>,
    /// The upper edge by bucket; NaN where there is none.
    pub(crate) upper: Vec<f64>,
    /// The buckets whose point lies outside.
    pub(crate) is_outside: Vec<bool>,
}

/// One series on a grid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Series {
    pub(crate) dimensions: Dimensions,
    /// One number a bucket; NaN where there is none.
    pub(crate) points: Vec<f64>,
    /// What `outlier` found.
    pub(crate) band: Option<Band>,
}

impl Series {
    pub(crate) fn new(dimensions: Dimensions, points: Vec<f64>) -> Series {
        Series {
            dimensions,
            points,
            band: None,
        }
    }

    /// The points that there are, with their buckets.
    pub(crate) fn present(&self) -> impl Iterator<Item = (usize, f64)> {
        let all = self.points.iter().copied().enumerate();
        all.filter(|(_, value)| !value.is_nan())
    }
}

/// Series on one grid.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeriesSet {
    pub(crate) grid: Grid,
    pub(crate) series: Vec<Series>,
}

impl SeriesSet {
    /// Changes every series' points.
    pub(crate) fn map_points(mut self, mut change: impl FnMut(&Series) -> Vec<f64>) -> SeriesSet {
        for series in &mut self.series {
            series.points = change(series);
        }
        self
    }

    /// Puts the points on another grid, whose buckets average what falls into them.
    pub(crate) fn onto(self, grid: Grid) -> SeriesSet {
        if self.grid == grid {
            return self;
        }
        let from = self.grid;
        let regridded = self.map_points(|series| {
            let mut sums = vec![(0.0, 0_u32); grid.len];
            for (place, value) in series.present() {
                if let Some(place) = grid.place(from.time_ms(place)) {
                    sums[place].0 += value;
                    sums[place].1 += 1;
                }
            }
            sums.into_iter()
                .map(|(sum, count)| sum / f64::from(count))
                .collect()
        });
        SeriesSet { grid, ..regridded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_begin_at_multiples_of_their_length() {
        let grid = Grid::covering(61_000, 180_000, 60_000);
        assert_eq!(
            (grid.start_ms, grid.len, grid.end_ms()),
            (60_000, 2, 180_000)
        );
        assert_eq!(grid.place(119_999), Some(0));
        assert_eq!(grid.place(180_000), None);
        assert_eq!(grid.place(59_999), None);
        assert_eq!(Grid::covering(5, 5, 10).len, 1);
    }

    #[test]
    fn dimensions_have_no_case_and_know_other_names() {
        let dimensions: Dimensions = [("metric", "a.b.c"), ("FunctionName", "pay")]
            .into_iter()
            .collect();
        assert_eq!(dimensions.get("functionname"), Some("pay"));
        assert_eq!(dimensions.get("function"), Some("pay"));
        assert_eq!(dimensions.get("_rawName"), Some("a.b.c"));
        assert_eq!(dimensions.get("_2"), Some("b"));
        assert_eq!(dimensions.get("_4"), None);
        assert_eq!(dimensions.get("_0"), None);
    }

    #[test]
    fn a_coarser_grid_averages() {
        let set = SeriesSet {
            grid: Grid::covering(0, 40, 10),
            series: vec![Series::new(
                Dimensions::default(),
                vec![1.0, 3.0, f64::NAN, 5.0],
            )],
        };
        let coarse = set.onto(Grid::covering(0, 60, 20));
        assert_eq!(coarse.series[0].points[..2], [2.0, 5.0]);
        assert!(coarse.series[0].points[2].is_nan());
    }
}
