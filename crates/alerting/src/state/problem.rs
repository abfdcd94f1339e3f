//! What is wrong with a monitor itself: it has an alert of its own, so that nobody takes a broken
//! monitor for a quiet one.

use content::Severity;
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Change, ChangeKind, Labels, MonitorState, OpenAlert, Reason, fingerprint};

/// The label that tells such an alert from those of the groups.
const LABEL: &str = "monitor_problem";

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// The query fails.
    QueryFails,
    /// The query gives more groups than may be watched.
    TooManyGroups,
}

impl Problem {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Problem::QueryFails => "query_fails",
            Problem::TooManyGroups => "too_many_groups",
        }
    }
}

/// A problem that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProblemState {
    /// Since when.
    pub since: Timestamp,
    /// What is wrong, in words.
    pub text: String,
    fingerprint: String,
    /// The alert, once people have been told.
    pub alert: Option<OpenAlert>,
}

impl MonitorState {
    /// Notes a problem; people are told once it has lasted for `after_nanos`.
    pub(super) fn suffer(
        &mut self,
        uid: &str,
        problem: Problem,
        text: String,
        at: Timestamp,
        after_nanos: i64,
    ) -> Vec<Change> {
        let labels = Labels::from([(LABEL.to_owned(), problem.name().to_owned())]);
        let state = self
            .problems
            .entry(problem)
            .or_insert_with(|| ProblemState {
                since: at,
                text: String::new(),
                fingerprint: fingerprint(uid, &labels),
                alert: None,
            });
        state.text = text;
        let is_long = at.nanos().saturating_sub(state.since.nanos()) >= after_nanos;
        if state.alert.is_some() || !is_long {
            return Vec::new();
        }
        let alert = OpenAlert {
            id: format!("{}-{}", state.fingerprint, at.millis()),
            since: state.since,
            severity: Severity::Warning,
            worst: None,
            changes: 1,
            told_at: at,
        };
        state.alert = Some(alert.clone());
        vec![change(ChangeKind::Fired, at, problem, state, alert)]
    }

    /// Notes that a problem is over, if there was one.
    pub(super) fn end_problem(&mut self, problem: Problem, at: Timestamp) -> Vec<Change> {
        let Some(mut state) = self.problems.remove(&problem) else {
            return Vec::new();
        };
        let Some(mut alert) = state.alert.take() else {
            return Vec::new();
        };
        alert.changes += 1;
        vec![change(ChangeKind::Resolved, at, problem, &state, alert)]
    }
}

fn change(
    kind: ChangeKind,
    at: Timestamp,
    problem: Problem,
    state: &ProblemState,
    alert: OpenAlert,
) -> Change {
    Change {
        kind,
        at,
        fingerprint: state.fingerprint.clone(),
        labels: Labels::from([(LABEL.to_owned(), problem.name().to_owned())]),
        alert,
        value: None,
        reason: Reason::Problem,
        problem: Some(state.text.clone()),
        is_flapping: false,
    }
}
