//! One round: which monitors are due, what their queries answer, what that changes. States and
//! messages become durable together, and only then count.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{StreamExt as _, stream};
use model::Timestamp;
use storage::catalog::{Catalog, Evaluated};

use crate::audience::Audience;
use crate::evaluate::{Evaluator, QUESTIONS_AT_ONCE, Question, Rows, read_answer, window};
use crate::monitors::{Monitors, Watched};
use crate::mute::Mute;
use crate::schedule::{self, Due};
use crate::state::{Change, ChangeKind, Labels, MonitorState};
use crate::tell::{Explained, Teller, matched_labels};
use crate::{AlertingError, Result, metrics};

/// Alerts of one evaluation that are explained by lines; more are not read by anybody.
const EXPLAINED_MAX: usize = 5;

/// What watches.
#[derive(Debug)]
pub(crate) struct Watcher {
    pub(crate) catalog: Catalog,
    pub(crate) evaluator: Evaluator,
    pub(crate) monitors: Arc<Monitors>,
    pub(crate) audience: Audience,
    states: Mutex<HashMap<String, MonitorState>>,
    mutes: Mutex<Vec<Mute>>,
    acknowledged: Mutex<HashSet<String>>,
}

/// A monitor whose window is due.
#[derive(Clone, Debug)]
struct Task {
    watched: Watched,
    state: MonitorState,
    due: Due,
    late: Option<Timestamp>,
}

/// A monitor after an answer about the window that ended at `end`.
#[derive(Debug)]
struct Observed {
    watched: Watched,
    state: MonitorState,
    end: Timestamp,
    changes: Vec<Change>,
}

/// An answer that several monitors share, or why there is none.
type Shared = std::result::Result<Arc<Rows>, String>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watcher {
    /// Takes up where the last node stopped.
    pub(crate) async fn resume(
        catalog: Catalog,
        evaluator: Evaluator,
        monitors: Arc<Monitors>,
        audience: Audience,
    ) -> Result<Watcher> {
        let mut states = HashMap::new();
        for (id, body) in catalog.monitor_states().await? {
            let state = serde_json::from_str(&body);
            states.insert(
                id,
                state.map_err(|error| AlertingError::Decode("a monitor", error))?,
            );
        }
        // Only open alerts matter: what is over is not told again.
        let open = catalog.alerts(Timestamp::MAX, usize::MAX >> 1).await?;
        let acknowledged = open
            .into_iter()
            .filter(|alert| !alert.acknowledgement.is_empty());
        let acknowledged = acknowledged.map(|alert| alert.id).collect();
        let mutes = catalog.mutes(Timestamp::MIN).await?;
        let mutes = mutes.iter().map(Mute::from_row).collect::<Result<_>>()?;
        Ok(Watcher {
            catalog,
            evaluator,
            monitors,
            audience,
            states: Mutex::new(states),
            mutes: Mutex::new(mutes),
            acknowledged: Mutex::new(acknowledged),
        })
    }

    /// Returns what is known about a monitor.
    pub(crate) fn state(&self, id: &str) -> MonitorState {
        lock(&self.states).get(id).cloned().unwrap_or_default()
    }

    pub(crate) fn acknowledged(&self, alert: &str) {
        lock(&self.acknowledged).insert(alert.to_owned());
    }

    pub(crate) fn all_acknowledged(&self) -> HashSet<String> {
        lock(&self.acknowledged).clone()
    }

    /// Forgets what is known about a monitor.
    pub(crate) fn forget(&self, id: &str) {
        lock(&self.states).remove(id);
    }

    pub(crate) fn mutes(&self) -> Vec<Mute> {
        lock(&self.mutes).clone()
    }

    /// Adds a mute, or changes the one of its id.
    pub(crate) fn set_mute(&self, mute: Mute) {
        let mut mutes = lock(&self.mutes);
        mutes.retain(|known| known.id != mute.id);
        mutes.push(mute);
    }

    /// Evaluates what is due at `now`, until nothing is. Returns how many evaluations that were.
    pub(crate) async fn round(&self, now: Timestamp) -> Result<usize> {
        let begun = tokio::time::Instant::now();
        let mut evaluations = 0;
        loop {
            let tasks = self.due(now);
            if tasks.is_empty() {
                return Ok(evaluations);
            }
            let behind = tasks.iter().map(|task| {
                let delay = task.watched.monitor.delay().nanos();
                let due = task.due.end.saturating_add_nanos(delay);
                (now.nanos() - due.nanos()) as f64 / 1e9
            });
            let behind: Vec<f64> = behind.collect();
            metrics::lag(behind.iter().copied().fold(0.0, f64::max));
            evaluations += tasks.len();
            self.evaluate(tasks, now).await?;
            let (lag, took) = (metrics::evaluation_lag(), begun.elapsed().as_secs_f64());
            behind.iter().for_each(|behind| lag.record(behind + took));
        }
    }

    fn due(&self, now: Timestamp) -> Vec<Task> {
        let states = lock(&self.states);
        let all = self.monitors.list().into_iter();
        all.filter(|watched| watched.monitor.enabled)
            .filter_map(|watched| {
                let state = states.get(&watched.id).cloned().unwrap_or_default();
                let due = schedule::next(&watched.monitor, state.evaluated_to, now)?;
                let late = schedule::late(&watched.monitor, due.end);
                Some(Task {
                    watched,
                    state,
                    due,
                    late,
                })
            })
            .collect()
    }

    async fn evaluate(&self, tasks: Vec<Task>, now: Timestamp) -> Result<()> {
        let mut questions: BTreeMap<String, Question> = BTreeMap::new();
        for task in &tasks {
            for end in [Some(task.due.end), task.late].into_iter().flatten() {
                let question = Question::new(&task.watched.monitor, end);
                questions.entry(question.key()).or_insert(question);
            }
        }
        let asked = stream::iter(questions).map(|(key, question)| async move {
            let answer = self.evaluator.ask(&question).await;
            (key, answer.map_err(|error| error.to_string()))
        });
        let answers: HashMap<String, Shared> =
            asked.buffer_unordered(QUESTIONS_AT_ONCE).collect().await;
        let observed = tasks.into_iter().map(|task| observe(task, &answers));
        let observed: Vec<Observed> = observed.collect();
        let (mutes, acknowledged) = (self.mutes(), self.all_acknowledged());
        let open = self.open_alerts(&observed);
        let teller = Teller {
            audience: &self.audience,
            mutes: &mutes,
            open: &open,
            acknowledged: &acknowledged,
            now,
        };
        let mut evaluated = Evaluated::default();
        let mut new_states = Vec::new();
        for observed in observed {
            let (id, state) = self.tell(observed, &teller, &mut evaluated).await?;
            let body = serde_json::to_string(&state)
                .map_err(|error| AlertingError::Decode("a monitor", error))?;
            evaluated.states.push((id.clone(), body));
            new_states.push((id, state));
        }
        self.catalog.record_evaluation(&evaluated).await?;
        lock(&self.states).extend(new_states);
        Ok(())
    }

    /// The labels of all alerts that are open after what was observed, if anybody asks for them.
    fn open_alerts(&self, observed: &[Observed]) -> Vec<Labels> {
        if !self.audience.inhibits() {
            return Vec::new();
        }
        let new: HashMap<&str, &MonitorState> = observed
            .iter()
            .map(|observed| (observed.watched.id.as_str(), &observed.state))
            .collect();
        let states = lock(&self.states);
        let mut open = Vec::new();
        for watched in self.monitors.list() {
            let state = new.get(watched.id.as_str()).copied();
            let Some(state) = state.or_else(|| states.get(&watched.id)) else {
                continue;
            };
            let changes = state.still_open(Timestamp::MIN).into_iter();
            open.extend(changes.map(|change| matched_labels(&watched, &change)));
        }
        open
    }

    /// Tells what one monitor's answer has changed.
    async fn tell(
        &self,
        observed: Observed,
        teller: &Teller<'_>,
        evaluated: &mut Evaluated,
    ) -> Result<(String, MonitorState)> {
        let Observed {
            watched,
            mut state,
            end,
            mut changes,
        } = observed;
        changes.extend(self.tell_later(&state, &changes, end, teller, &watched));
        let explained = self.explain(&watched, changes, end).await;
        teller.tell(&watched, &mut state, explained, evaluated)?;
        Ok((watched.id.clone(), state))
    }

    /// Alerts that were held back, and are not any more.
    fn tell_later(
        &self,
        state: &MonitorState,
        changes: &[Change],
        at: Timestamp,
        teller: &Teller<'_>,
        watched: &Watched,
    ) -> Vec<Change> {
        let changed: HashSet<&str> = changes
            .iter()
            .map(|change| change.alert.id.as_str())
            .collect();
        state
            .still_open(at)
            .into_iter()
            .filter(|change| {
                state.untold.contains(&change.alert.id)
                    && !changed.contains(change.alert.id.as_str())
            })
            .filter(|change| !teller.is_held(watched, change))
            .collect()
    }

    async fn explain(
        &self,
        watched: &Watched,
        changes: Vec<Change>,
        end: Timestamp,
    ) -> Vec<Explained> {
        let mut explained = Vec::with_capacity(changes.len());
        let mut left = EXPLAINED_MAX;
        for change in changes {
            let wants_lines = matches!(
                change.kind,
                ChangeKind::Fired | ChangeKind::Raised | ChangeKind::Repeated
            );
            let lines = if wants_lines && change.problem.is_none() && left > 0 {
                left -= 1;
                let range = window(&watched.monitor, end);
                self.evaluator
                    .samples(&watched.monitor, &change.labels, range)
                    .await
            } else {
                Vec::new()
            };
            explained.push((change, lines));
        }
        explained
    }
}

/// Takes one monitor's answer in.
fn observe(task: Task, answers: &HashMap<String, Shared>) -> Observed {
    let Task {
        watched,
        mut state,
        due,
        late,
    } = task;
    let (id, monitor) = (&watched.id, &watched.monitor);
    metrics::missed(due.missed);
    if due.missed > 0 {
        tracing::warn!(monitor = %id, windows = due.missed, "windows were missed");
    }
    let answer = |end: Timestamp| match answers.get(&Question::new(monitor, end).key()) {
        Some(Ok(rows)) => read_answer(monitor, rows).map_err(|error| error.to_string()),
        Some(Err(error)) => Err(error.clone()),
        None => Err("the question was not asked".to_owned()),
    };
    let mut changes = match answer(due.end) {
        Ok(answer) => {
            metrics::evaluated("answered", 1);
            state.observe(id, monitor, due.end, &answer)
        }
        Err(error) => {
            metrics::evaluated("failed", 1);
            tracing::warn!(monitor = %id, %error, "monitor cannot be evaluated");
            state.fail(id, monitor, due.end, &error)
        }
    };
    if let Some(window) = late
        && let Ok(answer) = answer(window)
    {
        changes.extend(state.observe_late(id, monitor, (window, due.end), &answer));
    }
    Observed {
        end: due.end,
        watched,
        state,
        changes,
    }
}

#[cfg(test)]
mod tests;
