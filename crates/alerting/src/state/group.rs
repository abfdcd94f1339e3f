//! The states of one group.

use std::collections::BTreeMap;

use content::{MissingMeans, Monitor, Severity};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Change, ChangeKind, Labels};

/// More changes than this in an hour are called flapping.
const CHANGES_PER_HOUR_MAX: usize = 4;
const HOUR_NANOS: i64 = 3_600 * 1_000_000_000;

/// Where a group stands, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// All is well.
    Normal,
    /// Data is missing.
    NoData,
    /// It is bad, but not for long enough.
    Pending,
    /// It is good again, but not for long enough.
    Recovering,
    /// It is bad.
    Firing,
}

impl Phase {
    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Phase::Normal => "normal",
            Phase::NoData => "no_data",
            Phase::Pending => "pending",
            Phase::Recovering => "recovering",
            Phase::Firing => "firing",
        }
    }
}

/// Why a group is where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its value says so.
    Value,
    /// Its data is missing.
    MissingData,
    /// It has not been seen for so long that it was forgotten.
    MissingGroup,
    /// Data that came late says so.
    LateData,
    /// The monitor itself has a problem.
    Problem,
}

/// An alert that is not over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenAlert {
    /// Names it for ever.
    pub id: String,
    /// When it began.
    pub since: Timestamp,
    /// How bad it is.
    pub severity: Severity,
    /// The worst value so far.
    pub worst: Option<f64>,
    /// How many changes it has had; part of the key by which receivers know a repeated message.
    pub changes: u64,
    /// When people were last told.
    pub told_at: Timestamp,
}

/// What is known about one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GroupState {
    /// The values of the group fields.
    pub labels: Labels,
    /// Where it stands.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub reason: Reason,
    /// The last value.
    pub value: Option<f64>,
    /// From when on it may fire: new groups may be watched for a while first.
    known_since: Timestamp,
    /// When it last had data.
    pub seen_at: Timestamp,
    /// Since when the value is at least a warning, and since when critical.
    breached_since: [Option<Timestamp>; 2],
    /// The last verdicts, as far as "k of n" looks back, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    verdicts: Vec<Option<Severity>>,
    /// Since when the value is better than the alert says.
    #[serde(default)]
    better_since: Option<Timestamp>,
    /// The alert, while there is one.
    #[serde(default)]
    pub alert: Option<OpenAlert>,
    /// The windows that were found bad, by their ends, as far as late data is waited for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    judged: BTreeMap<i64, Severity>,
    /// When it changed in the last hour.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changed_at: Vec<Timestamp>,
}

impl GroupState {
    pub(super) fn new(labels: Labels, at: Timestamp, known_since: Timestamp) -> GroupState {
        GroupState {
            labels,
            phase: Phase::Normal,
            since: at,
            reason: Reason::Value,
            value: None,
            known_since,
            seen_at: at,
            breached_since: [None; 2],
            verdicts: Vec::new(),
            better_since: None,
            alert: None,
            judged: BTreeMap::new(),
            changed_at: Vec::new(),
        }
    }

    /// Takes in the value of the window that ended at `at`.
    pub(super) fn observe(
        &mut self,
        fingerprint: &str,
        monitor: &Monitor,
        at: Timestamp,
        value: Option<f64>,
    ) -> Vec<Change> {
        let mut changes = Changes {
            fingerprint,
            at,
            made: Vec::new(),
        };
        // A ratio of nothing is no value.
        let value = value.filter(|value| value.is_finite());
        if value.is_some() {
            self.seen_at = at;
        }
        let is_missing =
            at.nanos().saturating_sub(self.seen_at.nanos()) >= monitor.missing_after().nanos();
        let means = monitor.missing_means();
        match (value, means) {
            (Some(value), _) => self.judge(
                monitor,
                Some(value),
                monitor.verdict(value),
                Reason::Value,
                &mut changes,
            ),
            (None, MissingMeans::Zero) => {
                self.judge(
                    monitor,
                    Some(0.0),
                    monitor.verdict(0.0),
                    Reason::Value,
                    &mut changes,
                );
            }
            (None, MissingMeans::Ok) => {
                self.judge(monitor, None, None, Reason::MissingData, &mut changes)
            }
            (None, MissingMeans::Alert) if is_missing => {
                self.judge(
                    monitor,
                    None,
                    Some(Severity::Critical),
                    Reason::MissingData,
                    &mut changes,
                );
            }
            (None, MissingMeans::NoData) if is_missing => self.lose(&mut changes),
            (None, MissingMeans::Alert | MissingMeans::NoData | MissingMeans::Keep) => {}
        }
        if self.is_forgotten(monitor, at)
            && let Some(alert) = self.alert.take()
        {
            self.reason = Reason::MissingGroup;
            changes.push(self, ChangeKind::Closed, alert);
        }
        self.repeat(monitor, &mut changes);
        changes.made
    }

    /// Takes in the value that the window which ended at `window` has by `at`.
    pub(super) fn observe_late(
        &mut self,
        fingerprint: &str,
        monitor: &Monitor,
        window: Timestamp,
        at: Timestamp,
        value: f64,
    ) -> Vec<Change> {
        let mut changes = Changes {
            fingerprint,
            at,
            made: Vec::new(),
        };
        let Some(verdict) = monitor.verdict(value).filter(|_| value.is_finite()) else {
            return changes.made;
        };
        let known = self.judged.insert(window.nanos(), verdict);
        if known >= Some(verdict) {
            return changes.made;
        }
        let is_worse = self
            .alert
            .as_ref()
            .is_none_or(|alert| alert.severity < verdict);
        // What must last or recur cannot be judged by one window of the past.
        let is_single =
            monitor.hold.0.is_zero() && monitor.needed.is_none_or(|needed| needed.breaches <= 1);
        if is_worse && is_single && self.may_fire(monitor, at) {
            self.reason = Reason::LateData;
            self.value = Some(value);
            self.fire(monitor, verdict, Some(value), &mut changes);
        }
        changes.made
    }

    /// The open alert as if it were told again.
    pub(super) fn still_open(&self, fingerprint: &str, at: Timestamp) -> Option<Change> {
        let alert = self.alert.clone()?;
        let mut changes = Changes {
            fingerprint,
            at,
            made: Vec::new(),
        };
        changes.push(self, ChangeKind::Repeated, alert);
        changes.made.pop()
    }

    /// Whether it has been silent for so long that nobody waits for it any more.
    pub(super) fn is_forgotten(&self, monitor: &Monitor, at: Timestamp) -> bool {
        let silent = at.nanos().saturating_sub(self.seen_at.nanos());
        !self.labels.is_empty() && silent >= monitor.groups.forget_after.nanos()
    }

    fn may_fire(&self, monitor: &Monitor, at: Timestamp) -> bool {
        at.nanos().saturating_sub(self.known_since.nanos())
            >= monitor.groups.new_group_delay.nanos()
    }

    fn judge(
        &mut self,
        monitor: &Monitor,
        value: Option<f64>,
        verdict: Option<Severity>,
        reason: Reason,
        changes: &mut Changes<'_>,
    ) {
        let at = changes.at;
        self.value = value;
        self.reason = reason;
        if let Some(late) = monitor.late {
            let oldest = at.nanos().saturating_sub(late.nanos());
            self.judged.retain(|window, _| *window >= oldest);
            self.judged
                .extend(verdict.map(|verdict| (at.nanos(), verdict)));
        }
        for severity in [Severity::Warning, Severity::Critical] {
            let since = &mut self.breached_since[severity as usize];
            *since = (verdict >= Some(severity)).then(|| since.unwrap_or(at));
        }
        if let Some(needed) = monitor.needed {
            self.verdicts.push(verdict);
            let surplus = self.verdicts.len().saturating_sub(needed.of);
            self.verdicts.drain(..surplus);
        }
        let ready = [Severity::Critical, Severity::Warning]
            .into_iter()
            .find(|severity| self.is_ready(monitor, *severity, at))
            .filter(|_| self.may_fire(monitor, at));
        match self.alert.as_ref().map(|alert| alert.severity) {
            None => match ready {
                Some(severity) => self.fire(monitor, severity, value, changes),
                None if verdict.is_some() => self.enter(Phase::Pending, at),
                None => self.enter(Phase::Normal, at),
            },
            Some(severity) => match ready.filter(|ready| *ready > severity) {
                Some(worse) => self.fire(monitor, worse, value, changes),
                None => self.ease(monitor, severity, value, verdict, changes),
            },
        }
    }

    /// Whether it has been bad for long enough, or often enough.
    fn is_ready(&self, monitor: &Monitor, severity: Severity, at: Timestamp) -> bool {
        match monitor.needed {
            Some(needed) => {
                let bad = self
                    .verdicts
                    .iter()
                    .filter(|verdict| **verdict >= Some(severity));
                bad.count() >= needed.breaches
            }
            None => self.breached_since[severity as usize].is_some_and(|since| {
                at.nanos().saturating_sub(since.nanos()) >= monitor.hold.nanos()
            }),
        }
    }

    /// Whether a severity still stands: it is bad, not yet good again, or was bad often enough.
    fn stands(
        &self,
        monitor: &Monitor,
        severity: Severity,
        value: Option<f64>,
        verdict: Option<Severity>,
        at: Timestamp,
    ) -> bool {
        let has_recovered = match (monitor.threshold(severity), value) {
            (Some(threshold), Some(value)) => threshold.has_recovered(value),
            _ => true,
        };
        verdict >= Some(severity)
            || !has_recovered
            || (monitor.needed.is_some() && self.is_ready(monitor, severity, at))
    }

    fn fire(
        &mut self,
        monitor: &Monitor,
        severity: Severity,
        value: Option<f64>,
        changes: &mut Changes<'_>,
    ) {
        let at = changes.at;
        self.better_since = None;
        let (kind, mut alert) = match self.alert.take() {
            Some(alert) => (ChangeKind::Raised, alert),
            None => (
                ChangeKind::Fired,
                OpenAlert {
                    id: format!("{}-{}", changes.fingerprint, at.millis()),
                    since: at,
                    severity,
                    worst: value,
                    changes: 0,
                    told_at: at,
                },
            ),
        };
        alert.severity = severity;
        alert.worst = worse(monitor, alert.worst, value);
        self.enter(Phase::Firing, at);
        self.alert = Some(alert);
        self.tell(kind, changes);
    }

    /// An alert is open and nothing is worse than before.
    fn ease(
        &mut self,
        monitor: &Monitor,
        severity: Severity,
        value: Option<f64>,
        verdict: Option<Severity>,
        changes: &mut Changes<'_>,
    ) {
        let at = changes.at;
        if let Some(alert) = &mut self.alert {
            alert.worst = worse(monitor, alert.worst, value);
        }
        let standing = [Severity::Critical, Severity::Warning]
            .into_iter()
            .filter(|one| {
                *one <= severity && (*one == severity || monitor.threshold(*one).is_some())
            })
            .find(|one| self.stands(monitor, *one, value, verdict, at));
        if standing == Some(severity) {
            self.better_since = None;
            self.enter(Phase::Firing, at);
            return;
        }
        let since = *self.better_since.get_or_insert(at);
        let is_over = at.nanos().saturating_sub(since.nanos()) >= monitor.keep_firing_for.nanos();
        match (standing, is_over) {
            (Some(_), false) => self.enter(Phase::Firing, at),
            (None, false) => self.enter(Phase::Recovering, at),
            (Some(lower), true) => {
                self.better_since = None;
                self.enter(Phase::Firing, at);
                if let Some(alert) = &mut self.alert {
                    alert.severity = lower;
                }
                self.tell(ChangeKind::Lowered, changes);
            }
            (None, true) => {
                self.better_since = None;
                self.enter(
                    if verdict.is_some() {
                        Phase::Pending
                    } else {
                        Phase::Normal
                    },
                    at,
                );
                self.tell(ChangeKind::Resolved, changes);
                self.alert = None;
            }
        }
    }

    fn lose(&mut self, changes: &mut Changes<'_>) {
        let is_new = self.phase != Phase::NoData;
        self.value = None;
        self.reason = Reason::MissingData;
        self.breached_since = [None; 2];
        self.better_since = None;
        self.verdicts.clear();
        self.enter(Phase::NoData, changes.at);
        if is_new && self.alert.is_some() {
            self.tell(ChangeKind::NoData, changes);
        }
    }

    fn repeat(&mut self, monitor: &Monitor, changes: &mut Changes<'_>) {
        let Some(alert) = &self.alert else { return };
        let silent = changes.at.nanos().saturating_sub(alert.told_at.nanos());
        if silent >= monitor.notify.repeat.nanos() && !monitor.notify.repeat.0.is_zero() {
            self.tell(ChangeKind::Repeated, changes);
        }
    }

    fn enter(&mut self, phase: Phase, at: Timestamp) {
        if self.phase != phase {
            self.phase = phase;
            self.since = at;
        }
    }

    /// Notes a change of the open alert.
    fn tell(&mut self, kind: ChangeKind, changes: &mut Changes<'_>) {
        let at = changes.at;
        let Some(alert) = &mut self.alert else { return };
        alert.changes += 1;
        alert.told_at = at;
        let alert = alert.clone();
        if kind != ChangeKind::Repeated {
            self.changed_at
                .retain(|earlier| at.nanos().saturating_sub(earlier.nanos()) < HOUR_NANOS);
            self.changed_at.push(at);
        }
        changes.push(self, kind, alert);
    }
}

/// The changes of one observation.
struct Changes<'a> {
    fingerprint: &'a str,
    at: Timestamp,
    made: Vec<Change>,
}

impl Changes<'_> {
    fn push(&mut self, group: &GroupState, kind: ChangeKind, alert: OpenAlert) {
        self.made.push(Change {
            kind,
            at: self.at,
            fingerprint: self.fingerprint.to_owned(),
            labels: group.labels.clone(),
            alert,
            value: group.value,
            reason: group.reason,
            problem: None,
            is_flapping: group.changed_at.len() > CHANGES_PER_HOUR_MAX,
        });
    }
}

fn worse(monitor: &Monitor, before: Option<f64>, value: Option<f64>) -> Option<f64> {
    match (before, value) {
        (Some(before), Some(value)) if monitor.is_upward() => Some(before.max(value)),
        (Some(before), Some(value)) => Some(before.min(value)),
        (before, value) => before.or(value),
    }
}
