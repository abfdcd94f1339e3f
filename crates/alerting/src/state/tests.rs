//! Timelines: what a monitor does minute by minute. The state goes through its stored form before
//! every step, so every step is also a restart.

use super::*;

/// A monitor, its state, and what it said so far.
struct Timeline {
    monitor: Monitor,
    state: MonitorState,
}

impl Timeline {
    fn new(more: &str) -> Timeline {
        let text = format!(
            "name = \"m\"\nquery = \"q\"\nvalue = \"v\"\ngroup_by = [\"function\"]\n{more}\n"
        );
        Timeline {
            monitor: Monitor::parse(&text).unwrap(),
            state: MonitorState::default(),
        }
    }

    fn restart(&mut self) {
        let stored = serde_json::to_string(&self.state).unwrap();
        let read: MonitorState = serde_json::from_str(&stored).unwrap();
        assert_eq!(read, self.state, "a restart changes nothing");
        self.state = read;
    }

    /// The answer at a minute, by group; returns what changed.
    fn at(&mut self, minute: i64, values: &[(&str, f64)]) -> Vec<String> {
        self.restart();
        let changes = self
            .state
            .observe("uid", &self.monitor, minutes(minute), &answer(values));
        told(&changes)
    }

    /// Returns what group `a` does with one value a minute, beginning at minute 0.
    fn run(&mut self, values: &[f64]) -> Vec<String> {
        let steps = values.iter().enumerate();
        let steps: Vec<Vec<String>> = steps
            .map(|(minute, value)| {
                let changes = self.at(minute as i64, &[("a", *value)]);
                changes
                    .into_iter()
                    .map(|change| format!("{minute}: {change}"))
                    .collect()
            })
            .collect();
        steps.concat()
    }

    fn phase(&self) -> Phase {
        self.state.phase()
    }
}

fn minutes(minutes: i64) -> Timestamp {
    Timestamp::from_millis(minutes * 60_000)
}

fn answer(values: &[(&str, f64)]) -> Answer {
    let labels = |name: &str| Labels::from([("function".to_owned(), name.to_owned())]);
    Answer {
        values: values
            .iter()
            .map(|(name, value)| (labels(name), *value))
            .collect(),
    }
}

fn told(changes: &[Change]) -> Vec<String> {
    changes
        .iter()
        .map(|change| {
            let name = change.labels.values().next().cloned().unwrap_or_default();
            let severity = change.alert.severity.name();
            let flapping = if change.is_flapping { " flapping" } else { "" };
            format!("{name} {} {severity}{flapping}", change.kind.name())
        })
        .collect()
}

const ABOVE_10: &str = "critical = { above = 10 }";

#[test]
fn an_alert_fires_once_and_resolves_once() {
    let mut line = Timeline::new(ABOVE_10);
    assert_eq!(
        line.run(&[1.0, 11.0, 12.0, 11.0, 3.0, 2.0]),
        ["1: a fired critical", "4: a resolved critical"]
    );
}

#[test]
fn a_short_breach_does_not_fire_where_it_must_last() {
    let mut line = Timeline::new("critical = { above = 10 }\nfor = \"2m\"");
    assert_eq!(line.run(&[11.0, 11.0, 1.0]), [""; 0]);
    let mut line = Timeline::new("critical = { above = 10 }\nfor = \"2m\"");
    assert_eq!(line.run(&[11.0, 11.0]), [""; 0]);
    assert_eq!(line.phase(), Phase::Pending);
    assert_eq!(line.at(2, &[("a", 11.0)]), ["a fired critical"]);
}

#[test]
fn so_many_of_the_last_evaluations_must_be_bad() {
    let mut line = Timeline::new("critical = { above = 10 }\nneeded = { breaches = 2, of = 3 }");
    let told = line.run(&[11.0, 1.0, 1.0, 11.0, 1.0, 11.0, 1.0, 1.0, 1.0]);
    assert_eq!(told, ["5: a fired critical", "6: a resolved critical"]);
}

#[test]
fn a_warning_becomes_critical_and_a_warning_again_as_one_alert() {
    let mut line = Timeline::new("critical = { above = 10 }\nwarning = { above = 5 }");
    let told = line.run(&[6.0, 11.0, 7.0, 1.0]);
    assert_eq!(
        told,
        [
            "0: a fired warning",
            "1: a raised critical",
            "2: a lowered warning",
            "3: a resolved warning"
        ]
    );
}

#[test]
fn a_value_between_threshold_and_recovery_ends_nothing() {
    let mut line = Timeline::new("critical = { above = 10, recovery = 8 }");
    let told = line.run(&[11.0, 9.0, 11.0, 8.5, 8.0]);
    assert_eq!(told, ["0: a fired critical", "4: a resolved critical"]);
}

#[test]
fn an_alert_is_kept_until_it_has_been_good_for_long_enough() {
    let mut line = Timeline::new("critical = { above = 10 }\nkeep_firing_for = \"2m\"");
    assert_eq!(
        line.run(&[11.0, 1.0, 11.0, 1.0, 1.0]),
        ["0: a fired critical"]
    );
    assert_eq!(line.phase(), Phase::Recovering);
    assert_eq!(line.at(5, &[("a", 1.0)]), ["a resolved critical"]);
    assert_eq!(line.phase(), Phase::Normal);
}

#[test]
fn a_group_that_changes_too_often_is_called_flapping() {
    let mut line = Timeline::new(ABOVE_10);
    let told = line.run(&[11.0, 1.0, 11.0, 1.0, 11.0, 1.0]);
    assert_eq!(told.len(), 6);
    assert_eq!(told[3], "3: a resolved critical");
    assert_eq!(told[4], "4: a fired critical flapping");
}

#[test]
fn missing_data_is_a_state_that_ends_no_alert() {
    let mut line = Timeline::new(ABOVE_10);
    assert_eq!(line.at(0, &[("a", 11.0), ("b", 1.0)]), ["a fired critical"]);
    assert_eq!(line.at(4, &[]), [""; 0]);
    assert_eq!(line.at(5, &[]), ["a no_data critical"]);
    assert_eq!(line.phase(), Phase::NoData);
    assert_eq!(line.at(6, &[]), [""; 0], "it is told once");
    assert_eq!(line.at(7, &[("a", 12.0)]), [""; 0], "it still fires");
    assert_eq!(line.phase(), Phase::Firing);
    assert_eq!(line.at(8, &[("a", 1.0)]), ["a resolved critical"]);
}

#[test]
fn missing_data_is_what_the_monitor_says() {
    let missing =
        |means: &str| format!("{ABOVE_10}\nmissing = {{ means = \"{means}\", after = \"2m\" }}");
    let mut line = Timeline::new(&missing("alert"));
    assert_eq!(line.at(0, &[("a", 1.0)]), [""; 0]);
    assert_eq!(line.at(1, &[]), [""; 0]);
    assert_eq!(line.at(2, &[]), ["a fired critical"]);
    assert_eq!(line.at(3, &[("a", 1.0)]), ["a resolved critical"]);
    let mut line = Timeline::new(&missing("zero").replace("above", "below"));
    assert_eq!(line.at(0, &[("a", 11.0)]), [""; 0]);
    assert_eq!(line.at(1, &[]), ["a fired critical"]);
    let mut line = Timeline::new(&missing("ok"));
    assert_eq!(line.at(0, &[("a", 11.0)]), ["a fired critical"]);
    assert_eq!(line.at(1, &[]), ["a resolved critical"]);
    let mut line = Timeline::new(&missing("keep"));
    assert_eq!(line.at(0, &[("a", 11.0)]), ["a fired critical"]);
    assert_eq!(line.at(9, &[]), [""; 0]);
    assert_eq!(line.phase(), Phase::Firing);
}

#[test]
fn a_vanished_group_is_closed_and_not_called_resolved() {
    let mut line = Timeline::new("critical = { above = 10 }\ngroups = { forget_after = \"1h\" }");
    assert_eq!(line.at(0, &[("a", 11.0), ("b", 1.0)]), ["a fired critical"]);
    assert_eq!(line.at(59, &[("b", 1.0)]), ["a no_data critical"]);
    assert_eq!(line.at(60, &[("b", 1.0)]), ["a closed critical"]);
    assert_eq!(line.state.groups.len(), 1);
    assert_eq!(
        line.at(61, &[("a", 11.0)]),
        ["a fired critical"],
        "it is new"
    );
}

#[test]
fn counts_of_known_groups_are_filled_with_zeros() {
    let mut line = Timeline::new(ABOVE_10);
    line.monitor.value = None;
    assert_eq!(line.at(0, &[("a", 11.0)]), ["a fired critical"]);
    assert_eq!(line.at(1, &[]), ["a resolved critical"]);
}

#[test]
fn a_ratio_of_nothing_is_missing_data() {
    let mut line = Timeline::new(ABOVE_10);
    assert_eq!(line.run(&[f64::NAN, f64::INFINITY]), [""; 0]);
}

#[test]
fn without_groups_silence_is_an_answer() {
    let mut line = Timeline::new("critical = { at_most = 0 }");
    line.monitor.value = None;
    line.monitor.group_by.clear();
    assert_eq!(line.at(0, &[]), [" fired critical"]);
}

#[test]
fn groups_beyond_the_cap_are_reported_and_the_known_ones_watched_on() {
    let mut line = Timeline::new("critical = { above = 10 }\ngroups = { max = 2 }");
    assert_eq!(line.at(0, &[("a", 1.0), ("b", 1.0)]), [""; 0]);
    let told = line.at(1, &[("a", 1.0), ("b", 11.0), ("c", 11.0)]);
    assert_eq!(told, ["too_many_groups fired warning", "b fired critical"]);
    assert_eq!(line.at(2, &[("a", 1.0), ("b", 11.0), ("c", 11.0)]), [""; 0]);
    assert_eq!(
        line.at(3, &[("b", 1.0)]),
        ["too_many_groups resolved warning", "b resolved critical"]
    );
}

#[test]
fn a_new_group_may_be_watched_for_a_while_first() {
    let mut line =
        Timeline::new("critical = { above = 10 }\ngroups = { new_group_delay = \"2m\" }");
    assert_eq!(
        line.at(0, &[("a", 11.0)]),
        ["a fired critical"],
        "a new monitor knows its groups"
    );
    assert_eq!(line.at(1, &[("b", 11.0)]), [""; 0]);
    assert_eq!(line.at(2, &[("b", 11.0)]), [""; 0]);
    assert_eq!(line.at(3, &[("b", 11.0)]), ["b fired critical"]);
}

#[test]
fn a_failing_query_changes_nothing_and_is_told_once() {
    let mut line = Timeline::new(ABOVE_10);
    assert_eq!(line.at(0, &[("a", 11.0)]), ["a fired critical"]);
    for minute in 1..11 {
        line.restart();
        assert_eq!(
            line.state
                .fail("uid", &line.monitor, minutes(minute), "no such field"),
            []
        );
    }
    let changes = line
        .state
        .fail("uid", &line.monitor, minutes(11), "no such field");
    assert_eq!(told(&changes), ["query_fails fired warning"]);
    assert_eq!(changes[0].problem.as_deref(), Some("no such field"));
    assert_eq!(
        line.state
            .fail("uid", &line.monitor, minutes(12), "no such field"),
        []
    );
    assert_eq!(line.phase(), Phase::Firing);
    assert_eq!(
        line.at(13, &[("a", 11.0)]),
        ["query_fails resolved warning"]
    );
}

#[test]
fn late_data_raises_an_alert_once_and_ends_none() {
    let mut line = Timeline::new("critical = { above = 10 }\nlate = \"5m\"");
    assert_eq!(line.at(5, &[("a", 1.0)]), [""; 0]);
    let late = |line: &mut Timeline, window: i64, at: i64, value: f64| {
        line.restart();
        let moments = (minutes(window), minutes(at));
        told(
            &line
                .state
                .observe_late("uid", &line.monitor, moments, &answer(&[("a", value)])),
        )
    };
    assert_eq!(late(&mut line, 0, 5, 2.0), [""; 0]);
    assert_eq!(line.at(6, &[("a", 1.0)]), [""; 0]);
    assert_eq!(late(&mut line, 1, 6, 15.0), ["a fired critical"]);
    assert_eq!(
        late(&mut line, 2, 6, 1.0),
        [""; 0],
        "good data of the past ends nothing"
    );
    assert_eq!(line.at(7, &[("a", 1.0)]), ["a resolved critical"]);
    assert_eq!(line.at(8, &[("a", 11.0)]), ["a fired critical"]);
    assert_eq!(line.at(9, &[("a", 1.0)]), ["a resolved critical"]);
    assert_eq!(
        late(&mut line, 8, 13, 11.0),
        [""; 0],
        "that window has fired already"
    );
}

#[test]
fn an_open_alert_is_told_again_after_a_while() {
    let mut line = Timeline::new("critical = { above = 10 }\nnotify = { repeat = \"3m\" }");
    let told = line.run(&[11.0, 11.0, 11.0, 11.0, 11.0, 11.0, 11.0, 1.0]);
    assert_eq!(
        told,
        [
            "0: a fired critical",
            "3: a repeated critical",
            "6: a repeated critical",
            "7: a resolved critical"
        ]
    );
}

#[test]
fn an_alert_keeps_its_id_and_remembers_the_worst() {
    let mut line = Timeline::new("critical = { above = 10 }\nwarning = { above = 5 }");
    let mut ids = Vec::new();
    for (minute, value) in [6.0, 20.0, 7.0, 1.0].into_iter().enumerate() {
        let at = minutes(minute as i64);
        let changes = line
            .state
            .observe("uid", &line.monitor, at, &answer(&[("a", value)]));
        ids.extend(
            changes
                .into_iter()
                .map(|change| (change.alert.id, change.alert.worst)),
        );
    }
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|(id, _)| *id == ids[0].0), "{ids:?}");
    assert_eq!(ids[3].1, Some(20.0));
}

#[test]
fn labels_that_read_alike_are_different_groups() {
    let one = Labels::from([
        ("a".to_owned(), "b".to_owned()),
        ("c".to_owned(), "d".to_owned()),
    ]);
    let other = Labels::from([("a".to_owned(), "bcd".to_owned())]);
    assert_ne!(fingerprint("uid", &one), fingerprint("uid", &other));
    assert_ne!(fingerprint("uid", &one), fingerprint("other", &one));
}
