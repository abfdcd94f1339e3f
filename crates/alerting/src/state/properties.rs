//! What holds whatever a query answers.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn monitor() -> impl Strategy<Value = Monitor> {
    let condition = prop_oneof![
        Just(String::new()),
        (1_u64..4).prop_map(|minutes| format!("for = \"{minutes}m\"")),
        (1_usize..4).prop_map(|breaches| format!("needed = {{ breaches = {breaches}, of = 4 }}")),
    ];
    let means = prop::sample::select(vec!["zero", "no_data", "alert", "ok", "keep"]);
    (condition, means, 0_u64..3, any::<bool>()).prop_map(|(condition, means, keep, has_warning)| {
        let warning = if has_warning { "warning = { above = 5, recovery = 4 }" } else { "" };
        let text = format!(
            "name = \"m\"\nquery = \"q\"\nvalue = \"v\"\ngroup_by = [\"f\"]\ncritical = {{ above = 10 }}\n\
             {warning}\n{condition}\nkeep_firing_for = \"{keep}m\"\n\
             missing = {{ means = \"{means}\", after = \"2m\" }}\n\
             groups = {{ max = 2, forget_after = \"8m\" }}\n"
        );
        Monitor::parse(&text).unwrap()
    })
}

/// One minute: an answer, or a failure.
fn step() -> impl Strategy<Value = Option<Vec<(u8, f64)>>> {
    // Halves are the same after they were text.
    let value = (0_u32..30).prop_map(|halves| f64::from(halves) / 2.0);
    let values = prop::collection::vec((0_u8..3, value), 0..3);
    prop_oneof![9 => values.prop_map(Some), 1 => Just(None)]
}

fn take(
    state: &mut MonitorState,
    monitor: &Monitor,
    minute: usize,
    step: Option<&Vec<(u8, f64)>>,
) -> Vec<Change> {
    let at = Timestamp::from_millis(minute as i64 * 60_000);
    let Some(values) = step else {
        return state.fail("uid", monitor, at, "failed");
    };
    let labels = |name: u8| Labels::from([("f".to_owned(), name.to_string())]);
    let values = values.iter().map(|(name, value)| (labels(*name), *value));
    state.observe(
        "uid",
        monitor,
        at,
        &Answer {
            values: values.collect(),
        },
    )
}

proptest! {
    #[test]
    fn every_alert_begins_once_and_ends_at_most_once(
        monitor in monitor(), steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut state = MonitorState::default();
        let mut open: BTreeMap<String, String> = BTreeMap::new();
        let mut ended = Vec::new();
        for (minute, step) in steps.iter().enumerate() {
            for change in take(&mut state, &monitor, minute, step.as_ref()) {
                let (group, id) = (change.fingerprint, change.alert.id);
                prop_assert!(!ended.contains(&id), "{id} speaks after its end");
                match change.kind {
                    ChangeKind::Fired => prop_assert_eq!(open.insert(group, id), None),
                    kind if kind.is_end() => {
                        prop_assert_eq!(open.remove(&group), Some(id.clone()));
                        ended.push(id);
                    }
                    _ => prop_assert_eq!(open.get(&group), Some(&id)),
                }
            }
            prop_assert!(state.groups.len() <= monitor.groups.max);
            let alerts = state.groups.values().filter_map(|group| group.alert.as_ref());
            let problems = state.problems.values().filter_map(|problem| problem.alert.as_ref());
            let mut known: Vec<&String> = alerts.chain(problems).map(|alert| &alert.id).collect();
            let mut told: Vec<&String> = open.values().collect();
            known.sort();
            told.sort();
            prop_assert_eq!(known, told);
        }
    }

    #[test]
    fn a_restart_at_any_moment_changes_nothing(
        monitor in monitor(), steps in prop::collection::vec(step(), 1..40), restart in 0_usize..40,
    ) {
        let (mut one, mut other) = (MonitorState::default(), MonitorState::default());
        for (minute, step) in steps.iter().enumerate() {
            if minute == restart {
                other = serde_json::from_str(&serde_json::to_string(&other).unwrap()).unwrap();
            }
            let changes = take(&mut one, &monitor, minute, step.as_ref());
            prop_assert_eq!(changes, take(&mut other, &monitor, minute, step.as_ref()));
        }
        prop_assert_eq!(one, other);
    }

    #[test]
    fn nothing_fires_that_was_never_bad(
        monitor in monitor(), values in prop::collection::vec(0.0_f64..5.0, 1..40),
    ) {
        let mut state = MonitorState::default();
        for (minute, value) in values.iter().enumerate() {
            let changes = take(&mut state, &monitor, minute, Some(&vec![(0, *value)]));
            prop_assert_eq!(changes, []);
        }
    }
}
