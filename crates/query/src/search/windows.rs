//! Cuts a search's range into windows, newest first, so that results appear soon and never move.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::LogicalPlan;
use model::{TimeRange, Timestamp};

/// Windows grow up to this many segment windows, so that long searches do not pay for many.
const GROWTH_MAX: usize = 32;

/// Returns `range` cut where segments begin: the newest part first, each next one larger.
pub(super) fn windows(range: TimeRange, starts: &[Timestamp]) -> Vec<TimeRange> {
    let cuts: Vec<Timestamp> = starts
        .iter()
        .copied()
        .filter(|start| range.start < *start && *start < range.end)
        .collect();
    let mut windows = Vec::new();
    let (mut end, mut left, mut size) = (range.end, cuts.as_slice(), 1);
    while left.len() >= size {
        let (older, newer) = left.split_at(left.len() - size);
        windows.push(TimeRange::new(newer[0], end));
        (end, left, size) = (newer[0], older, (size * 2).min(GROWTH_MAX));
    }
    windows.push(TimeRange::new(range.start, end));
    windows
}

/// The first parts of a search for the newest rows, as shares of the time that there are rows of.
const NEWEST_SHARES: [i64; 2] = [1_024, 32];

/// Returns `range` cut into ever larger parts, the newest first; `times` are those of the earliest
/// and the latest row there are.
pub(super) fn newest_first(
    range: TimeRange,
    times: Option<(Timestamp, Timestamp)>,
) -> Vec<TimeRange> {
    let mut parts = Vec::new();
    let mut end = range.end;
    if let Some((earliest, latest)) = times {
        let first = earliest.max(range.start).nanos();
        let last = latest.min(range.end).nanos();
        for share in NEWEST_SHARES {
            let start = last.saturating_sub(last.saturating_sub(first) / share);
            let start = Timestamp::from_nanos(start);
            if range.start < start && start < end {
                parts.push(TimeRange::new(start, end));
                end = start;
            }
        }
    }
    parts.push(TimeRange::new(range.start, end));
    parts
}

/// Whether every row of the result depends on one event alone, so that windows can be asked one
/// after another.
pub(super) fn is_rowwise(plan: &LogicalPlan) -> bool {
    !any_node(plan, |node| {
        !matches!(
            node,
            LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::SubqueryAlias(_)
                | LogicalPlan::TableScan(_)
                | LogicalPlan::Unnest(_)
        )
    })
}

fn any_node(plan: &LogicalPlan, mut is: impl FnMut(&LogicalPlan) -> bool) -> bool {
    let mut found = false;
    let walked = plan.apply(|node| {
        found |= is(node);
        Ok(if found {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    });
    found || walked.is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: i64) -> Timestamp {
        Timestamp::from_nanos(nanos)
    }

    #[test]
    fn windows_cover_the_range_without_gap_newest_first() {
        let starts: Vec<Timestamp> = (0..20).map(|nth| at(nth * 10)).collect();
        let range = TimeRange::new(at(25), at(195));
        let windows = windows(range, &starts);
        assert_eq!(windows[0], TimeRange::new(at(190), at(195)));
        assert_eq!(windows[1], TimeRange::new(at(170), at(190)));
        assert_eq!(windows.last().map(|last| last.start), Some(at(25)));
        for pair in windows.windows(2) {
            assert_eq!(pair[0].start, pair[1].end);
        }
    }

    #[test]
    fn without_segments_there_is_one_window() {
        let range = TimeRange::new(at(0), at(10));
        assert_eq!(windows(range, &[]), vec![range]);
    }

    #[test]
    fn parts_cover_the_range_without_gap_and_grow() {
        let range = TimeRange::new(at(0), at(2_000_000));
        let parts = newest_first(range, Some((at(100_000), at(1_123_999))));
        let cuts: Vec<i64> = parts.iter().map(|part| part.start.nanos()).collect();
        assert_eq!(cuts, [1_123_000, 1_092_000, 0]);
        assert_eq!(parts[0].end, range.end);
        assert!(parts.windows(2).all(|pair| pair[0].start == pair[1].end));
        assert_eq!(newest_first(range, None), [range]);
        assert_eq!(newest_first(range, Some((at(5), at(5)))).len(), 2);
    }
}
