//! The states of a monitor: what one more answer of its query changes.
//!
//! A pure function of the state before, the monitor and the answer. It reads no clock: time is
//! the end of the window that was asked about, so that evaluating late, twice in a row after a
//! restart, or in a test gives the same.
//!
//! ```text
//! Normal ─▶ Pending ─▶ Firing ─▶ Recovering ─▶ Normal
//!    └───────── NoData ◀──┴───────────┘
//! ```
//!
//! A change between warning and critical is a change of one alert. A group that vanishes keeps
//! its alert until it is forgotten, and is then closed, which is not called resolved.

mod group;
mod problem;

use std::collections::{BTreeMap, BTreeSet};

use content::{Monitor, Severity};
use model::Timestamp;
use serde::{Deserialize, Serialize};

pub use group::{GroupState, OpenAlert, Phase, Reason};
pub use problem::{Problem, ProblemState};

/// The values of a monitor's group fields; empty for a monitor without groups.
pub type Labels = BTreeMap<String, String>;

/// What a monitor knows between two evaluations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MonitorState {
    /// The end of the last window that was evaluated.
    #[serde(default)]
    pub evaluated_to: Option<Timestamp>,
    /// The groups, by fingerprint.
    #[serde(default)]
    pub groups: BTreeMap<String, GroupState>,
    /// What is wrong with the monitor itself.
    #[serde(default)]
    pub problems: BTreeMap<Problem, ProblemState>,
    /// Open alerts that began or became critical while they were held back, by a mute, an
    /// inhibition or a quiet time.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub untold: BTreeSet<String>,
    /// The channels that have heard of open alerts, by the alerts' ids: they hear of the end.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub told: BTreeMap<String, BTreeSet<String>>,
}

/// The answer to a monitor's query about one window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// Each group's value; of several rows of one group the worst.
    pub values: BTreeMap<Labels, f64>,
}

/// What happened to an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It began.
    Fired,
    /// It became critical.
    Raised,
    /// It is only a warning now.
    Lowered,
    /// It is over.
    Resolved,
    /// Its data is missing; whether it is over is not known.
    NoData,
    /// Its group has been silent for so long that it was forgotten.
    Closed,
    /// It is still there.
    Repeated,
}

impl ChangeKind {
    /// Whether the alert is over.
    pub const fn is_end(self) -> bool {
        matches!(self, ChangeKind::Resolved | ChangeKind::Closed)
    }

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            ChangeKind::Fired => "fired",
            ChangeKind::Raised => "raised",
            ChangeKind::Lowered => "lowered",
            ChangeKind::Resolved => "resolved",
            ChangeKind::NoData => "no_data",
            ChangeKind::Closed => "closed",
            ChangeKind::Repeated => "repeated",
        }
    }
}

/// A change of an alert, with what is needed to tell about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// When: the end of the window.
    pub at: Timestamp,
    /// The group's identity.
    pub fingerprint: String,
    /// The group.
    pub labels: Labels,
    /// The alert after the change (or at its end).
    pub alert: OpenAlert,
    /// The value, if there is one.
    pub value: Option<f64>,
    /// Why.
    pub reason: Reason,
    /// What the monitor itself suffers from, if the alert is about that.
    pub problem: Option<String>,
    /// Whether the group changes too often.
    pub is_flapping: bool,
}

impl MonitorState {
    /// Takes in the answer about the window that ended at `at`, and returns what changes.
    pub fn observe(
        &mut self,
        uid: &str,
        monitor: &Monitor,
        at: Timestamp,
        answer: &Answer,
    ) -> Vec<Change> {
        let is_first = self.evaluated_to.is_none();
        let mut changes = self.end_problem(Problem::QueryFails, at);
        changes.extend(self.limit_groups(uid, monitor, at, answer));
        self.meet(
            uid,
            monitor,
            at,
            answer,
            if is_first { Timestamp::MIN } else { at },
        );
        if monitor.group_by.is_empty() && self.groups.is_empty() {
            // Without groups there is one from the beginning: silence is an answer about it.
            let group = GroupState::new(Labels::new(), at, Timestamp::MIN);
            self.groups.insert(fingerprint(uid, &Labels::new()), group);
        }
        for (fingerprint, group) in &mut self.groups {
            let value = answer.values.get(&group.labels).copied();
            changes.extend(group.observe(fingerprint, monitor, at, value));
        }
        self.groups
            .retain(|_, group| !group.is_forgotten(monitor, at));
        self.evaluated_to = Some(at);
        changes
    }

    /// Takes in what the window that ended at `window` looks like at `at`, now that data has come
    /// late. It can only make things worse: nothing ends because of it.
    pub fn observe_late(
        &mut self,
        uid: &str,
        monitor: &Monitor,
        (window, at): (Timestamp, Timestamp),
        answer: &Answer,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        self.meet(uid, monitor, at, answer, at);
        for (fingerprint, group) in &mut self.groups {
            if let Some(value) = answer.values.get(&group.labels) {
                changes.extend(group.observe_late(fingerprint, monitor, window, at, *value));
            }
        }
        changes
    }

    /// Takes in that the query could not be answered: every group stays what it is.
    pub fn fail(
        &mut self,
        uid: &str,
        monitor: &Monitor,
        at: Timestamp,
        error: &str,
    ) -> Vec<Change> {
        self.evaluated_to = Some(at);
        let after = monitor.error_after.nanos();
        self.suffer(uid, Problem::QueryFails, error.to_owned(), at, after)
    }

    /// The worst of the groups.
    pub fn phase(&self) -> Phase {
        let phases = self.groups.values().map(|group| group.phase);
        phases.max().unwrap_or(Phase::Normal)
    }

    /// The worst severity of an open alert.
    pub fn severity(&self) -> Option<Severity> {
        let open = self
            .groups
            .values()
            .filter_map(|group| group.alert.as_ref());
        open.map(|alert| alert.severity).max()
    }

    /// Makes the groups that are new, as many as there may be.
    fn meet(
        &mut self,
        uid: &str,
        monitor: &Monitor,
        at: Timestamp,
        answer: &Answer,
        known_since: Timestamp,
    ) {
        for labels in answer.values.keys() {
            let fingerprint = fingerprint(uid, labels);
            if !self.groups.contains_key(&fingerprint) && self.groups.len() < monitor.groups.max {
                let group = GroupState::new(labels.clone(), at, known_since);
                self.groups.insert(fingerprint, group);
            }
        }
    }

    /// Returns every open alert as if it were told again at `at`.
    pub fn still_open(&self, at: Timestamp) -> Vec<Change> {
        let groups = self.groups.iter();
        groups
            .filter_map(|(fingerprint, group)| group.still_open(fingerprint, at))
            .collect()
    }

    fn limit_groups(
        &mut self,
        uid: &str,
        monitor: &Monitor,
        at: Timestamp,
        answer: &Answer,
    ) -> Vec<Change> {
        let new = answer.values.keys();
        let new = new.filter(|labels| !self.groups.contains_key(&fingerprint(uid, labels)));
        let found = self.groups.len() + new.count();
        let max = monitor.groups.max;
        if found <= max {
            return self.end_problem(Problem::TooManyGroups, at);
        }
        let text = format!(
            "the query gives {found} groups, {max} are watched (groups.max); group by fewer fields, or narrow the query"
        );
        self.suffer(uid, Problem::TooManyGroups, text, at, 0)
    }
}

/// The identity of a group: the same for the same monitor and labels, whatever the values.
pub(crate) fn fingerprint(uid: &str, labels: &Labels) -> String {
    let mut text = uid.to_owned();
    for (name, value) in labels {
        // A character that no label holds keeps `a=bc` and `ab=c` apart.
        text.push('\u{0}');
        text.push_str(name);
        text.push('\u{0}');
        text.push_str(value);
    }
    format!("{:016x}", xxhash_rust::xxh3::xxh3_64(text.as_bytes()))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
