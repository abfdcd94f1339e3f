//! Back-test: what a monitor would have done in the past, window by window, with the same question
//! and the same states as if it had been there.

use std::collections::BTreeMap;

use content::Monitor;
use futures::{StreamExt as _, stream};
use model::{TimeRange, Timestamp};
use serde::Serialize;

use crate::Result;
use crate::evaluate::{Evaluator, QUESTIONS_AT_ONCE};
use crate::state::{ChangeKind, Labels, MonitorState, Phase};

/// Windows that are looked at; a longer range is looked at less often.
const WINDOWS_MAX: i64 = 360;
/// The same for one group: somebody waits for its chart.
const CHART_WINDOWS_MAX: i64 = 60;
/// Groups whose values are returned, the worst first.
const GROUPS_MAX: usize = 20;

/// What a monitor would have done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Replay {
    /// The time between two windows, in milliseconds.
    pub step_ms: i64,
    /// The ends of the windows, in milliseconds since the epoch.
    pub times_ms: Vec<i64>,
    /// The values of the groups, one for each time.
    pub groups: Vec<ReplayedGroup>,
    /// What would have happened.
    pub changes: Vec<ReplayedChange>,
    /// How often people would have been told.
    pub notifications: usize,
}

/// The values of one group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayedGroup {
    /// The group.
    pub labels: Labels,
    /// One value for each time.
    pub values: Vec<Option<f64>>,
    /// Where it stood at each time.
    pub phases: Vec<&'static str>,
}

/// Something that would have happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayedChange {
    /// When, in milliseconds since the epoch.
    pub at: i64,
    /// What.
    pub kind: ChangeKind,
    /// How bad.
    pub severity: &'static str,
    /// To which group.
    pub labels: Labels,
    /// With which value.
    pub value: Option<f64>,
}

/// Replays a monitor over the windows that end in `range`; only the groups that have the `only`
/// labels, if there are any.
pub(crate) async fn replay(
    evaluator: &Evaluator,
    monitor: &Monitor,
    range: TimeRange,
    only: Option<&Labels>,
) -> Result<Replay> {
    let every = monitor.every.nanos().max(1);
    let first = range.start.nanos().div_euclid(every).saturating_mul(every);
    let count = (range.end.nanos().saturating_sub(first) / every).max(1);
    let most = match only {
        Some(_) => CHART_WINDOWS_MAX,
        None => WINDOWS_MAX,
    };
    let step = every.saturating_mul((count + most - 1) / most);
    let ends: Vec<Timestamp> = (0..=count * every / step)
        .map(|number| Timestamp::from_nanos(first.saturating_add(number.saturating_mul(step))))
        .filter(|end| *end <= range.end)
        .collect();
    let asked = stream::iter(ends.iter().copied())
        .map(|end| async move { (end, evaluator.answer(monitor, end).await) })
        .buffered(QUESTIONS_AT_ONCE);
    let mut asked = std::pin::pin!(asked);
    let mut state = MonitorState::default();
    let mut replay = Replay {
        step_ms: step / 1_000_000,
        ..Replay::default()
    };
    let mut groups: BTreeMap<Labels, ReplayedGroup> = BTreeMap::new();
    while let Some((end, answer)) = asked.next().await {
        let mut answer = answer?;
        if let Some(only) = only {
            answer.values.retain(|labels, _| labels == only);
        }
        let before = replay.times_ms.len();
        replay.times_ms.push(end.millis());
        let mut is_told = false;
        for change in state.observe("replay", monitor, end, &answer) {
            is_told = true;
            replay.changes.push(ReplayedChange {
                at: end.millis(),
                kind: change.kind,
                severity: change.alert.severity.name(),
                labels: change.labels,
                value: change.value,
            });
        }
        replay.notifications += usize::from(is_told);
        for group in state.groups.values() {
            let replayed = groups
                .entry(group.labels.clone())
                .or_insert_with(|| ReplayedGroup {
                    labels: group.labels.clone(),
                    values: vec![None; before],
                    phases: vec![Phase::Normal.name(); before],
                });
            replayed.values.push(
                answer
                    .values
                    .get(&group.labels)
                    .copied()
                    .or(group.value)
                    .filter(|value| value.is_finite()),
            );
            replayed.phases.push(group.phase.name());
        }
    }
    replay.groups = worst(groups, monitor, replay.times_ms.len());
    Ok(replay)
}

/// The groups with the worst values.
fn worst(
    groups: BTreeMap<Labels, ReplayedGroup>,
    monitor: &Monitor,
    times: usize,
) -> Vec<ReplayedGroup> {
    let badness = |group: &ReplayedGroup| {
        let values = group.values.iter().flatten().copied();
        let values = values.map(|value| if monitor.is_upward() { value } else { -value });
        values.fold(f64::NEG_INFINITY, f64::max)
    };
    let mut groups: Vec<ReplayedGroup> = groups.into_values().collect();
    for group in &mut groups {
        // A group that was forgotten has no more values.
        group.values.resize(times, None);
        group.phases.resize(times, Phase::Normal.name());
    }
    groups.sort_by(|a, b| badness(b).total_cmp(&badness(a)));
    groups.truncate(GROUPS_MAX);
    groups
}
