//! Whether two answers are the same.

use std::collections::BTreeMap;

/// An answer: one value for each combination of the other columns. Keys and values are text.
pub(super) type Answer = BTreeMap<String, String>;

/// Between which values, both included, each must lie.
pub(super) type Bounds = BTreeMap<String, (f64, f64)>;

/// Says which estimate lies outside its bounds first, if any does.
pub(super) fn outside(ours: &Answer, bounds: &Bounds) -> Option<String> {
    if ours.len() != bounds.len() {
        return Some(format!("{} rows, {} expected", ours.len(), bounds.len()));
    }
    ours.iter().find_map(|(key, value)| {
        let Some((low, high)) = bounds.get(key) else {
            return Some(format!("no row `{key}` was expected"));
        };
        let is_inside = value
            .parse::<f64>()
            .is_ok_and(|value| (*low..=*high).contains(&value));
        (!is_inside).then(|| format!("`{key}` is {value}, not from {low} to {high}"))
    })
}

/// Says what differs first, if anything does; numbers with a fraction may differ by `tolerance`
/// of their size.
pub(super) fn difference(ours: &Answer, theirs: &Answer, tolerance: f64) -> Option<String> {
    if ours.len() != theirs.len() {
        return Some(format!(
            "{} rows, the other answer has {}",
            ours.len(),
            theirs.len()
        ));
    }
    ours.iter().find_map(|(key, value)| {
        let Some(other) = theirs.get(key) else {
            return Some(format!("the other answer has no row `{key}`"));
        };
        (!is_alike(value, other, tolerance))
            .then(|| format!("`{key}` is {value}, in the other answer {other}"))
    })
}

/// Counts must be equal; other numbers nearly so.
fn is_alike(one: &str, other: &str, tolerance: f64) -> bool {
    if one == other {
        return true;
    }
    let is_count = |text: &str| text.parse::<i64>().is_ok();
    match (one.parse::<f64>(), other.parse::<f64>()) {
        (Ok(a), Ok(b)) if !(is_count(one) && is_count(other)) => {
            (a - b).abs() <= tolerance * a.abs().max(b.abs())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &[(&str, &str)]) -> Answer {
        let pairs = rows.iter();
        pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn counts_must_be_equal_and_estimates_close() {
        let ours = answer(&[("a", "100"), ("b", "1.00")]);
        let compare = |theirs: &[(&str, &str)]| difference(&ours, &answer(theirs), 0.03);
        assert_eq!(compare(&[("a", "100"), ("b", "1.01")]), None);
        assert!(compare(&[("a", "101"), ("b", "1.00")]).is_some());
        assert!(compare(&[("a", "100"), ("b", "1.10")]).is_some());
        assert!(compare(&[("a", "100")]).is_some());
        assert!(compare(&[("a", "100"), ("c", "1.00")]).is_some());
    }

    #[test]
    fn estimates_must_lie_within_their_bounds() {
        let bounds = Bounds::from([("a".to_owned(), (1.0, 2.0))]);
        assert_eq!(outside(&answer(&[("a", "1.5")]), &bounds), None);
        assert_eq!(outside(&answer(&[("a", "2")]), &bounds), None);
        for wrong in [&[("a", "2.5")][..], &[("a", "")], &[("b", "1.5")], &[]] {
            assert!(outside(&answer(wrong), &bounds).is_some());
        }
    }
}
