//! Makes one number of many: of the points of a series, or of the series at one moment.

/// Every reducer by its name, with what it says.
pub(crate) const REDUCERS: &[(&str, Reducer, &str)] = &[
    ("avg", Reducer::Average, "The average."),
    ("count", Reducer::Count, "How many there are."),
    ("latest", Reducer::Latest, "The last one."),
    ("max", Reducer::Largest, "The largest."),
    ("min", Reducer::Smallest, "The smallest."),
    (
        "stddev",
        Reducer::Deviation,
        "The standard deviation (of the whole population).",
    ),
    ("sum", Reducer::Sum, "The sum."),
];

/// The name of the one reducer that takes an argument: the percentile.
pub(crate) const PERCENTILE: &str = "pct";

/// How many numbers become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Reducer {
    Average,
    Count,
    Latest,
    Largest,
    Smallest,
    Deviation,
    Sum,
    /// Between 0 and 100; between two numbers it is interpolated.
    Percentile(f64),
}

impl Reducer {
    /// Returns the reducer of that name; `pct` needs its argument.
    pub(crate) fn named(name: &str) -> Option<Reducer> {
        REDUCERS
            .iter()
            .find(|(known, _, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, reducer, _)| *reducer)
    }

    /// The name as it is written.
    pub(crate) fn name(self) -> String {
        match self {
            Reducer::Percentile(percent) => format!("{PERCENTILE}({percent})"),
            _ => REDUCERS
                .iter()
                .find(|(_, reducer, _)| *reducer == self)
                .map_or_else(String::new, |(name, _, _)| (*name).to_owned()),
        }
    }

    /// Reduces numbers, none of which is NaN; of none it makes NaN, but for `count`, which
    /// makes 0.
    pub(crate) fn reduce(self, values: &mut [f64]) -> f64 {
        let count = values.len() as f64;
        if values.is_empty() && self != Reducer::Count {
            return f64::NAN;
        }
        let sum = || values.iter().sum::<f64>();
        match self {
            Reducer::Count => count,
            Reducer::Sum => sum(),
            Reducer::Average => sum() / count,
            Reducer::Latest => values.last().copied().unwrap_or(f64::NAN),
            Reducer::Largest => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Reducer::Smallest => values.iter().copied().fold(f64::INFINITY, f64::min),
            Reducer::Deviation => {
                let average = sum() / count;
                let squares = values.iter().map(|value| (value - average).powi(2));
                (squares.sum::<f64>() / count).sqrt()
            }
            Reducer::Percentile(percent) => percentile(values, percent),
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place among the values"
)]
fn percentile(values: &mut [f64], percent: f64) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let place = percent / 100.0 * (values.len() - 1) as f64;
    let below = values[place.floor() as usize];
    let above = values[place.ceil() as usize];
    below + (above - below) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_one() {
        let of = |reducer: Reducer, values: &[f64]| reducer.reduce(&mut values.to_vec());
        let values = [4.0, 1.0, 3.0, 2.0];
        assert_eq!(of(Reducer::Average, &values), 2.5);
        assert_eq!(of(Reducer::Latest, &values), 2.0);
        assert_eq!(of(Reducer::Percentile(50.0), &values), 2.5);
        assert_eq!(of(Reducer::Percentile(100.0), &values), 4.0);
        assert_eq!(of(Reducer::Deviation, &[2.0, 4.0]), 1.0);
        assert_eq!(of(Reducer::Count, &[]), 0.0);
        assert!(of(Reducer::Largest, &[]).is_nan());
    }
}
